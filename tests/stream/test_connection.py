"""The connection of every venue, over real sockets to its simulated exchange."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, TypeVar

import msgspec
import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Mailbox, Overflow
from market import Event, Gap, Instrument, Quote, Trade, VenueStatus
from stream_service.connection import VenueConnection
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import Venue
from stream_service.venues import load_venues
from tests.making import SECOND
from tests.waiting import eventually

VENUES = load_venues()

E = TypeVar("E", bound=Event)
TradeKey: TypeAlias = tuple[Instrument, str]


class Running:
    """One venue's connection, its exchange, and everything that it has published."""

    def __init__(self, venue: Venue, world: World, served: SimulatedVenues) -> None:
        self.name = venue.name
        self.world = world
        self.served = served
        self.bus = LocalBus()
        self.heard: list[Event] = []
        self.instrument = world.markets[venue.name].listings[0].instrument

    @property
    def venue(self) -> Venue:
        return self.served.venue(self.name)

    @property
    def state(self) -> str:
        statuses = self.of(VenueStatus)
        return statuses[-1].state if statuses else ""

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.heard if isinstance(event, kind)]

    def trades(self) -> list[TradeKey]:
        return [_key(trade) for trade in self.of(Trade)]

    def quotes(self) -> int:
        return len(self.of(Quote))

    def told(self, reason: str) -> bool:
        """Tell whether a status gave that reason."""
        return any(reason in status.reason for status in self.of(VenueStatus))

    def move(self, count: int = 20) -> list[Trade]:
        """Let the market move; return the trades that the exchange told."""
        events = list(self.world.step(time.time_ns(), count))
        self.served.play(events)
        return [event for event in events if isinstance(event, Trade)]

    async def listen(self, mailbox: Mailbox) -> None:
        while True:
            self.heard.extend(await mailbox.receive(1_000))

    @contextmanager
    def connected(self, *wanted: Instrument) -> Iterator[None]:
        listed = [listing.instrument for listing in self.world.markets[self.name].listings]
        connection = VenueConnection(self.venue, wanted or listed, self.bus)
        task = asyncio.create_task(connection.run())
        try:
            yield
        finally:
            task.cancel()


class StuckBus(LocalBus):
    """Takes no trade while it is stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.freed = asyncio.Event()
        self.held: set[TradeKey] = set()

    async def publish(self, events: Sequence[Event]) -> None:
        if not self.freed.is_set():
            self.held |= {_key(event) for event in events if isinstance(event, Trade)}
        if self.held:
            await self.freed.wait()
        await super().publish(events)


@pytest.fixture(params=VENUES.values(), ids=lambda venue: venue.name)
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    venue: Venue = request.param
    wanted = [
        Instrument(base, quote) for base in ("BTC", "XRP") for quote in ("USDT", "USD", "KRW")
    ]
    listings = {venue.name: simulated_listings(venue, wanted)}
    world = World(listings, seed=5, start_ns=time.time_ns())
    async with SimulatedVenues([venue], world.markets).serving() as served:
        running = Running(venue, world, served)
        async with running.bus.mailbox(
            "test", ["#"], capacity=100_000, overflow=Overflow.DROP_OLDEST
        ) as mailbox:
            listening = asyncio.create_task(running.listen(mailbox))
            yield running
            listening.cancel()


async def until_live(running: Running) -> None:
    """Move the market until quotes come, as they do only once the subscription stands."""
    before = running.quotes()

    def moved() -> bool:
        running.move(2)
        return running.state == "live" and running.quotes() > before

    await eventually(moved)


async def test_quotes_trades_and_books_are_published(running: Running) -> None:
    with running.connected():
        await until_live(running)

        await eventually(
            lambda: (
                running.move(5)
                and {type(e).__name__ for e in running.heard} >= {"Quote", "Trade", "Book"}
            )
        )


async def test_every_trade_is_published_once_over_hang_ups(running: Running) -> None:
    told: list[Trade] = []
    with running.connected():
        await until_live(running)
        for _ in range(3):
            told += running.move()
            await running.served.hang_up(running.name)
            told += running.move()  # while nobody listens
            await until_live(running)
        told += running.move()
        expected = {_key(trade) for trade in told}

        await eventually(lambda: expected <= set(running.trades()))

    assert len(running.trades()) == len(set(running.trades()))
    assert not running.of(Gap)


async def test_trades_that_the_bus_did_not_take_come_with_the_next_connection() -> None:
    venue = VENUES["kraken"]
    wanted = [Instrument("BTC", "USD")]
    world = World({venue.name: simulated_listings(venue, wanted)}, seed=5, start_ns=time.time_ns())
    bus = StuckBus()
    async with SimulatedVenues([venue], world.markets).serving() as served:
        running = Running(venue, world, served)
        connection = VenueConnection(running.venue, wanted, bus)
        cut_off = asyncio.create_task(connection.run())
        await eventually(lambda: running.move(5) and bus.held)
        cut_off.cancel()
        await asyncio.wait([cut_off])
        bus.freed.set()

        async with bus.mailbox(
            "test", ["trade.#"], capacity=10_000, overflow=Overflow.DROP_OLDEST
        ) as mailbox:
            listening = asyncio.create_task(running.listen(mailbox))
            again = asyncio.create_task(connection.run())
            await eventually(lambda: bus.held <= set(running.trades()))

        again.cancel()
        listening.cancel()


async def test_trades_that_rest_no_longer_has_are_told_as_a_gap(running: Running) -> None:
    with running.connected():
        await until_live(running)
        await eventually(lambda: running.move(2) and running.trades())
        await running.served.hang_up(running.name)
        running.move()
        running.world.markets[running.name].forget_trades()
        await until_live(running)

        await eventually(lambda: running.of(Gap))

    gap = running.of(Gap)[0]
    assert gap.channel == "trade"
    assert gap.start_ns < gap.end_ns


async def test_a_venue_that_hangs_up_is_down_until_it_is_back(running: Running) -> None:
    with running.connected():
        await until_live(running)
        await running.served.hang_up(running.name)

        await eventually(lambda: "down" in {status.state for status in running.of(VenueStatus)})
        await until_live(running)

    reasons = [status.reason for status in running.of(VenueStatus) if status.state == "down"]
    assert reasons[0]


async def test_a_venue_without_rest_is_streamed_as_before(running: Running) -> None:
    with running.connected():
        await until_live(running)
        running.served.without_rest.add(running.name)
        await running.served.hang_up(running.name)

        await eventually(lambda: running.state == "down")
        await until_live(running)


async def test_a_silent_venue_is_hung_up_on(running: Running) -> None:
    venue = running.venue
    impatient = VenueConnection(
        msgspec.structs.replace(venue, max_silence_s=0.4),
        [running.instrument],
        running.bus,
    )
    task = asyncio.create_task(impatient.run())
    await until_live(running)
    running.served.silent.add(running.name)

    await eventually(lambda: running.told("nothing heard"))
    running.served.silent.clear()
    await until_live(running)
    task.cancel()


class JumpingClock:
    """Tells the time until it jumps."""

    def __init__(self, jump_ns: int) -> None:
        self.jump_ns = jump_ns
        self.has_jumped = False

    def __call__(self) -> int:
        return time.time_ns() + self.jump_ns * self.has_jumped


async def test_silence_is_noticed_though_the_clock_was_set_back(running: Running) -> None:
    clock = JumpingClock(-3_600 * SECOND)
    venue = msgspec.structs.replace(running.venue, max_silence_s=0.4)
    task = asyncio.create_task(
        VenueConnection(venue, [running.instrument], running.bus, clock=clock).run()
    )
    await until_live(running)

    running.served.silent.add(running.name)
    clock.has_jumped = True

    await eventually(lambda: running.told("nothing heard"))
    task.cancel()


async def test_a_bus_that_holds_back_is_not_the_silence_of_the_venue(running: Running) -> None:
    bus = running.bus = StuckBus()
    venue = msgspec.structs.replace(running.venue, max_silence_s=0.1)
    connection = VenueConnection(venue, [running.instrument], bus)
    task = asyncio.create_task(connection.run())
    await eventually(lambda: running.move(5) and bus.held)
    before = connection.pulse.reconnects

    with pytest.raises(TimeoutError):
        await eventually(lambda: connection.pulse.reconnects > before, within_s=0.5)

    task.cancel()


async def test_a_frame_that_cannot_be_read_costs_that_frame_only(running: Running) -> None:
    with running.connected():
        await until_live(running)
        before = running.quotes()

        running.served.send_raw(running.name, b'{"channel":"trade","data":[{"price":"NaN"}]')
        running.move()

        await eventually(lambda: running.quotes() > before)
        await eventually(lambda: any(status.refused == 1 for status in running.of(VenueStatus)))
    assert running.state == "live"


async def test_instruments_that_are_not_listed_are_left_out(running: Running) -> None:
    with running.connected(running.instrument, Instrument("NOPE", "USDT")):
        await until_live(running)

    assert {event.instrument for event in running.heard if isinstance(event, Quote)} == {
        running.instrument
    }


async def test_a_venue_that_lists_nothing_of_it_says_so(running: Running) -> None:
    with running.connected(Instrument("NOPE", "USDT")):
        await eventually(lambda: running.told("lists none"))


async def test_a_venue_that_is_not_there_is_tried_again(running: Running) -> None:
    nowhere = running.venue.at("ws://127.0.0.1:9/", "http://127.0.0.1:9")
    connection = VenueConnection(nowhere, [running.instrument], running.bus)
    task = asyncio.create_task(connection.run())

    await eventually(lambda: running.told("connect") and running.state == "down")
    task.cancel()


def _key(trade: Trade) -> TradeKey:
    return trade.instrument, trade.trade_id
