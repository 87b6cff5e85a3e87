"""From the bus to the store: points a second to InfluxDB, and what the embedded store holds.

InfluxDB: events wait in the mailbox of the real writer, and the clock runs until it has
acknowledged the last of them. Floor: curl posts the same lines, written beforehand, to the same
address. Peer: influxdb-client's batching `WriteApi`, given a `Point` an event. Two quotes to a
trade, in alternating rounds; each way has a bucket of its own, and its points are counted
afterwards. The server is a private one (see `tests.servers`), so the three share the cost of the
gateway before it.

Embedded: `benchmarks.store_embedded`.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import WriteOptions

from benchmarks.report import Figure, arguments, report
from benchmarks.store_embedded import embedded_figures
from benchmarks.store_made import made_events
from cryptotracker.running import fast_loop
from infrastructure.actor import patterns_of
from infrastructure.bus.local import LocalBus
from infrastructure.log import configure_logging
from infrastructure.timeseries.influx import connect_influx
from infrastructure.timeseries.influx_server import Bucket, reach
from infrastructure.timeseries.line_batch import lines_of
from infrastructure.timeseries.line_protocol import time_key
from infrastructure.timeseries.question import table_of
from market import Quote, Trade
from storage_service.writer import Writer
from tests.servers.influx_server import InfluxServer

LINES_A_BODY = 5_000
SETTLE_S = 2.0
"""Before each round; else the server is still at what the round before has left it to do."""

GOAL_OF_CURL = 0.7
GOAL_TIMES_CLIENT = 4.0
GOAL_CPU_US = 6.0

Events = Sequence[Quote | Trade]


class Taken(msgspec.Struct):
    """What the events took: seconds, and seconds of this process's processor time."""

    wall_s: float
    own_s: float


class Watch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began, self._own = time.perf_counter(), time.process_time()

    def read(self) -> Taken:
        """Return what was taken so far."""
        return Taken(time.perf_counter() - self._began, time.process_time() - self._own)


Way = Callable[[InfluxServer, str, Events], Awaitable[Taken]]


async def by_writer(server: InfluxServer, prefix: str, events: Events) -> Taken:
    """Have the writer store them."""
    bus = LocalBus()
    await bus.keep(Writer.name, patterns_of(Writer.handles))
    for start in range(0, len(events), 256):
        await bus.publish(events[start : start + 256])
    async with connect_influx(
        server.url, token=server.token, org=server.org, bucket_prefix=prefix
    ) as store:
        writer = Writer(bus, store)
        watch = Watch()
        running = asyncio.create_task(writer.run())
        await bus.settle()
        took = watch.read()
        running.cancel()
    return took


async def by_curl(server: InfluxServer, prefix: str, events: Events) -> Taken:
    """Have curl post the lines over one connection."""
    await _make_bucket(server, prefix)
    with tempfile.TemporaryDirectory() as folder:
        requests = [
            _curl_request(server, prefix, _body_file(Path(folder), number, events))
            for number in range(0, len(events), LINES_A_BODY)
        ]
        script = Path(folder) / "curl"
        script.write_text("next\n".join(requests))
        watch = Watch()
        curl = await asyncio.create_subprocess_exec(
            "curl", "--silent", "--config", str(script), stdout=subprocess.PIPE
        )
        said, _ = await curl.communicate()
        took = watch.read()
    if said.split() != [b"204"] * len(requests):
        raise RuntimeError(f"curl was answered {said[:500]!r}")
    return took


async def by_client(server: InfluxServer, prefix: str, events: Events) -> Taken:
    """Have influxdb-client's batching WriteApi write points."""
    await _make_bucket(server, prefix)
    return await asyncio.to_thread(_write_points, server, prefix, events)


def _write_points(server: InfluxServer, prefix: str, events: Events) -> Taken:
    with closing(InfluxDBClient(server.url, server.token, org=server.org)) as client:
        watch = Watch()
        with client.write_api(WriteOptions(batch_size=LINES_A_BODY)) as writing:
            for event in events:
                writing.write(f"{prefix}/raw", record=_point(event))
        return watch.read()


def _point(event: Quote | Trade) -> Point:
    make: Any = Point  # it has no types
    point = make(table_of(type(event)))
    point.tag("venue", event.venue)
    point.tag("base", event.instrument.base)
    point.tag("quote_currency", event.instrument.quote_currency)
    for name in event.__struct_fields__:
        if name not in {"venue", "instrument"}:
            point.field(name, getattr(event, name))
    point.time(time_key(event))
    made: Point = point
    return made


def _body_file(folder: Path, start: int, events: Events) -> Path:
    path = folder / f"body-{start}"
    path.write_bytes(lines_of(events[start : start + LINES_A_BODY]))
    return path


def _curl_request(server: InfluxServer, prefix: str, body: Path) -> str:
    return (
        f'url = "{server.url}/api/v2/write?org={server.org}&bucket={prefix}/raw&precision=ns"\n'
        f'header = "Authorization: Token {server.token}"\nheader = "Expect:"\n'
        f'data-binary = "@{body}"\nwrite-out = "%{{http_code}} "\n'
    )


async def _make_bucket(server: InfluxServer, prefix: str) -> None:
    async with reach(server.url, token=server.token, org=server.org, timeout_s=10.0) as influx:
        await influx.ensure(Bucket(prefix, "raw", 86_400))


async def _stored(server: InfluxServer, prefix: str) -> int:
    text = 'SELECT count("received_ns") FROM "quote", "trade"'
    async with reach(server.url, token=server.token, org=server.org, timeout_s=30.0) as influx:
        rows = await influx.query(Bucket(prefix, "raw"), text, {})
    return sum(int(row["count"] or 0) for row in rows)


async def influx_figures(*, quick: bool) -> list[Figure]:
    """Run the three ways in turn and return the figures."""
    count, rounds = (40_000, 2) if quick else (150_000, 5)
    ways: dict[str, Way] = {"curl": by_curl, "writer": by_writer, "client": by_client}
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    server = InfluxServer()
    server.start()
    try:
        for number in range(rounds):
            start_ns = time.time_ns() - 3_600 * 10**9
            events = list(made_events(count, start_ns=start_ns, step_ns=20_000))
            for name, way in ways.items():
                prefix = f"{name}-{number}"
                await asyncio.sleep(SETTLE_S)
                taken[name].append(await way(server, prefix, events))
                if (stored := await _stored(server, prefix)) != count:
                    raise RuntimeError(f"{name} stored {stored:,} of {count:,} points")
    finally:
        server.remove()
    return _figures(taken, count)


def _figures(taken: Mapping[str, Sequence[Taken]], count: int) -> list[Figure]:
    rate = {
        name: count / statistics.median(one.wall_s for one in rounds)
        for name, rounds in taken.items()
    }

    def median_ratio(name: str) -> float:
        pairs = zip(taken[name], taken["writer"], strict=True)
        return statistics.median(theirs.wall_s / ours.wall_s for theirs, ours in pairs)

    def own_us(name: str) -> float:
        return statistics.median(one.own_s for one in taken[name]) / count * 1e6

    return [
        Figure(
            name="InfluxDB: points stored",
            value=rate["writer"],
            unit="/s",
            floor=rate["curl"],
            peer=rate["client"],
        ),
        Figure(
            name="InfluxDB: of curl",
            value=median_ratio("curl"),
            unit="x",
            goal=GOAL_OF_CURL,
            better="higher",
        ),
        Figure(
            name="InfluxDB: of influxdb-client with Points",
            value=median_ratio("client"),
            unit="x",
            goal=GOAL_TIMES_CLIENT,
            better="higher",
        ),
        Figure(
            name="InfluxDB: processor time of the writer for an event",
            value=own_us("writer"),
            unit="us",
            peer=own_us("client"),
            goal=GOAL_CPU_US,
        ),
    ]


async def measure(*, quick: bool) -> list[Figure]:
    """Measure both stores."""
    return [*await influx_figures(quick=quick), *await embedded_figures(quick=quick)]


def main() -> None:
    """Measure and report."""
    given = arguments(__doc__ or "")
    configure_logging("error")
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        figures = runner.run(measure(quick=given.quick))
    report("store", figures, as_json=given.json)


if __name__ == "__main__":
    main()
