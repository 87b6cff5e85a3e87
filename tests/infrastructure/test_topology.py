"""What is at the broker beside the mailboxes, and what is said where it is not as it should be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel

from market import BusUnavailableError, SettingsError
from tests.making import a_book, a_trade
from tests.servers.rabbitmq import Connect

pytestmark = pytest.mark.rabbitmq


async def test_trade_that_no_mailbox_wants_is_kept_for_a_look_and_a_book_is_not(
    connect: Connect, exchange: str, amqp_url: str
) -> None:
    async with connect() as bus:
        await bus.publish([a_trade()])
        await bus.flush()
        await bus.publish([a_book()])
        await bus.flush()
        async with _channel(amqp_url) as channel:
            unrouted = await channel.declare_queue(f"{exchange}.unrouted", passive=True)

    assert unrouted.declaration_result.message_count == 1
    assert bus.counters.unroutable == 1


async def test_exchange_of_an_earlier_version_is_refused_with_the_remedy(
    connect: Connect, exchange: str, amqp_url: str
) -> None:
    async with _channel(amqp_url) as channel:
        await channel.declare_exchange(exchange, aio_pika.ExchangeType.TOPIC, durable=True)

        with pytest.raises(SettingsError, match=r"alternate-exchange.*delete that exchange"):
            async with connect():
                pass


async def test_what_a_broker_lacks_is_named_where_nothing_is_declared(connect: Connect) -> None:
    with pytest.raises(BusUnavailableError, match=r"no exchange .* definitions\.json"):
        async with connect(declares=False, connect_timeout_s=1.0):
            pass


async def test_what_is_there_already_is_used_where_nothing_is_declared(connect: Connect) -> None:
    async with connect(partitions=2) as declaring:
        await declaring.keep("storage", ["trade.#"])
        async with declaring.lead("storage") as lead:
            await lead.held()

    async with (
        connect(partitions=2, declares=False) as bus,
        bus.lead("storage") as lead,
        connect(partitions=2, declares=False) as other,
    ):
        await lead.held()
        await other.keep("storage", ["trade.#"])

        assert lead.is_held


@asynccontextmanager
async def _channel(url: str) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        yield channel
