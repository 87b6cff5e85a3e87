"""Each service is killed, or told to stop while what it stands on is in trouble."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import TypeAlias

import pytest

from tests.faults.form import FORM
from tests.faults.rig import COMMANDS, Rig
from tests.processes import Service, until_ready
from tests.servers.rabbitmq_node import RabbitMQServer

pytestmark = [
    pytest.mark.faults,
    pytest.mark.rabbitmq,
    pytest.mark.influxdb,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(400),
]

Trouble: TypeAlias = Callable[[Rig, RabbitMQServer], AbstractAsyncContextManager[None]]

STOPS_WITHIN_S = 10.0
STARTS_WITHIN_S = 30.0
"""A service that was killed works again after that, the start of its interpreter included."""


@pytest.mark.parametrize("name", ["stream", "refresh", "serve"])
async def test_service_that_is_killed_loses_no_trade(rig: Rig, name: str) -> None:
    async with rig.struck(f"{name}: kill -9", recovers_within_s=STARTS_WITHIN_S) as blow:
        await rig.services[name].kill()
        await asyncio.sleep(FORM.service_down_s)
        await rig.restart(name)
        blow.over()


async def test_writer_that_is_killed_again_and_again_stores_each_trade_once(rig: Rig) -> None:
    random = Random(14)  # noqa: S311  # no secrets
    fault = f"store: kill -9, {FORM.kills} times"

    async with rig.struck(fault, recovers_within_s=STARTS_WITHIN_S) as blow:
        for _ in range(FORM.kills):
            await asyncio.sleep(random.uniform(0.5, 1.5) * FORM.kill_every_s)
            await rig.services["store"].kill()
            await rig.restart("store")
        blow.over()


@asynccontextmanager
async def nothing(_rig: Rig, _node: RabbitMQServer) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def the_broker_is_down(_rig: Rig, node: RabbitMQServer) -> AsyncIterator[None]:
    await asyncio.to_thread(node.kill)
    await asyncio.sleep(1)
    yield
    await asyncio.to_thread(node.start)


@asynccontextmanager
async def the_broker_is_out_of_memory(_rig: Rig, node: RabbitMQServer) -> AsyncIterator[None]:
    await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "absolute", "1MB")
    yield
    await asyncio.to_thread(node.ctl, "set_vm_memory_high_watermark", "absolute", "512MB")


@asynccontextmanager
async def the_store_is_down(rig: Rig, _node: RabbitMQServer) -> AsyncIterator[None]:
    await asyncio.to_thread(rig.influx.kill)
    await asyncio.sleep(1)
    yield
    await asyncio.to_thread(rig.influx.start)


@asynccontextmanager
async def the_store_hangs(rig: Rig, _node: RabbitMQServer) -> AsyncIterator[None]:
    rig.influx.pause()
    await asyncio.sleep(1)
    try:
        yield
    finally:
        rig.influx.go_on()


@pytest.mark.parametrize(
    "trouble",
    [
        nothing,
        the_broker_is_down,
        the_broker_is_out_of_memory,
        the_store_is_down,
        the_store_hangs,
    ],
    ids=lambda one: one.__name__,
)
async def test_services_stop_in_time_whatever_the_trouble_and_lose_no_trade(
    rig: Rig, the_rabbitmq_node: RabbitMQServer, trouble: Trouble
) -> None:
    what = trouble.__name__.replace("_", " ")

    async with rig.struck(f"SIGTERM, {what}", recovers_within_s=STARTS_WITHIN_S) as blow:
        async with trouble(rig, the_rabbitmq_node):
            ends = await asyncio.gather(*(_ended(rig.services[name]) for name in COMMANDS))
        await rig.restart(*COMMANDS)
        await until_ready(rig.port, rig.services["serve"], within_s=120)
        blow.over()
        blow.note = ", ".join(
            f"{name} {seconds:.1f} s" for name, (_, seconds) in zip(COMMANDS, ends, strict=True)
        )

    assert {status for status, _ in ends} == {0}, blow.note
    assert max(seconds for _, seconds in ends) <= STOPS_WITHIN_S, blow.note


async def _ended(service: Service) -> tuple[int, float]:
    """Tell a service to stop; return its exit status and the seconds that it took."""
    began = time.monotonic()
    status = await service.end()
    return status, time.monotonic() - began
