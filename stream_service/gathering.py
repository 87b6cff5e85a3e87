"""What all venues tell goes to the bus a few milliseconds' worth at a time.

A message costs whoever it passes, broker and readers, much the same for one event as for a hundred.
What comes after a quiet spell is handed on at once; what follows gathers for `GATHERED_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from infrastructure.bus.port import DeadLetter
from market import Event

GATHERED_S = 0.005
"""How long events gather: as long as the live feed gathers trades at most."""

MANY, GATHERED_UNDER_LOAD_S = 64, 0.015
"""After so many at once they gather for longer: then it is processors that everybody waits for."""

WAITING_AT_MOST = 4_096
"""Events that wait to be handed on; whoever brings more waits until the bus took these."""


class Outlet(Protocol):
    """What streams need of the bus."""

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Bus.publish`."""

    async def settle(self) -> None:
        """See `Bus.settle`."""

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """See `Bus.put_aside`."""


@asynccontextmanager
async def gathered(bus: Outlet) -> AsyncIterator[Gathering]:
    """Gather for as long as the context lasts; on leaving what waits is handed on."""
    gathering = Gathering(bus)
    async with asyncio.TaskGroup() as tasks:
        handing_on = tasks.create_task(gathering.hand_on_for_ever(), name="stream.gathering")
        try:
            yield gathering
        finally:
            handing_on.cancel()
            await gathering.hand_on()


class Gathering:
    """Takes events in the order they come and hands them on in that order."""

    def __init__(self, bus: Outlet) -> None:
        self._bus = bus
        self._waiting: list[Event] = []
        self._arrived = asyncio.Event()
        self._turn = asyncio.Lock()

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Bus.publish`; who publishes is held back while the bus is."""
        while len(self._waiting) >= WAITING_AT_MOST:
            await self.hand_on()
        self._waiting += events
        self._arrived.set()

    async def settle(self) -> None:
        """See `Bus.settle`."""
        await self.hand_on()
        await self._bus.settle()

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """See `Bus.put_aside`; letters are in no order with events."""
        await self._bus.put_aside(letters)

    async def hand_on(self) -> int:
        """Publish what waits; it waits on, in its place, where that is broken off.

        Returns:
            How many events that was.

        """
        async with self._turn:
            events, self._waiting = self._waiting, []
            try:
                await self._bus.publish(events)
            except BaseException:
                self._waiting[:0] = events
                raise
            return len(events)

    async def hand_on_for_ever(self) -> None:
        """Publish what comes, at most every `GATHERED_S`, under load more seldom."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            number = await self.hand_on()
            await asyncio.sleep(GATHERED_S if number < MANY else GATHERED_UNDER_LOAD_S)
