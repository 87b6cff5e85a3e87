"""The embedded store under a steady load: what it holds, and what that does to the event loop.

Events are published to the real writer at a fixed rate while one reader asks without a pause, and
a ticker measures how late the event loop wakes it. Floor: the same ticker while nothing goes on.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.report import Figure, percentile
from benchmarks.store_made import INSTRUMENTS, VENUES, made_events
from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import GapTerms
from market import Quote, Trade
from storage_service.writer import Writer

RATE = 30_000
BEFORE = 200_000
TICK_S = 0.001
PUBLISH_S = 0.002
MINUTE_NS = 60 * 10**9
GOAL_LAG_MS = 10.0
GOAL_OF_RATE = 0.98


class Held(msgspec.Struct):
    """What a round gave."""

    per_s: float
    own_us: float
    lags_ms: list[float]
    queries_ms: list[float]


async def embedded_figures(*, quick: bool) -> list[Figure]:
    """Hold the load for a while and return the figures."""
    seconds = 4.0 if quick else 15.0
    idle = await _idle_lags(1.0 if quick else 3.0)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(EmbeddedTimeSeries.open(Path(folder) / "store.duckdb")) as store,
    ):
        held = await _hold(store, seconds)
    return [
        Figure(
            name=f"embedded: rows stored of {RATE:,} a second",
            value=held.per_s,
            unit="/s",
            goal=RATE * GOAL_OF_RATE,
            better="higher",
        ),
        Figure(
            name="embedded: lag of the event loop, p99",
            value=percentile(held.lags_ms, 0.99),
            unit="ms",
            floor=percentile(idle, 0.99),
            goal=GOAL_LAG_MS,
        ),
        Figure(name="embedded: lag, p50", value=percentile(held.lags_ms, 0.5), unit="ms"),
        Figure(name="embedded: a query, p50", value=percentile(held.queries_ms, 0.5), unit="ms"),
        Figure(name="embedded: a query, p99", value=percentile(held.queries_ms, 0.99), unit="ms"),
        Figure(
            name="embedded: processor time an event, queries included", value=held.own_us, unit="us"
        ),
    ]


async def _hold(store: EmbeddedTimeSeries, seconds: float) -> Held:
    start_ns = time.time_ns()
    before = made_events(BEFORE, start_ns=start_ns - 10 * MINUTE_NS, step_ns=MINUTE_NS // 1_000_000)
    await store.write(list(before))
    step_ns = 10**9 // RATE
    events = list(made_events(int(seconds * RATE), start_ns=start_ns, step_ns=step_ns))
    bus = LocalBus()
    writer = Writer(bus, store)
    lags: list[float] = []
    queries: list[float] = []
    beside = [
        asyncio.create_task(writer.run()),
        asyncio.create_task(_tick(lags)),
        asyncio.create_task(_ask(store, queries)),
    ]
    await writer.listening.wait()
    own = time.process_time()
    await _publish(bus, events[:RATE])  # what the first second finds is not there yet
    began, stored = time.perf_counter(), writer.handled
    await _publish(bus, events[RATE:])
    per_s = (writer.handled - stored) / (time.perf_counter() - began)
    await bus.settle()
    own = time.process_time() - own
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    if writer.handled != len(events):
        raise RuntimeError(f"{writer.handled:,} of {len(events):,} events were stored")
    return Held(per_s, own / len(events) * 1e6, sorted(lags), sorted(queries))


async def _publish(bus: LocalBus, events: Sequence[Quote | Trade]) -> None:
    """Publish at the rate."""
    began, told = time.perf_counter(), 0
    while told < len(events):
        due = min(len(events), int((time.perf_counter() - began) * RATE))
        await bus.publish(events[told:due])
        told = due
        await asyncio.sleep(PUBLISH_S)


async def _ask(store: EmbeddedTimeSeries, took_ms: list[float]) -> None:
    """Ask what the API asks, one question after the other, until cancelled."""
    for venue, instrument in itertools.cycle(itertools.product(VENUES, INSTRUMENTS)):
        now_ns = time.time_ns()
        of_hour: dict[str, Any] = {
            "start_ns": now_ns - 60 * MINUTE_NS,
            "end_ns": now_ns,
            "limit": 500,
        }
        for ask in (
            partial(store.trades, venue, instrument, **of_hour),
            partial(store.quotes, venue, instrument, **of_hour),
            partial(store.candles, venue, instrument, "1m", **of_hour),
            partial(store.all_gaps, GapTerms(), **of_hour),
        ):
            began = time.perf_counter()
            await ask()
            took_ms.append((time.perf_counter() - began) * 1_000)


async def _tick(lags_ms: list[float]) -> None:
    """Note how late the loop wakes us, until cancelled."""
    while True:
        due = time.perf_counter() + TICK_S
        await asyncio.sleep(TICK_S)
        lags_ms.append((time.perf_counter() - due) * 1_000)


async def _idle_lags(seconds: float) -> list[float]:
    lags: list[float] = []
    ticking = asyncio.create_task(_tick(lags))
    await asyncio.sleep(seconds)
    ticking.cancel()
    return sorted(lags)
