"""What waits to be sent: events in, batches out, in the order they came."""

import asyncio
from collections import deque
from collections.abc import Sequence

from infrastructure.bus.port import LATEST_ONLY
from market import Event, routing_key


class Outbox:
    """Bounded. Above ``conflate_above`` waiting events it conflates, at ``limit`` it holds back.

    Conflating puts a newer event of a `LATEST_ONLY` kind in the place of the one that waits under
    the same routing key, so that no key waits longer for being updated.
    """

    def __init__(self, *, limit: int, conflate_above: int) -> None:
        self.conflated = 0
        self._limit = limit
        self._conflate_above = conflate_above
        self._waiting: deque[list[Event]] = deque()
        self._newest: dict[str, list[Event]] = {}
        self._accepted = 0
        self._settled = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._moved = asyncio.Event()

    @property
    def unsettled(self) -> int:
        """Events that were accepted and are not confirmed."""
        return self._accepted - self._settled

    async def add(self, events: Sequence[Event]) -> None:
        """Take the events in; wait while there is no room."""
        for event in events:
            while not self._put(event):
                self._emptied.clear()
                await self._emptied.wait()
        if len(self._waiting) > self._conflate_above:
            await asyncio.sleep(0)  # let the sender run before more is conflated

    async def take(self, at_most: int) -> list[Event]:
        """Wait for the next events, oldest first; each is to be settled or given back."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        number = min(at_most, len(self._waiting))
        events = [self._waiting.popleft().pop() for _ in range(number)]
        if len(self._waiting) < self._conflate_above:
            self._newest.clear()  # what comes now is appended and must not be overtaken
        self._emptied.set()
        return events

    def give_back(self, events: Sequence[Event]) -> None:
        """Put events that were taken last in front again."""
        self._waiting.extendleft([event] for event in reversed(events))

    def settle(self, number: int) -> None:
        """Note that the oldest ``number`` events are safe."""
        self._settled += number
        self._moved.set()

    async def settled(self) -> None:
        """Return once all that was accepted before this call is safe."""
        target = self._accepted
        while self._settled < target:
            self._moved.clear()
            await self._moved.wait()

    def _put(self, event: Event) -> bool:
        """Append the event or conflate it; return whether there was room."""
        if len(self._waiting) < self._conflate_above:
            self._append([event])
            return True
        key = routing_key(event) if isinstance(event, LATEST_ONLY) else None
        if key and (slot := self._newest.get(key)):  # a slot is empty once its event was taken
            slot[0] = event
            self.conflated += 1
            return True
        if len(self._waiting) >= self._limit:
            return False
        slot = [event]
        self._append(slot)
        if key:
            self._newest[key] = slot
        return True

    def _append(self, slot: list[Event]) -> None:
        self._waiting.append(slot)
        self._accepted += 1
        self._filled.set()
