"""Two streams follow a part each; of one that dies the API tells, and no other quote suffers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from market import Instrument
from market.spread import is_in_shard
from tests.faults.exchange import INSTRUMENTS, Exchange
from tests.faults.rig import a_vhost
from tests.processes import Service, free_port, until_ready
from tests.servers.rabbitmq_node import RabbitMQServer

SHARDS = ("1/2", "2/2")
LISTED = {"binance": 4, "kraken": 8}
"""Instruments of those asked for that each venue has."""

NOTICED_WITHIN_S = 15.0
STARTED_WITHIN_S = 90.0


@pytest.mark.rabbitmq
@pytest.mark.timeout(300)
async def test_venue_is_whole_while_two_streams_share_it_and_stale_in_part_when_one_dies(
    the_rabbitmq_node: RabbitMQServer, tmp_path: Path
) -> None:
    port = free_port()
    async with AsyncExitStack() as opened:
        url = await opened.enter_async_context(a_vhost(the_rabbitmq_node))
        exchange = await opened.enter_async_context(Exchange.trading(("binance", "kraken")))
        settings = {
            "bus_url": url,
            "store_url": "duckdb:",
            "simulator": exchange.served.address,
            "venues": "binance,kraken",
            "assets": "BTC,ETH,XRP,SOL",
            "quote_currencies": "USDT,USD",
            "port": str(port),
        }
        serve = Service("serve", settings=settings, log=tmp_path / "serve.log")
        streams = [
            Service(
                "stream",
                settings={**settings, "stream_shard": shard},
                log=tmp_path / f"stream-{shard[0]}.log",
            )
            for shard in SHARDS
        ]
        for service in (serve, *streams):
            opened.push_async_callback(service.end)
            await service.start()
        await until_ready(port, serve, within_s=STARTED_WITHIN_S)
        whole = await _until(port, _are_live, within_s=STARTED_WITHIN_S)

        await streams[1].kill()
        part = await _until(port, _are_stale, within_s=NOTICED_WITHIN_S)
        usable = await _fresh_quotes(port)
        await streams[1].start()
        again = await _until(port, _are_live, within_s=STARTED_WITHIN_S)

    followed = {row["venue"]: row["instruments"] for row in whole}
    assert followed == {row["venue"]: row["instruments"] for row in again}
    assert all(row["reason"].startswith("part 2/2: no status") for row in part)
    assert usable
    assert all(is_in_shard(instrument, "1/2") for instrument in usable)
    assert any(is_in_shard(instrument, "2/2") for instrument in INSTRUMENTS)


def _are_live(rows: list[dict[str, Any]]) -> bool:
    """Tell whether each venue is, with as many instruments as it lists of those asked for."""
    return [row["venue"] for row in rows] == sorted(LISTED) and all(
        row["state"] == "live" and row["instruments"] == LISTED[row["venue"]] for row in rows
    )


def _are_stale(rows: list[dict[str, Any]]) -> bool:
    return all(row["state"] == "stale" for row in rows)


async def _until(
    port: int, condition: Callable[[list[dict[str, Any]]], bool], *, within_s: float
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(within_s):
            while not condition(rows := await _ask(port, "/v1/venues")):
                continue
    except TimeoutError:
        pytest.fail(f"not within {within_s:g} s: {rows}")
    return rows


async def _fresh_quotes(port: int) -> list[Instrument]:
    rows = await _ask(port, "/v1/quotes")
    return [Instrument.parse(row["symbol"]) for row in rows if not row["stale"]]


async def _ask(port: int, path: str) -> list[dict[str, Any]]:
    async with httpx2.AsyncClient(trust_env=False, timeout=5.0) as http:
        answer = (await http.get(f"http://127.0.0.1:{port}{path}")).json()
    rows: list[dict[str, Any]] = answer["data"]
    return rows
