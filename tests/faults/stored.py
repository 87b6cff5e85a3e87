"""What InfluxDB has, asked for without the help of the code that wrote it."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from market import Instrument, Trade
from tests.faults.exchange import Key
from tests.servers.influx_server import InfluxServer

DATABASE, POLICY = "crypto", "raw"
COUNT = "SELECT count(trade_id) FROM trade WHERE time >= $start_ns AND time < $until_ns"
NEWEST = "SELECT last(trade_id) FROM trade WHERE time >= $start_ns GROUP BY venue"
TRADES = (
    "SELECT trade_id, price, size, side FROM trade WHERE time >= $start_ns "
    "GROUP BY venue, base, quote_currency"
)


class Difference(msgspec.Struct, frozen=True):
    """What tells the trades that were told from those that are stored; all empty: nothing does."""

    missing: tuple[str, ...]
    twice: tuple[str, ...]
    unexpected: tuple[str, ...]
    altered: tuple[str, ...]

    @property
    def is_none(self) -> bool:
        return not (self.missing or self.twice or self.unexpected or self.altered)

    def __str__(self) -> str:
        kinds = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return "; ".join(f"{len(ids)} {name}: {_some(ids)}" for name, ids in kinds if ids)


class Stored:
    """Reads the trades of one server from ``start_ns`` on."""

    def __init__(self, server: InfluxServer, start_ns: int) -> None:
        self._server = server
        self._start_ns = start_ns

    async def count(self, until_ns: int) -> int:
        """Return how many points of trades there are before ``until_ns``."""
        series = await self._ask(COUNT, until_ns=until_ns)
        return sum(one["values"][0][1] for one in series)

    async def newest_ns(self) -> dict[str, int]:
        """Return the time of the last trade of each venue."""
        series = await self._ask(NEWEST)
        return {one["tags"]["venue"]: one["values"][0][0] for one in series}

    async def trades(self) -> dict[Key, list[tuple[str, float, float, str]]]:
        """Return id, price, size and side of every point, by venue and instrument.

        One that is being written may be seen with some of its fields: it is not there yet.
        """
        series = await self._ask(TRADES)
        found: defaultdict[Key, list[tuple[str, float, float, str]]] = defaultdict(list)
        for one in series:
            tags = one["tags"]
            key = tags["venue"], Instrument(tags["base"], tags["quote_currency"])
            found[key] += [tuple(values[1:]) for values in one["values"] if None not in values]
        return found

    async def shard_ns(self) -> int:
        """Return how much time goes into one shard."""
        (series,) = await self._ask(f'SHOW RETENTION POLICIES ON "{DATABASE}"')
        column = series["columns"].index("shardGroupDuration")
        (text,) = [row[column] for row in series["values"] if row[0] == POLICY]
        return int(text.partition("h")[0]) * 3_600 * 10**9

    async def write(self, line: str) -> None:
        """Store one line."""
        where = {"bucket": f"{DATABASE}/{POLICY}", "precision": "ns"}
        async with self._session() as session:
            url = f"{self._server.url}/api/v2/write"
            async with session.post(url, params=where, data=line) as answer:
                answer.raise_for_status()

    async def _ask(self, statement: str, **given: int) -> list[dict[str, Any]]:
        params = json.dumps({"start_ns": self._start_ns, **given})
        asked = {"db": DATABASE, "rp": POLICY, "epoch": "ns", "q": statement, "params": params}
        url = f"{self._server.url}/query"
        async with self._session() as session, session.get(url, params=asked) as answer:
            answer.raise_for_status()
            (result,) = msgspec.json.decode(await answer.read())["results"]
        if "error" in result:
            raise RuntimeError(result["error"])
        return list(result.get("series", []))

    def _session(self) -> aiohttp.ClientSession:
        headers = {"Authorization": f"Token {self._server.token}"}
        return aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30))


def difference(
    told: Mapping[Key, Mapping[str, Trade]],
    required: Mapping[Key, Mapping[str, Trade]],
    stored: Mapping[Key, list[tuple[str, float, float, str]]],
) -> Difference:
    """Hold what is stored against all that was told and that part of it which must be there."""
    missing: list[str] = []
    twice: list[str] = []
    unexpected: list[str] = []
    altered: list[str] = []
    for key in told.keys() | stored.keys():
        rows = {row[0]: row for row in stored.get(key, ())}
        ledger = told.get(key, {})
        counts = Counter(row[0] for row in stored.get(key, ()))
        missing += _named(key, required.get(key, {}).keys() - rows.keys())
        unexpected += _named(key, rows.keys() - ledger.keys())
        twice += _named(key, {name for name, count in counts.items() if count > 1})
        altered += [
            f"{key[0]} {key[1]} {row} for {_row(ledger[name])}"
            for name, row in sorted(rows.items())
            if name in ledger and row != _row(ledger[name])
        ]
    return Difference(tuple(missing), tuple(twice), tuple(unexpected), tuple(altered))


def _row(trade: Trade) -> tuple[str, float, float, str]:
    return trade.trade_id, trade.price, trade.size, trade.side


def _named(key: Key, ids: set[str]) -> list[str]:
    return [f"{key[0]} {key[1]} {name}" for name in sorted(ids)]


def _some(ids: tuple[str, ...]) -> str:
    return ", ".join(ids[:3]) + (f" ... {ids[-1]}" if len(ids) > 3 else "")
