"""What the bus on RabbitMQ does about a broker that dies, falls silent, is full or has an alarm."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from infrastructure.bus.amqp import AmqpLimits
from infrastructure.bus.amqp.broker import Broker
from infrastructure.bus.port import Bus, DeadLetter, Overflow
from infrastructure.retry import backoff
from market import BusUnavailableError, Event, Quote, Trade
from tests.mailboxes import (
    RESTARTED_WITHIN_S,
    WITHIN_S,
    a_mailbox,
    publish_each,
    publish_until_seen,
    read_until_seen,
    trades_numbered,
)
from tests.making import a_quote, a_trade
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq import SMALL, Connect
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

pytestmark = pytest.mark.rabbitmq


async def test_broker_that_is_killed_loses_nothing(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    trades = trades_numbered(3_000)

    async with connect(rabbitmq_node.url) as bus, a_mailbox(bus) as mailbox:
        async with asyncio.timeout(RESTARTED_WITHIN_S), asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(
                read_until_seen(mailbox, set(trades), within_s=RESTARTED_WITHIN_S)
            )
            await publish_each(bus, trades[:1_500])
            await _kill(rabbitmq_node)
            await publish_each(bus, trades[1_500:])
            await asyncio.to_thread(rabbitmq_node.start)
        await bus.flush()

    assert _less_repeats(reading.result()) == trades
    assert bus.counters.confirmed == 3_000
    assert bus.counters.connects == 2


async def test_what_cannot_be_put_aside_now_is_said_and_can_be_once_the_broker_is_back(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    letter = DeadLetter("stream.kraken", "unreadable", body=b"\xff", at_ns=1)

    async with connect(rabbitmq_node.url) as bus:
        await _kill(rabbitmq_node)
        with pytest.raises(BusUnavailableError):
            await _put_aside_until_refused(bus, letter)
        await asyncio.to_thread(rabbitmq_node.start)
        async for attempt in backoff(BusUnavailableError, longest_s=0.5):
            with attempt:
                await bus.put_aside([letter])
        letters = await bus.dead_letters(100)

    assert letters[-1] == letter


async def test_outage_conflates_quotes_but_keeps_trades_and_the_newest_quote(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    quotes = [a_quote(at_ns=number) for number in range(1, 1_001)]
    trades = trades_numbered(100)
    limits = AmqpLimits(outbox_events=200, conflate_above=20)

    async with connect(rabbitmq_node.url, limits=limits) as bus, a_mailbox(bus) as mailbox:
        await _kill(rabbitmq_node)
        for number, quote in enumerate(quotes):
            await bus.publish([quote, trades[number // 10]] if number % 10 == 0 else [quote])
        await asyncio.to_thread(rabbitmq_node.start)
        read = await read_until_seen(mailbox, {*trades, quotes[-1]})

    seen = [event for event in read if isinstance(event, Quote)]
    assert [event for event in read if isinstance(event, Trade)] == trades
    assert seen[-1] == quotes[-1]
    assert len(seen) < 100
    assert bus.counters.conflated == len(quotes) - len(seen)


async def test_full_outbox_holds_back_who_publishes_trades_until_the_broker_is_back(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    trades = trades_numbered(100)

    async with (
        connect(rabbitmq_node.url, confirm_timeout_s=1.0, limits=SMALL) as bus,
        a_mailbox(bus) as mailbox,
    ):
        await _kill(rabbitmq_node)
        await bus.publish(trades[:1])
        async with asyncio.timeout(RESTARTED_WITHIN_S), asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(bus.publish(trades[1:]))
            with pytest.raises(BusUnavailableError, match="are not confirmed within 1 s"):
                await bus.flush()
            was_held_back = not publishing.done()
            await asyncio.to_thread(rabbitmq_node.start)
            read = await read_until_seen(mailbox, set(trades))

    assert was_held_back
    assert _less_repeats(read) == trades


async def test_leaving_the_bus_while_the_broker_is_away_ends_in_time(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        bus = await stack.enter_async_context(connect(rabbitmq_node.url))
        mailbox = await stack.enter_async_context(a_mailbox(bus))
        await bus.publish(trades_numbered(1))
        await mailbox.receive(1)
        await _kill(rabbitmq_node)
        await bus.publish(trades_numbered(1))

        async with asyncio.timeout(4.0):
            await stack.aclose()

    assert bus.counters.confirmed == 1


async def test_connections_that_the_broker_closes_are_made_anew(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    async with (
        connect(rabbitmq_node.url) as bus,
        a_mailbox(bus) as lasting,
        a_mailbox(bus, "view", Overflow.DROP_OLDEST) as view,
    ):
        await asyncio.to_thread(rabbitmq_node.ctl, "close_all_connections", "a test")
        await eventually(lambda: bus.counters.connects == 2)
        await bus.publish([a_trade()])

        assert await read_until_seen(lasting, {a_trade()}) == [a_trade()]
        await publish_until_seen(bus, view)


async def test_connection_that_is_cut_short_while_it_closes_ends_nevertheless(
    amqp_url: str,
) -> None:
    broker = Broker(amqp_url)

    for turns in range(12):
        leaving = asyncio.create_task(_link_up(broker, linked := asyncio.Event()))
        async with asyncio.timeout(WITHIN_S):
            await linked.wait()
        leaving.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        cut_short = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in cut_short:  # as the end of an event loop does
            task.cancel()
        _, hanging = await asyncio.wait(cut_short, timeout=2.0)

        assert not hanging, f"after {turns} turns"


async def test_alarm_of_the_broker_delays_events_and_sends_none_twice(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    async with (
        connect(rabbitmq_node.url, confirm_timeout_s=0.4) as bus,
        a_mailbox(bus) as mailbox,
    ):
        await _memory_limit(rabbitmq_node, "1MB")
        await bus.publish(trades_numbered(1))
        for _ in range(3):
            with pytest.raises(BusUnavailableError):
                await bus.flush()
        await _memory_limit(rabbitmq_node, "512MB")
        read = await read_until_seen(mailbox, {a_trade()})

    assert read == [a_trade()]
    assert bus.counters.resent == 0
    assert bus.counters.connects == 1


async def test_peer_that_goes_silent_is_left_for_a_new_connection(
    amqp_url: str, connect: Connect
) -> None:
    async with (
        Proxy(amqp_url).running() as proxy,
        connect(proxy.url, confirm_timeout_s=0.5) as bus,
        connect() as direct,
        a_mailbox(direct) as mailbox,
    ):
        proxy.silence()
        await bus.publish(trades_numbered(1))
        read = await read_until_seen(mailbox, {a_trade()})

    assert read == [a_trade()]
    assert bus.counters.connects == 2
    assert bus.counters.resent == 1


async def test_node_of_several_that_confirms_nothing_at_first_is_soon_left(
    amqp_url: str, connect: Connect
) -> None:
    async with (
        Proxy(amqp_url).running() as one,
        Proxy(amqp_url).running() as other,
        connect(f"{one.url},{other.url}", confirm_timeout_s=60.0) as bus,
        connect() as direct,
        a_mailbox(direct) as mailbox,
    ):
        one.silence()
        other.silence()
        await bus.publish(trades_numbered(1))
        read = await read_until_seen(mailbox, {a_trade()})

    assert read == [a_trade()]
    assert bus.counters.connects == 2


async def test_publisher_with_nothing_to_say_keeps_its_connection(connect: Connect) -> None:
    async with connect(confirm_timeout_s=0.2) as bus, a_mailbox(bus) as mailbox:
        await bus.publish(trades_numbered(1))
        await bus.flush()
        connects, resent = bus.counters.connects, bus.counters.resent
        await asyncio.sleep(0.6)  # three times what a confirm may take

        assert (bus.counters.connects, bus.counters.resent) == (connects, resent)
        await read_until_seen(mailbox, {a_trade()})


async def test_message_that_a_full_mailbox_rejects_reaches_the_others_and_comes_later(
    connect: Connect,
) -> None:
    trades = trades_numbered(2_000)

    async with (
        connect(limits=SMALL) as bus,
        a_mailbox(bus, "full", capacity=1) as full,
        a_mailbox(bus, "view", Overflow.DROP_OLDEST) as view,
        asyncio.timeout(WITHIN_S),
        asyncio.TaskGroup() as tasks,
    ):
        publishing = tasks.create_task(publish_each(bus, trades))
        await eventually(lambda: bus.counters.resent > 0)
        confirmed = bus.counters.confirmed
        await read_until_seen(view, {trades[confirmed]})
        was_held_back = not publishing.done()
        read = await read_until_seen(full, {trades[-1]})

    assert was_held_back
    assert read == trades


async def _link_up(broker: Broker, linked: asyncio.Event) -> None:
    async with broker.link("test"):
        linked.set()
        await asyncio.Event().wait()


async def _kill(node: RabbitMQServer) -> None:
    await asyncio.to_thread(node.remember_queues)
    await asyncio.to_thread(node.kill)


async def _memory_limit(node: RabbitMQServer, limit: str) -> None:
    await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "absolute", limit)


def _less_repeats(events: Sequence[Event]) -> list[Event]:
    return list(dict.fromkeys(events))


async def _put_aside_until_refused(bus: Bus, letter: DeadLetter) -> None:
    """Put the letter aside again and again; a killed broker is noticed within moments."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            await bus.put_aside([letter])
