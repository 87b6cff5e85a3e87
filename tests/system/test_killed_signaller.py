"""The process that makes signals is killed while candles come: each of them is told once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from math import sin
from pathlib import Path

import pytest
from msgspec.structs import replace

from analytics.backtest import bars_of
from analytics.signals import signals_of
from analytics.strategies import SHIPPED, parameters_of
from analytics.strategies.choice import Choice
from infrastructure.bus.amqp import connect_amqp
from infrastructure.bus.port import Bus, Overflow
from infrastructure.timeseries.influx import connect_influx
from infrastructure.timeseries.port import SignalTerms, TimeSeries
from market import ActorStatus, Candle, Instrument, Signal
from storage_service.writer import Writer
from tests.faults.rig import a_vhost
from tests.making import MINUTE, a_candle
from tests.processes import Service
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

OURS = Instrument("KILLED", "USDT")
CANDLES, BEFORE, UNHEARD = 240, 100, 60
"""Candles in all; those that come until the process is killed, and while nobody is there."""

CHOSEN = Choice(
    SHIPPED["sma-cross"], parameters_of(SHIPPED["sma-cross"], {"fast": 2, "slow": 4}), "1m"
)
EVER = {"start_ns": 0, "end_ns": 2**62, "limit": 10_000}
STARTED_WITHIN_S = 120.0


class Heard:
    """Which signals were told, but for those that change nothing, and who was up."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []
        self.up: set[str] = set()

    async def listen(self, bus: Bus, listening: asyncio.Event) -> None:
        """Listen until cancelled."""
        patterns = [f"signal.kraken.{OURS.base}.{OURS.quote_currency}", "actor.#"]
        async with bus.mailbox(
            "test", patterns, capacity=100_000, overflow=Overflow.DROP_OLDEST
        ) as mailbox:
            listening.set()
            while True:
                for event in await mailbox.receive(1_000):
                    match event:
                        case Signal() if event.side != "hold" or event.corrected:
                            self.signals.append(event)
                        case ActorStatus(actor="refresher.signals", state="running"):
                            self.up.add(event.process.rpartition(":")[2])
                        case _:
                            pass
                await mailbox.done()


class Feed:
    """Publishes candles one by one."""

    def __init__(self, bus: Bus, candles: Sequence[Candle]) -> None:
        self._bus = bus
        self._candles = candles
        self._told = 0

    async def tell(self, until: int) -> None:
        """Publish those up to a place that were not published yet."""
        for place in range(self._told, until):
            await self._bus.publish([self._candles[place]])
            self._told = place + 1

    async def nudge(self, condition: Callable[[], object]) -> None:
        """Publish the last one again until ``condition`` holds, which says nothing new.

        Who begins to lead after a candle came looks at the past with the next one.
        """
        async with asyncio.timeout(STARTED_WITHIN_S):
            while not condition():
                await self._bus.publish(self._candles[max(self._told - 1, 0) : self._told])
                await asyncio.sleep(0.05)


def wave() -> list[Candle]:
    """Make minutes that are over, whose means cross again and again."""
    start_ns = time.time_ns() // MINUTE * MINUTE - 2 * CANDLES * MINUTE
    return [
        a_candle(
            "kraken", str(OURS), start_ns=start_ns + n * MINUTE, close=100.0 + 5.0 * sin(n / 3.0)
        )
        for n in range(CANDLES)
    ]


@pytest.mark.rabbitmq
@pytest.mark.influxdb
@pytest.mark.timeout(400)
async def test_each_signal_is_told_once_whenever_its_process_is_killed(
    the_rabbitmq_node: RabbitMQServer, influx_server: InfluxServer, tmp_path: Path
) -> None:
    influx, candles, heard = influx_server, wave(), Heard()
    async with (
        a_vhost(the_rabbitmq_node) as url,
        connect_amqp(url) as bus,
        connect_influx(influx.url, token=influx.token, org=influx.org) as store,
        beside(bus, store, heard),
        refreshing(url, influx, tmp_path) as service,
    ):
        await eventually(lambda: str(service.pid) in heard.up, within_s=STARTED_WITHIN_S)
        feed = Feed(bus, candles)
        coming = asyncio.create_task(feed.tell(BEFORE))
        await feed.nudge(lambda: len(heard.signals) > 3)
        await service.kill()
        await coming
        await feed.tell(BEFORE + UNHEARD)
        await until_stored(store, BEFORE + UNHEARD)
        before = len(heard.signals)
        await service.start()
        await eventually(lambda: str(service.pid) in heard.up, within_s=STARTED_WITHIN_S)
        await feed.tell(CANDLES)
        expected = undisturbed(candles)
        await feed.nudge(lambda: len(heard.signals) >= len(expected))
        stored = await signals_in(store, len(expected))

    assert 3 < before < len(expected)
    assert sorted(map(alike, heard.signals), key=by_time) == expected
    assert [alike(one) for one in stored] == expected


@asynccontextmanager
async def beside(bus: Bus, store: TimeSeries, heard: Heard) -> AsyncIterator[None]:
    """Keep what is told, and listen, in this process, which nobody kills."""
    writer, listening = Writer(bus, store), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        working = [
            tasks.create_task(writer.run()),
            tasks.create_task(heard.listen(bus, listening)),
        ]
        async with asyncio.timeout(STARTED_WITHIN_S):
            await writer.listening.wait()
            await listening.wait()
        yield
        for task in working:
            task.cancel()


@asynccontextmanager
async def refreshing(url: str, influx: InfluxServer, folder: Path) -> AsyncIterator[Service]:
    settings = {
        "bus_url": url,
        "store_url": influx.url.replace("http", "influxdb", 1),
        "store_token": influx.token,
        "store_org": influx.org,
        "strategies": "sma-cross(fast=2, slow=4)@1m",
        "log_format": "json",
    }
    service = Service("refresh", settings=settings, log=folder / "refresh.log")
    await service.start()
    try:
        yield service
    finally:
        await service.end()


def undisturbed(candles: Sequence[Candle]) -> list[Signal]:
    """Return what is said of these candles by who hears them all."""
    said = signals_of(CHOSEN, "kraken", OURS, bars_of(candles, "1m"))
    return [alike(one) for one in said if one.side != "hold"]


def alike(signal: Signal) -> Signal:
    """All of a signal but when its last trade was received, which candles in arrays do not know."""
    return replace(signal, received_ns=0)


def by_time(signal: Signal) -> int:
    return signal.start_ns


async def until_stored(store: TimeSeries, count: int) -> None:
    """Wait until the store has so many candles, and so all that was published before them."""
    async with asyncio.timeout(STARTED_WITHIN_S):
        while len(await store.candles("kraken", OURS, "1m", **EVER)) < count:  # noqa: ASYNC110  # no event
            await asyncio.sleep(0.05)


async def signals_in(store: TimeSeries, count: int) -> Sequence[Signal]:
    """Return what the store has, once that is so much."""
    terms = SignalTerms(venues=["kraken"], instruments=[OURS])
    async with asyncio.timeout(STARTED_WITHIN_S):
        while len(found := await store.signals(terms, **EVER)) < count:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
    return found
