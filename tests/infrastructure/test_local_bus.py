"""What the bus within a process promises beyond the contract of all."""

import asyncio

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from tests.making import a_trade
from tests.waiting import eventually


async def test_what_was_published_is_safe_once_it_was_dealt_with() -> None:
    bus = LocalBus()
    steps: list[str] = []

    async def settle() -> None:
        await bus.settle()
        steps.append("safe")

    async with (
        bus.mailbox("store", ["#"], capacity=9, overflow=Overflow.WAIT) as mailbox,
        asyncio.TaskGroup() as tasks,
    ):
        await bus.publish([a_trade(number=1), a_trade(number=2)])
        await mailbox.receive(1)
        await mailbox.failed()
        tasks.create_task(settle())
        for _ in range(2):
            await mailbox.receive(1)
            await bus.publish([a_trade(number=3)])
            steps.append("dealt with")
            await mailbox.done()
        await eventually(lambda: "safe" in steps)

    assert steps == ["dealt with", "dealt with", "safe"]


async def test_mailboxes_that_may_lose_events_are_not_waited_for() -> None:
    bus = LocalBus()

    async with bus.mailbox("view", ["#"], capacity=9, overflow=Overflow.DROP_OLDEST):
        await bus.publish([a_trade()])

        async with asyncio.timeout(1):
            await bus.settle()
