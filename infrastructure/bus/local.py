"""The bus within one process: no server, no bytes, the same promises but durability."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from infrastructure.bus.local_lead import LocalLead
from infrastructure.bus.local_letters import RETURNED, LocalLetters, Returned
from infrastructure.bus.local_mailbox import LocalMailbox, LocalQueue
from infrastructure.bus.port import Check, DeadLetter, Decide, Overflow, of_bus
from infrastructure.bus.recent import Recent
from infrastructure.measures import Measure
from market import Event
from market.routing import Selection, partition_of

TURN = 256
"""After so many events the mailboxes get a turn before the next one is published."""


class LocalBus:
    """Hands each event to the mailboxes that want it.

    Args:
        dead_letters: A file that keeps the dead letters beyond this process; None: none does.
        partitions: See `Bus.partitions`.

    """

    def __init__(self, dead_letters: Path | None = None, *, partitions: int = 1) -> None:
        self.partitions = partitions
        self._kept: dict[tuple[str, int | None], LocalQueue] = {}
        self._open: list[LocalQueue] = []
        self._dead_letters = LocalLetters(dead_letters)
        self._returned = (
            None if dead_letters is None else Returned(dead_letters.with_name(RETURNED))
        )
        self._standing: dict[str, deque[LocalLead]] = {}
        self._recent = Recent()
        self._since_turn = 0
        self._published = 0

    @property
    def counts(self) -> dict[str, int]:
        """See `Bus.counts`; nothing is conflated here."""
        return {
            "published": self._published,
            "confirmed": self._published,
            "conflated": 0,
            "waiting": 0,
        }

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from of_bus(self.counts)

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Bus.publish`; one that is cancelled while it waits has published nothing."""
        if self._since_turn >= TURN:
            self._since_turn = 0
            await asyncio.sleep(0)
        while full := self._full_among(events):
            await full.has_room.wait()
        for queue in self._open:
            if wanted := queue.wanted(events, self.partitions):
                queue.put(wanted)
        self._recent.note(events)
        self._published += len(events)
        self._since_turn += len(events)

    async def flush(self) -> None:
        """See `Bus.flush`; here an event is as safe as it will be once it is published."""

    async def settle(self) -> None:
        """See `Bus.settle`; that is once the mailboxes that lose nothing have dealt with it."""
        for queue in self._open:
            if queue.overflow is Overflow.WAIT:
                await queue.settle()

    @asynccontextmanager
    async def mailbox(
        self,
        name: str,
        patterns: Sequence[str],
        *,
        capacity: int,
        overflow: Overflow,
        partition: int | None = None,
    ) -> AsyncIterator[LocalMailbox]:
        """See `Bus.mailbox`; a WAIT mailbox lives on when its reader is restarted."""
        queue = self._kept.get((name, partition)) if overflow is Overflow.WAIT else None
        if queue is None:
            queue = LocalQueue(name, patterns, capacity, overflow, partition)
            self._open.append(queue)
        if overflow is Overflow.WAIT:
            self._kept[name, partition] = queue
        queue.capacity = capacity
        # a reader that was changed may want others than before
        queue.selection = Selection(patterns)
        mailbox = LocalMailbox(name, queue, self._dead_letters)
        try:
            yield mailbox
        finally:
            await mailbox.failed()
            if overflow is Overflow.DROP_OLDEST:
                self._open.remove(queue)

    @asynccontextmanager
    async def lead(self, name: str) -> AsyncIterator[LocalLead]:
        """See `Bus.lead`; the first to stand has it, then the next."""
        standing, lead = self._standing.setdefault(name, deque()), LocalLead()
        standing.append(lead)
        standing[0].grant()
        try:
            yield lead
        finally:
            lead.take_away()
            standing.remove(lead)
            if standing:
                standing[0].grant()

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[Check]:
        """See `Bus.probing`; there is nothing between us and our mailboxes that could be away."""

        async def nothing() -> None:
            return

        yield nothing

    async def recent(self, patterns: Sequence[str]) -> Sequence[Event]:
        """See `Bus.recent`."""
        return self._recent.of(patterns)

    async def keep(self, name: str, patterns: Sequence[str]) -> None:
        """See `Bus.keep`; its size is told by who opens it."""
        parts = range(self.partitions) if self.partitions > 1 else (None,)
        for part in parts:
            if (name, part) not in self._kept:
                queue = LocalQueue(name, patterns, sys.maxsize, Overflow.WAIT, part)
                self._kept[name, part] = queue
                self._open.append(queue)

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """See `Bus.put_aside`."""
        self._dead_letters.add(letters)

    async def dead_letters(self, at_most: int) -> Sequence[DeadLetter]:
        """See `Bus.dead_letters`; the newest ten thousand are kept."""
        return self._dead_letters.oldest(at_most)

    async def revise(self, ids: Collection[str], decide: Decide) -> None:
        """See `Bus.revise`."""
        await self._dead_letters.revise(ids, decide)

    async def give_back(self, letter: DeadLetter) -> bool:
        """See `Bus.give_back`; where there are files, whoever runs takes it within a second."""
        if self._returned is None:
            return await self._deliver(letter)
        await self._returned.add(letter)
        return True

    async def being_given_back(self) -> int:
        """See `Bus.being_given_back`."""
        return 0 if self._returned is None else len(self._returned.waiting())

    async def take_returned(self) -> None:
        """Deliver what was given back, and wait until it was dealt with."""
        if self._returned:
            await self._returned.take(self._deliver_all)

    async def _deliver_all(self, letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            if not await self._deliver(letter):
                why = f"{letter.reason}; given back, but there is no mailbox {letter.mailbox}"
                await self.put_aside([replace(letter, reason=why)])
        await self.settle()

    async def _deliver(self, letter: DeadLetter) -> bool:
        """Hand an event to the one mailbox, or to all that want it; tell whether it is there."""
        event = letter.event
        if event is None:
            return False
        if not letter.mailbox:
            await self.publish([event])
            return True
        partition = partition_of(event, self.partitions)
        queues = [queue for queue in self._open if queue.name == letter.mailbox]
        for queue in queues:
            if None in (partition, queue.partition) or partition == queue.partition:
                queue.put([event])
        return bool(queues)

    def _full_among(self, events: Sequence[Event]) -> LocalQueue | None:
        """Return a mailbox that has no room for one of the events; None: all have."""
        for queue in self._open:
            if queue.is_full and queue.wanted(events, self.partitions):
                return queue
        return None
