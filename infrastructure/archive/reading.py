"""Reads the archive: candles as arrays, events in batches, in order of time.

While it reads, days may be folded: a file that was there when it looked is gone when it is opened.
Then it looks again; all that is asked for at once comes from one look.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

from infrastructure.archive.files import Files, LocalFiles
from infrastructure.archive.kinds import listed, order_in_time
from infrastructure.archive.places import DAY_NS, places_of, start_of_day, start_of_year
from infrastructure.archive.rows import events
from infrastructure.archive.sources import Given, Sources, Span, conditions, sources
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import codes_of, kept_as, table_of, time_field
from market import ArchiveError, ArchiveUnavailableError, Candle, Instrument
from market.intervals import INTERVALS

E = TypeVar("E", bound=Stored)
R = TypeVar("R")
T = TypeVar("T", bound=np.generic)
Order = Literal["event_ns", "received_ns"]

LOOKS = 5
"""How often files may have changed under one question."""

ROWS_A_PART = 1_000_000
"""About how many rows are put in order at once."""

RESAMPLE = """
SELECT base, quote_currency, start_ns - start_ns % {length_ns} AS start_ns,
    arg_min(open, candle.start_ns) AS open, max(high) AS high, min(low) AS low,
    arg_max(close, candle.start_ns) AS close, sum(volume) AS volume, sum(trades) AS trades
FROM ({candles}) AS candle
WHERE "interval" = $interval AND candle.start_ns >= $start_ns AND candle.start_ns < $end_ns
GROUP BY ALL ORDER BY ALL
"""
"""Longer candles of shorter ones, by instrument and start."""

NAMED = 5
"""Files that are named where any of them may be damaged."""

_HOUR_NS = INTERVALS["1h"]
_GONE = ("No files found", "Cannot open file", "No such file", "not found")
_DAMAGED = (duckdb.InvalidInputException, duckdb.Error)
"""What is said of a file that cannot be read; the latter alone where not even its header can."""

_COLUMNS = ("start_ns", "open", "high", "low", "close", "volume", "trades")


class CandleArrays(msgspec.Struct, frozen=True, kw_only=True):
    """Candles of one instrument and interval, an array a field, in order of time."""

    interval: str
    start_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    trades: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start_ns)


class Archive:
    """Answers questions about the files; one thread at a time may ask.

    What fails is an ArchiveUnavailableError; a file that cannot be read is an ArchiveError.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self._connection = files.connect()
        self._is_ended = False

    def read_candles(
        self, venue: str, instrument: Instrument, interval: str, *, start_ns: int, end_ns: int
    ) -> CandleArrays:
        """Return the candles that start in the range."""
        columns = ", ".join(_COLUMNS)
        found = self._of_series(columns, venue, instrument, interval, Span(start_ns, end_ns))
        none: dict[str, NDArray[Any]] = {name: np.empty(0) for name in _COLUMNS}
        return _in_order(interval, found or none)

    def count_candles(
        self, venue: str, instrument: Instrument, interval: str, *, start_ns: int, end_ns: int
    ) -> int:
        """Return how many candles start in the range."""
        span = Span(start_ns, end_ns)
        found = self._of_series("count(*) AS rows", venue, instrument, interval, span)
        return int(found["rows"][0]) if found else 0

    def resample(
        self,
        venue: str,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        source: str = "1m",
    ) -> dict[str, NDArray[Any]]:
        """Return candles of all instruments, made of shorter ones, as columns in order of both.

        Volumes are sums of floats in whatever order, so their last bits may differ from run to run.
        """
        span = Span(start_ns, end_ns)
        given: Given = {"start_ns": start_ns, "end_ns": end_ns, "interval": source}

        def ask(held: Sources) -> dict[str, NDArray[Any]]:
            text, files = held.text(self.files, "start_ns")
            return self._connection.execute(
                RESAMPLE.format(length_ns=INTERVALS[interval], candles=text), {**files, **given}
            ).fetchnumpy()

        return self._asked(_folder_of(source), (venue,), span, ask) or {}

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

        cursor = self._connection.cursor()

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
            yield from self._asked(table_of(kind), venues, wide, asking) or ()

    def newest(  # noqa: PLR0913  # what and when
        self,
        kind: type[E],
        venue: str,
        instrument: Instrument,
        *,
        interval: str | None = None,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> list[E]:
        """Return the newest ``limit`` events of a series in the range, oldest first.

        It goes back by ever longer times, as far as it must.
        """
        time = time_field(kind)
        falling = ", ".join(f'"{column}" DESC' for column in order_in_time(kind))
        where, given = _meant([instrument], interval)
        found: list[E] = []

        def ask(held: Sources, part: Span) -> list[E]:
            text, files = held.text(self.files, time)
            answer = self._connection.execute(
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

        there = self.span_of(kind, [venue])
        span = Span(max(start_ns, there.start_ns), min(end_ns, there.end_ns))
        for part in _backwards(span, limit * INTERVALS.get(interval or "", 0)):
            found += self._asked(table_of(kind), [venue], part, partial(ask, part=part)) or []
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
            return self._connection.execute(
                f"SELECT DISTINCT venue, base, quote_currency FROM ({text}) "  # noqa: S608  # as above
                f"WHERE {time} >= $start_ns AND {time} < $end_ns AND base IN $bases ORDER BY ALL",
                {**files, "start_ns": start_ns, "end_ns": end_ns, "bases": bases},
            ).fetchall()

        rows = self._asked(table_of(kind), None, Span(start_ns, end_ns), ask) or []
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

    def interrupt(self) -> None:
        """End the question that another thread asks, and all others; nobody waits for an answer.

        DuckDB ends only what it is at. A thread that lists files meanwhile asks it nothing more.
        """
        self._is_ended = True
        with suppress(duckdb.ConnectionException):  # it is answered, and closed
            self._connection.interrupt()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _of_series(
        self, what: str, venue: str, instrument: Instrument, interval: str, span: Span
    ) -> dict[str, NDArray[Any]] | None:
        """Return some columns of a series of candles; None: there are no files."""
        base, quote_currency = codes_of(instrument)
        series = {"base": base, "quote_currency": quote_currency, "interval": interval}

        def ask(held: Sources) -> dict[str, NDArray[Any]]:
            text, given = held.text(self.files, "start_ns")
            return self._connection.execute(
                f"SELECT {what} FROM ({text}) "  # noqa: S608  # constants and our own
                f"WHERE start_ns >= $start_ns AND start_ns < $end_ns{conditions(series)}",
                {**given, **series, "start_ns": span.start_ns, "end_ns": span.end_ns},
            ).fetchnumpy()

        return self._asked(_folder_of(interval), (venue,), span, ask)

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
        rows = self._asked(table_of(kind), venues, Span(start_ns, end_ns), counting) or 0
        step_ns = (end_ns - start_ns) // max(1, rows // ROWS_A_PART)
        step_ns = max(_HOUR_NS, step_ns - step_ns % _HOUR_NS)
        first_ns = start_ns - start_ns % _HOUR_NS
        for part_ns in range(first_ns, end_ns, step_ns):
            yield Span(max(part_ns, start_ns), min(part_ns + step_ns, end_ns))

    def _rows_about(self, held: Sources, whole_ns: int) -> int:
        """Return how many rows of the files a range may have, if all days were alike."""
        ((rows,),) = self._connection.execute(
            "SELECT sum(num_rows) FROM parquet_file_metadata($files)",
            {"files": [self.files.address(place.name) for place in held.places]},
        ).fetchall()
        held_ns = sum(place.length_ns for place in held.places)
        return int(rows) * whole_ns // max(whole_ns, held_ns)

    def _asked(
        self,
        kind: str,
        venues: Collection[str] | None,
        span: Span,
        ask: Callable[[Sources], R],
    ) -> R | None:
        """Ask; where a file has gone since it was seen, look again. None: there are no files."""
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


def _folder_of(interval: str) -> str:
    """Return what the files of candles of an interval are among."""
    return table_of(kept_as(Candle, interval))


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


def _in_order(interval: str, columns: Mapping[str, NDArray[Any]]) -> CandleArrays:
    """Return the candles in order of time, which rows of one file are in already."""
    starts = columns["start_ns"]
    if len(starts) and not bool(np.all(starts[1:] > starts[:-1])):
        order = np.argsort(starts, kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
    return CandleArrays(
        interval=interval,
        start_ns=_plain(columns["start_ns"], np.int64),
        open=_plain(columns["open"], np.float64),
        high=_plain(columns["high"], np.float64),
        low=_plain(columns["low"], np.float64),
        close=_plain(columns["close"], np.float64),
        volume=_plain(columns["volume"], np.float64),
        trades=_plain(columns["trades"], np.int64),
    )


def _plain(column: NDArray[Any], of: type[T]) -> NDArray[T]:
    return np.ascontiguousarray(column, dtype=of)


def _begun(batches: Iterator[list[E]]) -> Iterator[list[E]]:
    """Ask for the first batch now, for which all files are opened."""
    first = next(batches, None)
    return iter(()) if first is None else _chained(first, batches)


def _chained(first: list[E], others: Iterator[list[E]]) -> Iterator[list[E]]:
    yield first
    yield from others
