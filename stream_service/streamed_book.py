"""Books that the stream itself gives whole, and then the changes in them: levels in, books out.

Where changes are numbered a missing one is noticed at once; where they are not, a lost one may only
show when the book crosses, so such a book is asked for anew every few minutes. Either way the venue
is asked to send the whole book once more, and nothing is shown until it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from market import Event, Level
from stream_service.books import KNOWN_AT_MOST, BookWatch, Ladder, crossing

ASK_AGAIN_NS = 10_000_000_000
"""A book that did not come within it is asked for again, then within twice as long, and so on."""

BELIEVED_NS = 300_000_000_000
"""How long a book without numbers is followed until it is asked for anew; no wait is longer."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """A whole book, or levels that changed; ``previous`` and ``last`` number it, if anything does.

    The part after this one names our ``last`` as its ``previous``. ``sequence`` is that of the
    event, where it is not ``last``.
    """

    bids: Sequence[Level]
    asks: Sequence[Level]
    event_ns: int
    previous: int | None = None
    last: int | None = None
    sequence: int | None = None


class StreamedBook:
    """One instrument's book at a venue.

    Args:
        watch: Shows it while it is right.
        renew: Has the venue send the whole book once more.

    """

    def __init__(self, watch: BookWatch, renew: Callable[[], None]) -> None:
        self._watch = watch
        self._renew = renew
        self._is_whole = False
        self._fault = ""
        self._last: int | None = None
        self._seeded_ns = 0
        self._asked_ns: int | None = None
        self._wait_ns = ASK_AGAIN_NS
        self._start((), ())

    def whole(self, part: Part, received_ns: int) -> Sequence[Event]:
        """Start anew from a whole book of the stream."""
        self._start(part.bids, part.asks)
        self._seeded_ns = 0
        self._wait_ns = ASK_AGAIN_NS
        self._is_whole = True
        return self._show(part, received_ns)

    def seed(self, part: Part, received_ns: int) -> Sequence[Event]:
        """Start anew from a book over REST, which may be newer than changes still to come."""
        events = self.whole(part, received_ns)
        self._seeded_ns = part.event_ns
        return events

    def change(self, part: Part, received_ns: int) -> Sequence[Event]:
        """Apply a change to a book that is whole; without one it has no effect."""
        if not self._is_whole:
            return self._watch.broke(self._fault, received_ns) if self._fault else ()
        if part.event_ns < self._seeded_ns:
            return self._repeat(received_ns)
        if self._last is not None and part.previous is not None and part.previous != self._last:
            if part.last is not None and part.last <= self._last:
                return self._repeat(received_ns)
            missing = f"the change after {part.previous} came, that after {self._last} is missing"
            return self._broke(missing, received_ns)
        if part.bids:
            self._bids.follow(part.bids)
        if part.asks:
            self._asks.follow(part.asks)
        return self._show(part, received_ns)

    def doubt(self, fault: str) -> None:
        """Believe the book no more; the next tick asks for a whole one."""
        if self._is_whole:
            self._is_whole, self._fault, self._asked_ns = False, fault, 0

    def tick(self, now_ns: int) -> bool:
        """Ask for the whole book where it is due; True if it was asked for."""
        if self._asked_ns is None:
            self._asked_ns = now_ns
        is_numbered = self._last is not None
        limit_ns = BELIEVED_NS if self._is_whole else self._wait_ns
        if (self._is_whole and is_numbered) or now_ns - self._asked_ns < limit_ns:
            return False
        if not self._is_whole:  # venues count how often they are asked
            self._wait_ns = min(2 * self._wait_ns, BELIEVED_NS)
        self._ask(now_ns)
        return True

    def _start(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        self._bids = Ladder(bids, falling=True)
        self._asks = Ladder(asks, falling=False)
        self._repeated = 0
        self._watch.renew()

    def _repeat(self, received_ns: int) -> Sequence[Event]:
        """Pass over a change that the book holds already, unless there is no end of them."""
        self._repeated += 1
        if self._repeated < KNOWN_AT_MOST:
            return ()
        return self._broke(f"all changes are older than {self._last}", received_ns)

    def _show(self, part: Part, received_ns: int) -> Sequence[Event]:
        self._last = last = part.last
        self._repeated = 0
        bids, asks = self._bids.best, self._asks.best
        if fault := crossing(bids, asks):
            return self._broke(fault, received_ns)
        sequence = last if part.sequence is None else part.sequence
        return self._watch.changed(bids, asks, part.event_ns, received_ns, sequence)

    def _broke(self, fault: str, received_ns: int) -> Sequence[Event]:
        self._is_whole, self._fault = False, fault
        if self._asked_ns is None or received_ns - self._asked_ns >= ASK_AGAIN_NS:
            self._ask(received_ns)
        return self._watch.broke(fault, received_ns)

    def _ask(self, now_ns: int) -> None:
        self._asked_ns = now_ns
        self._renew()
