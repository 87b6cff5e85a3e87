"""Books that are a snapshot over REST and the numbered changes after it, aligned as they come.

The stream is followed before the snapshot is asked for. Changes that come before it wait; those
that it holds already are passed over; when one is missing the book starts from the next snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from market import Event, Level
from stream_service.books import BEST, KNOWN_AT_MOST, BookWatch, Ladder, crossing

WAITING_AT_MOST = 1_000
"""Changes that wait for a snapshot; beyond it the oldest go and the snapshot must be newer."""

PATIENCE_S = 15.0
TOO_OLD_AT_MOST = 3
"""Snapshots in a row that are older than what they should be: then our own numbers are wrong."""

LONGEST_PATIENCE_S = 300.0


class Change(msgspec.Struct, frozen=True, gc=False):
    """Levels that changed; ``first`` and ``last`` number the updates of the book within.

    Numbers may overlap with those of the change before, they may only leave none out.
    """

    first: int
    last: int
    bids: Sequence[Level]
    asks: Sequence[Level]
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
        self._patience = 1
        self._ask_again_ns: int | None = None
        self._start((), ())

    @property
    def is_waiting(self) -> bool:
        """Whether there is no book as long as no snapshot comes."""
        return self._last is None

    def tick(self, now_ns: int, *, patience_s: float = PATIENCE_S) -> None:
        """Ask once more for a snapshot that does not come.

        Args:
            now_ns: Our clock.
            patience_s: How long to wait before, the first time; each time it is twice as long.

        """
        if self._last is not None:
            return
        if self._ask_again_ns is None:
            longest_s = max(LONGEST_PATIENCE_S, patience_s)
            pause_s = min(patience_s * self._patience, longest_s)
            self._ask_again_ns = now_ns + int(pause_s * 1e9)
        elif now_ns >= self._ask_again_ns:
            self._patience = min(2 * self._patience, 64)
            self._ask_again_ns = None
            self._ask()

    def change(self, change: Change, received_ns: int) -> Sequence[Event]:
        """Apply a change, or let it wait for the snapshot."""
        last = self._last
        if last is None:
            self._wait(change)
            return ()
        if change.first > last + 1:
            events = self._restart(_missing(last + 1, change.first - 1), received_ns)
            self._wait(change)
            return events
        if change.last <= last:
            return self._repeat(received_ns)
        self._repeated = 0
        self._follow(change)
        return self._show(change.event_ns, received_ns)

    def seed(
        self,
        last: int,
        bids: Sequence[Level],
        asks: Sequence[Level],
        received_ns: int,
        event_ns: int | None = None,
    ) -> Sequence[Event]:
        """Start from the snapshot whose newest update is ``last``, of ``event_ns`` where it says.

        A book that is whole starts anew from one that is newer than itself.
        """
        shown_ns = received_ns if event_ns is None else event_ns
        if self._last is not None and last <= self._last:
            return ()
        if last < max(self._oldest_seed, self._waiting[0].first - 1 if self._waiting else 0):
            self._refuse_seed()
            return ()
        self._start(bids, asks)
        self._last = last
        for change in self._waiting:
            if change.last > last:
                self._follow(change)
                shown_ns = max(shown_ns, change.event_ns)
        self._waiting.clear()
        return self._show(shown_ns, received_ns)

    def _start(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        lowest = min(level.price for level in bids) if len(bids) >= self._depth else None
        highest = max(level.price for level in asks) if len(asks) >= self._depth else None
        self._bids = Ladder(bids, falling=True, worst=lowest)
        self._asks = Ladder(asks, falling=False, worst=highest)
        self._patience = 1
        self._ask_again_ns = None
        self._too_old = 0
        self._repeated = 0
        self._watch.renew()

    def _refuse_seed(self) -> None:
        """Ask for a newer snapshot at once the first time, later when `tick` says so."""
        self._too_old += 1
        if self._too_old == 1:
            self._ask()
        elif self._too_old >= TOO_OLD_AT_MOST:
            # a number that was far too high, or the venue counts anew
            self._too_old = 0
            self._oldest_seed = 0
            self._waiting.clear()

    def _repeat(self, received_ns: int) -> Sequence[Event]:
        """Pass over a change that the book holds already, unless there is no end of them."""
        self._repeated += 1
        if self._repeated < KNOWN_AT_MOST:
            return ()
        return self._restart(f"all updates are older than {self._last}", received_ns)

    def _wait(self, change: Change) -> None:
        if self._waiting and change.first > self._waiting[-1].last + 1:
            self._waiting.clear()  # only a snapshot newer than the hole will do
        self._waiting.append(change)

    def _follow(self, change: Change) -> None:
        self._last = change.last
        if change.bids:
            self._bids.follow(change.bids)
        if change.asks:
            self._asks.follow(change.asks)

    def _show(self, event_ns: int, received_ns: int) -> Sequence[Event]:
        bids, asks = self._bids.best, self._asks.best
        is_full = len(bids) == len(asks) == BEST and bids[0].price < asks[0].price
        if not is_full and (fault := self._fault()):
            return self._restart(fault, received_ns)
        return self._watch.changed(bids, asks, event_ns, received_ns, self._last or 0)

    def _fault(self) -> str:
        if self._bids.is_exhausted or self._asks.is_exhausted:
            return f"fewer than {BEST} levels are left of the snapshot"
        return crossing(self._bids.best, self._asks.best)

    def _restart(self, reason: str, received_ns: int) -> Sequence[Event]:
        self._oldest_seed = self._last or 0
        self._last = None
        self._ask()
        return self._watch.broke(reason, received_ns)


def _missing(first: int, last: int) -> str:
    return (
        f"update {first} is missing" if first == last else f"updates {first} to {last} are missing"
    )
