"""A day that is over, from the store to the archive; what `archive` and the archivist do.

For each kind and venue: all rows of the day are read, and those of a file that is there already;
they are written beside the archive, read back and counted against the store, and then take their
place at once. Nothing is done where the store has what was verified before, and a row that was
archived once stays, whatever the store has let go of since.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import structlog

from infrastructure.archive.files import Files
from infrastructure.archive.holes import holes_of
from infrastructure.archive.kinds import EVERY_VENUE, KINDS, has_venue
from infrastructure.archive.manifest import Line, Record, read_record, write_record
from infrastructure.archive.places import DAY_NS, Place, place_of, start_of_day, today
from infrastructure.archive.sources import Given, Span, sources
from infrastructure.archive.writing import (
    Found,
    Series,
    Sheet,
    desk_connection,
    found_in,
    save,
    sha256_of,
)
from infrastructure.timeseries.past import Held, Past
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import table_of, time_field
from market import ArchiveError, Candle, SettingsError

TRIES = 3
"""How often a file is begun anew while the store changes below it."""

Progress = Callable[[Place, int], None]
"""Told of each file that is done, and of its rows."""

Desk = tuple[Path, duckdb.DuckDBPyConnection]
"""Where is written, and what writes there."""

log = structlog.get_logger()


class Archived(msgspec.Struct, frozen=True):
    """What became of a day: files that are new or changed, and rows of all that it has."""

    day: date
    files: int
    changed: int
    rows: int
    unexplained: int


async def archive_day(
    past: Past, files: Files, day: date, *, now_ns: int, progress: Progress | None = None
) -> Archived:
    """Have the whole day in the archive, verified; nothing changes where it is.

    Raises:
        SettingsError: the day is not over.
        ArchiveError: the store and what was written of it differ.
        UnavailableError: store or archive do not answer, or another process archives.

    """
    if day >= today(now_ns):
        raise SettingsError(f"{day} is not over (UTC): only days that are can be archived")
    with files.desk() as desk, desk_connection(files, desk) as connection:
        work = _Work(past, files, day, (desk, connection))
        for kind in KINDS:
            for venue, held in (await work.held(kind)).items():
                rows = await work.keep(kind, venue, held)
                if progress:
                    progress(Place.of_day(table_of(kind), venue, day), rows)
        return await asyncio.to_thread(work.finish)


class _Work:
    """One day on its way."""

    def __init__(self, past: Past, files: Files, day: date, desk: Desk) -> None:
        self._past = past
        self._files = files
        self._day = day
        self._desk, self._connection = desk
        self._span = Span(start_of_day(day), start_of_day(day) + DAY_NS)
        self._record = read_record(files, day)
        self._changed = 0

    async def held(self, kind: type[Stored]) -> Mapping[str, list[Held]]:
        """Return what the store has of the day, by venue."""
        span = self._span
        by_venue: defaultdict[str, list[Held]] = defaultdict(list)
        for one in await self._past.held(kind, start_ns=span.start_ns, end_ns=span.end_ns):
            by_venue[one.venue or EVERY_VENUE].append(one)
        return by_venue

    async def keep(self, kind: type[Stored], venue: str, held: Sequence[Held]) -> int:
        """Have a file of all rows; return how many."""
        place = Place.of_day(table_of(kind), venue, self._day)
        line = self._record.lines.get(place.name)
        if line and _is_known(line, held) and self._is_there(place):
            return line.rows
        for _ in range(TRIES):
            if found := await self._try(kind, place, held):
                return found.rows
            held = (await self.held(kind)).get(venue, [])
        raise ArchiveError(
            f"the store changed {TRIES} times while {place.name} was written; nothing was changed: "
            "run `cryptotracker archive` again"
        )

    async def _try(self, kind: type[Stored], place: Place, held: Sequence[Held]) -> Found | None:
        """Write the file; None: the store has other rows now than it told."""
        sheet = await asyncio.to_thread(Sheet, self._connection, kind)
        venue = place.venue if has_venue(kind) else ""
        span = self._span
        told = self._past.rows(kind, venue, start_ns=span.start_ns, end_ns=span.end_ns)
        async for rows in told:
            await asyncio.to_thread(sheet.add, rows)
        streamed = await asyncio.to_thread(found_in, self._connection, kind, "FROM sheet", {})
        now = (await self.held(kind)).get(place.venue, [])
        if not _counts(now) == _counts(held) == sorted(streamed.series):
            return None
        return await asyncio.to_thread(self._save, kind, place, held)

    def _save(self, kind: type[Stored], place: Place, held: Sequence[Held]) -> Found:
        """Write what the store told and what was archived before; let it take its place."""
        written = self._desk / f"{place.kind}.parquet"
        query, given = self._with_archived(kind, place)
        found = save(self._connection, kind, query, given, written)
        hashed = sha256_of(written)
        known = self._record.lines.get(place.name)
        if known is None or known.sha256 != hashed or not self._is_there(place):
            self._changed += 1
            size = written.stat().st_size
            self._files.take(place.name, written)
        else:
            size = known.size
        self._record.lines[place.name] = Line(
            name=place.name,
            rows=found.rows,
            told=sum(one.rows for one in held),
            series=len(found.series),
            received_ns=found.received_ns,
            size=size,
            sha256=hashed,
        )
        write_record(self._files, self._day, Record(self._record.lines))
        return found

    def _with_archived(self, kind: type[Stored], place: Place) -> tuple[str, Given]:
        archived = sources(self._files, place.kind, (place.venue,), self._span)
        if not archived:
            return "FROM sheet", {}
        time = time_field(kind)
        text, given = archived.text(self._files, time)
        both = (
            f"FROM sheet UNION ALL BY NAME SELECT * FROM ({text}) "  # noqa: S608  # all of it from here
            f"WHERE {time} >= {self._span.start_ns} AND {time} < {self._span.end_ns}"
        )
        return both, given

    def _is_there(self, place: Place) -> bool:
        """Tell whether there is a file of the day, or one of its year that it was folded into."""
        names = self._files.names(place.folder)
        return place.name in names or place.of_year.name in names

    def finish(self) -> Archived:
        """Look for minutes without candles, and note that the day is whole."""
        is_new = self._changed or not self._record.is_whole
        for name, line in self._record.lines.items():
            place = place_of(name)
            if place and place.kind == table_of(Candle) and is_new:
                holes = holes_of(self._connection, self._files, place.venue, self._day)
                self._record.lines[name] = msgspec.structs.replace(line, holes=holes)
        lines = self._record.lines
        write_record(self._files, self._day, Record(lines, is_whole=True))
        unexplained = sum(line.holes.unexplained for line in lines.values() if line.holes)
        if unexplained:
            log.warning("archive.holes", day=str(self._day), minutes=unexplained)
        return Archived(
            day=self._day,
            files=len(lines),
            changed=self._changed,
            rows=sum(line.rows for line in lines.values()),
            unexplained=unexplained,
        )


def _is_known(line: Line, held: Sequence[Held]) -> bool:
    """Tell whether the store has nothing that it had not when the file was written."""
    told = sum(one.rows for one in held)
    return told <= line.told and max(one.received_ns for one in held) <= line.received_ns


def _counts(held: Sequence[Held]) -> list[Series]:
    return sorted(
        Series(one.venue, one.base, one.quote_currency, one.interval, one.rows) for one in held
    )
