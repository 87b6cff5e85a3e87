"""The whole way: from a venue's frame on the socket to the WebSocket client of the API.

This process plays the venues (native frames over real sockets) and is the client; the system runs
beside it, once as one process and once as four over RabbitMQ and InfluxDB, in alternating rounds.
Every trade is timed from the moment its frame is handed to the socket to the moment the client has
decoded the update that carries it. Floor: the same frames over a bare WebSocket, read by a bare
client. RabbitMQ and InfluxDB are started by the script, on private ports.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.report import Figure, arguments, percentile, report
from cryptotracker.settings import Settings
from market import Event, Instrument, Quote, Trade
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venues import load_venues
from tests.processes import Service
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer

EVENTS_PER_S = 5_000
TICK_S = 0.005
WARM_UP_S = 3.0
P99_GOAL_MS = 50.0
GROWTH_GOAL_PERCENT = 20.0
VENUES = ("binance", "kraken")


class Round(msgspec.Struct):
    """What one round gave."""

    events_per_s: float
    latencies_ms: list[float]
    lost: int


class Player:
    """Plays quotes and trades at a steady rate and remembers when each trade left."""

    def __init__(self, served: SimulatedVenues, world: World) -> None:
        self.left: dict[tuple[str, str, str], float] = {}
        self.told = 0
        self._served = served
        self._world = world

    async def play(self, seconds: float, rate: float) -> None:
        """Tell ``rate`` events a second, three quotes to two trades."""
        started, due = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - started) < seconds:
            events: list[Event] = []
            while due < elapsed * rate:
                moved = [e for e in self._world.step(time.time_ns(), 1) if isinstance(e, Quote | Trade)]
                events.extend(moved)
                due += len(moved)
            now = time.perf_counter()
            for event in events:
                if isinstance(event, Trade):
                    self.left[_key(event.venue, event.instrument, event.trade_id)] = now
            self._served.play(events)
            self.told += len(events)
            await asyncio.sleep(TICK_S)


def _key(venue: str, instrument: Instrument, trade_id: str) -> tuple[str, str, str]:
    return venue, str(instrument), trade_id


class _Trade(msgspec.Struct):
    venue: str
    symbol: str
    id: str


class _Message(msgspec.Struct):
    type: str
    data: list[_Trade] = []


_message = msgspec.json.Decoder(_Message)


async def listen(socket: ClientConnection, arrived: dict[tuple[str, str, str], float]) -> None:
    """Note when each trade arrives, until cancelled."""
    async for frame in socket:
        message = _message.decode(frame)
        now = time.perf_counter()
        if message.type in {"update", "snapshot"}:
            for trade in message.data:
                arrived.setdefault((trade.venue, trade.symbol, trade.id), now)


async def one_round(page: str, player: Player, seconds: float) -> Round:
    """Play for a while against a running system; return what its client saw."""
    arrived: dict[tuple[str, str, str], float] = {}
    async with connect(page.replace("http", "ws", 1) + "v1/live", max_size=None) as socket:
        await socket.send('{"op":"subscribe","id":1,"channel":"trades","delivery":"all"}')
        reading = asyncio.create_task(listen(socket, arrived))
        await player.play(WARM_UP_S, EVENTS_PER_S)
        player.left.clear()
        told, started = player.told, time.perf_counter()
        await player.play(seconds, EVENTS_PER_S)
        rate = (player.told - told) / (time.perf_counter() - started)
        await _until(lambda: len(player.left.keys() - arrived.keys()) == 0, within_s=5.0)
        reading.cancel()
    seen = [(arrived[key] - left) * 1_000 for key, left in player.left.items() if key in arrived]
    return Round(rate, sorted(seen), len(player.left) - len(seen))


async def floor_round(seconds: float) -> Round:
    """Send frames of the same size over a bare WebSocket at the same rate."""
    latencies: list[float] = []
    told = 0

    async def send(socket: ServerConnection) -> None:
        nonlocal told
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            while told < elapsed * EVENTS_PER_S:
                await socket.send(b"%-160f" % time.perf_counter())
                told += 1
            await asyncio.sleep(TICK_S)

    async with (
        serve(send, "127.0.0.1", 0, compression=None) as server,
        connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", compression=None) as client,
    ):
        async for frame in client:
            latencies.append((time.perf_counter() - float(frame)) * 1_000)
    return Round(told / seconds, sorted(latencies), 0)


@asynccontextmanager
async def played_venues(settings: Settings) -> AsyncIterator[tuple[SimulatedVenues, World]]:
    """Serve the venues in this process."""
    venues = [load_venues()[name] for name in VENUES]
    listings = {v.name: simulated_listings(v, settings.instruments) for v in venues}
    world = World(listings, seed=7, start_ns=time.time_ns())
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield served, world


async def started(services: Sequence[Service], page: str, opened: AsyncExitStack) -> None:
    """Start services and return when the API says that it is ready."""
    for service in services:
        await service.start()
        opened.push_async_callback(service.end)
    async with httpx2.AsyncClient(base_url=page, trust_env=False) as http:
        async with asyncio.timeout(60):
            while True:
                try:
                    if (await http.get("/readyz")).status_code == httpx2.codes.OK:
                        return
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.2)


async def _until(condition: object, *, within_s: float) -> None:
    deadline = time.perf_counter() + within_s
    while callable(condition) and not condition() and time.perf_counter() < deadline:
        await asyncio.sleep(0.05)
