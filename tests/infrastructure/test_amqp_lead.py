"""Who leads when the broker dies, falls silent, or closes connections."""

import asyncio
import time

import pytest

from infrastructure.bus.amqp import candidate
from infrastructure.bus.port import Lead
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq import Connect
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

pytestmark = pytest.mark.rabbitmq

WITHIN_S = 40.0


def leading(*leads: Lead) -> int:
    return sum(lead.is_held for lead in leads)


async def test_broker_that_dies_ends_the_lead_and_gives_it_to_one_when_it_is_back(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    async with (
        asyncio.timeout(WITHIN_S),
        connect(rabbitmq_node.url) as bus,
        connect(rabbitmq_node.url) as other,
        bus.lead("routes") as first,
        other.lead("routes") as second,
    ):
        await eventually(lambda: leading(first, second) == 1)
        await asyncio.to_thread(rabbitmq_node.kill)
        await first.lost()
        await second.lost()
        without_broker = leading(first, second)

        await asyncio.to_thread(rabbitmq_node.start)
        await eventually(lambda: leading(first, second) == 1, within_s=20)

    assert without_broker == 0


async def test_leader_that_the_broker_hears_no_more_stops_leading_before_another_begins(
    connect: Connect, rabbitmq_node: RabbitMQServer
) -> None:
    async with (
        asyncio.timeout(WITHIN_S),
        Proxy(rabbitmq_node.url).running() as proxy,
        connect(proxy.url) as bus,
        connect(rabbitmq_node.url) as other,
        bus.lead("routes") as first,
    ):
        await first.held()
        async with other.lead("routes") as second:
            proxy.silence()
            at_most = 0
            silent_since = time.monotonic()
            while not second.is_held:
                at_most = max(at_most, leading(first, second))
                await asyncio.sleep(0.01)
            taken_over_s = time.monotonic() - silent_since
            both = leading(first, second)

    assert (at_most, both) == (1, 1)
    assert taken_over_s < 3 * candidate.HEARTBEAT_S


async def test_lead_is_kept_while_its_token_is_changed(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate, "CHANGE_EVERY_S", 0.0)
    monkeypatch.setattr(candidate, "PROVE_EVERY_S", 0.01)

    async with (
        asyncio.timeout(WITHIN_S),
        connect() as bus,
        connect() as other,
        bus.lead("routes") as first,
    ):
        await first.held()
        async with other.lead("routes") as second:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):  # some hundred changes
                    await second.held()

            assert first.is_held
