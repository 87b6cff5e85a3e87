"""Which files hold a range of time, and the SQL that reads them as one table.

A day that has a file of its own is read from there, and left out of the file of its year: while
days are folded both hold them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import msgspec

from infrastructure.archive.files import Files
from infrastructure.archive.places import (
    DAY_NS,
    Place,
    day_of,
    folder_of,
    places_of,
    start_of_day,
)

Given = dict[str, object]


class Span(msgspec.Struct, frozen=True):
    """A range of time, half-open."""

    start_ns: int
    end_ns: int

    def __bool__(self) -> bool:
        return self.start_ns < self.end_ns


class Sources(msgspec.Struct, frozen=True):
    """The files that rows of a kind are read from, years with the days that others hold."""

    days: list[Place]
    years: list[tuple[Place, list[Span]]]

    def __bool__(self) -> bool:
        return bool(self.days or self.years)

    @property
    def places(self) -> list[Place]:
        """All the files."""
        return [*self.days, *(place for place, _ in self.years)]

    def text(self, files: Files, time: str) -> tuple[str, Given]:
        """Return the SQL of a table of all rows, and the values of its ``$names``.

        Args:
            files: What they are in.
            time: The column that the days go by.

        """
        texts, given = [], Given()
        whole = [place for place, taken in self.years if not taken] + self.days
        parts: list[tuple[list[Place], list[Span]]] = [(whole, [])] if whole else []
        parts += [([place], taken) for place, taken in self.years if taken]
        for number, (places, taken) in enumerate(parts):
            given[f"files_{number}"] = [files.address(place.name) for place in places]
            texts.append(
                f"SELECT * FROM read_parquet($files_{number}, "  # noqa: S608  # all of it from here
                "hive_partitioning = false, "
                f"union_by_name = {str(len(places) > 1).lower()}){_without(time, taken)}"
            )
        return " UNION ALL BY NAME ".join(texts), given


def sources(files: Files, kind: str, venues: Collection[str] | None, span: Span) -> Sources:
    """Return which files may hold rows of the range; None: of all venues."""
    days: list[Place] = []
    years: list[tuple[Place, list[Span]]] = []
    if span:
        for place, of_year in _by_year(_places(files, kind, venues, span)):
            taken = [one for one in of_year if one.day is not None]
            days += [one for one in taken if _touches(one, span)]
            if place in of_year:
                years.append((place, spans_of(taken)))
    return Sources(days, years)


def spans_of(places: Iterable[Place]) -> list[Span]:
    """Return the ranges of time that the days among the places make up."""
    spans: list[Span] = []
    for start_ns in sorted(start_of_day(one.day) for one in places if one.day is not None):
        if spans and spans[-1].end_ns == start_ns:
            spans[-1] = Span(spans[-1].start_ns, start_ns + DAY_NS)
        else:
            spans.append(Span(start_ns, start_ns + DAY_NS))
    return spans


def years_of(span: Span) -> range:
    """Return the years that a range touches."""
    return range(day_of(span.start_ns).year, day_of(span.end_ns - 1).year + 1)


def _places(files: Files, kind: str, venues: Collection[str] | None, span: Span) -> Iterator[Place]:
    years = years_of(span)
    if venues is None:
        yield from (one for one in places_of(files.names(kind)) if one.year in years)
        return
    for venue in sorted(venues):
        for year in years:
            yield from places_of(files.names(folder_of(kind, venue, year)))


def _by_year(places: Iterable[Place]) -> Iterator[tuple[Place, list[Place]]]:
    for place, of_year in groupby(places, lambda one: one.of_year):
        yield place, list(of_year)


def _touches(place: Place, span: Span) -> bool:
    if place.day is None:
        return True
    start_ns = start_of_day(place.day)
    return start_ns < span.end_ns and start_ns + DAY_NS > span.start_ns


def _without(time: str, taken: Sequence[Span]) -> str:
    if not taken:
        return ""
    ranges = " AND ".join(
        f"NOT ({time} >= {span.start_ns} AND {time} < {span.end_ns})" for span in taken
    )
    return f" WHERE {ranges}"


def conditions(given: Mapping[str, object]) -> str:
    """Return the SQL of columns that are equal to the values of their names."""
    return "".join(f' AND "{name}" = ${name}' for name in given)
