"""Every venue under every fault at random: each trade comes once, or is told to be missing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from market import Instrument
from stream_service.connection import VenueConnection
from stream_service.simulator.prices import simulated_listings
from stream_service.simulator.server import SimulatedVenues, Simulator
from stream_service.venues import load_venues
from tests.stream.account import LONGEST_FAULT_S, Account, NotedWorld, impatient, trouble
from tests.waiting import eventually

SEED = 20
TROUBLED_S = 15.0
CALM_WITHIN_S = 45.0
EVENTS_PER_S = 300.0
FAULT_EVERY_S = 0.3
INSTRUMENTS = [
    Instrument(base, quote) for base in ("BTC", "XRP") for quote in ("USD", "KRW", "USDT")
]


@pytest.fixture
async def exchanges() -> AsyncIterator[tuple[SimulatedVenues, NotedWorld]]:
    venues = list(load_venues().values())
    listings = {venue.name: simulated_listings(venue, INSTRUMENTS) for venue in venues}
    world = NotedWorld(listings, seed=SEED, start_ns=time.time_ns())
    world.account = Account()
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield served, world


async def test_every_trade_comes_once_or_is_told_to_be_missing(
    exchanges: tuple[SimulatedVenues, NotedWorld],
) -> None:
    served, world = exchanges
    account, bus = world.account, LocalBus()
    streams = [
        (name, row.instrument) for name, one in world.markets.items() for row in one.listings
    ]
    async with (
        bus.mailbox("test", ["#"], capacity=1_000_000, overflow=Overflow.DROP_OLDEST) as mailbox,
        asyncio.TaskGroup() as tasks,
    ):

        async def listen() -> None:
            while True:
                for event in await mailbox.receive(1_000):
                    account.hear(event)

        running = [tasks.create_task(listen())]
        for name in world.markets:
            connection = VenueConnection(impatient(served.venue(name)), INSTRUMENTS, bus)
            running.append(tasks.create_task(connection.run()))
        calm = Simulator(served, world, events_per_s=EVENTS_PER_S)
        playing = tasks.create_task(calm.run())
        await eventually(lambda: account.flows(streams), within_s=20)
        account.begin()
        troubling = tasks.create_task(trouble(served, every_s=FAULT_EVERY_S, seed=SEED))
        await asyncio.sleep(TROUBLED_S)  # the length of the test
        troubling.cancel()
        await asyncio.sleep(LONGEST_FAULT_S)  # until the last fault is over
        account.end()
        await _settled(account)  # the market plays on: who hears nothing is not live
        playing.cancel()
        for task in running:
            task.cancel()

    assert sum(row.told for row in account.rows()) > TROUBLED_S * EVENTS_PER_S / 10
    assert sum(row.reconnects for row in account.rows()) > 0


async def _settled(account: Account) -> None:
    """Wait until there is no difference; say which ones there are if that takes too long."""

    def differences() -> list[str]:
        return [f"{row.venue}: {one}" for row in account.rows() for one in row.differences]

    try:
        await eventually(lambda: not differences(), within_s=CALM_WITHIN_S)
    except TimeoutError:
        pytest.fail("\n".join(differences()[:20]))
