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
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.report import Figure, arguments, percentile, report
from cryptotracker.running import fast_loop
from cryptotracker.settings import Settings, read_settings
from infrastructure.log import configure_logging
from market import Event, Instrument, Quote, Trade
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venues import load_venues
from tests.processes import Service, free_port, until_ready
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer

EVENTS_PER_S = 5_000
TICK_S = 0.005
WARM_UP_S = 3.0
P99_GOAL_MS = 50.0
GROWTH_GOAL_PERCENT = 10.0
VENUES = ("binance", "kraken")


class Round(msgspec.Struct):
    """What one round gave."""

    events_per_s: float
    latencies_ms: list[float]
    lost: int
    growth_percent: float = 0.0


class Player:
    """Plays quotes and trades at a steady rate and remembers when each trade left."""

    def __init__(self, served: SimulatedVenues, world: World) -> None:
        self.left: dict[tuple[str, str, str], float] = {}
        self._served = served
        self._world = world

    async def play(self, seconds: float, rate: float) -> float:
        """Tell so many events a second, two quotes to a trade; return the rate that was reached.

        What is told is made up beforehand, so that the making takes nothing from the system.
        """
        events = self._made(int(seconds * rate))
        started, told = time.perf_counter(), 0
        while told < len(events):
            now = time.perf_counter()
            due = min(len(events), int((now - started) * rate))
            for event in events[told:due]:
                if isinstance(event, Trade):
                    self.left[_key(event.venue, event.instrument, event.trade_id)] = now
            self._served.play(events[told:due])
            told = due
            await asyncio.sleep(TICK_S)
        return told / (time.perf_counter() - started)

    def _made(self, count: int) -> list[Event]:
        made: list[Event] = []
        while len(made) < count:
            moves = self._world.step(time.time_ns(), 100)
            made.extend(event for event in moves if isinstance(event, Quote | Trade))
        return made[:count]


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


async def one_round(
    page: str, player: Player, services: Sequence[Service], seconds: float
) -> Round:
    """Play for a while against a running system; return what its client saw."""
    arrived: dict[tuple[str, str, str], float] = {}
    async with connect(page.replace("http", "ws", 1) + "v1/live", max_size=None) as socket:
        await socket.send('{"op":"subscribe","id":1,"channel":"trades","delivery":"all"}')
        reading = asyncio.create_task(listen(socket, arrived))
        await player.play(WARM_UP_S, EVENTS_PER_S)
        player.left.clear()
        first = await player.play(seconds / 2, EVENTS_PER_S)
        before = _resident(services)
        second = await player.play(seconds / 2, EVENTS_PER_S)
        growth = (_resident(services) / before - 1) * 100
        for _ in range(100):
            if not player.left.keys() - arrived.keys():
                break
            await asyncio.sleep(0.05)
        reading.cancel()
    seen = [(arrived[key] - left) * 1_000 for key, left in player.left.items() if key in arrived]
    return Round((first + second) / 2, sorted(seen), len(player.left) - len(seen), growth)


def _resident(services: Sequence[Service]) -> int:
    return sum(service.resident_bytes() for service in services)


async def floor_round(seconds: float) -> Round:
    """Send frames of the same size over a bare WebSocket at the same rate."""
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
        latencies = [(time.perf_counter() - float(frame)) * 1_000 async for frame in client]
    return Round(told / seconds, sorted(latencies), 0)


@asynccontextmanager
async def played_venues(settings: Settings) -> AsyncIterator[tuple[SimulatedVenues, World]]:
    """Serve the venues in this process."""
    venues = [load_venues()[name] for name in VENUES]
    listings = {v.name: simulated_listings(v, settings.instruments) for v in venues}
    world = World(listings, seed=7, start_ns=time.time_ns())
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield served, world


class Embedded:
    """The whole system in one process beside this one."""

    name = "embedded"

    def services(self, common: dict[str, str], folder: Path) -> list[Service]:
        """Return the processes to start."""
        settings = common | {"store_url": f"duckdb:{folder}/market.duckdb"}
        return [Service("up", settings=settings, log=folder / "up.log")]


class Distributed:
    """Four services over RabbitMQ and InfluxDB."""

    name = "over RabbitMQ"

    def __init__(self, broker: RabbitMQServer, database: InfluxServer) -> None:
        self._settings = {
            "bus_url": broker.url,
            "store_url": database.url.replace("http", "influxdb", 1),
            "store_token": database.token,
            "store_org": database.org,
        }

    def services(self, common: dict[str, str], folder: Path) -> list[Service]:
        """Return the processes to start."""
        return [
            Service(command, settings=common | self._settings, log=folder / f"{command}.log")
            for command in ("stream", "store", "refresh", "serve")
        ]


async def measure(*, quick: bool) -> list[Figure]:
    """Run the rounds and return the figures."""
    seconds, rounds = (5.0, 2) if quick else (20.0, 3)
    broker, database = RabbitMQServer(), InfluxServer()
    with ExitStack() as running:
        for server in (broker, database):
            running.callback(server.remove)
            server.start()
        ways: list[Embedded | Distributed] = [Embedded(), Distributed(broker, database)]
        outcomes: dict[str, list[Round]] = {way.name: [] for way in ways}
        floors: list[Round] = []
        for _ in range(rounds):
            floors.append(await floor_round(seconds))
            for way in ways:
                outcomes[way.name].append(await _one(way, seconds))
    return [
        figure for name, of_way in outcomes.items() for figure in _figures(name, of_way, floors)
    ]


async def _one(way: Embedded | Distributed, seconds: float) -> Round:
    port = free_port()
    page = f"http://127.0.0.1:{port}/"
    settings = read_settings(venues=VENUES)
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as opened:
            served, world = await opened.enter_async_context(played_venues(settings))
            common = {
                "simulator": served.address,
                "port": str(port),
                "venues": ",".join(VENUES),
                "log_level": "warning",
            }
            services = way.services(common, Path(folder))
            player = Player(served, world)
            playing = asyncio.create_task(player.play(60.0, 200.0))
            for service in services:
                await service.start()
                opened.push_async_callback(service.end)
            await until_ready(port, services[-1])
            playing.cancel()
            return await one_round(page, player, services, seconds)


def _figures(name: str, outcome: Sequence[Round], floors: Sequence[Round]) -> list[Figure]:
    def median(share: float, rounds: Sequence[Round]) -> float:
        return statistics.median(percentile(each.latencies_ms, share) for each in rounds)

    rate = statistics.median(each.events_per_s for each in outcome)
    floor_rate = statistics.median(each.events_per_s for each in floors)
    return [
        Figure(
            name=f"{name}: events carried",
            value=rate,
            unit="/s",
            floor=floor_rate,
            goal=EVENTS_PER_S * 0.98,
            better="higher",
        ),
        Figure(name=f"{name}: trades lost", value=sum(r.lost for r in outcome), unit="", goal=0),
        Figure(
            name=f"{name}: p50", value=median(0.5, outcome), unit="ms", floor=median(0.5, floors)
        ),
        Figure(
            name=f"{name}: p99",
            value=median(0.99, outcome),
            unit="ms",
            floor=median(0.99, floors),
            goal=P99_GOAL_MS,
        ),
        Figure(
            name=f"{name}: memory grown in the second half",
            value=statistics.median(each.growth_percent for each in outcome),
            unit="%",
            goal=GROWTH_GOAL_PERCENT,
        ),
    ]


def main() -> None:
    """Measure and report."""
    given = arguments(__doc__ or "")
    configure_logging("error")
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        figures = runner.run(measure(quick=given.quick))
    report("path", figures, as_json=given.json)


if __name__ == "__main__":
    main()
