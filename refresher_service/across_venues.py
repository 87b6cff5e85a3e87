"""From the minutes of all markets to candles of each asset across them, in one currency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from analytics.across import ACROSS, RATE_AGE_NS, AcrossBook, is_of_currencies
from analytics.closing import CandleKey
from analytics.folding import FoldedBook
from analytics.ladder import Ladder
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Lead, Overflow
from infrastructure.timeseries.port import TimeSeries
from market import Candle, Instrument, UnavailableError, VenueStatus
from market.intervals import INTERVALS
from refresher_service.candle_builder import hertz
from refresher_service.pace import Pace, every
from refresher_service.stored_past import AT_MOST, StoredPast

INTERVALS_MADE = tuple(name for name in INTERVALS if name != "1s")
TICK_S = 1.0
BACK_NS = 10 * INTERVALS["1m"]
"""How far back minutes are read at the start where none across venues is stored."""

LOOKBACK_NS = INTERVALS["1d"]


class AcrossVenues(Actor[Candle | VenueStatus]):
    """Publishes under the venue `ACROSS`: closed candles as they close, open ones once a second.

    Of several processes one leads and tells; the others take in the same and go on where it ended.
    At the start, and for minutes that are long over, the store is read.

    Args:
        bus: Where candles and statuses come from and candles go to.
        store: Where the minutes before our start are read.
        clock: The time of receipt, in nanoseconds.

    """

    name = "refresher.across"
    handles = (Candle, VenueStatus)
    overflow = Overflow.DROP_OLDEST
    pause_s = 0.1

    def __init__(
        self, bus: Bus, store: TimeSeries, *, clock: Callable[[], int] = time.time_ns
    ) -> None:
        super().__init__(bus)
        self._store = store
        self._clock = clock
        self._book = AcrossBook()
        self._longer = Ladder(ACROSS, INTERVALS_MADE)
        self._past = StoredPast(store, clock)
        self._began_ns = clock()
        self._markets: dict[str, set[tuple[str, Instrument]]] = {}
        self._paces = {name: Pace[Instrument](hz) for name, hz in hertz(1.0 / TICK_S).items()}
        self._lead: Lead | None = None
        self._sequence = 0

    async def recover(self) -> None:
        """See `Actor.recover`; minutes since the last that is stored across venues are read."""
        now_ns = self._began_ns = self._clock()
        for listed in await self._store.listings():
            self._meet(listed.venue, listed.instrument)
        for base in list(self._markets):
            instrument = Instrument(base, "USD")
            told = await self._store.candles(
                ACROSS, instrument, "1m", start_ns=now_ns - LOOKBACK_NS, end_ns=now_ns, limit=1
            )
            since_ns = told[-1].start_ns if told else now_ns - BACK_NS
            self._past.knows(ACROSS, instrument, since_ns)
            await self._bring(base, since_ns, now_ns)

    async def run(self) -> None:
        """See `Actor.run`; beside it, open candles are published."""
        async with self.bus.lead(self.name) as self._lead, asyncio.TaskGroup() as tasks:
            tasks.create_task(every(TICK_S, self._tick), name=f"{self.name}.tick")
            await super().run()

    async def receive(self, events: Sequence[Candle | VenueStatus]) -> None:
        """Take in the minutes of the markets, then publish what closed or changed."""
        minutes = [one for one in events if isinstance(one, Candle) and one.interval == "1m"]
        await self._restore([one for one in minutes if one.venue != ACROSS])
        for event in events:
            if isinstance(event, VenueStatus) and event.state == "live":
                self._book.advance(event.event_ns, event.received_ns)
        for minute in minutes:
            if minute.venue == ACROSS:
                self._hear(minute)
            else:
                self._meet(minute.venue, minute.instrument)
                self._book.take(minute)
                self._book.advance(minute.event_ns, minute.received_ns)
        await self._publish_finished()

    def _meet(self, venue: str, instrument: Instrument) -> None:
        self._markets.setdefault(instrument.base, set()).add((venue, instrument))

    def _hear(self, told: Candle) -> None:
        """Take note of what another process told."""
        if told.closed and self._lead is not None and not self._lead.is_held:
            self._book.settle([(told.instrument, told.start_ns)])

    async def _restore(self, minutes: Iterable[Candle]) -> None:
        """Bring the other markets of minutes that are over for so long that they were let go."""
        needed: dict[str, list[int]] = {}
        for minute in minutes:
            for key in self._book.keys_of(minute):
                is_old = key[1] <= self._began_ns - BACK_NS or self._book.has_ended(key)
                if key not in self._book and is_old:
                    needed.setdefault(minute.instrument.base, []).append(key[1])
        for base, starts in needed.items():
            await self._bring(base, min(starts), max(starts))

    async def _bring(self, base: str, first_ns: int, last_ns: int) -> None:
        """Take in the stored minutes of an asset, and those that rates are read off."""
        of_currencies = {
            market
            for known in self._markets.values()
            for market in known
            if is_of_currencies(market[1])
        }
        for venue, instrument in sorted(self._markets.get(base, set()) | of_currencies):
            since_ns = first_ns - RATE_AGE_NS if is_of_currencies(instrument) else first_ns
            end_ns = last_ns + INTERVALS["1m"]
            for minute in await self._store.candles(
                venue, instrument, "1m", start_ns=since_ns, end_ns=end_ns, limit=AT_MOST
            ):
                if instrument.base == base and minute.start_ns >= first_ns:
                    self._book.take(minute)
                else:
                    self._book.take_rate(minute)

    async def _tick(self) -> None:
        with suppress(UnavailableError):  # `receive` tries again, and says what is away
            await self._publish_growing()

    async def _publish_finished(self) -> None:
        if self._lead is None or not self._lead.is_held:
            return
        keys = self._book.finished()
        candles = finished = self._candles(keys)
        told: list[tuple[FoldedBook, list[CandleKey]]] = []
        for above in self._aboves():
            await self._past.fold(above, candles)
            of_above = above.finished()
            candles = [above.candle(key, sequence=self._number()) for key in of_above]
            finished = [*finished, *candles]
            told.append((above, of_above))
        if finished:
            await self.bus.publish(finished)
            await self.bus.flush()
        self._book.settle(keys)
        for above, of_above in told:
            above.settle(of_above)

    async def _publish_growing(self) -> None:
        if self._lead is None or not self._lead.is_held:
            return
        keys = [key for key in self._book.growing() if self._is_due("1m", key)]
        candles = growing = self._candles(keys)
        self._book.settle(keys)
        for above in self._aboves():
            await self._past.fold(above, candles)
            due = [key for key in above.growing() if self._is_due(above.interval, key)]
            candles = [above.candle(key, sequence=self._number()) for key in due]
            above.settle(due)
            growing = [*growing, *candles]
        if growing:
            await self.bus.publish(growing)

    def _aboves(self) -> Iterator[FoldedBook]:
        """Yield the longer books, the shortest first; they know what time it is."""
        interval, now_ns = self._book.interval, self._book.now_ns
        while above := self._longer.above(interval, now_ns):
            yield above
            interval = above.interval

    def _is_due(self, interval: str, key: CandleKey) -> bool:
        return self._paces[interval].admits(key[0], self._clock())

    def _candles(self, keys: Iterable[CandleKey]) -> list[Candle]:
        """Return the minutes of which something can be converted."""
        made = (self._book.candle(key, sequence=self._number()) for key in keys)
        candles = [candle for candle in made if candle is not None]
        for candle in candles:
            self._past.knows(ACROSS, candle.instrument, candle.start_ns)
        return candles

    def _number(self) -> int:
        self._sequence = max(self._sequence + 1, self._clock())
        return self._sequence
