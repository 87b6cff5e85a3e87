"""Order books: levels and changes come in, whole and valid books go out.

A book that may be wrong is never shown. It is kept back, said to be resyncing, and the time that
was missed is told once it is whole again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import Generic, TypeVar

from market import Book, Event, Gap, Instrument, Level, VenueStatus
from market.events import VenueState

BEST = 10
"""Levels of a side that an event carries at most."""

Entry = TypeVar("Entry")


class Ladder(Generic[Entry]):
    """One side of a book by price, best first; prices worse than ``worst`` are not kept."""

    def __init__(self, *, falling: bool, worst: float | None = None) -> None:
        self._sign = -1.0 if falling else 1.0
        self._last_key = inf if worst is None else self._sign * worst
        self._keys: list[float] = []
        self._entries: list[Entry] = []

    @property
    def is_exhausted(self) -> bool:
        """Whether too few levels are left, where there may be more beyond the worst price."""
        return len(self._keys) < BEST and self._last_key != inf

    def put(self, price: float, entry: Entry) -> None:
        """Set the level at ``price``."""
        key = self._sign * price
        if key > self._last_key:
            return
        rank = bisect_left(self._keys, key)
        if rank < len(self._keys) and self._keys[rank] == key:
            self._entries[rank] = entry
        else:
            self._keys.insert(rank, key)
            self._entries.insert(rank, entry)

    def drop(self, price: float) -> None:
        """Remove the level at ``price``, if there is one."""
        key = self._sign * price
        rank = bisect_left(self._keys, key)
        if rank < len(self._keys) and self._keys[rank] == key:
            del self._keys[rank]
            del self._entries[rank]

    def follow(self: Ladder[Level], rows: Iterable[tuple[float, float]]) -> None:
        """Set levels by price and size; a size of zero removes one."""
        keys, sign, last_key = self._keys, self._sign, self._last_key
        for price, size in rows:
            key = sign * price
            rank = bisect_left(keys, key)
            is_there = rank < len(keys) and keys[rank] == key
            if not size:
                if is_there:
                    del keys[rank], self._entries[rank]
            elif is_there:
                self._entries[rank] = Level(price, size)
            elif key <= last_key:
                keys.insert(rank, key)
                self._entries.insert(rank, Level(price, size))

    def shorten(self, depth: int) -> None:
        """Keep the best ``depth`` levels."""
        del self._keys[depth:]
        del self._entries[depth:]

    def best(self, count: int) -> list[Entry]:
        """Return the best ``count`` levels, best first."""
        return self._entries[:count]


class BookWatch:
    """Shows the book of one instrument while it is whole, and says so when it is not.

    ``number`` makes the sequences of what the venue does not number, see `Session.number`.
    """

    def __init__(self, venue: str, instrument: Instrument, number: Callable[[int], int]) -> None:
        self.venue = venue
        self.instrument = instrument
        self._number = number
        self._whole_ns = 0
        self._broken_ns: int | None = None
        self._reason = ""

    def broke(self, reason: str, received_ns: int) -> Iterator[Event]:
        """Say that the book is wrong; said once until it is whole again."""
        if self._broken_ns is None:
            self._broken_ns = self._whole_ns or received_ns
            self._reason = reason
            yield self._status("resyncing", reason, received_ns)

    def whole(
        self,
        bids: Sequence[Level],
        asks: Sequence[Level],
        *,
        event_ns: int,
        received_ns: int,
        sequence: int | None = None,
    ) -> Iterator[Event]:
        """Show a book that is right, after what there is to say about the time before."""
        number = self._number(received_ns) if sequence is None else sequence
        return iter(self.shown(tuple(bids), tuple(asks), event_ns, received_ns, number))

    def shown(
        self,
        bids: tuple[Level, ...],
        asks: tuple[Level, ...],
        event_ns: int,
        received_ns: int,
        sequence: int,
    ) -> tuple[Event, ...]:
        """Do as `whole`, in less time."""
        book = Book(
            venue=self.venue,
            instrument=self.instrument,
            bids=bids,
            asks=asks,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=sequence,
        )
        said = () if self._broken_ns is None else self._healed(event_ns, received_ns)
        self._whole_ns = event_ns
        return (*said, book) if said else (book,)

    def _healed(self, event_ns: int, received_ns: int) -> tuple[Event, ...]:
        start_ns = self._broken_ns or 0
        self._broken_ns = None
        return (
            self._status("live", "", received_ns),
            self._gap(start_ns, max(start_ns, event_ns), received_ns),
        )

    def _status(self, state: VenueState, reason: str, received_ns: int) -> VenueStatus:
        return VenueStatus(
            venue=self.venue,
            state=state,
            instrument=self.instrument,
            reason=reason,
            event_ns=received_ns,
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )

    def _gap(self, start_ns: int, end_ns: int, received_ns: int) -> Gap:
        return Gap(
            venue=self.venue,
            instrument=self.instrument,
            channel="book",
            start_ns=start_ns,
            end_ns=end_ns,
            reason=self._reason,
            event_ns=end_ns,
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )


def crossing(bids: Sequence[Level], asks: Sequence[Level]) -> str:
    """Say how the best bid meets the best ask, or nothing; levels come best first."""
    if bids and asks and bids[0].price >= asks[0].price:
        return f"the bid of {bids[0].price} meets the ask of {asks[0].price}"
    return ""


def is_ordered(bids: Sequence[Level], asks: Sequence[Level]) -> bool:
    """Tell whether bids fall and asks rise, with no price twice."""
    return all(better.price > worse.price for better, worse in pairwise(bids)) and all(
        better.price < worse.price for better, worse in pairwise(asks)
    )


def difference(old: Sequence[Level], new: Sequence[Level]) -> list[Level]:
    """Return the levels that turn ``old`` into ``new``; size zero removes one."""
    sizes = {level.price: level.size for level in old}
    gone = sizes.keys() - {level.price for level in new}
    changed = [level for level in new if sizes.get(level.price) != level.size]
    return changed + [Level(price, 0.0) for price in sorted(gone)]
