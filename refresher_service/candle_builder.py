"""From trades to candles: open ones as they grow, closed ones as soon as they are final."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

from analytics.closing import CandleKey, known_interval
from analytics.ladder import Ladder, Rung
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Overflow
from infrastructure.timeseries.port import TimeSeries
from market import Candle, Gap, Instrument, Trade, UnavailableError, VenueStatus
from market.intervals import INTERVALS, SECOND_NS
from refresher_service.pace import Pace, every
from refresher_service.stored_past import StoredPast

LONG_EVERY_S = 1.0
"""How often to look which of the longer candles are to be told while they grow."""

Told: TypeAlias = tuple[Rung, CandleKey, Candle]


class CandleBuilder(Actor[Trade | Gap | VenueStatus]):
    """Acknowledges trades only once the closed candles that they are in are safe.

    Open candles of a minute are published at once, then at most ``publish_hz`` times a second an
    instrument; longer ones every few seconds, those of a second not before they closed. What a
    predecessor knew of candles that were open is read back from the store. Of a mailbox, or of a
    partition, one at a time may work: two would both make half a candle (see `Share`).

    Args:
        bus: Where trades, gaps and statuses come from and candles go to.
        store: Where the trades before our start are read.
        intervals: Of `market.intervals`.
        publish_hz: Of open candles of a minute, per venue and instrument.
        clock: The time of receipt, in nanoseconds.
        partition: See `Actor`.

    """

    name = "refresher.candles"
    handles = (Trade, Gap, VenueStatus)
    overflow = Overflow.WAIT
    pause_s = 0.02

    def __init__(
        self,
        bus: Bus,
        store: TimeSeries,
        *,
        intervals: Sequence[str] = tuple(INTERVALS),
        publish_hz: float = 4.0,
        clock: Callable[[], int] = time.time_ns,
        partition: int | None = None,
    ) -> None:
        super().__init__(bus, partition=partition)
        self._intervals = tuple(known_interval(interval) for interval in intervals)
        self._ladders: dict[str, Ladder] = {}
        self._past = StoredPast(store, clock)
        self._paces = {
            interval: Pace[tuple[str, Instrument]](hz) for interval, hz in hertz(publish_hz).items()
        }
        self._tick_s = Pace[str](publish_hz).tick_s
        self._clock = clock
        self._sequence = 0

    async def recover(self) -> None:
        """See `Actor.recover`; trades are read when an instrument's first one comes."""
        await self._past.begin()
        for ladder in self._ladders.values():
            self._tell_gaps(ladder)

    async def run(self) -> None:
        """See `Actor.run`; beside it, open candles that wait for their slot are published."""
        async with asyncio.TaskGroup() as tasks:
            short = every(self._tick_s, lambda: self._publish_all_growing(are_long=False))
            long = every(LONG_EVERY_S, lambda: self._publish_all_growing(are_long=True))
            tasks.create_task(short, name=f"{self.name}.tick")
            tasks.create_task(long, name=f"{self.name}.long_tick")
            await super().run()

    async def receive(self, events: Sequence[Trade | Gap | VenueStatus]) -> None:
        """Count the whole batch, then publish the candles that it changed or closed."""
        touched = await self._past.restore_again()
        await self._restore(events)
        for event in events:
            ladder = self._ladder_of(event.venue)
            match event:
                case Trade():
                    ladder.take(event)
                case Gap():
                    ladder.miss(event)
                case VenueStatus() if event.state == "live":
                    ladder.advance(event.event_ns, event.received_ns)
            touched.add(ladder)
        await self._publish_finished(touched)
        await self._publish_growing(touched, are_long=False)

    async def _restore(self, events: Iterable[Trade | Gap | VenueStatus]) -> None:
        """Bring what the store knows of the candles of these trades and gaps, a reading a market.

        Of a gap these are the candles at both its ends, and any between them.
        """
        needed: dict[tuple[Ladder, Instrument], list[int]] = {}
        gaps: list[Gap] = []
        for event in events:
            if isinstance(event, Trade):
                self._note_needed(needed, event, event.event_ns)
            elif isinstance(event, Gap) and event.channel == "trade":
                gaps.append(event)
                self._note_needed(needed, event, event.start_ns)
                self._note_needed(needed, event, event.end_ns)
        for (ladder, instrument), times in needed.items():
            await self._past.restore(ladder, instrument, min(times), max(times))
        for gap in gaps:
            await self._restore_folded(self._ladder_of(gap.venue), gap)

    def _note_needed(
        self, needed: dict[tuple[Ladder, Instrument], list[int]], event: Trade | Gap, at_ns: int
    ) -> None:
        """Note the candles of that time that the store may know more of."""
        ladder = self._ladders.get(event.venue) or self._ladder_of(event.venue)
        instrument = event.instrument
        for book in ladder.of_trades:
            start_ns = at_ns - at_ns % book.length_ns
            if self._past.is_needed(book, (instrument, start_ns)):
                span = needed.setdefault((ladder, instrument), [])
                span += start_ns, start_ns + book.length_ns

    async def _restore_folded(self, ladder: Ladder, gap: Gap) -> None:
        """Bring the longer candles that a gap lies in."""
        for book in ladder.folded:
            starts = [at_ns - at_ns % book.length_ns for at_ns in (gap.start_ns, gap.end_ns)]
            if any(self._past.is_needed(book, (gap.instrument, start)) for start in starts):
                await self._past.restore_folded(book, gap.instrument, *starts)

    async def _publish_finished(self, ladders: Iterable[Ladder]) -> None:
        finished: list[Told] = []
        for ladder in ladders:
            for book in ladder.rungs:
                told = [(book, key, self._candle(book, key)) for key in book.finished()]
                await self._hand_up(ladder, told)
                finished += told
        if not finished:
            return
        await self.bus.publish([candle for _, _, candle in finished])
        await self.bus.flush()
        for book, key, _ in finished:
            book.settle((key,))

    async def _publish_all_growing(self, *, are_long: bool) -> None:
        with suppress(UnavailableError):  # `receive` tries again, and says what is away
            await self._publish_growing(self._ladders.values(), are_long=are_long)

    async def _publish_growing(self, ladders: Iterable[Ladder], *, are_long: bool) -> None:
        growing: list[Candle] = []
        for ladder in list(ladders):
            for book in ladder.folded if are_long else ladder.of_trades:
                told = [(book, key, self._candle(book, key)) for key in self._due(book)]
                await self._hand_up(ladder, told)
                book.settle(key for _, key, _ in told)
                growing += (candle for _, _, candle in told)
        if growing:
            await self.bus.publish(growing)

    async def _hand_up(self, ladder: Ladder, told: Sequence[Told]) -> None:
        """Give candles to the longer ones that they are pieces of."""
        if not told:
            return
        book = told[0][0]
        if above := ladder.above(book.interval, book.now_ns):
            await self._past.fold(above, [candle for _, _, candle in told])

    def _due(self, book: Rung) -> Iterator[CandleKey]:
        """Yield the open candles that are to be told now."""
        pace = self._paces.get(book.interval)
        if pace is None:
            return
        now_ns, growing = self._clock(), book.growing()
        instruments = {key[0] for key in growing}
        admitted = {one for one in instruments if pace.admits((book.venue, one), now_ns)}
        yield from (key for key in growing if key[0] in admitted)

    def _candle(self, book: Rung, key: CandleKey) -> Candle:
        self._sequence = max(self._sequence + 1, self._clock())
        return book.candle(key, sequence=self._sequence)

    def _ladder_of(self, venue: str) -> Ladder:
        ladder = self._ladders.get(venue)
        if ladder is None:
            ladder = self._ladders[venue] = Ladder(venue, self._intervals)
            self._tell_gaps(ladder)
        return ladder

    def _tell_gaps(self, ladder: Ladder) -> None:
        for gap in self._past.gaps_of(ladder.venue):
            ladder.miss(gap)


def hertz(publish_hz: float) -> Mapping[str, float]:
    """Return how often an open candle is told; of an hour and more, every ten seconds."""
    long = {
        interval: 1.0 / min(length_ns / (60 * SECOND_NS), 10.0)
        for interval, length_ns in INTERVALS.items()
        if length_ns > INTERVALS["1m"]
    }
    return {"1m": publish_hz, **long}
