"""Where in the archive what is: a kind, venue and day is one file, or a part of a year's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote, unquote

import msgspec

from market.intervals import INTERVALS

DAY_NS = INTERVALS["1d"]
MANIFEST = "manifest"

_EPOCH = date(1970, 1, 1)
_NAME = re.compile(
    r"(?P<kind>[a-z_]+)/venue=(?P<venue>[^/]+)/year=(?P<year>\d{4})/"
    r"(?P=year)(?P<rest>-\d{2}-\d{2})?\.parquet"
)


class Place(msgspec.Struct, frozen=True, order=True):
    """A file of the archive; without a day it is that of the year."""

    kind: str
    venue: str
    year: int
    day: date | None = None

    @classmethod
    def of_day(cls, kind: str, venue: str, day: date) -> Place:
        """Return where a day is."""
        return cls(kind, venue, day.year, day)

    @property
    def folder(self) -> str:
        """Where it is with the other days of its year."""
        return folder_of(self.kind, self.venue, self.year)

    @property
    def name(self) -> str:
        """The name of the file, from the root of the archive."""
        return f"{self.folder}/{self.day or f'{self.year:04}'}.parquet"

    @property
    def length_ns(self) -> int:
        """How much time it is of."""
        return DAY_NS if self.day else start_of_year(self.year + 1) - start_of_year(self.year)

    @property
    def of_year(self) -> Place:
        """The file that this one is folded into."""
        return Place(self.kind, self.venue, self.year)


def folder_of(kind: str, venue: str, year: int) -> str:
    """Return the folder of a kind, venue and year."""
    return f"{kind}/venue={quote(venue, safe='')}/year={year:04}"


def place_of(name: str) -> Place | None:
    """Read the name of a file; None: it is none of an archive's rows."""
    found = _NAME.fullmatch(name)
    if not found:
        return None
    kind, venue, year, rest = found["kind"], unquote(found["venue"]), found["year"], found["rest"]
    try:
        day = date.fromisoformat(year + rest) if rest else None
    except ValueError:
        return None
    return Place(kind, venue, int(year), day)


def places_of(names: Iterable[str]) -> list[Place]:
    """Return the places of those files that hold rows, in order of time for each venue."""
    found = filter(None, map(place_of, names))
    return sorted(found, key=lambda one: (one.kind, one.venue, one.year, one.day or date.min))


def day_of(time_ns: int) -> date:
    """Return the day (UTC) that a time lies in."""
    return _EPOCH + timedelta(days=time_ns // DAY_NS)


def start_of_day(day: date) -> int:
    """Return when a day begins, in nanoseconds since the epoch."""
    return (day - _EPOCH).days * DAY_NS


def start_of_year(year: int) -> int:
    """Return when a year begins, in nanoseconds since the epoch."""
    return start_of_day(date(year, 1, 1))


def days_between(first: date, end: date) -> Iterator[date]:
    """Yield the days from the first up to the end, which is left out."""
    return (first + timedelta(days=number) for number in range((end - first).days))


def today(now_ns: int) -> date:
    """Return the day that it is; it is not over yet."""
    return datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).date()
