"""How often something is told: the first change at once, then at most so many a second.

What many keys have to tell is due at the same moments, so that it leaves in few messages.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from market.intervals import SECOND_NS

K = TypeVar("K", bound=Hashable)

_LONGEST_TICK_S = 0.1


class Pace(Generic[K]):
    """Slots of the clock, the same for all keys. ``tick_s``: how often to look for the next one."""

    def __init__(self, hz: float) -> None:
        if not hz > 0.0:
            raise ValueError(f"the rate of publishing must be above 0 Hz, not {hz!r}")
        self.tick_s = min(0.25 / hz, _LONGEST_TICK_S)
        self._slot_ns = round(SECOND_NS / hz)
        self._last: dict[K, int] = {}

    def admits(self, key: K, now_ns: int) -> bool:
        """Tell whether ``key`` has told nothing in this slot; if so, it has from now on."""
        slot = now_ns // self._slot_ns
        if self._last.get(key) == slot:
            return False
        self._last[key] = slot
        return True


async def every(interval_s: float, action: Callable[[], Awaitable[None]]) -> None:
    """Do ``action`` every so many seconds until cancelled."""
    while True:
        await asyncio.sleep(interval_s)
        await action()
