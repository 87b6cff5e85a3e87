"""Workers share the partitions: one is killed, one comes later, and each trade is stored once."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from infrastructure.bus.amqp import connect_amqp
from infrastructure.bus.port import Bus, Overflow
from infrastructure.timeseries.influx import connect_influx
from infrastructure.timeseries.port import TimeSeries
from market import ActorStatus, Candle, Trade
from market.intervals import INTERVALS, SECOND_NS, start_of
from tests.faults.exchange import Exchange, Key
from tests.faults.rig import a_vhost
from tests.faults.stored import Stored, difference
from tests.processes import Service
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

PARTITIONS = 5
GROUPS = ("storage.writer", "refresher.candles")
FOLLOWED_WITHIN_S = 5.0
A_BEAT_S = 1.5
STARTED_WITHIN_S = 120.0
MINUTE = INTERVALS["1m"]


class Shares:
    """Which partitions each process said that it works on, a moment ago."""

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], set[int]] = defaultdict(set)

    async def listen(self, bus: Bus) -> None:
        """Listen until cancelled."""
        async with bus.mailbox(
            "test", ["actor.#"], capacity=10_000, overflow=Overflow.DROP_OLDEST
        ) as mailbox:
            while True:
                for event in await mailbox.receive(1_000):
                    if isinstance(event, ActorStatus) and ".of-" in event.actor:
                        who = event.actor.partition(".of-")[0], event.process.rpartition(":")[2]
                        said = event.reason.partition(" of ")[0]
                        self.told[who] = {int(number) for number in re.findall(r"\d+", said)}
                await mailbox.done()

    def are_even(self, workers: Sequence[Service]) -> bool:
        """Tell whether these work on all of each group, nobody twice, each on as many."""
        return all(self._is_even(group, workers) for group in GROUPS)

    def _is_even(self, group: str, workers: Sequence[Service]) -> bool:
        held = [self.told[group, str(worker.pid)] for worker in workers]
        counts = Counter(partition for one in held for partition in one)
        sizes = sorted(map(len, held))
        return counts == Counter(range(PARTITIONS)) and sizes[-1] - sizes[0] <= 1


class Ledger:
    """Trades since it was begun, told and stored."""

    def __init__(self, exchange: Exchange, influx: InfluxServer) -> None:
        self._exchange = exchange
        self._influx = influx
        exchange.forget()
        self.since_ns = time.time_ns()

    async def balance(self) -> None:
        """Wait until as many are stored as were told; then see that they are the same, each once.

        See as well that the candles which closed meanwhile are the sums of their trades.
        """
        until_ns = time.time_ns()
        told = self._exchange.told_between(self.since_ns, until_ns)
        stored = Stored(self._influx, self.since_ns)
        expected = sum(map(len, told.values()))
        async with asyncio.timeout(120):
            while await stored.count(until_ns) < expected:
                continue
        everything = self._exchange.told_between(0, time.time_ns())
        differs = difference(everything, told, await stored.trades())
        assert differs.is_none, str(differs)
        influx = self._influx
        async with connect_influx(influx.url, token=influx.token, org=influx.org) as store:
            for key, trades in told.items():
                await _until_candles_are_right(store, key, list(trades.values()), self.since_ns)


@pytest.mark.rabbitmq
@pytest.mark.influxdb
@pytest.mark.timeout(400)
async def test_each_trade_is_stored_once_and_candles_are_right_as_workers_come_and_go(
    the_rabbitmq_node: RabbitMQServer, influx_server: InfluxServer, tmp_path: Path
) -> None:
    async with AsyncExitStack() as opened:
        url = await opened.enter_async_context(a_vhost(the_rabbitmq_node))
        exchange = await opened.enter_async_context(Exchange.trading(("binance", "kraken")))
        bus = await opened.enter_async_context(connect_amqp(url, partitions=PARTITIONS))
        shares = Shares()
        listening = asyncio.create_task(shares.listen(bus))
        opened.callback(listening.cancel)
        stream, *workers = _services(url, influx_server, exchange, tmp_path)
        for service in (*workers, stream):
            opened.push_async_callback(service.end)
            await service.start()
        await eventually(lambda: shares.are_even(workers), within_s=STARTED_WITHIN_S)
        ledger = Ledger(exchange, influx_server)
        exchange.rate = 300.0

        await workers[0].kill()
        killed_at = time.monotonic()
        await eventually(lambda: shares.are_even(workers[1:]), within_s=STARTED_WITHIN_S)
        followed_s = time.monotonic() - killed_at
        await workers[0].start()
        await eventually(lambda: shares.are_even(workers), within_s=STARTED_WITHIN_S)
        await asyncio.sleep(_until_the_next_minute_s())
        exchange.rate = 0.0

        await ledger.balance()
    assert followed_s < FOLLOWED_WITHIN_S + A_BEAT_S


def _services(url: str, influx: InfluxServer, exchange: Exchange, folder: Path) -> list[Service]:
    """Make a stream and three workers."""
    settings = {
        "bus_url": url,
        "partitions": str(PARTITIONS),
        "store_url": influx.url.replace("http", "influxdb", 1),
        "store_token": influx.token,
        "store_org": influx.org,
        "simulator": exchange.served.address,
        "venues": ",".join(exchange.venues),
        "assets": "BTC,ETH,XRP,SOL",
        "quote_currencies": "USDT,USD",
        "raw_retention_days": "7",
        "log_format": "json",
    }
    workers = [
        Service(
            settings=settings, log=folder / f"worker-{number}.log", module="tests.system.worker"
        )
        for number in range(3)
    ]
    return [Service("stream", settings=settings, log=folder / "stream.log"), *workers]


async def _until_candles_are_right(
    store: TimeSeries, key: Key, told: Sequence[Trade], since_ns: int
) -> None:
    """Compare the candles that closed meanwhile with the sums of what was told."""
    expected: Counter[int] = Counter()
    volumes: defaultdict[int, float] = defaultdict(float)
    last = start_of(max(trade.event_ns for trade in told), "1m")
    for trade in told:
        start = start_of(trade.event_ns, "1m")
        if since_ns <= start < last:
            expected[start] += 1
            volumes[start] += trade.size
    found: dict[int, Candle] = {}
    async with asyncio.timeout(60):
        while {start: found[start].trades for start in expected if start in found} != expected:
            candles = await store.candles(
                *key, "1m", start_ns=since_ns, end_ns=time.time_ns(), limit=1_000
            )
            found = {candle.start_ns: candle for candle in candles}
            await asyncio.sleep(0.2)
    assert {start: found[start].volume for start in expected} == pytest.approx(dict(volumes))


def _until_the_next_minute_s() -> float:
    """Return the seconds until a whole minute is over and its candle closed."""
    return (MINUTE - time.time_ns() % MINUTE) / SECOND_NS + 4.0
