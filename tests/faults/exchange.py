"""Venues on sockets of this process that trade at a given rate, and remember every trade."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Self, TypeAlias

from market import Event, Instrument, Trade
from stream_service.simulator.prices import World, _Place, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venues import load_venues

Key: TypeAlias = tuple[str, Instrument]

SEED = 5
KEPT_NS = 180 * 10**9
TRADES_KEPT = 50_000
"""As venues keep far more than is told while a stream is down."""

TICK_S = 0.02
CALM = 25.0
"""Trades a second while no fault is on."""

QUOTED_A_TICK = 2
"""Markets that quote each fiftieth of a second, however many trades there are."""

INSTRUMENTS = [
    Instrument(base, quote) for base in ("BTC", "ETH", "XRP", "SOL") for quote in ("USDT", "USD")
]


class BusyWorld(World):
    """A world whose markets quote without trading, and trade without quoting."""

    def trades(self, now_ns: int, count: int) -> Iterator[Trade]:
        """Trade ``count`` times, at places chosen at random, at the prices that stand."""
        for _ in range(count):
            place = self._random.choice(self._places)
            market = self.markets[place.venue]
            trade = self._trade(place, market.book(place.listing.instrument), now_ns)
            market.note(trade)
            yield trade

    def _move(self, place: _Place, now_ns: int) -> Iterable[Event]:
        return islice(
            super()._move(place, now_ns), 2
        )  # book and quote; a trade would have a number


class Exchange:
    """Quotes all the time, and tells ``rate`` trades a second."""

    def __init__(self, served: SimulatedVenues, world: BusyWorld) -> None:
        self.served = served
        self.world = world
        self.rate = CALM
        self.told: defaultdict[Key, dict[str, Trade]] = defaultdict(dict)
        self.known_since_ns = 0

    @classmethod
    @asynccontextmanager
    async def trading(cls, names: Sequence[str]) -> AsyncIterator[Self]:
        """Serve the venues of these names, and trade, while the context lasts."""
        known = load_venues()
        venues = [known[name] for name in names]
        listings = {venue.name: simulated_listings(venue, INSTRUMENTS) for venue in venues}
        world = BusyWorld(
            listings,
            seed=SEED,
            start_ns=time.time_ns(),
            gap_every_s=0.5,
            trades_kept=TRADES_KEPT,
        )
        async with SimulatedVenues(venues, world.markets).serving() as served:
            exchange = cls(served, world)
            playing = asyncio.create_task(exchange._play())
            try:
                yield exchange
            finally:
                playing.cancel()
                await asyncio.gather(playing, return_exceptions=True)

    @property
    def venues(self) -> list[str]:
        return sorted(self.world.markets)

    def told_between(self, start_ns: int, end_ns: int) -> dict[Key, dict[str, Trade]]:
        """Return the trades that happened from ``start_ns`` until before ``end_ns``."""
        return {
            key: {name: one for name, one in told.items() if start_ns <= one.event_ns < end_ns}
            for key, told in self.told.items()
        }

    def forget(self) -> None:
        """Leave out of the ledger what is older than some minutes."""
        self.known_since_ns = time.time_ns() - KEPT_NS
        for key, told in self.told.items():
            self.told[key] = {
                name: one for name, one in told.items() if one.event_ns > self.known_since_ns
            }

    async def _play(self) -> None:
        owed = 0.0
        last = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            owed += self.rate * (now - last)
            last = now
            self._tell(list(self.world.step(time.time_ns(), QUOTED_A_TICK)))
            trades, owed = int(owed), owed % 1
            self._tell(list(self.world.trades(time.time_ns(), trades)))

    def _tell(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Trade):
                self.told[event.venue, event.instrument][event.trade_id] = event
        self.served.play(events)
