"""What messages look like where events are split into partitions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from infrastructure.bus.amqp import connect_amqp
from market import Event, codec
from market.routing import partition_of
from tests.making import a_status, a_trade

pytestmark = pytest.mark.rabbitmq

PARTITIONS = 3
OF_ALL = -1
Messages = list[tuple[object, list[Event]]]


async def test_a_message_holds_events_of_one_partition_and_names_it(
    amqp_url: str, exchange: str
) -> None:
    trades: list[Event] = [
        a_trade(instrument=f"A{n % 30}-USD", number=n, at_ns=n) for n in range(300)
    ]

    messages = await _sent([[trade] for trade in trades], amqp_url, exchange)

    for partition, events in messages:
        assert {partition_of(event, PARTITIONS) for event in events} == {partition}
    for partition in range(PARTITIONS):
        sent = [event for of, events in messages if of == partition for event in events]
        assert sent == [each for each in trades if partition_of(each, PARTITIONS) == partition]


async def test_how_a_whole_venue_does_comes_between_what_was_before_and_what_is_after(
    amqp_url: str, exchange: str
) -> None:
    before, after = (
        list[Event](a_trade(instrument=f"A{n}-USD", number=n) for n in numbers)
        for numbers in (range(30), range(30, 60))
    )
    statuses: list[Event] = [a_status("kraken"), a_status("upbit")]

    messages = await _sent([before, statuses, after], amqp_url, exchange)

    [at] = [at for at, (partition, _) in enumerate(messages) if partition == OF_ALL]
    assert messages[at] == (OF_ALL, statuses)
    assert {event for _, events in messages[:at] for event in events} == set(before)
    assert {event for _, events in messages[at + 1 :] for event in events} == set(after)


async def _sent(batches: list[list[Event]], url: str, exchange: str) -> Messages:
    """Publish the batches; return the messages, each with the partition it says it is of."""
    async with (
        connect_amqp(url, exchange=exchange, partitions=PARTITIONS) as bus,
        _listening(url, exchange) as arriving,
    ):
        for batch in batches:
            await bus.publish(batch)
        await bus.flush()
        messages: Messages = []
        async with asyncio.timeout(10):
            while sum(len(events) for _, events in messages) < sum(map(len, batches)):
                message = await arriving.get()
                events = codec.decode(message.body, message.content_type)
                messages.append((message.headers[f"partition-of-{PARTITIONS}"], events))
    return messages


@asynccontextmanager
async def _listening(
    url: str, exchange: str
) -> AsyncIterator[asyncio.Queue[AbstractIncomingMessage]]:
    arriving: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "#")
        await queue.consume(arriving.put, no_ack=True)
        yield arriving
