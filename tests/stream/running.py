"""One venue's connection, its simulated exchange, and everything that it has published."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

import msgspec

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import DeadLetter, Overflow
from market import BusUnavailableError, Event, Gap, Instrument, Quote, Trade, VenueStatus
from stream_service.connection import VenueConnection
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import Venue
from stream_service.venues import load_venues
from tests.books import assert_kept
from tests.waiting import eventually

VENUES = load_venues()
WANTED = tuple(
    Instrument(base, quote) for base in ("BTC", "XRP") for quote in ("USDT", "USD", "KRW")
)

E = TypeVar("E", bound=Event)
TradeKey: TypeAlias = tuple[Instrument, str]


class TroubledBus(LocalBus):
    """A bus that can be stuck with trades, or away for what is put aside."""

    def __init__(self) -> None:
        super().__init__()
        self.runs = asyncio.Event()
        self.runs.set()
        self.is_away = False
        self.held: set[TradeKey] = set()

    async def publish(self, events: Sequence[Event]) -> None:
        if not self.runs.is_set():
            self.held |= {key(event) for event in events if isinstance(event, Trade)}
        if self.held:
            await self.runs.wait()
        await super().publish(events)

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        if self.is_away:
            raise BusUnavailableError("the broker is away")
        await super().put_aside(letters)


class Running:
    """Lets a venue's market move, connects to it, and holds what was told against what came."""

    def __init__(self, venue: Venue, world: World, served: SimulatedVenues) -> None:
        self.name = venue.name
        self.world = world
        self.served = served
        self.bus = TroubledBus()
        self.heard: list[Event] = []
        self.told: list[Trade] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._connections: list[VenueConnection] = []

    @property
    def instruments(self) -> list[Instrument]:
        return [listing.instrument for listing in self.world.markets[self.name].listings]

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.heard if isinstance(event, kind)]

    @property
    def statuses(self) -> list[VenueStatus]:
        """Those of the whole venue."""
        return [one for one in self.of(VenueStatus) if one.instrument is None]

    @property
    def state(self) -> str:
        return self.statuses[-1].state if self.statuses else ""

    def states(self, instrument: Instrument) -> list[str]:
        """Return what was told of one instrument."""
        return [one.state for one in self.of(VenueStatus) if one.instrument == instrument]

    def said(self, reason: str) -> bool:
        """Tell whether a status gave that reason."""
        return any(reason in status.reason for status in self.of(VenueStatus))

    def move(self, count: int = 10) -> list[Trade]:
        """Let the market move; return the trades that the exchange told."""
        name = self.name
        self.world.skew_ns = {name: self.served.skew_ns(name)}
        events = list(self.world.step(time.time_ns(), count))
        self.served.play(events)
        trades = [event for event in events if isinstance(event, Trade)]
        self.told += trades
        return trades

    def missing(self) -> set[TradeKey]:
        """Return the trades that were told and neither published nor told to be missing."""
        gaps = self.of(Gap)
        missing = {key(one): one for one in self.told}
        for trade in self.of(Trade):
            missing.pop(key(trade), None)
        return {name for name, one in missing.items() if not any(covers(gap, one) for gap in gaps)}

    def twice(self) -> list[TradeKey]:
        """Return the trades that were published more than once."""
        counted = Counter(key(trade) for trade in self.of(Trade))
        return [name for name, count in counted.items() if count > 1]

    def connection(
        self,
        *wanted: Instrument,
        state: Path | None = None,
        history: Mapping[str, int] | None = None,
        **changes: object,
    ) -> VenueConnection:
        """Make a connection to the venue as it is served here, with ``changes``."""
        venue = msgspec.structs.replace(self.served.venue(self.name), **changes)
        instruments = wanted or self.instruments
        return VenueConnection(venue, instruments, self.bus, state=state, history=history)

    @contextmanager
    def connected(
        self,
        *wanted: Instrument,
        state: Path | None = None,
        history: Mapping[str, int] | None = None,
        **changes: object,
    ) -> Iterator[VenueConnection]:
        """Run such a connection for as long as the context lasts."""
        connection = self.connection(*wanted, state=state, history=history, **changes)
        task = asyncio.create_task(connection.run())
        self._tasks.append(task)
        self._connections.append(connection)
        try:
            yield connection
            assert_kept(connection.counts, "frames", "events", "letters")
        finally:
            task.cancel()

    async def over(self) -> None:
        """Wait for connections that were cancelled; raise what one failed with before."""
        for task in self._tasks:
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()
        for connection in self._connections:
            assert_kept(connection.counts, "frames", "events", "letters")

    async def live(self) -> None:
        """Move the market until the venue is live and quotes come."""
        before = len(self.of(Quote))
        await self.moved(lambda: self.state == "live" and len(self.of(Quote)) > before)

    async def flows(self) -> None:
        """Move the market until trades of every instrument came."""
        every = set(self.instruments)
        await self.moved(lambda: {trade.instrument for trade in self.of(Trade)} == every)

    async def moved(self, condition: Callable[[], object], *, within_s: float = 10.0) -> None:
        """Move the market until ``condition`` holds."""

        def moved() -> object:
            self.move(1)
            return condition()

        await eventually(moved, within_s=within_s)

    async def quoted(self, condition: Callable[[], object]) -> None:
        """Let every instrument be quoted again, with no trades, until ``condition`` holds."""
        quotes = {quote.instrument: quote for quote in self.of(Quote)}

        def quoted() -> object:
            for quote in quotes.values():
                self.served.tell(msgspec.structs.replace(quote, event_ns=time.time_ns()))
            return condition()

        await eventually(quoted)

    async def complete(self, *, within_s: float = 10.0) -> None:
        """Wait until every trade was published, or is within a gap that was told."""
        await eventually(lambda: not self.missing(), within_s=within_s)


def key(trade: Trade) -> TradeKey:
    """Return what a trade is known by."""
    return trade.instrument, trade.trade_id


def covers(gap: Gap, trade: Trade) -> bool:
    """Tell whether ``gap`` says that ``trade`` may be missing."""
    is_of_it = gap.channel == "trade" and gap.instrument == trade.instrument
    return is_of_it and gap.start_ns <= trade.event_ns <= gap.end_ns


@asynccontextmanager
async def running_venue(
    venue: Venue, wanted: Iterable[Instrument] = WANTED
) -> AsyncIterator[Running]:
    """Serve one venue and listen to all that is published of it."""
    listings = {venue.name: simulated_listings(venue, wanted)}
    world = World(listings, seed=5, start_ns=time.time_ns())
    async with SimulatedVenues([venue], world.markets).serving() as served:
        running = Running(venue, world, served)
        async with listening(running.bus, running.heard):
            yield running
            await running.over()


@asynccontextmanager
async def listening(bus: LocalBus, heard: list[Event]) -> AsyncIterator[None]:
    """Note all that is published."""
    async with bus.mailbox(
        "test", ["#"], capacity=1_000_000, overflow=Overflow.DROP_OLDEST
    ) as mailbox:

        async def listen() -> None:
            while True:
                heard.extend(await mailbox.receive(1_000))

        task = asyncio.create_task(listen())
        try:
            yield
        finally:
            task.cancel()
