"""What the store knows of candles that began before we did."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from analytics.candles import CandleBook
from analytics.closing import CandleKey
from analytics.folding import FoldedBook
from analytics.ladder import Ladder, Rung
from infrastructure.timeseries.port import GapTerms, TimeSeries
from market import Candle, Gap, Instrument
from market.intervals import INTERVALS, SECOND_NS, start_of

AT_MOST = 100_000
"""Trades read at a time; of more, the newest."""

GAPS_AT_MOST = 10_000

_LOOKBACK_NS = INTERVALS["1d"]
_FIRST_LOOKBACK_NS = INTERVALS["1h"]
"""How long before its first trade a predecessor may have begun that closed no candle of it."""
_GAPS_LOOKBACK_NS = 2 * INTERVALS["1d"]
_AGAIN_NS = 60 * SECOND_NS

Market: TypeAlias = tuple[str, Instrument]


class StoredPast:
    """Restores candles from what a predecessor took and acknowledged.

    Candles that were open when it ended were known to it alone. Those of trades are made anew of
    the trades in the store, longer ones of the closed candles there. The last few trades may still
    wait for the storage writer, so what is read in our first minute is read once more a minute
    later.
    """

    def __init__(self, store: TimeSeries, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._began_ns = clock()
        self._last_closed_ns: dict[Market, int] = {}
        """Start of the last candle that was closed when we met a market, or of our first one."""
        self._folded: set[tuple[str, Market]] = set()
        self._gaps: Sequence[Gap] = ()
        self._again: deque[_Reading] = deque()

    async def begin(self) -> None:
        """Note that from now on every event comes to us; read which trades are missing.

        Raises:
            StoreUnavailableError: it is to be tried again.

        """
        self._began_ns = now_ns = self._clock()
        self._gaps = await self._store.all_gaps(
            GapTerms(channel="trade"),
            start_ns=now_ns - _GAPS_LOOKBACK_NS,
            end_ns=now_ns + _LOOKBACK_NS,
            limit=GAPS_AT_MOST,
        )

    def gaps_of(self, venue: str) -> Iterable[Gap]:
        """Return what was missing of a venue before we began."""
        return (gap for gap in self._gaps if gap.venue == venue)

    def is_needed(self, book: Rung, key: CandleKey) -> bool:
        """Tell whether the store may hold pieces of a candle, or of those before it, unknown here.

        That is so for the first piece of an instrument, of an interval that we did not see begin,
        and of one that was let go because it had ended long ago.
        """
        if key in book:  # so it was restored, or seen from its start
            return False
        market = book.venue, key[0]
        if market not in self._last_closed_ns:
            return True
        if isinstance(book, FoldedBook) and (book.interval, market) not in self._folded:
            return True
        return key[1] <= self._began_ns or book.has_ended(key)

    async def restore(
        self, ladder: Ladder, instrument: Instrument, first_ns: int, last_ns: int
    ) -> None:
        """Count the stored trades from ``first_ns`` on, before ``last_ns``.

        At first also those since the last closed candle. Where there is none these are the trades
        of an hour, and the instrument begins with the oldest of them: who took them may have died
        before a candle of it closed.

        Raises:
            StoreUnavailableError: nothing was counted.

        """
        if (ladder.venue, instrument) in self._last_closed_ns:
            await self._read(_Reading(ladder, instrument, first_ns, last_ns, self._clock()))
        else:
            await self._meet(ladder, instrument, first_ns, last_ns)

    async def restore_folded(
        self, book: FoldedBook, instrument: Instrument, first_ns: int, last_ns: int
    ) -> None:
        """Count the stored pieces of the candles that start from ``first_ns`` to ``last_ns``.

        At first also those of the candle that the last closed piece of all lies in: whoever told
        that one told no longer candle with it.

        Raises:
            StoreUnavailableError: nothing was counted.

        """
        market = book.venue, instrument
        if (book.interval, market) not in self._folded:
            last_closed_ns = self._last_closed_ns.get(market, first_ns)
            first_ns = min(first_ns, start_of(last_closed_ns, book.interval))
        pieces = await self._store.candles(
            *market,
            book.made_of,
            start_ns=first_ns,
            end_ns=last_ns + book.length_ns,
            limit=AT_MOST,
        )
        for piece in pieces:
            book.take(piece)
        self._folded.add((book.interval, market))

    async def fold(self, above: FoldedBook, pieces: Sequence[Candle]) -> None:
        """Give candles to the book that is made of them; the store may know more of its pieces.

        Raises:
            StoreUnavailableError: it is to be done again.

        """
        needed: dict[Instrument, list[int]] = {}
        for piece in pieces:
            key = piece.instrument, start_of(piece.start_ns, above.interval)
            if self.is_needed(above, key):
                needed.setdefault(piece.instrument, []).append(key[1])
        for instrument, starts in needed.items():
            await self.restore_folded(above, instrument, min(starts), max(starts))
        for piece in pieces:
            above.take(piece)

    def knows(self, venue: str, instrument: Instrument, last_closed_ns: int) -> None:
        """Note when the last closed candle of a market began, where that is known otherwise."""
        self._last_closed_ns.setdefault((venue, instrument), last_closed_ns)

    async def restore_again(self) -> set[Ladder]:
        """Repeat what was read a minute ago; return the ladders that it went to.

        Raises:
            StoreUnavailableError: what was not read yet is still to be.

        """
        ladders = set()
        while self._again and self._again[0].at_ns + _AGAIN_NS <= self._clock():
            await self._count(self._again[0])
            ladders.add(self._again.popleft().ladder)
        return ladders

    async def _meet(
        self, ladder: Ladder, instrument: Instrument, first_ns: int, last_ns: int
    ) -> None:
        book, now_ns = ladder.of_trades[-1], self._clock()
        closed_ns = await self._last_closed_before(book, (instrument, first_ns))
        if closed_ns is None:
            since_ns = start_of(first_ns - _FIRST_LOOKBACK_NS, book.interval)
        else:
            since_ns = min(first_ns, closed_ns + book.length_ns)
        await self._read(_Reading(ladder, instrument, since_ns, max(last_ns, now_ns), now_ns))
        if closed_ns is None:
            for book in ladder.of_trades:
                book.begins(instrument)
        self._last_closed_ns[ladder.venue, instrument] = (
            since_ns if closed_ns is None else closed_ns
        )

    async def _last_closed_before(self, book: CandleBook, key: CandleKey) -> int | None:
        """Return the start of the newest closed candle before this one."""
        instrument, start_ns = key
        closed = await self._store.candles(
            book.venue,
            instrument,
            book.interval,
            start_ns=start_ns - _LOOKBACK_NS,
            end_ns=start_ns,
            limit=1,
        )
        return closed[-1].start_ns if closed else None

    async def _read(self, reading: "_Reading") -> None:
        """Count stored trades; those of our first minute again later."""
        await self._count(reading)
        if reading.at_ns < self._began_ns + _AGAIN_NS:
            self._again.append(reading)

    async def _count(self, reading: "_Reading") -> None:
        trades = await self._store.trades(
            reading.ladder.venue,
            reading.instrument,
            start_ns=reading.since_ns,
            end_ns=reading.until_ns,
            limit=AT_MOST,
        )
        for trade in trades:
            reading.ladder.take(trade)


class _Reading(msgspec.Struct, frozen=True):
    """Trades that were asked for: ``since_ns <= event_ns < until_ns``, at the time ``at_ns``."""

    ladder: Ladder
    instrument: Instrument
    since_ns: int
    until_ns: int
    at_ns: int
