"""What was received of the markets, as columns: events in any order in, moments in order out.

Times are those of receipt. What was received in one and the same nanosecond came in one batch, so
it is taken in whole before anybody decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import TypeAlias, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.routes.latest_depths import Place
from market import Book, Event, Level, Listed, Quote, Summary, VenueStatus

Other: TypeAlias = Listed | Summary | VenueStatus
Told: TypeAlias = Quote | Book | Other
"""What a board listens to."""

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]

QUOTE = -1
"""In place of a book's number: the row is a quote."""

COLUMNS = (
    "place",
    "received_ns",
    "event_ns",
    "sequence",
    "bid",
    "bid_size",
    "ask",
    "ask_size",
    "book",
)
NOTHING = Level(0.0, 0.0)


class Tape(msgspec.Struct, frozen=True, kw_only=True):
    """Quotes and books, a row each by time of receipt, and the other events between them.

    ``place`` numbers ``places``, ``book`` numbers ``books`` (`QUOTE`: a quote); of a book the
    prices and sizes are those of its best levels, zero where a side is empty. In one moment books
    come before quotes, so that of both the last row of a market is what it offers. ``others`` are
    sorted by time of receipt too.
    """

    places: Sequence[Place]
    place: Ints
    received_ns: Ints
    event_ns: Ints
    sequence: Ints
    bid: Floats
    bid_size: Floats
    ask: Floats
    ask_size: Floats
    book: Ints
    books: Sequence[Book] = ()
    others: Sequence[Other] = ()

    def __len__(self) -> int:
        return len(self.place)

    def event(self, row: int) -> Quote | Book:
        """Return what a row was made of."""
        number = int(self.book[row])
        if number != QUOTE:
            return self.books[number]
        venue, instrument = self.places[int(self.place[row])]
        return Quote(
            venue=venue,
            instrument=instrument,
            bid=float(self.bid[row]),
            bid_size=float(self.bid_size[row]),
            ask=float(self.ask[row]),
            ask_size=float(self.ask_size[row]),
            event_ns=int(self.event_ns[row]),
            received_ns=int(self.received_ns[row]),
            sequence=int(self.sequence[row]),
        )

    def moments(self) -> Iterator[tuple[int, list[Told]]]:
        """Yield each time of receipt with all that was received then."""
        rows: Iterator[Told] = map(self.event, range(len(self)))
        told = merge(cast("Iterator[Told]", iter(self.others)), rows, key=_received_ns)
        for now_ns, events in groupby(told, key=_received_ns):
            yield now_ns, list(events)

    def first(self, count: int) -> Tape:
        """Return the tape cut off behind so many rows, and what was received by then."""
        until_ns = int(self.received_ns[count - 1]) if count else -1
        cut = {name: getattr(self, name)[:count] for name in COLUMNS}
        others = [event for event in self.others if event.received_ns <= until_ns]
        return msgspec.structs.replace(self, **cut, others=others)


def tape_of(events: Iterable[Event]) -> Tape:
    """Put down what a board listens to, whatever the order it comes in; the rest is left out."""
    told = [event for event in events if isinstance(event, Told)]
    rows = sorted((one for one in told if isinstance(one, Quote | Book)), key=_order)
    others = (one for one in told if isinstance(one, Other))
    places = list(dict.fromkeys((row.venue, row.instrument) for row in rows))
    numbers = {place: number for number, place in enumerate(places)}
    books = [row for row in rows if isinstance(row, Book)]
    tops = np.array([_top(row) for row in rows], dtype=np.float64).reshape(-1, 4)
    is_book = np.array([isinstance(row, Book) for row in rows], dtype=bool)
    return Tape(
        places=places,
        place=_ints(numbers[row.venue, row.instrument] for row in rows),
        received_ns=_ints(row.received_ns for row in rows),
        event_ns=_ints(row.event_ns for row in rows),
        sequence=_ints(row.sequence for row in rows),
        bid=tops[:, 0].copy(),
        bid_size=tops[:, 1].copy(),
        ask=tops[:, 2].copy(),
        ask_size=tops[:, 3].copy(),
        book=np.where(is_book, np.cumsum(is_book) - 1, QUOTE),
        books=books,
        others=sorted(others, key=_received_ns),
    )


def _received_ns(event: Told) -> int:
    return event.received_ns


def _order(row: Quote | Book) -> tuple[int, bool, int]:
    return row.received_ns, isinstance(row, Quote), row.sequence


def _ints(numbers: Iterable[int]) -> Ints:
    return np.fromiter(numbers, dtype=np.int64)


def _top(row: Quote | Book) -> tuple[float, float, float, float]:
    if isinstance(row, Quote):
        return row.bid, row.bid_size, row.ask, row.ask_size
    bid, ask = (side[0] if side else NOTHING for side in (row.bids, row.asks))
    return bid.price, bid.size, ask.price, ask.size
