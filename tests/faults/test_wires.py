"""What goes wrong on the wires: of a venue to us, and of us to broker and store."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from math import inf

import pytest
import pytest_asyncio

from api_service.rows import rfc3339
from market import Trade
from market.intervals import start_of
from tests.faults.exchange import CALM, Key
from tests.faults.form import FORM
from tests.faults.rig import STALE_AFTER_S, Rig, Surroundings
from tests.faults.rigs import Rigs
from tests.servers.influx_server import InfluxServer
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

pytestmark = [
    pytest.mark.faults,
    pytest.mark.rabbitmq,
    pytest.mark.influxdb,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(400),
]

SUBSCRIBES_WITHIN_S = 2.0 + FORM.slack_s
TOLD_WITHIN_S = 0.5 + FORM.slack_s
"""Beyond the age at which a quote is stale, until the API says so."""

FRESH_WITHIN_S = 3.0 + FORM.slack_s
"""Until all quotes are: each market quotes some times a second here."""

LIVE_WITHIN_S = 2.0
SUMS = ("open", "high", "low", "close", "volume", "trades")


class Wires(Surroundings):
    """A proxy before the broker and one before the store."""

    broker: Proxy
    store_proxy: Proxy

    def __init__(self, opened: AsyncExitStack) -> None:
        self._opened = opened

    async def bus(self, url: str) -> str:
        self.broker = await self._opened.enter_async_context(Proxy(url, seed=1).running())
        return self.broker.url

    async def store(self, url: str) -> str:
        self.store_proxy = await self._opened.enter_async_context(Proxy(url, seed=2).running())
        return self.store_proxy.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wires() -> AsyncIterator[Wires]:
    async with AsyncExitStack() as opened:
        yield Wires(opened)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rigs(
    the_rabbitmq_node: RabbitMQServer,
    influx_server: InfluxServer,
    wires: Wires,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Rigs]:
    made = Rigs(the_rabbitmq_node, influx_server, tmp_path_factory.mktemp("faults"), wires)
    try:
        yield made
    finally:
        await made.close()


async def test_venues_that_hang_up_again_and_again_are_subscribed_anew(rig: Rig) -> None:
    served = rig.exchange.served
    took: list[float] = []

    async with rig.struck("venues: sockets closed", recovers_within_s=10) as blow:
        for number in range(FORM.hang_ups):
            venue = rig.exchange.venues[number % 2]
            came = served.accepted[venue]
            await served.hang_up(venue)
            began = time.monotonic()
            await eventually(lambda: served.accepted[venue] > came, within_s=30)  # noqa: B023  # awaited here
            took.append(time.monotonic() - began)
            await asyncio.sleep(FORM.hang_up_every_s)
        blow.over()
        blow.note = f"connected again after {max(took):.1f} s at most"

    assert max(took) <= SUBSCRIBES_WITHIN_S, took


async def test_venue_that_falls_silent_is_stale_and_its_routes_are_gone_in_time(rig: Rig) -> None:
    async with rig.struck("venue: silent stall", recovers_within_s=10) as blow:
        began = time.monotonic()
        await rig.exchange.served.cause("binance", "silence", FORM.stall_s)
        await _until(rig, is_stale=True)
        stale_s = time.monotonic() - began
        routes = await _takeable_routes(rig, "binance")
        await asyncio.sleep(max(0.0, FORM.stall_s - (time.monotonic() - began)))
        blow.over()
        await _until(rig, is_stale=False)
        fresh_s = (time.time_ns() - blow.over_ns) / 1e9
        blow.note = f"stale after {stale_s:.1f} s, fresh {fresh_s:.1f} s after its end"

    assert stale_s <= STALE_AFTER_S + TOLD_WITHIN_S, blow.note
    assert not routes
    assert fresh_s <= FRESH_WITHIN_S, blow.note


async def test_broker_that_is_cut_off_and_comes_back_loses_no_trade(rig: Rig, wires: Wires) -> None:
    async with rig.struck("broker: cut off", recovers_within_s=12) as blow:
        wires.broker.hold()
        await asyncio.sleep(FORM.cut_s)
        wires.broker.let_go()
        blow.over()


async def test_connections_to_the_broker_that_fall_silent_are_left(rig: Rig, wires: Wires) -> None:
    async with rig.struck("broker: connections silent", recovers_within_s=15) as blow:
        wires.broker.silence()
        blow.over()


async def test_connections_to_the_broker_that_are_reset_again_and_again(
    rig: Rig, wires: Wires
) -> None:
    async with rig.struck("broker: connections reset", recovers_within_s=8) as blow:
        for _ in range(FORM.hang_ups):
            wires.broker.reset()
            await asyncio.sleep(FORM.hang_up_every_s / 2)
        blow.over()


async def test_slow_and_thin_wires_delay_trades_and_lose_none(rig: Rig, wires: Wires) -> None:
    ways = [wires.broker.there, wires.broker.back, wires.store_proxy.there, wires.store_proxy.back]

    async with rig.struck("broker and store: slow, thin", recovers_within_s=5) as blow:
        for way in ways:
            way.latency_s, way.jitter_s, way.bytes_per_s = 0.1, 0.1, 2_000_000
        await asyncio.sleep(FORM.slow_s)
        lag_s = await rig.until_stored(time.time_ns())
        for way in ways:
            way.latency_s, way.jitter_s, way.bytes_per_s = 0.0, 0.0, inf
        blow.over()
        blow.note = f"{lag_s:.1f} s from venue to store meanwhile"

    assert lag_s < FORM.slow_lag_s


async def test_slow_store_holds_up_nobody_but_the_writer(rig: Rig, wires: Wires) -> None:
    async with rig.struck("InfluxDB: slow", recovers_within_s=8) as blow:
        wires.store_proxy.there.latency_s = wires.store_proxy.back.latency_s = 1.0
        await asyncio.sleep(FORM.slow_s)
        lags = [await rig.quote_lag_s() for _ in range(5)]
        wires.store_proxy.there.latency_s = wires.store_proxy.back.latency_s = 0.0
        blow.over()

    assert max(lags) < LIVE_WITHIN_S, lags


async def test_trades_told_twice_and_late_are_counted_once_in_their_candles(rig: Rig) -> None:
    served = rig.exchange.served
    a_tenth = round(FORM.trades_per_s / 200)
    await rig.until_a_minute_is_whole()

    async with rig.struck("trades: twice, late", recovers_within_s=10) as blow:
        for _ in range(int(FORM.shuffled_s / 0.1)):
            for venue in rig.exchange.venues:
                for _ in range(a_tenth):
                    await served.cause(venue, "duplicate-trade")
                for _ in range(a_tenth // 2):
                    await served.cause(venue, "late-trade")
            await asyncio.sleep(0.1)
        rig.exchange.rate = 0.0
        await _until_candles_are_right(rig)
        rig.exchange.rate = CALM
        blow.over()


async def _until(rig: Rig, *, is_stale: bool) -> None:
    """Wait until all quotes of the silent venue are stale, or none."""
    async with asyncio.timeout(60):
        while True:
            rows = (await rig.ask("/v1/quotes?venue=binance"))["data"]
            if rows and {row["stale"] for row in rows} == {is_stale}:
                return
            await asyncio.sleep(0.05)


async def _takeable_routes(rig: Rig, venue: str) -> list[str]:
    rows = (await rig.ask("/v1/routes?limit=1000"))["data"]
    return [row["id"] for row in rows if venue in row["id"] and row["takeable"]]


async def _until_candles_are_right(rig: Rig) -> None:
    """Wait until the API's candles are the sums of what was told."""
    told = rig.exchange.told_between(rig.first_whole_minute_ns, time.time_ns())
    differs: list[str] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            while True:
                differs = [
                    one for key, each in told.items() for one in await _differences(rig, key, each)
                ]
                if not differs:
                    break
                await asyncio.sleep(0.2)
    assert not differs


async def _differences(rig: Rig, key: Key, told: Mapping[str, Trade]) -> list[str]:
    venue, instrument = key
    by_minute: defaultdict[str, list[Trade]] = defaultdict(list)
    for trade in sorted(told.values(), key=lambda one: (one.event_ns, one.sequence)):
        by_minute[rfc3339(start_of(trade.event_ns, "1m"))].append(trade)
    asked = f"venue={venue}&symbol={instrument}&interval=1m&order=desc"
    rows = (await rig.ask(f"/v1/candles?{asked}"))["data"]
    found = {row["start"]: [float(row[name]) for name in SUMS] for row in rows}
    return [
        f"{venue} {instrument} {start}: {found.get(start)} where {_sums(trades)} was told"
        for start, trades in by_minute.items()
        if found.get(start) != pytest.approx(_sums(trades))
    ]


def _sums(trades: Sequence[Trade]) -> list[float]:
    prices = [trade.price for trade in trades]
    volume = sum(trade.size for trade in trades)
    return [prices[0], max(prices), min(prices), prices[-1], volume, len(trades)]
