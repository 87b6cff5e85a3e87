"""The whole way: from a venue's frame on the socket to the WebSocket client of the API.

This process plays the venues (native frames over real sockets) and is the client; the system runs
beside it, once as one process and once as four over RabbitMQ and InfluxDB, in alternating rounds.
Every trade is timed from the moment its frame is handed to the socket to the moment the client has
decoded the update that carries it. Floor: the same number of frames over a bare WebSocket, read by
a bare client. RabbitMQ and InfluxDB are started by the script, on private ports. InfluxDB gives way
to the others, as it does in docker-compose.yml, and as `store` and `refresh` do by themselves.

What each process takes of the processors is told in microseconds an event, which says more than
rates do where others use the same machine: two cores have 100 for each of 20,000 events a second.
What this process takes is the load's and no part of the system; so is the gateway's, which turns
InfluxDB's API of today into that of the server that is tested with.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.report import Figure, parser, percentile, report
from benchmarks.told_frames import FramePlayer
from benchmarks.usage import cpu_s
from cryptotracker.running import fast_loop
from cryptotracker.settings import Settings, read_settings
from infrastructure.log import configure_logging
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.transport import Socket, open_socket
from stream_service.venues import load_venues
from tests.processes import Service, free_port, until_ready
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import WAL_BYTES, Place, RabbitMQServer

EVENTS_PER_S = 20_000.0
WARM_UP_S = 3.0
P99_GOAL_MS = 50.0
GROWTH_GOAL_PERCENT = 10.0
VENUES = ("binance", "kraken")
WAYS = ["embedded", "over RabbitMQ"]
LOAD, GATEWAY = "the load", "gateway"
OF_THE_LOAD = (LOAD, GATEWAY)
FLOOR_S = 5.0
TICK_S = 0.005
DATABASE_NICENESS = 10


class Round(msgspec.Struct):
    """What one round gave; ``cpu_us`` is told by process, an event."""

    events_per_s: float
    latencies_ms: list[float]
    lost: int
    growth_percent: float = 0.0
    cpu_us: dict[str, float] = {}


class _Trade(msgspec.Struct):
    id: str


class _Message(msgspec.Struct):
    type: str
    data: list[_Trade] = []


_message = msgspec.json.Decoder(_Message)


async def listen(socket: Socket, arrived: dict[int, float]) -> None:
    """Note when each trade arrives, until cancelled."""
    while True:
        for frame in await socket.frames():
            message = _message.decode(frame)
            now = time.perf_counter()
            if message.type in {"update", "snapshot"}:
                for trade in message.data:
                    arrived.setdefault(int(trade.id), now)


class Measured:
    """A system that runs: its page, its processes by name, and how much is told to it."""

    def __init__(
        self, page: str, player: FramePlayer, services: Sequence[Service], pids: Mapping[str, int]
    ) -> None:
        self._page = page
        self._player = player
        self._services = services
        self._pids = {service.command[0]: service.pid for service in services} | dict(pids)

    async def round(self, seconds: float, rate: float) -> Round:
        """Play for a while; return what a client saw."""
        arrived: dict[int, float] = {}
        player = self._player
        async with open_socket(
            self._page.replace("http", "ws", 1) + "v1/live", through_proxy=False
        ) as socket:
            await socket.send(
                b'{"op":"subscribe","id":1,"channel":"trades","delivery":"all"}', text=True
            )
            reading = asyncio.create_task(listen(socket, arrived))
            await player.play(WARM_UP_S, rate)
            player.left.clear()
            before = self._cpu_s()
            first = await player.play(seconds / 2, rate)
            resident = self._resident()
            second = await player.play(seconds / 2, rate)
            growth = (self._resident() / resident - 1) * 100
            for _ in range(200):
                if not player.left.keys() - arrived.keys():
                    break
                await asyncio.sleep(0.05)
            after = self._cpu_s()
            reading.cancel()
        seen = [
            (arrived[key] - left) * 1_000 for key, left in player.left.items() if key in arrived
        ]
        told = seconds * (first + second) / 2
        return Round(
            (first + second) / 2,
            sorted(seen),
            len(player.left) - len(seen),
            growth,
            {name: (after[name] - before[name]) / told * 1e6 for name in after},
        )

    def _cpu_s(self) -> dict[str, float]:
        return {name: cpu_s(pid) for name, pid in self._pids.items()} | {LOAD: time.process_time()}

    def _resident(self) -> int:
        return sum(service.resident_bytes() for service in self._services)


async def floor_round(seconds: float, rate: float) -> Round:
    """Send frames of the same size over a bare WebSocket at the same rate."""
    told = 0

    async def send(socket: ServerConnection) -> None:
        nonlocal told
        started = time.perf_counter()
        while (elapsed := time.perf_counter() - started) < seconds:
            while told < elapsed * rate:
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
async def played_venues(settings: Settings) -> AsyncIterator[FramePlayer]:
    """Serve the venues in this process."""
    venues = [load_venues()[name] for name in VENUES]
    listings = {v.name: simulated_listings(v, settings.instruments) for v in venues}
    start_ns = time.time_ns()
    world = World(listings, seed=7, start_ns=start_ns)
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield FramePlayer(served, venues, world, first_id=start_ns // 1_000)


class Embedded:
    """The whole system in one process beside this one."""

    name = "embedded"
    pids: Mapping[str, int] = {}

    def services(self, common: dict[str, str], folder: Path) -> list[Service]:
        """Return the processes to start."""
        settings = common | {"store_url": f"duckdb:{folder}/market.duckdb"}
        return [Service("up", settings=settings, log=folder / "up.log")]


class Distributed:
    """Four services over RabbitMQ and InfluxDB."""

    name = "over RabbitMQ"

    def __init__(self, broker: RabbitMQServer, database: InfluxServer) -> None:
        self.pids = {"broker": broker.pid, **database.pids}
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


class Plan(msgspec.Struct):
    """What is measured: so many rounds of so many seconds, at so many events a second."""

    seconds: float
    rounds: int
    rate: float
    ways: list[str]


async def measure(plan: Plan) -> list[Figure]:
    """Run the rounds and return the figures."""
    broker, database = RabbitMQServer(place=Place(wal_bytes=WAL_BYTES)), InfluxServer()
    with ExitStack() as running:
        ways: list[Embedded | Distributed] = []
        if Embedded.name in plan.ways:
            ways.append(Embedded())
        if Distributed.name in plan.ways:
            for server in (broker, database):
                running.callback(server.remove)
                server.start()
            for pid in database.pids.values():
                give_way(pid)
            ways.append(Distributed(broker, database))
        outcomes: dict[str, list[Round]] = {way.name: [] for way in ways}
        floors: list[Round] = []
        for _ in range(plan.rounds):
            floors.append(await floor_round(FLOOR_S, plan.rate))
            for way in ways:
                outcomes[way.name].append(await _one(way, plan))
    return [
        figure
        for name, of_way in outcomes.items()
        for figure in _figures(name, of_way, floors, plan.rate)
    ]


def give_way(pid: int) -> None:
    """Have the other processes come first; the threads that it starts from now on do likewise."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(thread.name), DATABASE_NICENESS)


async def _one(way: Embedded | Distributed, plan: Plan) -> Round:
    port = free_port()
    page = f"http://127.0.0.1:{port}/"
    settings = read_settings(venues=VENUES)
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as opened:
            player = await opened.enter_async_context(played_venues(settings))
            common = {
                "simulator": player.address,
                "port": str(port),
                "venues": ",".join(VENUES),
                "log_level": "warning",
            }
            services = way.services(common, Path(folder))
            playing = asyncio.create_task(player.play(60.0, 200.0))
            for service in services:
                await service.start()
                opened.push_async_callback(service.end)
            await until_ready(port, services[-1])
            playing.cancel()
            measured = Measured(page, player, services, way.pids)
            return await measured.round(plan.seconds, plan.rate)


def _figures(
    name: str, outcome: Sequence[Round], floors: Sequence[Round], rate: float
) -> list[Figure]:
    def median(share: float, rounds: Sequence[Round]) -> float:
        return statistics.median(percentile(each.latencies_ms, share) for each in rounds)

    carried = statistics.median(each.events_per_s for each in outcome)
    return [
        Figure(
            name=f"{name}: events carried",
            value=carried,
            unit="/s",
            floor=statistics.median(each.events_per_s for each in floors),
            goal=rate * 0.98,
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
        *_cpu_figures(name, outcome),
    ]


def _cpu_figures(name: str, outcome: Sequence[Round]) -> list[Figure]:
    of_processes = {
        process: statistics.median(each.cpu_us[process] for each in outcome)
        for process in outcome[0].cpu_us
    }
    of_system = sum(us for process, us in of_processes.items() if process not in OF_THE_LOAD)
    return [
        Figure(name=f"{name}: CPU of {process}", value=us, unit="us an event")
        for process, us in (of_processes | {"the system": of_system}).items()
    ]


def main() -> None:
    """Measure and report."""
    reading = parser(__doc__ or "")
    reading.add_argument("--rate", type=float, default=EVENTS_PER_S, help="events told a second")
    reading.add_argument("--seconds", type=float, help="length of a round")
    reading.add_argument("--only", choices=WAYS, help="one of the two ways")
    given = reading.parse_args()
    seconds, rounds = (20.0, 1) if given.quick else (60.0, 3)
    plan = Plan(given.seconds or seconds, rounds, given.rate, [given.only] if given.only else WAYS)
    configure_logging("error")
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        figures = runner.run(measure(plan))
    report("path", figures, as_json=given.json)


if __name__ == "__main__":
    main()
