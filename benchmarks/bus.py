"""From publish to receive over RabbitMQ: events a second, time on the way, processor time.

A publisher and a reader are processes of their own, the broker is a third, on private ports; 200
instruments, a quorum queue bound to each of them, persistent messages, confirms. All that the
system does to an event is in it: its key, the outbox, what the mailbox wants, the actor that
isolates what is poisonous. Peer: aio-pika, one message an event, through a queue of the same kind.
Floor: a C program (librabbitmq) that moves bodies of the same size and looks at none. In
alternating rounds of one run. The machine is often shared: processor time says more than a rate.
What is confirmed is on disk: one sync of the broker's disk is the floor of the time on the way.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.bus_ends import TICK_S, made_events
from benchmarks.bus_floor import compiled_floor
from benchmarks.bus_round import Floor, Round, one_round
from benchmarks.report import Figure, arguments, percentile, report
from infrastructure.log import configure_logging
from market import codec
from tests.servers.rabbitmq_node import WAL_BYTES, Place, RabbitMQServer

RATE = 20_000
GOAL_PER_S = 100_000
GOAL_US = 20.0
GOAL_P50_MS, GOAL_P99_MS = 1.5, 5.0
GOAL_TIMES_PLAIN = 25.0
SYNCS, SYNCED_BYTES = 200, 6_000


class Rounds(msgspec.Struct):
    """The rounds of each way, and why there is no floor where there is none."""

    fast: list[Round] = []
    steady: list[Round] = []
    plain: list[Round] = []
    floor: list[Round] = []
    synced_ms: list[float] = []
    why_no_floor: str = ""


async def measure(*, quick: bool) -> Rounds:
    """Run the rounds in turn."""
    rounds = Rounds()
    with ExitStack() as running:
        folder = Path(running.enter_context(TemporaryDirectory(prefix="bus-")))
        broker = RabbitMQServer(folder, Place(wal_bytes=WAL_BYTES))
        running.callback(broker.remove)
        floor = running.enter_context(compiled_floor())
        broker.start()
        for _ in range(2 if quick else 5):
            rounds.fast.append(await one_round(broker, "ours", 300_000 if quick else 1_000_000))
            rounds.steady.append(
                await one_round(broker, "ours", RATE * (3 if quick else 10), rate=RATE)
            )
            rounds.synced_ms += synced_ms(folder)
            rounds.plain.append(await one_round(broker, "plain", 4_000 if quick else 20_000))
            if isinstance(floor, str):
                rounds.why_no_floor = floor
                continue
            per_body = round(rounds.fast[-1].per_message)
            bodies = Floor(floor, len(body_of(per_body)), per_body)
            rounds.floor.append(await one_round(broker, bodies, rounds_of(per_body)))
    return rounds


def synced_ms(folder: Path) -> list[float]:
    """Return how long syncs of a message's worth of bytes take on the disk of a folder."""
    taken = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(SYNCED_BYTES))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1e3)
            time.sleep(TICK_S)
    return taken


def figures_of(rounds: Rounds) -> list[Figure]:
    """Make figures of the medians."""
    per_s, plain_per_s = _median(rounds.fast, "per_s"), _median(rounds.plain, "per_s")
    floor_per_s = _median(rounds.floor, "per_s") if rounds.floor else None
    figures = [
        Figure(
            name="as fast as it goes",
            value=per_s,
            unit="events/s",
            floor=floor_per_s,
            peer=plain_per_s,
            goal=GOAL_PER_S,
            better="higher",
        ),
        Figure(
            name="against one message an event",
            value=per_s / plain_per_s,
            unit="times",
            goal=GOAL_TIMES_PLAIN,
            better="higher",
        ),
    ]
    for name, of in (
        ("publisher", "publisher_us"),
        ("reader", "reader_us"),
        ("broker", "broker_us"),
        ("all three", "all_us"),
    ):
        figures.append(
            Figure(
                name=f"processor time: {name}",
                value=_median(rounds.fast, of),
                unit="µs/event",
                floor=_median(rounds.floor, of) if rounds.floor else None,
                peer=_median(rounds.plain, of),
                goal=GOAL_US if of == "all_us" else None,
            )
        )
    at = f"at {RATE:,} events/s"
    synced = sorted(rounds.synced_ms)
    return [
        *figures,
        Figure(name="events a message", value=_median(rounds.fast, "per_message"), unit=""),
        Figure(
            name=f"{at}: p50",
            value=_median(rounds.steady, "p50_ms"),
            unit="ms",
            floor=percentile(synced, 0.5),
            goal=GOAL_P50_MS,
        ),
        Figure(
            name=f"{at}: p99",
            value=_median(rounds.steady, "p99_ms"),
            unit="ms",
            floor=percentile(synced, 0.99),
            goal=GOAL_P99_MS,
        ),
        Figure(
            name=f"{at}: processor time", value=_median(rounds.steady, "all_us"), unit="µs/event"
        ),
        Figure(
            name=f"{at}: events a message", value=_median(rounds.steady, "per_message"), unit=""
        ),
    ]


def body_of(events: int) -> bytes:
    """Return what a message of so many events holds."""
    return codec.encode(list(itertools.islice(made_events(), events)))


def rounds_of(per_body: int) -> int:
    """Return how many events the floor moves: enough bodies for it to last."""
    return per_body * max(200, 500_000 // per_body)


def _median(rounds: Sequence[Round], of: str) -> float:
    figure: Callable[[Round], float] = attrgetter(of)
    return statistics.median(map(figure, rounds))


def main() -> None:
    """Measure and report."""
    given = arguments(__doc__ or "")
    configure_logging("error")
    rounds = asyncio.run(measure(quick=given.quick))
    if rounds.why_no_floor:
        print(f"bus: no floor is measured: {rounds.why_no_floor}", file=sys.stderr)
    report("bus", figures_of(rounds), as_json=given.json)


if __name__ == "__main__":
    main()
