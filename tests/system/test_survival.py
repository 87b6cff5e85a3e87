"""Whatever process dies: it comes back, catches up, and every trade is stored exactly once."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import pytest

from infrastructure.timeseries.influx import connect_influx
from infrastructure.timeseries.port import TimeSeries
from market import Candle, Instrument, Trade
from market.intervals import INTERVALS, SECOND_NS, start_of
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venues import load_venues
from tests.processes import Service, free_port, until_ready
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer

Key: TypeAlias = tuple[str, Instrument]

INSTRUMENTS = [
    Instrument(base, quote) for base in ("BTC", "ETH", "XRP") for quote in ("USDT", "USD", "KRW")
]
TICK_S = 0.02


class Exchange:
    """The venues, on sockets of this process, with a ledger of every trade that they told."""

    def __init__(self, served: SimulatedVenues, world: World) -> None:
        self.told: defaultdict[Key, dict[str, Trade]] = defaultdict(dict)
        self._served = served
        self._world = world

    async def trade(self) -> None:
        """Tell what happens, until cancelled."""
        while True:
            events = list(self._world.step(time.time_ns(), 2))
            for event in events:
                if isinstance(event, Trade):
                    self.told[event.venue, event.instrument][event.trade_id] = event
            self._served.play(events)
            await asyncio.sleep(TICK_S)


@pytest.fixture
async def exchange() -> AsyncIterator[tuple[Exchange, str]]:
    venues = list(load_venues().values())
    listings = {venue.name: simulated_listings(venue, INSTRUMENTS) for venue in venues}
    world = World(listings, seed=11, start_ns=time.time_ns())
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield Exchange(served, world), served.address


@pytest.mark.rabbitmq
@pytest.mark.influxdb
@pytest.mark.timeout(560)
async def test_every_trade_is_stored_once_whatever_is_killed(
    exchange: tuple[Exchange, str],
    rabbitmq_node: RabbitMQServer,
    own_influx_server: InfluxServer,
    tmp_path: Path,
) -> None:
    venues, address = exchange
    port = free_port()
    settings = {
        "bus_url": rabbitmq_node.url,
        "store_url": own_influx_server.url.replace("http", "influxdb", 1),
        "store_token": own_influx_server.token,
        "store_org": own_influx_server.org,
        "simulator": address,
        "assets": "BTC,ETH,XRP",
        "port": str(port),
        "raw_retention_days": "7",
    }
    services = {
        command: Service(command, settings=settings, log=tmp_path / f"{command}.log")
        for command in ("store", "refresh", "serve", "stream")
    }
    async with AsyncExitStack() as opened:
        for service in services.values():
            await service.start()
            opened.push_async_callback(service.end)
        trading = asyncio.create_task(venues.trade())
        await until_ready(port, services["serve"])

        for service in services.values():
            await service.kill()
            await asyncio.sleep(2)
            await service.start()
            await asyncio.sleep(3)
        await _crash(rabbitmq_node)
        await _crash(own_influx_server)
        await asyncio.sleep(_until_the_next_minute_s())
        trading.cancel()

        store = await opened.enter_async_context(
            connect_influx(
                own_influx_server.url, token=own_influx_server.token, org=own_influx_server.org
            )
        )
        await _until_stored(store, venues, list(services.values()))
        await until_ready(port, services["serve"])
        for (venue, instrument), told in venues.told.items():
            stored = await _trades(store, venue, instrument)
            assert len(stored) == len(told), f"{venue} {instrument}"
            assert {t.trade_id: (t.price, t.size, t.side) for t in stored} == {
                t.trade_id: (t.price, t.size, t.side) for t in told.values()
            }
            await _until_candles_are_right(store, venue, instrument, list(told.values()))


async def _crash(server: RabbitMQServer | InfluxServer) -> None:
    """Kill a server without warning and start it again after a while."""
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(3)
    await asyncio.to_thread(server.start)
    await asyncio.sleep(5)


async def _until_stored(store: TimeSeries, venues: Exchange, services: Sequence[Service]) -> None:
    missing: list[str] = []
    for _ in range(480):
        missing = []
        for (venue, instrument), told in venues.told.items():
            stored = {trade.trade_id for trade in await _trades(store, venue, instrument)}
            if places := [i for i, number in enumerate(told) if number not in stored]:
                which = f"{len(places)} from the {places[0] + 1}. to the {places[-1] + 1}."
                missing.append(f"{venue} {instrument}: {which} of {len(told)}")
        if not missing:
            return
        await asyncio.sleep(0.25)
    logs = "\n".join(service.tail() for service in services)
    pytest.fail("not stored are\n" + "\n".join(missing) + f"\n{logs}")


async def _until_candles_are_right(
    store: TimeSeries, venue: str, instrument: Instrument, told: Sequence[Trade]
) -> None:
    """Compare the closed candles with the sums of the ledger."""
    by_minute: defaultdict[int, list[Trade]] = defaultdict(list)
    for trade in told:
        by_minute[start_of(trade.event_ns, "1m")].append(trade)
    last = max(by_minute)
    expected = {
        start: (len(trades), sum(trade.size for trade in trades))
        for start, trades in by_minute.items()
        if start < last
    }
    found: dict[int, tuple[int, float]] = {}
    for _ in range(240):
        candles = await _candles(store, venue, instrument)
        found = {candle.start_ns: (candle.trades, candle.volume) for candle in candles}
        if {start: found.get(start, (0, 0.0))[0] for start in expected} == {
            start: count for start, (count, _) in expected.items()
        }:
            break
        await asyncio.sleep(0.25)
    for start, (count, volume) in expected.items():
        assert found.get(start, (0, 0.0))[0] == count, f"{venue} {instrument} {start}"
        assert found[start][1] == pytest.approx(volume), f"{venue} {instrument} {start}"


async def _trades(store: TimeSeries, venue: str, instrument: Instrument) -> Sequence[Trade]:
    now_ns = time.time_ns()
    return await store.trades(
        venue,
        instrument,
        start_ns=now_ns - 1_800 * SECOND_NS,
        end_ns=now_ns + 60 * SECOND_NS,
        limit=100_000,
    )


async def _candles(store: TimeSeries, venue: str, instrument: Instrument) -> Sequence[Candle]:
    now_ns = time.time_ns()
    start_ns = now_ns - 1_800 * SECOND_NS
    return await store.candles(
        venue, instrument, "1m", start_ns=start_ns, end_ns=now_ns, limit=1_000
    )


def _until_the_next_minute_s() -> float:
    """Return the seconds until a minute is over and its candle closed."""
    minute_ns = INTERVALS["1m"]
    return (minute_ns - time.time_ns() % minute_ns) / SECOND_NS + 4.0
