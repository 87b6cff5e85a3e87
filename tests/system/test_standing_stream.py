"""A stream that stands by goes on where another ended: no trade is missing, none is live twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from cryptotracker.compose import System
from cryptotracker.settings import Settings, read_settings
from infrastructure.bus.amqp import connect_amqp
from infrastructure.bus.port import Mailbox, Overflow
from market import Trade
from tests.faults.exchange import Exchange
from tests.faults.rig import a_vhost
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.waiting import eventually

STARTED_WITHIN_S = 60.0
TRADES = 20


@pytest.mark.rabbitmq
async def test_stream_that_stands_by_goes_on_where_another_ended(
    the_rabbitmq_node: RabbitMQServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    heard: list[Trade] = []
    async with AsyncExitStack() as opened:
        url = await opened.enter_async_context(a_vhost(the_rabbitmq_node))
        exchange = await opened.enter_async_context(Exchange.trading(("kraken",)))
        bus = await opened.enter_async_context(connect_amqp(url))
        mailbox = await opened.enter_async_context(
            bus.mailbox("test", ["trade.#"], capacity=100_000, overflow=Overflow.DROP_OLDEST)
        )
        await opened.enter_async_context(listening(mailbox, heard))
        settings = read_settings(
            bus_url=url,
            simulator=exchange.served.address,
            venues="kraken",
            assets="BTC,ETH,XRP,SOL",
            stream_shard="any/1",
        )

        async with running(settings) as first:
            await eventually(lambda: len(heard) > TRADES, within_s=STARTED_WITHIN_S)
            began_ns = max(trade.event_ns for trade in heard)
            second = await opened.enter_async_context(running(settings))
            await eventually(lambda: second.part is not None, within_s=STARTED_WITHIN_S)
            stood_by = second.part is not None and second.part.waiting_for
        ended_ns = time.time_ns()
        wanted = exchange.told_between(began_ns, ended_ns)
        numbers = {(venue, str(one), n) for (venue, one), told in wanted.items() for n in told}
        await eventually(lambda: numbers <= identities(heard), within_s=STARTED_WITHIN_S)
        await eventually(lambda: heard[-1].event_ns > ended_ns, within_s=STARTED_WITHIN_S)

    assert (first.shard, second.shard) == ("", "")
    assert stood_by == "standing by: others follow everything"
    live = [trade for trade in heard if not trade.backfilled]
    assert len(live) == len(identities(live))


def identities(trades: list[Trade]) -> set[tuple[str, str, str]]:
    """Return what each trade is known by."""
    return {(one.venue, str(one.instrument), one.trade_id) for one in trades}


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[System]:
    """Have a stream run as a process of its own would."""
    system = System(settings, frozenset({"stream"}))
    task = asyncio.create_task(system.run())
    try:
        yield system
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def listening(mailbox: Mailbox, heard: list[Trade]) -> AsyncIterator[None]:
    """Add the trades that come to ``heard``."""

    async def listen() -> None:
        while True:
            heard.extend(
                event for event in await mailbox.receive(1_000) if isinstance(event, Trade)
            )
            await mailbox.done()

    task = asyncio.create_task(listen())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
