"""Reads the archive: events in batches, in order of time; as arrays: see `candle_arrays`.

While it reads, days may be folded: a file that was there when it looked is gone when it is opened.
Then it looks again; all that is asked for at once comes from one look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import duckdb
import msgspec

from infrastructure.archive.files import Files, LocalFiles
from infrastructure.archive.kinds import listed, order_in_time
from infrastructure.archive.places import DAY_NS, places_of, start_of_day, start_of_year
from infrastructure.archive.rows import events
from infrastructure.archive.sources import Given, Sources, Span, conditions, sources
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import S, Series, table_of, time_field
from market import ArchiveError, ArchiveUnavailableError, Instrument
from market.intervals import INTERVALS

E = TypeVar("E", bound=Stored)
R = TypeVar("R")
Order = Literal["event_ns", "received_ns"]

LOOKS = 5
"""How often files may have changed under one question."""

ROWS_A_PART = 1_000_000
"""About how many rows are put in order at once."""

NAMED = 5
"""Files that are named where any of them may be damaged."""

_HOUR_NS = INTERVALS["1h"]
_GONE = ("No files found", "Cannot open file", "No such file", "not found")
_DAMAGED = (duckdb.InvalidInputException, duckdb.Error)
"""What is said of a file that cannot be read; the latter alone where not even its header can."""


class Archive:
    """Answers questions about the files; one thread at a time may ask.

    What fails is an ArchiveUnavailableError; a file that cannot be read is an ArchiveError.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.connection = files.connect()
        self._is_ended = False

    def read(  # noqa: PLR0913  # what and when
        self,
        kind: type[E],
        venues: Collection[str] | None = None,
        instruments: Collection[Instrument] | None = None,
        *,
        interval: str | None = None,
        start_ns: int,
        end_ns: int,
        order: Order = "event_ns",
    ) -> Iterator[list[E]]:
        """Yield events of a kind in batches, in order of time; ``order``: the range is of it too.

        Args:
            kind: Such as `Quote`.
            venues: None: all of them.
            instruments: None: all of them.
            interval: Of candles; None: of whatever length.
            start_ns: The first time that is meant.
            end_ns: The first time that is meant no more.
            order: When it happened, or when we received it, which may be a day apart.

        """
        time = time_field(kind) if order == "event_ns" else order
        slack_ns = 0 if order == "event_ns" else DAY_NS
        order_by = listed(order_in_time(kind))
        where, given = _meant(instruments, interval)

        cursor = self.connection.cursor()

        def ask(held: Sources, part: Span) -> Iterator[list[E]]:
            text, files = held.text(self.files, time_field(kind))
            answer = cursor.execute(
                f"SELECT * FROM ({text}) WHERE {time} >= $start_ns "  # noqa: S608  # as above
                f"AND {time} < $end_ns{where} ORDER BY {time}, {order_by}",
                {**files, **given, "start_ns": part.start_ns, "end_ns": part.end_ns},
            )
            return _begun(events(kind, answer))

        for part in self._parts(kind, venues, Span(start_ns, end_ns), slack_ns):
            wide = Span(part.start_ns - slack_ns, part.end_ns + slack_ns)
            asking = partial(ask, part=part)
            yield from self.asked(table_of(kind), venues, wide, asking) or ()

    def newest(self, series: Series[S], span: Span, limit: int) -> list[Stored]:
        """Return the newest ``limit`` events of a series in the range, oldest first.

        It goes back by ever longer times, as far as it must.
        """
        kind: type[Stored] = series.kept
        time = time_field(kind)
        falling = ", ".join(f'"{column}" DESC' for column in order_in_time(kind))
        instruments = None if series.instrument is None else [series.instrument]
        where, given = _meant(instruments, series.interval or None)
        found: list[Stored] = []

        def ask(held: Sources, part: Span) -> list[Stored]:
            text, files = held.text(self.files, time)
            answer = self.connection.execute(
                f"SELECT * FROM ({text}) WHERE {time} >= $start_ns "  # noqa: S608  # as above
                f"AND {time} < $end_ns{where} ORDER BY {falling} LIMIT $at_most",
                {
                    **files,
                    **given,
                    "start_ns": part.start_ns,
                    "end_ns": part.end_ns,
                    "at_most": limit - len(found),
                },
            )
            return [event for batch in events(kind, answer) for event in batch]

        venues = [series.venue]
        there = self.span_of(kind, venues)
        span = Span(max(span.start_ns, there.start_ns), min(span.end_ns, there.end_ns))
        for part in _backwards(span, limit * INTERVALS.get(series.interval, 0)):
            found += self.asked(table_of(kind), venues, part, partial(ask, part=part)) or []
            if len(found) >= limit:
                break
        return found[::-1]

    def markets(
        self,
        kind: type[Stored],
        instruments: Collection[Instrument],
        *,
        start_ns: int,
        end_ns: int,
    ) -> list[tuple[str, Instrument]]:
        """Return which venues tell of which of these instruments in a range."""
        time = time_field(kind)
        bases = sorted({one.base for one in instruments})

        def ask(held: Sources) -> list[tuple[str, str, str]]:
            text, files = held.text(self.files, time)
            return self.connection.execute(
                f"SELECT DISTINCT venue, base, quote_currency FROM ({text}) "  # noqa: S608  # as above
                f"WHERE {time} >= $start_ns AND {time} < $end_ns AND base IN $bases ORDER BY ALL",
                {**files, "start_ns": start_ns, "end_ns": end_ns, "bases": bases},
            ).fetchall()

        rows = self.asked(table_of(kind), None, Span(start_ns, end_ns), ask) or []
        found = ((venue, Instrument(base, currency)) for venue, base, currency in rows)
        return [one for one in found if one[1] in instruments]

    def span_of(self, kind: type[msgspec.Struct], venues: Collection[str] | None = None) -> Span:
        """Return the days that there are files of, as far as their names say; empty: none."""
        places = places_of(self.files.names(table_of(kind)))
        meant = [one for one in places if venues is None or one.venue in venues]
        if not meant:
            return Span(0, 0)
        starts = [start_of_day(one.day) for one in meant if one.day is not None]
        years = [one.year for one in meant if one.day is None]
        starts += [start_of_year(year) for year in years]
        ends = [start_of_day(one.day) + DAY_NS for one in meant if one.day is not None]
        ends += [start_of_year(year + 1) for year in years]
        return Span(min(starts), max(ends))

    def asked(
        self,
        kind: str,
        venues: Collection[str] | None,
        span: Span,
        ask: Callable[[Sources], R],
    ) -> R | None:
        """Ask of the files of a range; where one has gone since it was seen, look again.

        Args:
            kind: The folder of the files.
            venues: None: all of them.
            span: The range of time.
            ask: Is told which files there are.

        Returns:
            What was answered; None: there are no files.

        """
        for look in range(1, LOOKS + 1):
            held = sources(self.files, kind, venues, span)
            if self._is_ended:
                raise ArchiveUnavailableError("nobody waits for the answer of the archive any more")
            try:
                return ask(held) if held else None
            except (duckdb.IOException, FileNotFoundError) as error:
                if look == LOOKS or not any(sign in str(error) for sign in _GONE):
                    raise ArchiveUnavailableError(
                        f"the archive {self.files.root} cannot be read: {error}"
                    ) from error
            except duckdb.Error as error:
                if type(error) not in _DAMAGED:
                    raise
                raise self._damaged(held, error) from error
        raise AssertionError("the last look returns or raises")

    def interrupt(self) -> None:
        """End the question that another thread asks, and all others; nobody waits for an answer.

        DuckDB ends only what it is at. A thread that lists files meanwhile asks it nothing more.
        """
        self._is_ended = True
        with suppress(duckdb.ConnectionException):  # it is answered, and closed
            self.connection.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def _parts(
        self,
        kind: type[msgspec.Struct],
        venues: Collection[str] | None,
        span: Span,
        slack_ns: int,
    ) -> Iterator[Span]:
        """Part a range, as far as there are files of it, so that each can be put in order."""
        there = self.span_of(kind, venues)
        start_ns = max(span.start_ns, there.start_ns - slack_ns)
        end_ns = min(span.end_ns, there.end_ns + slack_ns)
        if start_ns >= end_ns:
            return
        counting = partial(self._rows_about, whole_ns=end_ns - start_ns)
        rows = self.asked(table_of(kind), venues, Span(start_ns, end_ns), counting) or 0
        step_ns = (end_ns - start_ns) // max(1, rows // ROWS_A_PART)
        step_ns = max(_HOUR_NS, step_ns - step_ns % _HOUR_NS)
        first_ns = start_ns - start_ns % _HOUR_NS
        for part_ns in range(first_ns, end_ns, step_ns):
            yield Span(max(part_ns, start_ns), min(part_ns + step_ns, end_ns))

    def _rows_about(self, held: Sources, whole_ns: int) -> int:
        """Return how many rows of the files a range may have, if all days were alike."""
        ((rows,),) = self.connection.execute(
            "SELECT sum(num_rows) FROM parquet_file_metadata($files)",
            {"files": [self.files.address(place.name) for place in held.places]},
        ).fetchall()
        held_ns = sum(place.length_ns for place in held.places)
        return int(rows) * whole_ns // max(whole_ns, held_ns)

    def _damaged(self, held: Sources, error: duckdb.Error) -> ArchiveError:
        """Say which file it is; where the database does not, one of those that were asked."""
        why = str(error).partition("\n")[0].rstrip(": ")
        if not any(place.name in why for place in held.places):
            names = ", ".join(place.name for place in held.places[:NAMED])
            why = f"{names}{', …' if len(held.places) > NAMED else ''}: {why}"
        return ArchiveError(
            f"a file of the archive {self.files.root} is damaged: {why}; remove it and "
            "run `cryptotracker archive` for its days while the store has them"
        )


def open_archive(root: str | Path) -> Archive:
    """Open the archive at a folder or URL, see `files_at`."""
    return Archive(files_at(root))


def files_at(root: str | Path) -> Files:
    """Return the files of a root: a folder, or a URL such as ``s3://BUCKET/FOLDER``.

    Raises:
        SettingsError: there can be none.

    """
    if str(root).startswith("s3:"):
        from infrastructure.archive.s3 import S3Files  # noqa: PLC0415  # an optional extra

        return S3Files(str(root))
    return LocalFiles(Path(root))


def _backwards(span: Span, first_ns: int) -> Iterator[Span]:
    """Part a range into whole days, the last ones first, about ``first_ns`` of them and then more.

    Each is four times as long as the one before.
    """
    end_ns, length_ns = span.end_ns, max(DAY_NS, first_ns)
    while span.start_ns < end_ns:
        begin_ns = max(span.start_ns, (end_ns - length_ns) // DAY_NS * DAY_NS)
        yield Span(begin_ns, end_ns)
        end_ns, length_ns = begin_ns, 4 * length_ns


def _meant(instruments: Collection[Instrument] | None, interval: str | None) -> tuple[str, Given]:
    """Return the condition that rows are of these, and its values; None: no matter.

    Files are in order of base: its bounds let most of a file be skipped.
    """
    given: Given = {} if interval is None else {"interval": interval}
    where = conditions(given)
    if instruments is not None:
        bases = sorted(one.base for one in instruments) or [""]
        given |= {"first_base": bases[0], "last_base": bases[-1]}
        given["instruments"] = sorted(map(str, instruments))
        where += " AND base >= $first_base AND base <= $last_base"
        where += " AND list_contains($instruments, base || '-' || quote_currency)"
    return where, given


def _begun(batches: Iterator[list[E]]) -> Iterator[list[E]]:
    """Ask for the first batch now, for which all files are opened."""
    first = next(batches, None)
    return iter(()) if first is None else _chained(first, batches)


def _chained(first: list[E], others: Iterator[list[E]]) -> Iterator[list[E]]:
    yield first
    yield from others
