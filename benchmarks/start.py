"""The start and the end: from the process start to the first route, from Ctrl+C to the exit.

Each round starts the whole system in one process, with simulated venues and a new store, waits for
the first route over REST, then interrupts it. Floor: a Python process that imports what serves HTTP
(uvicorn and FastAPI) and ends.
"""

from __future__ import annotations

import asyncio
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import msgspec

from benchmarks.report import Figure, arguments, report
from tests.processes import Service, free_port

GOAL_S = 3.0
PATIENCE_S = 30.0


class Round(msgspec.Struct):
    """Seconds of one round."""

    http_s: float
    route_s: float
    end_s: float
    floor_s: float


async def one_round() -> Round:
    """Start, wait for a route, interrupt."""
    floor_s = await _floor()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = {"port": str(port), "store_url": f"duckdb:{folder}/market.duckdb"}
        service = Service("up", settings=settings, log=Path(folder) / "up.log")
        started = time.perf_counter()
        await service.start()
        try:
            http_s, route_s = await _until_route(port, started)
        finally:
            interrupted = time.perf_counter()
            await service.end(signal.SIGINT)
            end_s = time.perf_counter() - interrupted
    return Round(http_s, route_s, end_s, floor_s)


async def _until_route(port: int, started: float) -> tuple[float, float]:
    """Return the seconds until HTTP is answered and until there is a route."""
    http_s = 0.0
    async with (
        asyncio.timeout(PATIENCE_S),
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http,
    ):
        while True:
            try:
                routes = (await http.get("/v1/routes?limit=1")).json()["data"]
            except httpx2.HTTPError:
                await asyncio.sleep(0.02)
                continue
            http_s = http_s or time.perf_counter() - started
            if routes:
                return http_s, time.perf_counter() - started
            await asyncio.sleep(0.02)


async def _floor() -> float:
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import uvicorn, fastapi")
    await process.wait()
    return time.perf_counter() - started


async def measure(*, quick: bool) -> list[Figure]:
    """Run the rounds and return the medians."""
    rounds = [await one_round() for _ in range(3 if quick else 9)]
    floor = statistics.median(each.floor_s for each in rounds)
    figures = {
        "process start to HTTP": [each.http_s for each in rounds],
        "process start to first route": [each.route_s for each in rounds],
        "Ctrl+C to the end": [each.end_s for each in rounds],
    }
    return [
        Figure(name=name, value=statistics.median(values), unit="s", floor=floor, goal=GOAL_S)
        for name, values in figures.items()
    ]


def main() -> None:
    """Measure and report."""
    given = arguments(__doc__ or "")
    report("start", asyncio.run(measure(quick=given.quick)), as_json=given.json)


if __name__ == "__main__":
    main()
