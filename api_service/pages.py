"""From rows of several series to one page of the newest, and a cursor for the page before it.

A row's place is its time, venue, instrument and id. A cursor is the place of the oldest row given,
so rows that arrive meanwhile are neither repeated nor skipped.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeAlias, TypeVar

import msgspec

from api_service.problems import ProblemError
from api_service.view import fullness
from market import (
    Candle,
    Episode,
    Gap,
    Premium,
    Signal,
    StoreUnavailableError,
    Trade,
    VenueCandle,
)

STORE_TIMEOUT_S = 5.0
ROWS_READ_AT_MOST = 200_000

Place: TypeAlias = tuple[int, str, str, str, str]
"""Time, venue, base, quote currency, id: what rows are ordered by."""

T = TypeVar("T", Trade, Candle, VenueCandle, Candle | VenueCandle, Gap, Episode, Premium, Signal)

Paged: TypeAlias = Trade | Candle | VenueCandle | Gap | Episode | Premium | Signal
R = TypeVar("R")

Read: TypeAlias = Callable[[int, int, int], Awaitable[Sequence[T]]]
"""Reads the newest rows of a series: start, end (exclusive), at most."""

_place_decoder: msgspec.json.Decoder[Place] = msgspec.json.Decoder(Place)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which page: the newest ``limit`` rows of ``start_ns <= time < end_ns`` before a place."""

    start_ns: int
    end_ns: int
    limit: int
    before: Place | None = None

    @property
    def last_ns(self) -> int:
        """The end of the range, exclusive, as far as this page is concerned."""
        return self.end_ns if self.before is None else min(self.end_ns, self.before[0] + 1)

    def holds(self, place: Place) -> bool:
        """Tell whether a row at ``place`` may be on this page."""
        return self.start_ns <= place[0] < self.last_ns and (
            self.before is None or place < self.before
        )


class Page(msgspec.Struct, Generic[T]):
    """Rows, oldest first, and the cursor of the page before them."""

    rows: list[T]
    before: str | None


async def newest(reads: Iterable[Read[T]], fresh: Iterable[T], span: Span) -> Page[T]:
    """Read a page.

    Args:
        reads: The series to merge: each reads one from the store.
        fresh: Rows of those series that the store may not have yet.
        span: The range, and where in it the page ends.

    Raises:
        StoreUnavailableError: the store did not answer in time.

    """
    found: dict[Place, T] = {}
    for read in reads:
        for row in await _newest_of(read, span):
            found[place_of(row)] = row
    for row in fresh:
        place = place_of(row)
        if span.holds(place):
            found[place] = _fuller(row, found.get(place))
    places = sorted(found)[-span.limit :]
    more = len(found) > span.limit
    return Page([found[place] for place in places], _cursor(places[0]) if more else None)


def best_of(own: Page[Candle], theirs: Page[VenueCandle], limit: int) -> Page[Candle | VenueCandle]:
    """Return our candles; the venue's where there is none, or one that lacks trades."""
    found: dict[Place, Candle | VenueCandle] = {place_of(row): row for row in own.rows}
    for row in theirs.rows:
        known = found.get(place_of(row))
        if known is None or (row.closed and isinstance(known, Candle) and not known.complete):
            found[place_of(row)] = row
    places = sorted(found)[-limit:]
    more = len(found) > limit or own.before is not None or theirs.before is not None
    return Page([found[place] for place in places], _cursor(places[0]) if more else None)


def place_of(row: Paged) -> Place:
    """Return what a row is ordered by, which is also what it is known by."""
    match row:
        case Episode():
            return (row.event_ns, "", row.base, "", row.route_id)
        case Trade():
            time_ns, name = row.event_ns, row.trade_id
        case Candle() | VenueCandle():
            time_ns, name = row.start_ns, ""
        case Premium():
            time_ns, name = row.event_ns, f"{row.reference_venue}:{row.reference} {row.basis}"
        case Signal():
            time_ns, name = row.event_ns, f"{row.strategy} {row.parameters} {row.interval}"
        case _:
            time_ns, name = row.start_ns, row.channel
    return (time_ns, row.venue, row.instrument.base, row.instrument.quote_currency, name)


def read_cursor(text: str) -> Place:
    """Read a cursor.

    Raises:
        ValueError: it is none that was given out.

    """
    try:
        return _place_decoder.decode(base64.urlsafe_b64decode(text.encode() + b"=="))
    except (binascii.Error, msgspec.DecodeError, UnicodeError) as error:
        raise ValueError("a cursor is taken as it is from `next` of an earlier answer") from error


def only(read: Read[T], is_meant: Callable[[T], bool]) -> Read[T]:
    """Return a read of those rows alone; the others are read over, to a limit.

    Its reads raise ProblemError: too many others lie between.
    """

    async def read_those(start_ns: int, end_ns: int, limit: int) -> Sequence[T]:
        at_most = limit
        while True:
            rows = await read(start_ns, end_ns, at_most)
            meant = [row for row in rows if is_meant(row)]
            if len(meant) >= limit or len(rows) < at_most:
                return meant[-limit:]
            at_most *= 4
            if at_most > ROWS_READ_AT_MOST:
                detail = f"More than {ROWS_READ_AT_MOST} rows would have to be looked through."
                raise ProblemError("range-too-large", detail)

    return read_those


async def within_time(reading: Awaitable[R]) -> R:
    """Wait for the store, but not for ever.

    Raises:
        StoreUnavailableError: it did not answer in time.

    """
    try:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            return await reading
    except TimeoutError as error:
        raise StoreUnavailableError(f"no answer within {STORE_TIMEOUT_S:g} s") from error


async def _newest_of(read: Read[T], span: Span) -> Sequence[T]:
    """Read one row more than the page takes; rows of one moment that were given are read over."""
    at_most = span.limit + 1
    while True:
        rows = await within_time(read(span.start_ns, span.last_ns, at_most))
        kept = [row for row in rows if span.holds(place_of(row))]
        if len(kept) > span.limit or len(rows) < at_most:
            return kept
        at_most *= 4


def _fuller(row: T, known: T | None) -> T:
    return known if known is not None and _rank(known) > _rank(row) else row


def _rank(row: Paged) -> tuple[float, ...]:
    return fullness(row) if isinstance(row, Candle | VenueCandle) else ()


def _cursor(place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")
