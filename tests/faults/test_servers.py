"""Broker and store die, hang, run out of memory or disk, and come back."""

from __future__ import annotations

import asyncio

import pytest

from tests.faults.form import FORM
from tests.faults.rig import Rig
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


async def _set(node: RabbitMQServer, name: str, limit: str) -> None:
    await asyncio.to_thread(node.ctl, f"set_{name}", "absolute", limit)
