"""Every streamed venue under every fault at random, for as long as is wanted.

This process plays the venues and causes the faults; their connections run in a process of their
own, which passes on what they publish. At the end each trade that a venue told must have been
published once, or lie within a gap that was told; no quote or book may have been crossed, every
venue must be live again, and memory may not have grown in the second half.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from cryptotracker.running import fast_loop
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from infrastructure.log import configure_logging
from market import Book, Event, Gap, Instrument, Quote, Trade, VenueStatus
from stream_service.connection import VenueConnection
from stream_service.simulator.prices import simulated_listings
from stream_service.simulator.server import SimulatedVenues, Simulator, simulated
from stream_service.venues import load_venues
from tests.stream.account import LONGEST_FAULT_S, Account, NotedWorld, Row, impatient, trouble
from tests.waiting import eventually

INSTRUMENTS = [
    Instrument(base, quote) for base in ("BTC", "XRP") for quote in ("USD", "KRW", "USDT")
]
STARTS_WITHIN_S = 30.0
SETTLES_WITHIN_S = 90.0
LOOKED_AT_EVERY_S = 1.0
GROWTH_GOAL_PERCENT = 5.0
SAMPLE_EVERY_S = 1.0
FEWEST_SAMPLES = 20
PAGE_BYTES = 4_096
LONGEST_LINE = 2**20


class Arguments(msgspec.Struct, kw_only=True):
    """What the command line says."""

    minutes: float
    json: bool
    seed: int
    events_per_s: float
    fault_every_s: float
    stream: str


class Report(msgspec.Struct, kw_only=True):
    """What came of a run; ``met``: no difference, no growth."""

    met: bool
    growth_percent: float
    resident_mb: float
    faults: int
    rows: list[Row]


async def stream(address: str) -> None:
    """Run the connections; write what they publish to standard output, one JSON object a line."""
    bus = LocalBus()
    encoder, out = msgspec.json.Encoder(), sys.stdout.buffer
    async with (
        bus.mailbox("soak", ["#"], capacity=100_000, overflow=Overflow.WAIT) as mailbox,
        asyncio.TaskGroup() as tasks,
    ):
        for venue in load_venues().values():
            here = impatient(simulated(venue, address))
            tasks.create_task(VenueConnection(here, INSTRUMENTS, bus).run())
        while True:
            for event in await mailbox.receive(1_000):
                if _is_worth_a_line(event):
                    out.write(encoder.encode(event) + b"\n")
            out.flush()
            await mailbox.done()


def _is_worth_a_line(event: Event) -> bool:
    match event:
        case Quote():
            return event.bid > event.ask
        case Book():
            return bool(event.bids and event.asks) and event.bids[0].price > event.asks[0].price
        case _:
            return isinstance(event, Trade | Gap | VenueStatus)


async def soak(given: Arguments) -> Report:
    """Play, trouble, let it settle, and hold what was told against what came."""
    account = Account()
    venues = list(load_venues().values())
    listings = {venue.name: simulated_listings(venue, INSTRUMENTS) for venue in venues}
    world = NotedWorld(listings, seed=given.seed, start_ns=time.time_ns())
    world.account = account
    streams = [(name, row.instrument) for name, rows in listings.items() for row in rows]
    async with (
        SimulatedVenues(venues, world.markets).serving() as served,
        _streaming(served.address, account) as process,
        asyncio.TaskGroup() as tasks,
    ):
        simulator = Simulator(served, world, events_per_s=given.events_per_s)
        playing = tasks.create_task(simulator.run())
        await eventually(lambda: account.flows(streams), within_s=STARTS_WITHIN_S)
        account.begin()
        troubling = tasks.create_task(trouble(served, every_s=given.fault_every_s, seed=given.seed))
        resident = await _resident_bytes(process.pid, given.minutes * 60)
        troubling.cancel()
        await asyncio.sleep(LONGEST_FAULT_S)  # until the last fault is over
        account.end()
        await _settled(account)  # the market plays on: who hears nothing is not live
        playing.cancel()
        faults = sum(one.caused for one in served.faults.values())
    return _report(account, resident, faults)


@asynccontextmanager
async def _streaming(address: str, account: Account) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the connections in a process of their own; ``account`` hears what they publish."""
    command = (sys.executable, "-m", "benchmarks.soak", "--stream", address)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        cwd=Path(__file__).parent.parent,
    )
    decoder = msgspec.json.Decoder(Event)
    lines = process.stdout

    async def listen() -> None:
        while lines and (line := await lines.readline()):
            account.hear(decoder.decode(line))
        raise RuntimeError(f"the connections ended with status {await process.wait()}")

    listening = asyncio.create_task(listen())
    try:
        yield process
        if listening.done():
            listening.result()
    finally:
        listening.cancel()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _resident_bytes(pid: int, seconds: float) -> list[int]:
    """Sample the memory of a process for so long."""
    ends_at = time.monotonic() + seconds
    samples = []
    while time.monotonic() < ends_at:
        await asyncio.sleep(SAMPLE_EVERY_S)
        statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii")  # noqa: ASYNC240  # no disk
        samples.append(int(statm.split()[1]) * PAGE_BYTES)
    return samples


async def _settled(account: Account) -> None:
    """Wait until no difference is left, or for long enough: the report says what is left."""
    ends_at = time.monotonic() + SETTLES_WITHIN_S
    while _differs(account) and time.monotonic() < ends_at:  # noqa: ASYNC110  # to look takes long
        await asyncio.sleep(LOOKED_AT_EVERY_S)


def _differs(account: Account) -> bool:
    return any(row.differences for row in account.rows())


def _report(account: Account, resident: list[int], faults: int) -> Report:
    rows = account.rows()
    growth = _growth_percent(resident)
    return Report(
        met=growth <= GROWTH_GOAL_PERCENT and not any(row.differences for row in rows),
        growth_percent=growth,
        resident_mb=max(resident, default=0) / 1e6,
        faults=faults,
        rows=rows,
    )


def _growth_percent(samples: list[int]) -> float:
    """Return what memory grew by in the second half, by the medians of a tenth at its ends."""
    if len(samples) < FEWEST_SAMPLES:
        return 0.0
    tenth, half = len(samples) // 10, len(samples) // 2
    before = statistics.median(samples[half : half + tenth])
    return (statistics.median(samples[-tenth:]) / before - 1) * 100


def _print(report: Report) -> None:
    names = [field for field in Row.__struct_fields__ if field != "differences"]
    table = Table(*names, title="soak")
    for row in report.rows:
        table.add_row(*(str(getattr(row, name)) for name in names))
    console = Console()
    console.print(table)
    for row in report.rows:
        for difference in row.differences[:5]:
            console.print(f"{row.venue}: {difference}", markup=False)
    growth = f"{report.growth_percent:+.2f} % in the second half"
    memory = f"{report.resident_mb:.1f} MB at most, {growth}"
    console.print(f"{report.faults} faults; {memory}; {'met' if report.met else 'MISSED'}")


def _arguments() -> Arguments:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--seed", type=int, default=1, help="fixes which faults come where")
    parser.add_argument("--events-per-s", type=float, default=600.0)
    parser.add_argument("--fault-every-s", type=float, default=0.3)
    parser.add_argument("--stream", default="", help=argparse.SUPPRESS)
    return Arguments(**vars(parser.parse_args()))


def main() -> None:
    """Soak and report; exit 1 on any difference or growth."""
    given = _arguments()
    configure_logging("error")
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        if given.stream:
            runner.run(stream(given.stream))
            return
        report = runner.run(soak(given))
    if given.json:
        print(msgspec.json.encode(report).decode())
    else:
        _print(report)
    sys.exit(0 if report.met else 1)


if __name__ == "__main__":
    main()
