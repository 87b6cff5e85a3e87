"""Books whose frames carry a time but no number: whole ones, or changes after a snapshot over REST.

Nobody can see that such a change was lost. So a book of changes starts anew from a snapshot every
few minutes. One that is crossed is not shown; it may be so for a single message, at two of them in
a row it is given up until it is whole again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import inf

import msgspec

from market import Event, Level
from stream_service.books import BEST, BookWatch, Ladder, crossing, is_ordered

CHANGES_KEPT = 1_000
"""Changes that a snapshot may be older than at most."""

RENEW_NS = 300 * 1_000_000_000
"""How long a book of changes is believed."""

NOTHING: tuple[Event, ...] = ()


class Change(msgspec.Struct, frozen=True, gc=False):
    """Levels that changed, at the venue's time."""

    event_ns: int
    bids: Sequence[Level]
    asks: Sequence[Level]


class TimedBook:
    """One instrument's book at a venue; ``watch`` shows it while it is right."""

    def __init__(self, watch: BookWatch) -> None:
        self._watch = watch
        self._bids = Ladder(falling=True)
        self._asks = Ladder(falling=False)
        self._changes: deque[Change] = deque(maxlen=CHANGES_KEPT)
        self._complete_ns: int | None = None
        self._base_ns: int | None = None
        self._told_ns = 0
        self._seeded_ns = 0
        self._comes_whole = False
        self._is_crossed = False

    def wants_seed(self, now_ns: int) -> bool:
        """Tell whether a snapshot is needed: none came, or that of a book of changes is old."""
        if self._base_ns is None:
            return True
        return bool(self._changes) and now_ns - self._seeded_ns > RENEW_NS

    def whole(
        self, event_ns: int, bids: Sequence[Level], asks: Sequence[Level], received_ns: int
    ) -> Sequence[Event]:
        """Replace the book by a whole one, levels best first.

        Raises:
            ValueError: its levels are not in order.

        """
        best = _in_order(bids, asks)
        self._comes_whole = True
        self._base_ns = event_ns
        return self._show(best, event_ns, received_ns)

    def change(self, change: Change, received_ns: int) -> Sequence[Event]:
        """Apply a change, or let it wait for the snapshot; where whole books come it is passed."""
        if self._comes_whole:
            return NOTHING
        self._keep(change)
        if self._base_ns is None or change.event_ns <= self._base_ns:
            return NOTHING
        self._follow(change)
        best = self._bids.best, self._asks.best
        return self._show(best, change.event_ns, received_ns)

    def seed(
        self, event_ns: int, bids: Sequence[Level], asks: Sequence[Level], received_ns: int
    ) -> Sequence[Event]:
        """Start from a snapshot; one that is crossed, or too old for what came since, is passed.

        Raises:
            ValueError: as `whole`.

        """
        best = _in_order(bids, asks)
        if crossing(*best) or event_ns < self._oldest_seed_ns():
            return NOTHING
        self._base_ns, self._seeded_ns, self._is_crossed = event_ns, received_ns, False
        if not self._comes_whole:
            event_ns = self._start(event_ns, bids, asks)
            best = self._bids.best, self._asks.best
        return self._show(best, event_ns, received_ns)

    def _oldest_seed_ns(self) -> int:
        if self._comes_whole:
            return self._told_ns
        return max(self._complete_ns or 0, self._base_ns or 0)

    def _keep(self, change: Change) -> None:
        if self._complete_ns is None and self._base_ns is None:
            self._complete_ns = change.event_ns  # who knows what came before we did
        elif len(self._changes) == CHANGES_KEPT:
            self._complete_ns = self._changes[0].event_ns
        self._changes.append(change)

    def _start(self, event_ns: int, bids: Sequence[Level], asks: Sequence[Level]) -> int:
        """Return the time of the last change that the snapshot was brought up to."""
        self._bids, self._asks = Ladder(bids, falling=True), Ladder(asks, falling=False)
        for change in self._changes:
            if change.event_ns > event_ns:
                self._follow(change)
        return max(event_ns, self._changes[-1].event_ns) if self._changes else event_ns

    def _follow(self, change: Change) -> None:
        self._bids.follow(change.bids)
        self._asks.follow(change.asks)

    def _show(
        self, best: tuple[tuple[Level, ...], tuple[Level, ...]], event_ns: int, received_ns: int
    ) -> Sequence[Event]:
        self._told_ns = event_ns
        bids, asks = best
        if not (bids and asks and bids[0].price >= asks[0].price):
            self._is_crossed = False
            self._watch.renew()
            return self._watch.changed(bids, asks, event_ns, received_ns)
        fault = crossing(bids, asks)
        if self._is_crossed:
            self._give_up(event_ns)
            return self._watch.broke(fault, received_ns)
        self._is_crossed = True
        return NOTHING

    def _give_up(self, event_ns: int) -> None:
        """Only a whole book, or a snapshot that is newer, will do."""
        self._base_ns = None
        self._complete_ns = event_ns
        self._changes.clear()


def _in_order(
    bids: Sequence[Level], asks: Sequence[Level]
) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return the best levels that have a size.

    Raises:
        ValueError: they are not in order.

    """
    best_bids, best_asks = bids[:BEST], asks[:BEST]
    bid, ask = inf, 0.0
    for level in best_bids:
        price = level.price
        if not (price < bid and level.size):
            break
        bid = price
    else:
        for level in best_asks:
            price = level.price
            if not (price > ask and level.size):
                break
            ask = price
        else:
            return tuple(best_bids), tuple(best_asks)
    sides = [[level for level in side if level.size] for side in (best_bids, best_asks)]
    if not is_ordered(*sides):
        raise ValueError("the levels are not in order")
    return tuple(sides[0]), tuple(sides[1])
