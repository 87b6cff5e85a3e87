"""Round trips: what works is told as well, what does not is named within ten seconds."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing

import pytest

from infrastructure.bus.amqp import AmqpBus
from infrastructure.bus.port import Bus, Check, Overflow
from infrastructure.measures import Spread
from infrastructure.probes import Probe, bus_probe, store_probe
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import StoreUnavailableError
from tests.making import a_trade
from tests.servers.rabbitmq import Connect
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

RED_WITHIN_S = 10.0


async def test_round_trips_disturb_no_mailbox_and_count_in_no_books(bus: Bus) -> None:
    async with bus.mailbox("all", ["#"], capacity=9, overflow=Overflow.DROP_OLDEST) as mailbox:
        async with bus.probing() as check:
            await check()
            await check()
        before = dict(bus.counts)
        await bus.publish([a_trade()])

        assert list(await mailbox.receive(9)) == [a_trade()]
        assert before["published"] == before["waiting"] == 0


async def test_what_a_probe_fails_with_is_told_until_it_is_well_again() -> None:
    is_away = asyncio.Event()
    is_away.set()

    async def check() -> None:
        if is_away.is_set():
            raise StoreUnavailableError("it answers 500: restart it")

    probe = Probe("store.test", _entered(check), every_s=0.01)
    async with _running(probe):
        await eventually(lambda: probe.failures > 0)
        told = probe.waiting_for
        is_away.clear()
        await eventually(lambda: not probe.waiting_for)

    assert told == "it answers 500: restart it"


async def test_a_round_trip_that_takes_too_long_has_failed() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    probe = Probe("bus.test", _entered(never), every_s=0.01, within_s=0.05)
    async with _running(probe):
        await eventually(lambda: probe.failures > 1)

        assert probe.waiting_for == "no answer within 0.05 s"


async def test_a_store_that_works_is_told_as_well() -> None:
    with closing(EmbeddedTimeSeries.open(None)) as store:
        probe = store_probe(store, "test")
        async with _running(probe):
            await eventually(lambda: not probe.waiting_for)

    assert {measure.name: measure.value for measure in probe.measures()}["probe_up"] == 1


@pytest.mark.rabbitmq
async def test_what_waits_at_the_broker_for_a_mailbox_is_told(connect: Connect) -> None:
    async with (
        connect() as bus,
        bus.mailbox("writer", ["trade.#"], capacity=1, overflow=Overflow.WAIT),
        _running(bus_probe(bus, "test", every_s=0.05)),
    ):
        for number in range(3):
            await bus.publish([a_trade(number=number)])
            await bus.flush()

        await eventually(lambda: _measured(bus)["queue_ready", "writer"] >= 1)


@pytest.mark.rabbitmq
@pytest.mark.parametrize(
    ("strike", "mend", "why"),
    [
        (
            ("eval", "sys:suspend(ra_log_wal)."),
            ("eval", "sys:resume(ra_log_wal)."),
            "restart the broker, its log may have crashed on a full disk",
        ),
        (
            ("set_vm_memory_high_watermark", "absolute", "1MB"),
            ("set_vm_memory_high_watermark", "absolute", "512MB"),
            "an alarm holds them back",
        ),
    ],
    ids=["log", "alarm"],
)
async def test_a_broker_that_is_up_but_takes_nothing_is_named(
    connect: Connect,
    rabbitmq_node: RabbitMQServer,
    strike: tuple[str, ...],
    mend: tuple[str, ...],
    why: str,
) -> None:
    async with connect(rabbitmq_node.url) as bus, _running(bus_probe(bus, "test")) as probe:
        await eventually(lambda: not probe.waiting_for)
        await asyncio.to_thread(rabbitmq_node.ctl, *strike)
        try:
            await _red(probe, why)
        finally:
            await asyncio.to_thread(rabbitmq_node.ctl, *mend)
        await eventually(lambda: not probe.waiting_for, within_s=20)


def _measured(bus: AmqpBus) -> dict[tuple[str, ...], float]:
    return {
        (measure.name, *measure.labels): measure.value
        for measure in bus.measures()
        if not isinstance(measure.value, Spread)
    }


async def _red(probe: Probe, why: str) -> None:
    """Wait until the probe tells ``why``."""
    began = time.monotonic()
    await eventually(lambda: why in probe.waiting_for, within_s=2 * RED_WITHIN_S)
    assert time.monotonic() - began <= RED_WITHIN_S


def _entered(check: Check) -> Callable[[], AbstractAsyncContextManager[Check]]:
    return lambda: _opened(check)


@asynccontextmanager
async def _opened(check: Check) -> AsyncIterator[Check]:
    yield check


@asynccontextmanager
async def _running(probe: Probe) -> AsyncIterator[Probe]:
    task = asyncio.create_task(probe.run())
    try:
        yield probe
    finally:
        task.cancel()
        await asyncio.wait([task])
