"""Mailboxes within one process: what waits under a name, and who reads it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from infrastructure.bus.local_letters import LocalLetters
from infrastructure.bus.port import DeadLetter, Overflow
from market import Event
from market.routing import Selection, partition_of


class LocalQueue:
    """What waits under one mailbox name, whoever has the mailbox open."""

    def __init__(
        self,
        name: str,
        patterns: Sequence[str],
        capacity: int,
        overflow: Overflow,
        partition: int | None = None,
    ) -> None:
        self.selection = Selection(patterns)
        self.name = name
        self.partition = partition
        self.capacity = capacity
        self.overflow = overflow
        self.waiting: deque[Event] = deque(
            maxlen=capacity if overflow is Overflow.DROP_OLDEST else None
        )
        self.arrived = asyncio.Event()
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.is_full = False
        self.in_hand = 0
        self.finished = 0
        self.was_finished = asyncio.Event()

    def wanted(self, events: Sequence[Event], partitions: int) -> Sequence[Event]:
        """Return those of the events that belong here."""
        picked = self.selection.of(events)
        if self.partition is None:
            return picked
        ours = (None, self.partition)
        return [event for event in picked if partition_of(event, partitions) in ours]

    def put(self, events: Sequence[Event]) -> None:
        """Append the events; where it drops the oldest, those go."""
        self.waiting.extend(events)
        self.arrived.set()
        if self.overflow is Overflow.WAIT and len(self.waiting) >= self.capacity:
            self.has_room.clear()
            self.is_full = True

    def take(self, at_most: int) -> list[Event]:
        """Hand out the next events; each is to be finished or given back."""
        waiting = self.waiting
        taken = [waiting.popleft() for _ in range(min(at_most, len(waiting)))]
        self.in_hand += len(taken)
        self._note_levels()
        return taken

    def finish(self, count: int) -> None:
        """Note that so many that were taken are dealt with."""
        self.in_hand -= count
        self.finished += count
        self.was_finished.set()

    async def settle(self) -> None:
        """Return once all that is there now is dealt with."""
        due = self.finished + self.in_hand + len(self.waiting)
        while self.finished < due:
            self.was_finished.clear()
            await self.was_finished.wait()

    def give_back(self, events: Sequence[Event]) -> None:
        """Have events that were taken wait again, before all others, as far as there is room."""
        self.in_hand -= len(events)
        if self.overflow is Overflow.DROP_OLDEST:
            room = self.capacity - len(self.waiting)
            events = events[max(len(events) - room, 0) :]
        self.waiting.extendleft(reversed(events))
        self._note_levels()

    def _note_levels(self) -> None:
        if self.waiting:
            self.arrived.set()
        else:
            self.arrived.clear()
        if len(self.waiting) < self.capacity:
            self.has_room.set()
            self.is_full = False


class LocalMailbox:
    """One reader of a queue."""

    def __init__(self, name: str, queue: LocalQueue, dead_letters: LocalLetters) -> None:
        self._name = name
        self._queue = queue
        self._dead_letters = dead_letters
        self._taken: list[Event] = []

    @property
    def waiting(self) -> int:
        """See `Mailbox.waiting`."""
        return len(self._queue.waiting)

    async def receive(self, at_most: int) -> Sequence[Event]:
        """See `Mailbox.receive`."""
        await asyncio.sleep(0)  # a full mailbox must not keep the others from running
        while not self._queue.waiting:
            await self._queue.arrived.wait()
        self._taken = self._queue.take(at_most)
        return self._taken

    async def gather(self, within_s: float) -> None:
        """See `Mailbox.gather`."""
        await asyncio.sleep(within_s)

    async def done(self) -> None:
        """See `Mailbox.done`."""
        self._queue.finish(len(self._taken))
        self._taken = []

    async def failed(self) -> None:
        """See `Mailbox.failed`."""
        self._queue.give_back(self._taken)
        self._taken = []

    async def dead_letter(self, event: Event, reason: str) -> None:
        """See `Mailbox.dead_letter`."""
        self._dead_letters.add([DeadLetter(mailbox=self._name, reason=reason, event=event)])
