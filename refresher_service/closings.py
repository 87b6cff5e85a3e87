"""Which replica tells which lives that ended, so that each one is told once."""

from collections import deque
from collections.abc import Sequence

from analytics.routes.lives import UNTOLD_FOR_NS, Lives
from market import Episode
from market.intervals import SECOND_NS

LISTEN_NS = SECOND_NS // 2
"""How long a new leader listens for what the last one told before it tells what is left."""


class Closings:
    """Tells at once while it leads; keeps the last seconds' while another one does."""

    def __init__(self, lives: Lives) -> None:
        self._lives = lives
        self._kept: deque[Episode] = deque()
        self._leads = False
        self._listens_until_ns: int | None = None

    def note(self, *, leads: bool, now_ns: int) -> bool:
        """Note whether we lead; return whether that began just now."""
        began = leads and not self._leads
        self._leads = leads
        if began:
            self._listens_until_ns = now_ns + LISTEN_NS
        return began

    def due(self, now_ns: int) -> Sequence[Episode]:
        """Return the lives that we are to tell now, oldest end first."""
        closed = self._lives.closed(now_ns)
        if self._leads and self._listens_until_ns is None:
            return closed
        self._kept.extend(closed)
        while self._kept and self._kept[0].event_ns < now_ns - 2 * UNTOLD_FOR_NS:
            self._kept.popleft()
        if not self._leads or self._listens_until_ns is None or now_ns < self._listens_until_ns:
            return ()
        self._listens_until_ns = None
        untold = self._lives.untold(self._kept, now_ns)
        self._kept.clear()
        return untold
