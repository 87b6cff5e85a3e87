"""Books that the stream itself gives whole, and then the changes in them: levels in, books out.

Where changes are numbered a missing one is noticed at once; where they are not, a lost one may only
show when the book crosses, so such a book is asked for anew every few minutes. Either way the venue
is asked to send the whole book once more, and nothing is shown until it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from market import Event, Level
from stream_service.books import BEST, BookWatch, Ladder, crossing

ASK_AGAIN_NS = 10_000_000_000
"""A book that did not come within it is asked for again."""

BELIEVED_NS = 300_000_000_000
"""How long a book without numbers is followed until it is asked for anew."""


class Row(Protocol):
    """A level as a venue tells it; a size of zero removes it."""

    @property
    def price(self) -> float:
        """Price in the quote currency."""

    @property
    def size(self) -> float:
        """Size in the base currency."""


class Part(msgspec.Struct, frozen=True, gc=False):
    """A whole book, or levels that changed; ``previous`` and ``last`` number it, if anything does.

    The part after this one names our ``last`` as its ``previous``. ``sequence`` is that of the
    event, where it is not ``last``.
    """

    bids: Sequence[Row]
    asks: Sequence[Row]
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
        self._start()

    def whole(self, part: Part, received_ns: int) -> Iterable[Event]:
        """Start anew from a whole book of the stream."""
        self._start()
        self._seeded_ns = 0
        self._is_whole = True
        return self._show(part, received_ns)

    def seed(self, part: Part, received_ns: int) -> Iterable[Event]:
        """Start anew from a book over REST, which may be newer than changes still to come."""
        events = self.whole(part, received_ns)
        self._seeded_ns = part.event_ns
        return events

    def change(self, part: Part, received_ns: int) -> Iterable[Event]:
        """Apply a change to a book that is whole; without one it has no effect."""
        if not self._is_whole:
            return self._watch.broke(self._fault, received_ns) if self._fault else ()
        if part.event_ns < self._seeded_ns:
            return ()
        if self._last is not None and part.previous is not None and part.previous != self._last:
            if part.last is not None and part.last <= self._last:
                return ()  # known already
            missing = f"the change after {part.previous} came, that after {self._last} is missing"
            return self._broke(missing, received_ns)
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
        limit_ns = ASK_AGAIN_NS if not self._is_whole else BELIEVED_NS
        if (self._is_whole and is_numbered) or now_ns - self._asked_ns < limit_ns:
            return False
        self._ask(now_ns)
        return True

    def _start(self) -> None:
        self._bids: Ladder[Level] = Ladder(falling=True)
        self._asks: Ladder[Level] = Ladder(falling=False)

    def _show(self, part: Part, received_ns: int) -> Iterable[Event]:
        for ladder, rows in ((self._bids, part.bids), (self._asks, part.asks)):
            for row in rows:
                if row.size:
                    ladder.put(row.price, Level(row.price, row.size))
                else:
                    ladder.drop(row.price)
        self._last = part.last
        bids, asks = self._bids.best(BEST), self._asks.best(BEST)
        if fault := crossing(bids, asks):
            return self._broke(fault, received_ns)
        return self._watch.whole(
            bids,
            asks,
            event_ns=part.event_ns,
            received_ns=received_ns,
            sequence=part.last if part.sequence is None else part.sequence,
        )

    def _broke(self, fault: str, received_ns: int) -> Iterable[Event]:
        self._is_whole, self._fault = False, fault
        if self._asked_ns is None or received_ns - self._asked_ns >= ASK_AGAIN_NS:
            self._ask(received_ns)
        return self._watch.broke(fault, received_ns)

    def _ask(self, now_ns: int) -> None:
        self._asked_ns = now_ns
        self._renew()
