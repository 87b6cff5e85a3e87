"""From trades to candles: open ones as they grow, closed ones as soon as they are final."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from analytics.candles import CandleBook, CandleKey, known_interval
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Lead, Overflow
from infrastructure.health import STANDS_BY
from infrastructure.measures import Measure
from infrastructure.timeseries.port import TimeSeries
from market import Instrument, Trade, VenueStatus
from refresher_service.pace import Pace, every
from refresher_service.stored_trades import StoredTrades

STANDING_BY = f"{STANDS_BY}another process builds the candles"


class CandleBuilder(Actor[Trade | VenueStatus]):
    """Acknowledges trades only once the closed candles that they are in are safe.

    Of several replicas one works: two that share the trades would both make half a candle. Open
    candles are published at once, then at most ``publish_hz`` times a second an instrument.
    What a predecessor knew of candles that were open is read back from the store.

    Args:
        bus: Where trades and statuses come from and candles go to.
        store: Where the trades before our start are read.
        intervals: Of `market.intervals`.
        publish_hz: Of open candles, per venue, instrument and interval.
        clock: The time of receipt, in nanoseconds.

    """

    name = "refresher.candles"
    handles = (Trade, VenueStatus)
    overflow = Overflow.WAIT
    pause_s = 0.02

    def __init__(
        self,
        bus: Bus,
        store: TimeSeries,
        *,
        intervals: Sequence[str] = ("1m",),
        publish_hz: float = 4.0,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(bus)
        self._intervals = tuple(known_interval(interval) for interval in intervals)
        self._store = store
        self._books: dict[str, tuple[CandleBook, ...]] = {}
        self._stored = StoredTrades(store, clock)
        self._pace: Pace[tuple[str, str, Instrument]] = Pace(publish_hz)
        self._clock = clock
        self._sequence = 0
        self._lead: Lead | None = None

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from super().measures()
        yield Measure("lead_held", self._lead is not None and self._lead.is_held, (self.name,))

    async def recover(self) -> None:
        """See `Actor.recover`; the store is read when an instrument's first trade comes."""
        self._stored.begin()

    async def run(self) -> None:
        """See `Actor.run`; whoever does not lead stands by."""
        async with self.bus.lead(self.name) as self._lead:
            lead = self._lead
            while True:
                self.waiting_for = "" if lead.is_held else STANDING_BY
                await lead.held()
                self.waiting_for = ""
                async with asyncio.TaskGroup() as tasks:
                    working = tasks.create_task(self._work(), name=f"{self.name}.work")
                    await lead.lost()
                    working.cancel()
                self._books.clear()
                self._stored = StoredTrades(self._store, self._clock)

    async def _work(self) -> None:
        """Build candles; beside it, open ones that wait for their slot are published."""
        async with asyncio.TaskGroup() as tasks:
            tick = every(self._pace.tick_s, self._publish_all_growing)
            tasks.create_task(tick, name=f"{self.name}.tick")
            await super().run()

    async def receive(self, events: Sequence[Trade | VenueStatus]) -> None:
        """Count the whole batch, then publish the candles that it changed or closed."""
        touched = await self._stored.restore_again()
        await self._restore([event for event in events if isinstance(event, Trade)])
        for event in events:
            books = self._books_of(event.venue)
            if isinstance(event, Trade):
                for book in books:
                    book.take(event)
            elif event.state == "live":
                for book in books:
                    book.advance(event.event_ns, event.received_ns)
            touched.update(books)
        await self._publish_finished(touched)
        await self._publish_growing(touched)

    async def _restore(self, trades: Iterable[Trade]) -> None:
        """Bring what the store knows of these trades' candles, a reading a series."""
        needed: dict[tuple[CandleBook, Instrument], list[int]] = {}
        for trade in trades:
            for book in self._books_of(trade.venue):
                key = book.key(trade)
                if self._stored.is_needed(book, key):
                    needed.setdefault((book, trade.instrument), []).append(key[1])
        for (book, instrument), starts in needed.items():
            await self._stored.restore(book, instrument, min(starts), max(starts))

    async def _publish_finished(self, books: Iterable[CandleBook]) -> None:
        finished = [(book, key) for book in books for key in book.finished()]
        if not finished:
            return
        await self._publish(finished)
        await self.bus.flush()
        for book, key in finished:
            book.settle((key,))

    async def _publish_all_growing(self) -> None:
        await self._publish_growing([book for books in self._books.values() for book in books])

    async def _publish_growing(self, books: Iterable[CandleBook]) -> None:
        growing = list(self._due(books))
        for book, key in growing:
            book.settle((key,))
        if growing:
            await self._publish(growing)

    async def _publish(self, candles: Iterable[tuple[CandleBook, CandleKey]]) -> None:
        await self.bus.publish([book.candle(key, sequence=self._number()) for book, key in candles])

    def _due(self, books: Iterable[CandleBook]) -> Iterator[tuple[CandleBook, CandleKey]]:
        now_ns = self._clock()
        for book in books:
            growing = book.growing()
            admitted = {
                instrument
                for instrument in {key[0] for key in growing}
                if self._pace.admits((book.venue, book.interval, instrument), now_ns)
            }
            yield from ((book, key) for key in growing if key[0] in admitted)

    def _books_of(self, venue: str) -> tuple[CandleBook, ...]:
        books = self._books.get(venue)
        if books is None:
            books = tuple(CandleBook(venue, interval) for interval in self._intervals)
            self._books[venue] = books
        return books

    def _number(self) -> int:
        self._sequence = max(self._sequence + 1, self._clock())
        return self._sequence
