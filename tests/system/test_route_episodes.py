"""Every opening of a simulated market that lasts is told as an episode, and no other is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from analytics.routes.costs import Costs, Facts, Fee
from analytics.routes.terms import BoardTerms
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from market import Episode, Instrument
from market.intervals import SECOND_NS
from refresher_service.refresher import Refresher
from stream_service.connection import VenueConnection
from stream_service.simulator.prices import simulated_listings
from stream_service.simulator.server import SimulatedVenues, Simulator
from stream_service.venues import load_venues
from tests.system.openings import NotedWorld, Opening, Times, openings
from tests.waiting import eventually

VENUES = ("binance", "kucoin", "okx", "bybit")
INSTRUMENTS = [Instrument("BTC", "USDT"), Instrument("ETH", "USDT"), Instrument("XRP", "USDT")]
FEE_BPS = 10.0
SEED = 5
PLAYS_S = 20.0
EVENTS_PER_S = 240.0
LASTS_NS = SECOND_NS // 2
"""Openings that last longer must be shown."""

BLINK_NS = SECOND_NS // 10
"""Where this process did not run for longer, nobody could see what opened meanwhile."""

LATE_NS = SECOND_NS // 2
"""What passes between a venue's telling and ours, on a loaded machine."""


@pytest.fixture
async def exchanges() -> AsyncIterator[tuple[SimulatedVenues, NotedWorld]]:
    every = load_venues()
    venues = [every[name] for name in VENUES]
    listings = {venue.name: simulated_listings(venue, INSTRUMENTS) for venue in venues}
    world = NotedWorld(listings, seed=SEED, start_ns=time.time_ns(), gap_every_s=1.0)
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield served, world


async def test_what_opens_is_told_and_nothing_else(
    exchanges: tuple[SimulatedVenues, NotedWorld],
) -> None:
    served, world = exchanges
    bus, told, blinks = LocalBus(), list[Episode](), list[tuple[int, int]]()
    costs = Costs(Facts(fees={(venue,): Fee(bps=FEE_BPS, source="test") for venue in VENUES}))
    terms = BoardTerms(max_age_ns=15 * SECOND_NS)
    async with (
        bus.mailbox("test", ["episode.#"], capacity=10_000, overflow=Overflow.WAIT) as mailbox,
        asyncio.TaskGroup() as tasks,
    ):

        async def listen() -> None:
            while True:
                told.extend(e for e in await mailbox.receive(1_000) if isinstance(e, Episode))
                await mailbox.done()

        connections = [
            VenueConnection(served.venue(name), INSTRUMENTS, bus) for name in world.markets
        ]
        refresher = Refresher(bus, costs, terms)
        running = [tasks.create_task(one) for one in (listen(), _watch(blinks), refresher.run())]
        running += [tasks.create_task(one.run()) for one in connections]
        simulator = Simulator(served, world, events_per_s=EVENTS_PER_S)
        running.append(tasks.create_task(simulator.run()))
        await eventually(lambda: all(one.handled > 10 for one in connections), within_s=20)
        began_ns = time.time_ns()
        await asyncio.sleep(PLAYS_S)  # the length of the test
        world.close_gaps()
        ended_ns = time.time_ns()
        await eventually(lambda: not _open_now(world), within_s=10)
        await asyncio.sleep(1.0)  # the last episodes are told a flicker later
        for task in running:
            task.cancel()

    truth = openings(world.told, FEE_BPS / 10_000, time.time_ns())
    lasting = {
        (opening, span)
        for opening, spans in truth.items()
        for span in spans
        if _seen_ns(span, blinks) > LASTS_NS and began_ns < span[0] < ended_ns
    }
    assert len(lasting) >= 5  # or the test would say little
    missed = [one for one in lasting if not any(_tells(e, *one) for e in told)]
    invented = [e for e in told if e.opened_ns > began_ns and not _is_true(e, truth)]
    assert not missed
    assert not invented


async def _watch(blinks: Times) -> None:
    """Note when this process did not run."""
    looked_ns = time.time_ns()
    while True:
        await asyncio.sleep(BLINK_NS / SECOND_NS / 4)
        now_ns = time.time_ns()
        if now_ns - looked_ns > BLINK_NS:
            blinks.append((looked_ns, now_ns))
        looked_ns = now_ns


def _seen_ns(span: tuple[int, int], blinks: Times) -> int:
    unseen = (min(span[1], end) - max(span[0], start) for start, end in blinks)
    return span[1] - span[0] - sum(one for one in unseen if one > 0)


def _tells(episode: Episode, opening: Opening, span: tuple[int, int]) -> bool:
    return episode.route_id == opening.id and _meet((episode.opened_ns, episode.closed_ns), span)


def _is_true(episode: Episode, truth: dict[Opening, Times]) -> bool:
    """Tell whether it was open then; a longer way round takes from an opening on its way."""
    life = episode.opened_ns, episode.closed_ns
    return any(
        (opening.id == episode.route_id or (episode.type != "direct" and _is_on(opening, episode)))
        and any(_meet(life, span) for span in spans)
        for opening, spans in truth.items()
    )


def _is_on(opening: Opening, episode: Episode) -> bool:
    nodes = episode.route_id.split("|")[1].split(">")
    base = opening.instrument.base
    return {f"{opening.buy}:{base}", f"{opening.sell}:{base}"} <= set(nodes)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] + LATE_NS and other[0] <= one[1] + LATE_NS


def _open_now(world: NotedWorld) -> bool:
    now_ns = time.time_ns()
    found = openings(world.told, FEE_BPS / 10_000, now_ns)
    return any(span[1] == now_ns for spans in found.values() for span in spans)
