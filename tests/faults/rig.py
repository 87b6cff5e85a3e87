"""The four services over a broker and a store, under load, for a fault to strike.

    async with rig.struck("broker killed", recovers_within_s=10) as blow:
        ...                     # the load is on; the fault begins
        blow.over()             # it ends; what it cost is counted from here

Leaving, the rig waits until trades that were told after the fault are stored, then until all are,
and holds what is stored against what was told: each trade once, none missing, none invented.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import aiohttp
import httpx2
import pytest

from market import Trade
from market.intervals import INTERVALS, start_of
from tests.books import assert_balanced
from tests.faults.exchange import CALM, Exchange, Key
from tests.faults.form import FORM, SHORT
from tests.faults.report import Outcome
from tests.faults.stored import Stored, difference
from tests.processes import Service, free_port, until_ready
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer

COMMANDS = ("store", "refresh", "serve", "stream")
VENUES = ("binance", "kraken")
ACTORS = {
    "store": ("storage.writer",),
    "refresh": ("refresher.routes", "refresher.candles"),
    "serve": ("api.view", "api.server"),
    "stream": tuple(f"stream.{venue}" for venue in VENUES),
}
"""The parts of each service."""

STALE_AFTER_S = 5.0
MS = 1_000_000
POLL_S = 0.1
STORED_WITHIN_S = 60.0 if FORM is SHORT else 180.0
"""Of many trades that were missed a venue tells a page a second."""

WELL_WITHIN_S = 90.0
NOT_THERE = (aiohttp.ClientError, httpx2.HTTPError, OSError, TimeoutError, RuntimeError)


class Surroundings:
    """Where the services run, and by which addresses they reach what is here."""

    def within(self, _command: str) -> Sequence[str]:
        """Return what a service's command is put behind."""
        return ()

    async def bus(self, url: str) -> str:
        """Return the URL by which the services reach the broker."""
        return url

    async def simulator(self, address: str) -> str:
        """Return the address by which the stream reaches the venues."""
        return address

    async def store(self, url: str) -> str:
        """Return the URL by which the services reach the store."""
        return url

    async def api(self, port: int) -> int:
        """Return the port by which the API is reached from here."""
        return port


HERE = Surroundings()


class Blow:
    """One fault: when it was over, and what may be said of it."""

    def __init__(self) -> None:
        self.over_ns = 0
        self.note = ""

    def over(self) -> None:
        """Count from now on."""
        self.over_ns = time.time_ns()


class Rig:
    """See the module."""

    def __init__(
        self, exchange: Exchange, influx: InfluxServer, services: Mapping[str, Service], port: int
    ) -> None:
        self.exchange = exchange
        self.influx = influx
        self.services = services
        self.port = port
        self.is_sound = True
        self.outcomes: list[Outcome] = []
        self.bus_url = ""
        self.first_whole_minute_ns = 0
        self._since_ns = 0

    @classmethod
    @asynccontextmanager
    async def running(
        cls,
        *,
        bus_url: str,
        influx: InfluxServer,
        folder: Path,
        surroundings: Surroundings = HERE,
    ) -> AsyncIterator[Self]:
        """Start all of it; it is ready once the API says so and trades are stored."""
        async with AsyncExitStack() as opened:
            exchange = await opened.enter_async_context(Exchange.trading(VENUES))
            listens_on = free_port()
            port = await surroundings.api(listens_on)
            store_url = await surroundings.store(influx.url)
            settings = {
                "bus_url": await surroundings.bus(bus_url),
                "store_url": store_url.replace("http", "influxdb", 1),
                "store_token": influx.token,
                "store_org": influx.org,
                "simulator": await surroundings.simulator(exchange.served.address),
                "venues": ",".join(VENUES),
                "assets": "BTC,ETH,XRP,SOL",
                "quote_currencies": "USDT,USD",
                "port": str(listens_on),
                "max_quote_age_s": f"{STALE_AFTER_S}",
                "log_format": "json",
            }
            services = {
                command: Service(
                    command,
                    settings=settings,
                    log=folder / f"{command}.log",
                    within=surroundings.within(command),
                )
                for command in COMMANDS
            }
            rig = cls(exchange, influx, services, port)
            rig.bus_url = bus_url
            for service in services.values():
                opened.push_async_callback(service.kill)
                await service.start()
            await until_ready(port, services["serve"], within_s=120)
            await rig.until_stored(time.time_ns())
            rig.first_whole_minute_ns = _minute_after(time.time_ns())
            yield rig

    @asynccontextmanager
    async def struck(self, fault: str, *, recovers_within_s: float) -> AsyncIterator[Blow]:
        """See the module."""
        self.is_sound = False
        self.exchange.forget()
        whole_ns = _minute_after(self.exchange.known_since_ns)
        self.first_whole_minute_ns = max(self.first_whole_minute_ns, whole_ns)
        self._since_ns = _millisecond(time.time_ns()) + MS
        self.exchange.rate = FORM.trades_per_s
        blow = Blow()
        try:
            await asyncio.sleep(FORM.before_s)
            yield blow
            if not blow.over_ns:
                blow.over()
            recovered_s = await self.until_stored(blow.over_ns)
            all_s = await self._until_counted(blow.over_ns)
            await asyncio.sleep(FORM.after_s)
        finally:
            self.exchange.rate = CALM
        outcome = Outcome(
            fault=fault,
            told=await self._compare(),
            recovered_s=recovered_s,
            all_s=all_s,
            note=blow.note,
        )
        self.outcomes.append(outcome)
        await self._until_well()
        assert_balanced(await self.status())
        self.is_sound = True
        assert recovered_s <= recovers_within_s, outcome

    async def until_stored(self, time_ns: int, *, within_s: float = STORED_WITHIN_S) -> float:
        """Wait until a trade of after ``time_ns`` is stored of each venue; return the seconds."""
        stored = Stored(self.influx, self._since_ns)

        async def is_there() -> bool:
            newest = await stored.newest_ns()
            return all(newest.get(venue, 0) > time_ns for venue in self.exchange.venues)

        await self._until(is_there, "no trade is stored that was told after the fault", within_s)
        return (time.time_ns() - time_ns) / 1e9

    async def until_a_minute_is_whole(self) -> None:
        """Wait for the first minute that the ledger has from its beginning."""
        await asyncio.sleep(max(0.0, (self.first_whole_minute_ns - time.time_ns()) / 1e9))

    async def status(self) -> dict[str, Any]:
        """Return what the API says about the system."""
        answer: dict[str, Any] = await self.ask("/v1/status")
        data: dict[str, Any] = answer["data"]
        return data

    async def ask(self, path: str) -> Any:
        """Ask the API."""
        async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as http:
            return (await http.get(f"http://127.0.0.1:{self.port}{path}")).json()

    async def reason_of(self, actor: str) -> str:
        """Return what the API says a part of ours waits for."""
        return "; ".join(
            one["reason"] for one in (await self.status())["actors"] if one["actor"] == actor
        )

    async def quote_lag_s(self) -> float:
        """Return how old the newest quote is that the API shows."""
        rows = (await self.ask("/v1/quotes"))["data"]
        return float(min(row["age_ms"] for row in rows)) / 1_000

    async def restart(self, *names: str) -> None:
        """Start services that were ended."""
        for name in names:
            await self.services[name].start()

    def tails(self) -> str:
        """Return the ends of the services' logs."""
        return "\n".join(f"--- {name}\n{one.tail()}" for name, one in self.services.items())

    async def _until_counted(self, over_ns: int) -> float:
        """Wait until as many are stored as were told before the fault was over."""
        end_ns = _millisecond(over_ns)
        expected = _count(self.exchange.told_between(self._since_ns, end_ns))
        stored = Stored(self.influx, self._since_ns)

        async def are_there() -> bool:
            return await stored.count(end_ns) >= expected

        otherwise = f"not all {expected} trades that were told before the fault was over are stored"
        await self._until(are_there, otherwise, STORED_WITHIN_S)
        return (time.time_ns() - over_ns) / 1e9

    async def _compare(self) -> int:
        """See that each trade is stored once, and as it was told; return how many there are."""
        end_ns = _millisecond(time.time_ns())
        required = self.exchange.told_between(self._since_ns, end_ns)
        expected = _count(required)
        stored = Stored(self.influx, self._since_ns)
        differs = difference({}, required, {})

        async def are_there() -> bool:
            nonlocal differs
            if await stored.count(end_ns) < expected:
                return False
            found = await stored.trades()  # before the ledger is read: whatever is stored was told
            told = self.exchange.told_between(self._since_ns, time.time_ns())
            differs = difference(told, required, found)
            return not differs.missing

        with suppress(TimeoutError):
            await self._until(are_there, "they differ", STORED_WITHIN_S)
        if differs.is_none:  # it was not looked at as long as too few were there
            found = await stored.trades()  # before the ledger is read: whatever is stored was told
            told = self.exchange.told_between(self._since_ns, time.time_ns())
            differs = difference(told, required, found)
        if not differs.is_none:
            pytest.fail(f"of {expected} trades {differs}\n{self.tails()}")
        return expected

    async def _until_well(self) -> None:
        """Wait until the API says that every part of every service runs and each venue is live."""

        async def is_well() -> bool:
            status = await self.status()
            running = {
                (one["actor"], int(one["process"].rpartition(":")[2]))
                for one in status["actors"]
                if one["state"] == "running"
            }
            expected = {
                (actor, service.pid)
                for name, service in self.services.items()
                for actor in ACTORS[name]
            }
            return expected <= running and {one["state"] for one in status["venues"]} == {"live"}

        await self._until(is_well, "the API does not say that all is well", WELL_WITHIN_S)

    async def _until(self, condition: Any, otherwise: str, within_s: float) -> None:
        patience = time.monotonic() + within_s
        while time.monotonic() < patience:
            try:
                if await condition():
                    return
            except NOT_THERE:
                pass  # what is asked may be down at present
            await asyncio.sleep(POLL_S)
        raise TimeoutError(f"{otherwise} within {within_s:g} s\n{self.tails()}")


def _millisecond(time_ns: int) -> int:
    return time_ns - time_ns % MS


def _minute_after(time_ns: int) -> int:
    return start_of(time_ns, "1m") + INTERVALS["1m"]


def _count(trades: Mapping[Key, Mapping[str, Trade]]) -> int:
    return sum(map(len, trades.values()))


@asynccontextmanager
async def a_vhost(node: RabbitMQServer) -> AsyncIterator[str]:
    """Make a virtual host of its own at a node; give the URL of the bus there."""
    name = f"faults-{secrets.token_hex(4)}"
    await asyncio.to_thread(node.ctl, "add_vhost", name)
    await asyncio.to_thread(node.ctl, "set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    try:
        yield f"{node.url.rstrip('/')}/{name}"
    finally:
        if node.is_running:
            await asyncio.to_thread(node.ctl, "delete_vhost", name)
