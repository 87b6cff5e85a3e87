"""What the refresher's tests share: running a part, hearing a bus, a clock set by hand, trades."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from infrastructure.supervisor import Supervised
from market import Candle, Event, Trade
from tests.making import MINUTE, SECOND, a_trade

NOON = 12 * 60 * MINUTE
"""The start of the minute that most trades here lie in."""

E = TypeVar("E", bound=Event)


class HandClock:
    """Stands still until it is set."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


class Heard:
    """Every event that a bus carried under some patterns, oldest first."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def hearing(bus: LocalBus, *patterns: str) -> AsyncIterator[Heard]:
    heard = Heard()
    async with (
        bus.mailbox("test", patterns, capacity=100_000, overflow=Overflow.DROP_OLDEST) as mailbox,
        asyncio.TaskGroup() as tasks,
    ):

        async def hear() -> None:
            while True:
                heard.events += await mailbox.receive(1_000)
                await mailbox.done()

        ears = tasks.create_task(hear())
        yield heard
        ears.cancel()


@asynccontextmanager
async def running(part: Supervised) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(part.run())
        async with asyncio.timeout(10):
            await part.listening.wait()
        yield
        task.cancel()


def at(second: float, *, number: int, size: float = 1.0, price: float = 100.0) -> Trade:
    """A trade so many seconds after noon."""
    return a_trade(number=number, size=size, price=price, at_ns=NOON + round(second * SECOND))


def closed(heard: Heard) -> list[Candle]:
    return [candle for candle in heard.of(Candle) if candle.closed]


def growing(heard: Heard) -> list[Candle]:
    return [candle for candle in heard.of(Candle) if not candle.closed]
