"""Broker and store die, hang, run out of memory or disk, and come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from infrastructure.bus.amqp import connect_amqp
from infrastructure.bus.port import Bus, DeadLetter
from tests.faults.form import FORM
from tests.faults.rig import Rig
from tests.faults.stored import Stored
from tests.making import SECOND, a_trade
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer

pytestmark = [
    pytest.mark.faults,
    pytest.mark.rabbitmq,
    pytest.mark.influxdb,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
]


async def test_broker_that_is_killed_loses_no_trade(
    rig: Rig, the_rabbitmq_node: RabbitMQServer
) -> None:
    async with rig.struck("broker: kill -9", recovers_within_s=10) as blow:
        await asyncio.to_thread(the_rabbitmq_node.kill)
        await asyncio.sleep(FORM.broker_down_s)
        await asyncio.to_thread(the_rabbitmq_node.start)
        blow.over()


async def test_memory_alarm_holds_trades_back_and_loses_none(
    rig: Rig, the_rabbitmq_node: RabbitMQServer
) -> None:
    async with rig.struck("broker: memory alarm", recovers_within_s=5) as blow:
        await _set(the_rabbitmq_node, "vm_memory_high_watermark", "1MB")
        await asyncio.sleep(FORM.alarm_s)
        await _set(the_rabbitmq_node, "vm_memory_high_watermark", "512MB")
        blow.over()


async def test_disk_alarm_holds_trades_back_and_loses_none(
    rig: Rig, the_rabbitmq_node: RabbitMQServer
) -> None:
    async with rig.struck("broker: disk alarm", recovers_within_s=5) as blow:
        await asyncio.to_thread(the_rabbitmq_node.ctl, "set_disk_free_limit", "900000GB")
        await asyncio.sleep(FORM.alarm_s)
        await asyncio.to_thread(the_rabbitmq_node.ctl, "set_disk_free_limit", "50MB")
        blow.over()


async def test_store_that_is_killed_loses_no_trade(rig: Rig) -> None:
    async with rig.struck("InfluxDB: kill -9", recovers_within_s=8) as blow:
        await asyncio.to_thread(rig.influx.kill)
        await asyncio.sleep(FORM.store_down_s)
        await asyncio.to_thread(rig.influx.start)
        blow.over()


async def test_store_that_hangs_holds_up_nobody_but_the_writer(rig: Rig) -> None:
    async with rig.struck("InfluxDB: SIGSTOP", recovers_within_s=8) as blow:
        rig.influx.pause()
        try:
            await asyncio.sleep(FORM.store_stopped_s)
            lags = [await rig.quote_lag_s() for _ in range(5)]
        finally:
            rig.influx.go_on()
        blow.over()

    assert max(lags) < 2.0, lags


async def test_point_that_the_store_refuses_is_put_aside_alone(rig: Rig) -> None:
    at_ns = time.time_ns() - 600 * SECOND
    trades = [a_trade("bitstamp", "ADA-EUR", number=n, at_ns=at_ns) for n in range(1, 1_000)]

    async with rig.struck("InfluxDB: one point of 1,000 refused", recovers_within_s=5) as blow:
        where_text_is_ns = await _have_prices_be_text(rig.influx)
        refused = a_trade("bitstamp", "ADA-EUR", number=1_000, at_ns=where_text_is_ns)
        async with connect_amqp(rig.bus_url) as bus:
            await bus.publish([*trades[:617], refused, *trades[617:]])
            await bus.flush()
            letters = await _first_letters(bus)
        blow.over()
    stored = await Stored(rig.influx, at_ns - SECOND).trades()

    assert len(stored["bitstamp", trades[0].instrument]) == 999
    assert [letter.event for letter in letters] == [refused]
    assert "field type conflict" in letters[0].reason


async def _have_prices_be_text(influx: InfluxServer) -> int:
    """Store a price that is a text in a shard of its own; return a time that lies in it."""
    stored = Stored(influx, 0)
    shard_ns = await stored.shard_ns()
    at_ns = (time.time_ns() // shard_ns - 2) * shard_ns + SECOND
    await stored.write(f'trade,venue=text price="text" {at_ns}')
    return at_ns + SECOND


async def _first_letters(bus: Bus) -> Sequence[DeadLetter]:
    async with asyncio.timeout(20):
        while True:
            if letters := await bus.dead_letters(10):
                return letters
            await asyncio.sleep(0.2)


async def _set(node: RabbitMQServer, name: str, limit: str) -> None:
    await asyncio.to_thread(node.ctl, f"set_{name}", "absolute", limit)
