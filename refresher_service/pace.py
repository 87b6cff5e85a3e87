"""How often something is told: the first change at once, then at most so many a second."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from market.intervals import SECOND_NS

K = TypeVar("K", bound=Hashable)

_LONGEST_TICK_S = 0.1


class Pace(Generic[K]):
    """Slots of equal length, one row for each key. ``tick_s``: how often to look for free ones."""

    def __init__(self, hz: float) -> None:
        if not hz > 0.0:
            raise ValueError(f"the rate of publishing must be above 0 Hz, not {hz!r}")
        self.tick_s = min(0.25 / hz, _LONGEST_TICK_S)
        self._slot_ns = round(SECOND_NS / hz)
        self._began_ns: dict[K, int] = {}

    def admits(self, key: K, now_ns: int) -> bool:
        """Tell whether the last slot of ``key`` is over; if so the next one begins."""
        began_ns = self._began_ns.get(key)
        if began_ns is not None and 0 <= now_ns - began_ns < self._slot_ns:
            return False  # a clock that was set back ends a slot too
        self._began_ns[key] = now_ns
        return True


async def every(interval_s: float, action: Callable[[], Awaitable[None]]) -> None:
    """Do ``action`` every so many seconds until cancelled."""
    while True:
        await asyncio.sleep(interval_s)
        await action()
