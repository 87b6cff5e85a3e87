"""From trades to candles: open ones as they grow, closed ones as soon as they are final."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from analytics.candles import CandleBook
from analytics.closing import CandleKey, known_interval
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Overflow
from infrastructure.timeseries.port import TimeSeries
from market import Instrument, Trade, VenueStatus
from refresher_service.pace import Pace, every
from refresher_service.stored_trades import StoredTrades


class CandleBuilder(Actor[Trade | VenueStatus]):
    """Acknowledges trades only once the closed candles that they are in are safe.

    Open candles are published at once, then at most ``publish_hz`` times a second an instrument.
    What a predecessor knew of candles that were open is read back from the store. Of a mailbox, or
    of a partition, one at a time may work: two would both make half a candle (see `Share`).

    Args:
        bus: Where trades and statuses come from and candles go to.
        store: Where the trades before our start are read.
        intervals: Of `market.intervals`.
        publish_hz: Of open candles, per venue, instrument and interval.
        clock: The time of receipt, in nanoseconds.
        partition: See `Actor`.

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
        partition: int | None = None,
    ) -> None:
        super().__init__(bus, partition=partition)
        self._intervals = tuple(known_interval(interval) for interval in intervals)
        self._store = store
        self._books: dict[str, tuple[CandleBook, ...]] = {}
        self._stored = StoredTrades(store, clock)
        self._pace: Pace[tuple[str, str, Instrument]] = Pace(publish_hz)
        self._clock = clock
        self._sequence = 0

    async def recover(self) -> None:
        """See `Actor.recover`; the store is read when an instrument's first trade comes."""
        self._stored.begin()

    async def run(self) -> None:
        """See `Actor.run`; beside it, open candles that wait for their slot are published."""
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
