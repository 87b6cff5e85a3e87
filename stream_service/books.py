"""Order books: levels and changes come in, whole and valid books go out.

A book that may be wrong is never shown. It is kept back, said to be resyncing, and the time that
was missed is told once it is whole again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from math import inf

from market import Book, Event, Gap, Instrument, Level, VenueStatus
from market.events import VenueState

BEST = 10
"""Levels of a side that an event carries at most."""

KNOWN_AT_MOST = 200
"""Changes in a row that a book holds already; where there are more, its own number is wrong."""

NEAR = 25
"""Levels of a side that are kept in order at least, where there are so many."""

REPEAT_NS = 1_000_000_000
"""A book whose best levels stay as they are is shown again after so long."""


class Ladder:
    """One side of a book by price; ``best`` are its best ten levels, best first.

    Only the levels near to the best are kept in order. Those beyond, which may be thousands, are
    put in order when the near ones run out.

    Args:
        levels: What it starts with, in any order.
        falling: Whether the highest price is the best.
        worst: Prices worse than it are not kept; None: all are.

    """

    def __init__(
        self, levels: Iterable[Level] = (), *, falling: bool, worst: float | None = None
    ) -> None:
        self.best: tuple[Level, ...] = ()
        self._sign = sign = -1.0 if falling else 1.0
        self._last_key = inf if worst is None else sign * worst
        self._keys = [inf]  # ends with what is never reached, so that each rank has a key
        self._near: list[Level] = []
        self._far = {sign * level.price: level for level in levels if level.size}
        self._refill()
        self.best = tuple(self._near[:BEST])

    @property
    def is_exhausted(self) -> bool:
        """Whether too few levels are left, where there may be more beyond the worst price."""
        return len(self._near) < BEST and self._last_key != inf

    def follow(self, changes: Iterable[Level]) -> None:  # noqa: C901  # the hottest loop there is
        """Set levels; a size of zero removes one."""
        keys, near, far, sign, edge = self._keys, self._near, self._far, self._sign, self._edge
        is_best_touched = False
        for level in changes:
            key = sign * level.price
            if key > edge:
                if level.size:
                    far[key] = level
                else:
                    far.pop(key, None)
                continue
            rank = bisect_left(keys, key)
            if rank < BEST:
                is_best_touched = True
            if keys[rank] == key:
                if level.size:
                    near[rank] = level
                else:
                    del keys[rank], near[rank]
            elif level.size:
                keys.insert(rank, key)
                near.insert(rank, level)
        if is_best_touched:
            if not BEST <= len(near) <= 2 * NEAR:
                self._move()
            self.best = tuple(near[:BEST])

    def _move(self) -> None:
        """Keep the near levels from running out, and from becoming many."""
        if len(self._near) > NEAR:
            self._shorten()
        elif self._far:
            self._refill()

    def _refill(self) -> None:
        """Move the best of the far levels to the near ones."""
        found = sorted([key for key in self._far if key <= self._last_key])[:NEAR]
        self._keys[-1:] = [*found, inf]
        self._near += [self._far.pop(key) for key in found]
        self._edge = found[-1] if len(found) == NEAR else self._last_key

    def _shorten(self) -> None:
        """Move the worst of the near levels to the far ones."""
        self._far.update(zip(self._keys[NEAR:-1], self._near[NEAR:], strict=True))
        del self._keys[NEAR:-1], self._near[NEAR:]
        self._edge = self._keys[NEAR - 1]


class BookWatch:
    """Shows the book of one instrument while it is whole, and says so when it is not.

    ``number`` makes the sequences of what the venue does not number, see `Session.number`.
    """

    def __init__(self, venue: str, instrument: Instrument, number: Callable[[int], int]) -> None:
        self.venue = venue
        self.instrument = instrument
        self._number = number
        self._bids: tuple[Level, ...] = ()
        self._asks: tuple[Level, ...] = ()
        self._repeat_ns = 0
        self._whole_ns = 0
        self._broken_ns: int | None = None
        self._reason = ""

    def broke(self, reason: str, received_ns: int) -> Sequence[Event]:
        """Say that the book is wrong; said once until it is whole again."""
        if self._broken_ns is not None:
            return ()
        self._broken_ns = self._whole_ns or received_ns
        self._reason = reason
        return (self._status("resyncing", reason, received_ns),)

    def renew(self) -> None:
        """Show the next book even if it is the same as the last one."""
        self._repeat_ns = 0

    def whole(
        self,
        bids: Sequence[Level],
        asks: Sequence[Level],
        *,
        event_ns: int,
        received_ns: int,
        sequence: int | None = None,
    ) -> Sequence[Event]:
        """Show a book that is right, after what there is to say about the time before."""
        self._repeat_ns = 0
        return self.changed(tuple(bids), tuple(asks), event_ns, received_ns, sequence)

    def changed(
        self,
        bids: tuple[Level, ...],
        asks: tuple[Level, ...],
        event_ns: int,
        received_ns: int,
        sequence: int | None = None,
    ) -> tuple[Event, ...]:
        """Do as `whole` after a change, unless the best levels stayed as they were.

        Nobody learns anything from such a book, so it is shown once a second, for its age.
        """
        said: tuple[Event, ...] = ()
        if self._broken_ns is not None:
            said = self._healed(event_ns, received_ns)
        elif received_ns < self._repeat_ns and bids == self._bids and asks == self._asks:
            self._whole_ns = event_ns
            return ()
        self._whole_ns = event_ns
        self._bids, self._asks, self._repeat_ns = bids, asks, received_ns + REPEAT_NS
        book = Book(
            self.venue,
            self.instrument,
            bids,
            asks,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=self._number(received_ns) if sequence is None else sequence,
        )
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
    bid, ask = inf, -inf
    for level in bids:
        if not level.price < bid:
            return False
        bid = level.price
    for level in asks:
        if not level.price > ask:
            return False
        ask = level.price
    return True


def difference(old: Sequence[Level], new: Sequence[Level]) -> list[Level]:
    """Return the levels that turn ``old`` into ``new``; size zero removes one."""
    sizes = {level.price: level.size for level in old}
    gone = sizes.keys() - {level.price for level in new}
    changed = [level for level in new if sizes.get(level.price) != level.size]
    return changed + [Level(price, 0.0) for price in sorted(gone)]
