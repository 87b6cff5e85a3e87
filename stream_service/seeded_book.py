"""Books that are a snapshot over REST and the numbered changes after it, aligned as they come.

The stream is followed before the snapshot is asked for. Changes that come before it wait; those
that it holds already are passed over; when one is missing the book starts from the next snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from market import Event, Level
from stream_service.books import BEST, BookWatch, Ladder, crossing

WAITING_AT_MOST = 1_000
"""Changes that wait for a snapshot; beyond it the oldest go and the snapshot must be newer."""

Rows: TypeAlias = Sequence[tuple[float, float]]
"""Price and size of levels; a size of zero removes the level."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """Levels that changed; ``first`` and ``last`` number the updates of the book within."""

    first: int
    last: int
    bids: Rows
    asks: Rows
    event_ns: int


class SeededBook:
    """One instrument's book at a venue.

    Args:
        watch: Shows it while it is whole.
        depth: Levels a side that a snapshot has at most. A snapshot that is full says nothing
            beyond its worst prices, so no more is kept, and the book ends when too few are left.
        ask: Asks the venue for another snapshot; the first is asked for when the stream is open.

    """

    def __init__(self, watch: BookWatch, *, depth: int, ask: Callable[[], None]) -> None:
        self._watch = watch
        self._depth = depth
        self._ask = ask
        self._last: int | None = None
        self._oldest_seed = 0
        self._waiting: deque[Change] = deque(maxlen=WAITING_AT_MOST)
        self._start((), ())

    def change(self, change: Change, received_ns: int) -> Iterator[Event]:
        """Apply a change, or let it wait for the snapshot."""
        if self._last is not None and change.first > self._last + 1:
            missing = f"updates {self._last + 1} to {change.first - 1} are missing"
            yield from self._restart(missing, received_ns)
        if self._last is None:
            self._wait(change)
        elif change.last > self._last:
            self._follow(change)
            yield from self._show(change.event_ns, received_ns)

    def seed(self, last: int, bids: Rows, asks: Rows, received_ns: int) -> Iterator[Event]:
        """Start from the snapshot whose newest update is ``last``; it carries no time."""
        if self._last is not None:
            return
        if last < max(self._oldest_seed, self._waiting[0].first - 1 if self._waiting else 0):
            self._ask()
            return
        self._start(bids, asks)
        self._follow(Change(last, last, bids, asks, received_ns))
        for change in self._waiting:
            if change.last > last:
                self._follow(change)
        self._waiting.clear()
        yield from self._show(received_ns, received_ns)

    def _start(self, bids: Rows, asks: Rows) -> None:
        lowest = min(price for price, _ in bids) if len(bids) >= self._depth else None
        highest = max(price for price, _ in asks) if len(asks) >= self._depth else None
        self._bids: Ladder[Level] = Ladder(falling=True, worst=lowest)
        self._asks: Ladder[Level] = Ladder(falling=False, worst=highest)

    def _wait(self, change: Change) -> None:
        if self._waiting and change.first > self._waiting[-1].last + 1:
            self._waiting.clear()  # only a snapshot newer than the hole will do
        self._waiting.append(change)

    def _follow(self, change: Change) -> None:
        self._last = change.last
        for ladder, rows in ((self._bids, change.bids), (self._asks, change.asks)):
            for price, size in rows:
                if size:
                    ladder.put(price, Level(price, size))
                else:
                    ladder.drop(price)

    def _show(self, event_ns: int, received_ns: int) -> Iterator[Event]:
        bids, asks = self._bids.best(BEST), self._asks.best(BEST)
        fault = crossing(bids, asks)
        if self._bids.is_exhausted or self._asks.is_exhausted:
            fault = f"fewer than {BEST} levels are left of the snapshot"
        if fault:
            yield from self._restart(fault, received_ns)
        else:
            yield from self._watch.whole(
                bids, asks, event_ns=event_ns, received_ns=received_ns, sequence=self._last
            )

    def _restart(self, reason: str, received_ns: int) -> Iterator[Event]:
        self._oldest_seed = self._last or 0
        self._last = None
        self._ask()
        yield from self._watch.broke(reason, received_ns)
