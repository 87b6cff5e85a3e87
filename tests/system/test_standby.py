"""The refresher that leads is killed: another goes on, and each life of a route is told once."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from infrastructure.bus.amqp import connect_amqp
from infrastructure.bus.port import Bus, Overflow
from market import ActorStatus, Episode, Event, Routes
from tests.making import SECOND, a_quote, a_status
from tests.processes import Service
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

BASES = tuple(f"C{number}" for number in range(8))
LIFE_S = 0.9
TICK_S = 0.05
TAKEN_OVER_WITHIN_S = 5.0
SLOT_NS = 6 * SECOND // 10
"""How much later an end may be told: of a slot only the last is looked at, and that takes time."""


class Market(msgspec.Struct):
    """Quotes of two venues; of each coin a route opens and closes, again and again."""

    began: float
    lives: defaultdict[str, list[list[int]]]
    is_open: dict[str, bool]

    async def trade(self, bus: Bus) -> None:
        """Quote, and note what was quoted, until cancelled."""
        while True:
            now_ns = time.time_ns()
            events: list[Event] = [a_status(venue, at_ns=now_ns) for venue in ("binance", "kraken")]
            for number, base in enumerate(BASES):
                events += self._quotes(base, number, now_ns)
            await bus.publish(events)
            await asyncio.sleep(TICK_S)

    def _quotes(self, base: str, number: int, now_ns: int) -> Iterator[Event]:
        phase = (time.monotonic() - self.began + 0.1 * number) / LIFE_S
        pays = int(phase) % 2 == 1
        if pays and not self.is_open.get(base):
            self.lives[base].append([now_ns, 0])
        elif not pays and self.is_open.get(base):
            self.lives[base][-1][1] = now_ns
        self.is_open[base] = pays
        bid = 103.0 if pays else 99.5
        yield a_quote("binance", f"{base}-USDT", bid=99.0, ask=100.0, at_ns=now_ns)
        yield a_quote("kraken", f"{base}-USDT", bid=bid, ask=104.0, at_ns=now_ns)


class Heard(msgspec.Struct):
    """What the replicas told, and when."""

    episodes: list[Episode]
    routes_at: list[float]
    processes: set[str]

    async def listen(self, bus: Bus) -> None:
        """Listen until cancelled."""
        patterns = ["episode.#", "routes.#", "actor.#"]
        async with bus.mailbox(
            "test", patterns, capacity=100_000, overflow=Overflow.DROP_OLDEST
        ) as mailbox:
            while True:
                for event in await mailbox.receive(1_000):
                    self._take(event)
                await mailbox.done()

    def _take(self, event: Event) -> None:
        match event:
            case Episode(type="direct"):
                self.episodes.append(event)
            case Routes():
                self.routes_at.append(time.monotonic())
            case ActorStatus(actor="refresher.routes", state="running"):
                self.processes.add(event.process.rpartition(":")[2])
            case _:
                pass


@asynccontextmanager
async def beside(*works: asyncio.Task[None]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


@pytest.mark.rabbitmq
@pytest.mark.timeout(240)
async def test_standby_goes_on_within_seconds_and_each_life_is_told_once(
    rabbitmq_node: RabbitMQServer, tmp_path: Path
) -> None:
    settings = {"bus_url": rabbitmq_node.url, "store_url": "duckdb:", "log_format": "json"}
    replicas = [
        Service("refresh", settings=settings, log=tmp_path / f"replica{number}.log")
        for number in range(2)
    ]
    market = Market(time.monotonic(), defaultdict(list), {})
    heard = Heard([], [], set())
    async with AsyncExitStack() as opened:
        bus = await opened.enter_async_context(connect_amqp(rabbitmq_node.url))
        for replica in replicas:
            opened.push_async_callback(replica.end)
        trading = asyncio.create_task(market.trade(bus))
        listening = asyncio.create_task(heard.listen(bus))
        await opened.enter_async_context(beside(trading, listening))
        leader, standby = replicas
        await leader.start()
        await eventually(lambda: heard.routes_at, within_s=30)
        await standby.start()
        await eventually(lambda: str(standby.pid) in heard.processes, within_s=30)
        await asyncio.sleep(4)  # some lives of which both know

        await leader.kill()
        killed_ns, killed_at = time.time_ns(), time.monotonic()
        await eventually(
            lambda: heard.routes_at[-1] > killed_at + 0.5, within_s=TAKEN_OVER_WITHIN_S
        )
        await asyncio.sleep(4)
        until_ns = time.time_ns() - SECOND

        await eventually(lambda: heard.episodes[-1].closed_ns > until_ns, within_s=5)

    first_ns = killed_ns - 3 * SECOND
    for base in BASES:
        told = [one for one in heard.episodes if one.base == base]
        lived = [
            life for life in market.lives[base] if first_ns < life[0] and 0 < life[1] < until_ns
        ]
        assert len(lived) > 1
        for opened_ns, closed_ns in lived:
            matching = [
                one for one in told if one.opened_ns <= closed_ns and one.closed_ns >= opened_ns
            ]
            assert len(matching) == 1, f"{base} {opened_ns} {closed_ns} {matching}"
            assert 0 <= matching[0].closed_ns - closed_ns < SLOT_NS
