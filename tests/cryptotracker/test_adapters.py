import asyncio

import aio_pika
import pytest

from cryptotracker.adapters import open_bus
from cryptotracker.settings import read_settings
from infrastructure.bus.amqp.layout import EXCHANGE
from market import codec
from tests.mailboxes import WITHIN_S
from tests.making import a_trade


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    ("setting", "content_type"),
    [
        ({}, codec.MSGPACK),
        ({"bus_format": "msgpack"}, codec.MSGPACK),
        ({"bus_format": "json"}, codec.JSON),
    ],
)
async def test_messages_are_written_as_the_setting_says(
    setting: dict[str, str], content_type: codec.ContentType, amqp_url: str
) -> None:
    settings = read_settings(bus_url=amqp_url, **setting)
    async with open_bus(settings) as bus, await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(EXCHANGE, "trade.#")
        await bus.publish([a_trade()])
        async with asyncio.timeout(WITHIN_S), queue.iterator(no_ack=True) as messages:
            message = await anext(messages)

    assert message.content_type == content_type
    assert codec.decode(message.body, content_type) == [a_trade()]
