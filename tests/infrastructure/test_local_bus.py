"""What the bus within a process promises beyond the contract of all."""

import asyncio

from infrastructure.bus.local import TURN, LocalBus
from infrastructure.bus.port import Overflow
from market import Trade
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


async def test_a_publisher_that_is_cancelled_while_it_is_held_back_published_nothing() -> None:
    bus = LocalBus()

    async with (
        bus.mailbox("store", ["#"], capacity=1, overflow=Overflow.WAIT) as mailbox,
        asyncio.TaskGroup() as tasks,
    ):
        await bus.publish([a_trade(number=1)])
        held_back = tasks.create_task(bus.publish([a_trade(number=2)]))
        await asyncio.sleep(0)
        held_back.cancel()
        await asyncio.wait([held_back])
        received = list(await mailbox.receive(9))
        await mailbox.done()
        await bus.publish([a_trade(number=2)])
        received += await mailbox.receive(9)

    assert received == [a_trade(number=1), a_trade(number=2)]


async def test_a_publisher_that_is_cancelled_in_the_turn_of_the_mailboxes_published_nothing() -> (
    None
):
    bus = LocalBus()

    async with (
        bus.mailbox("store", ["#"], capacity=2 * TURN, overflow=Overflow.WAIT) as mailbox,
        asyncio.TaskGroup() as tasks,
    ):
        await bus.publish([a_trade(number=number) for number in range(TURN)])
        waiting = tasks.create_task(bus.publish([a_trade(number=TURN)]))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await bus.publish([a_trade(number=TURN)])

        received = await mailbox.receive(2 * TURN)

    assert waiting.cancelled()
    assert [trade.trade_id for trade in received if isinstance(trade, Trade)] == [
        str(number) for number in range(TURN + 1)
    ]
