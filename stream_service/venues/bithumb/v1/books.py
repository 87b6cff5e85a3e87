"""A book of the first stream: a snapshot and changes in, books that are right out."""

from collections.abc import Sequence
from typing import Final

from market import Event, Level
from stream_service.books import BEST, BookWatch, Ladder, crossing
from stream_service.venues.bithumb.v1.frames import Change

SNAPSHOT_LEVELS: Final = 30
"""Levels of a side in a snapshot; where it has as many, there may be more beyond."""


class FirstBook:
    """One book; not shown before a snapshot came."""

    def __init__(self, watch: BookWatch) -> None:
        self._watch = watch
        self._started_ns: int | None = None

    def start(self, bids: Sequence[Level], asks: Sequence[Level], event_ns: int) -> None:
        """Start from a snapshot."""
        self._started_ns = event_ns
        self._watch.renew()
        self._bids = _ladder(bids, falling=True)
        self._asks = _ladder(asks, falling=False)

    def follows(self, changes: Sequence[Change], event_ns: int) -> bool:
        """Apply changes, unless they are older than the snapshot or none has come."""
        if self._started_ns is None or event_ns <= self._started_ns:
            return False
        for change in changes:
            ladder = self._bids if change.order_type == "bid" else self._asks
            ladder.follow([Level(change.price, change.quantity)])
        return True

    def show(self, event_ns: int, received_ns: int) -> Sequence[Event]:
        """Give the book, or say that it is wrong."""
        bids, asks = self._bids.best, self._asks.best
        fault = crossing(bids, asks)
        if self._bids.is_exhausted or self._asks.is_exhausted:
            fault = f"fewer than {BEST} levels are left of the snapshot"
        if fault:
            self._started_ns = None
            return self._watch.broke(fault, received_ns)
        return self._watch.changed(bids, asks, event_ns, received_ns)


def _ladder(levels: Sequence[Level], *, falling: bool) -> Ladder:
    is_cut = len(levels) >= SNAPSHOT_LEVELS
    return Ladder(levels, falling=falling, worst=levels[-1].price if is_cut else None)
