"""What the store knows of candles that began before we did."""

from collections import deque
from collections.abc import Callable

import msgspec

from analytics.candles import CandleBook
from analytics.closing import CandleKey
from infrastructure.timeseries.port import TimeSeries
from market import Instrument
from market.intervals import INTERVALS, SECOND_NS

AT_MOST = 100_000
"""Trades read at a time; of more, the newest."""

_LOOKBACK_NS = INTERVALS["1d"]
_AGAIN_NS = 60 * SECOND_NS


class StoredTrades:
    """Restores candles from the trades that a predecessor took and acknowledged.

    Candles that were open when it ended were known to it alone, their trades are in the store. The
    last few may still wait for the storage writer, so what is read in our first minute is read once
    more a minute later.
    """

    def __init__(self, store: TimeSeries, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._began_ns = clock()
        self._known: set[tuple[str, str, Instrument]] = set()
        self._again: deque[_Reading] = deque()

    def begin(self) -> None:
        """Note that from now on every trade comes to us."""
        self._began_ns = self._clock()

    def is_needed(self, book: CandleBook, key: CandleKey) -> bool:
        """Tell whether the store may hold trades of a candle, or of those before it, unknown here.

        That is so for the first trade of an instrument, of an interval that we did not see begin,
        and of one that was let go because it had ended long ago.
        """
        instrument, start_ns = key
        if (book.venue, book.interval, instrument) not in self._known:
            return True
        return key not in book and (start_ns <= self._began_ns or book.has_ended(key))

    async def restore(
        self, book: CandleBook, instrument: Instrument, first_ns: int, last_ns: int
    ) -> None:
        """Count the stored trades of the candles that start from ``first_ns`` to ``last_ns``.

        At first also those since the last closed candle.

        Raises:
            StoreUnavailableError: nothing was counted.

        """
        series = book.venue, book.interval, instrument
        since_ns = first_ns
        if series not in self._known:
            since_ns = await self._end_of_closed(book, (instrument, first_ns))
        reading = _Reading(book, instrument, since_ns, last_ns + book.length_ns, self._clock())
        await self._read(reading)
        self._known.add(series)
        if reading.at_ns < self._began_ns + _AGAIN_NS:
            self._again.append(reading)

    async def restore_again(self) -> set[CandleBook]:
        """Repeat what was read a minute ago; return the books that it went to.

        Raises:
            StoreUnavailableError: what was not read yet is still to be.

        """
        books = set()
        while self._again and self._again[0].at_ns + _AGAIN_NS <= self._clock():
            await self._read(self._again[0])
            books.add(self._again.popleft().book)
        return books

    async def _end_of_closed(self, book: CandleBook, key: CandleKey) -> int:
        """Return the end of the newest closed candle before this one."""
        instrument, start_ns = key
        closed = await self._store.candles(
            book.venue,
            instrument,
            book.interval,
            start_ns=start_ns - _LOOKBACK_NS,
            end_ns=start_ns,
            limit=1,
        )
        newest_ns = closed[-1].start_ns + book.length_ns if closed else start_ns - book.length_ns
        return min(newest_ns, start_ns)

    async def _read(self, reading: "_Reading") -> None:
        book = reading.book
        book.restore(
            await self._store.trades(
                book.venue,
                reading.instrument,
                start_ns=reading.since_ns,
                end_ns=reading.until_ns,
                limit=AT_MOST,
            )
        )


class _Reading(msgspec.Struct, frozen=True):
    """A part of the store that was read ``at_ns``."""

    book: CandleBook
    instrument: Instrument
    since_ns: int
    until_ns: int
    at_ns: int
