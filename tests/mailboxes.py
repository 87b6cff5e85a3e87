"""Mailboxes for tests: fill them, and read until what is waited for was there."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from infrastructure.bus.port import Bus, Mailbox, Overflow
from market import Event, Trade
from tests.making import a_trade

WITHIN_S = 40.0
RESTARTED_WITHIN_S = 100.0
"""The same where a broker is started in between, which takes a busy machine half a minute."""


def a_mailbox(
    bus: Bus, name: str = "storage", overflow: Overflow = Overflow.WAIT, *, capacity: int = 10_000
) -> AbstractAsyncContextManager[Mailbox]:
    return bus.mailbox(name, ["#"], capacity=capacity, overflow=overflow)


def trades_numbered(count: int) -> list[Trade]:
    return [a_trade(number=number) for number in range(1, count + 1)]


async def publish_each(bus: Bus, events: Sequence[Event]) -> None:
    for event in events:
        await bus.publish([event])


async def read_until_seen(
    mailbox: Mailbox, wanted: set[Event], *, within_s: float = WITHIN_S
) -> list[Event]:
    """Return all that comes until each of ``wanted`` was among it."""
    read: list[Event] = []
    missing = set(wanted)
    async with asyncio.timeout(within_s):
        while missing:
            events = await mailbox.receive(1_000)
            await mailbox.done()
            read += events
            missing.difference_update(events)
    return read


async def publish_until_seen(bus: Bus, mailbox: Mailbox) -> None:
    """Publish the same again and again, for a mailbox that loses what comes while it is away."""
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read_until_seen(mailbox, {a_trade(number=7)}))
        while not reading.done():
            await bus.publish([a_trade(number=7)])
            await bus.flush()
