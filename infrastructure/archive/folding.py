"""Files of days into the file of their year.

The file of the year is written anew with the days in it, read back and counted, and takes its
place; then the files of the days are removed. Until then they count before it, so that no row is
missing or there twice, whenever one reads and wherever this ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import msgspec

from infrastructure.archive.files import Files
from infrastructure.archive.kinds import KINDS, kind_named
from infrastructure.archive.manifest import Line, Record, read_record, write_record
from infrastructure.archive.places import Place, places_of
from infrastructure.archive.sources import Sources, spans_of
from infrastructure.archive.writing import desk_connection, save, sha256_of
from infrastructure.timeseries.question import SecondCandle, table_of, time_field
from market import Book, Quote, Trade

YEARLY = frozenset(table_of(kind) for kind in (Quote, Trade, Book, SecondCandle))
"""Kinds that are folded once their year is over: writing them anew each month costs too much."""

SETTLED = timedelta(days=7)
"""How long after its end a month, or year, is folded: late rows come until then."""


class Folded(msgspec.Struct, frozen=True):
    """A file of a year that days were folded into."""

    place: Place
    days: int
    rows: int


def to_fold(files: Files, today: date) -> list[tuple[Place, list[Place]]]:
    """Return the years that have days to be folded into them, with those days."""
    places = [one for kind in KINDS for one in places_of(files.names(table_of(kind)))]
    days = [one for one in places if one.day and today >= _settled(one.kind, one.day)]
    return [(year, list(of_year)) for year, of_year in groupby(days, lambda one: one.of_year)]


def fold(
    files: Files, today: date, *, progress: Callable[[Folded], None] | None = None
) -> list[Folded]:
    """Fold all that is to be folded.

    Raises:
        ArchiveError: what was written is not what was to be.
        ArchiveUnavailableError: the archive does not answer, or another process writes to it.

    """
    done: list[Folded] = []
    with files.desk() as desk:
        for year, days in to_fold(files, today):
            done.append(_fold(files, year, days, desk))
            if progress:
                progress(done[-1])
    return done


def _fold(files: Files, year: Place, days: Sequence[Place], desk: Path) -> Folded:
    kind = kind_named(year.kind)
    is_there = year.name in files.names(year.folder)
    held = Sources(list(days), [(year, spans_of(days))] if is_there else [])
    written = desk / f"{year.kind}.parquet"
    with desk_connection(files, desk) as connection:
        text, given = held.text(files, time_field(kind))
        found = save(connection, kind, text, given, written)
    line = Line(
        name=year.name,
        rows=found.rows,
        told=found.rows,
        series=len(found.series),
        received_ns=found.received_ns,
        size=written.stat().st_size,
        sha256=sha256_of(written),
    )
    files.take(year.name, written)
    lines = read_record(files, year.year).lines
    write_record(files, year.year, Record({**lines, year.name: line}))
    files.remove([one.name for one in days])
    return Folded(year, len(days), found.rows)


def _settled(kind: str, day: date) -> date:
    """Return from which day on a day is folded."""
    of_last = date(day.year, 12, 31) if kind in YEARLY else _end_of_month(day)
    return of_last + timedelta(days=1) + SETTLED


def _end_of_month(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)
