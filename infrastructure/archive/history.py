"""The newest events of a series as pages of history hold them: archive and store as one.

The store is asked first. Only days that are over can be archived, and of those only what is not
older than a page that the store filled already can be on it; where nothing is left the archive is
not opened. What both hold counts once, as in `joined`: what the store was told later stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar, cast

from infrastructure.archive.files import Files
from infrastructure.archive.joined import order_of, take
from infrastructure.archive.places import start_of_day, today
from infrastructure.archive.reading import Archive
from infrastructure.archive.sources import Span
from infrastructure.timeseries.port import Stored, TimeSeries
from infrastructure.timeseries.question import S, Series, time_field
from market import Candle, Instrument, Trade, VenueCandle

AT_ONCE = 2
"""Questions that the archive answers at one time, in threads that nothing else waits for."""

T = TypeVar("T", Trade, Candle, VenueCandle)


class History:
    """Answers as the store does, and goes on in the archive.

    All of it may raise a StoreUnavailableError, an ArchiveUnavailableError, or an ArchiveError
    where a file is damaged. Who no longer waits for an answer has the question ended.

    Args:
        store: What is asked first.
        files: The archive; None: there is none.
        clock: Tells the time now.

    """

    def __init__(self, store: TimeSeries, files: Files | None, *, clock: Callable[[], int]) -> None:
        self._store = store
        self._files = files
        self._clock = clock
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="archive")

    async def trades(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Trade]:
        """See `TimeSeries.trades`."""
        rows = await self._store.trades(
            venue, instrument, start_ns=start_ns, end_ns=end_ns, limit=limit
        )
        series = Series(Trade, venue, instrument)
        return await self._joined(rows, series, Span(start_ns, end_ns), limit)

    async def candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[Candle]:
        """See `TimeSeries.candles`."""
        rows = await self._store.candles(
            venue, instrument, interval, start_ns=start_ns, end_ns=end_ns, limit=limit
        )
        series = Series(Candle, venue, instrument, interval)
        return await self._joined(rows, series, Span(start_ns, end_ns), limit)

    async def venue_candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[VenueCandle]:
        """See `TimeSeries.venue_candles`."""
        rows = await self._store.venue_candles(
            venue, instrument, interval, start_ns=start_ns, end_ns=end_ns, limit=limit
        )
        series = Series(VenueCandle, venue, instrument, interval)
        return await self._joined(rows, series, Span(start_ns, end_ns), limit)

    async def _joined(
        self, rows: Sequence[T], series: Series[T], span: Span, limit: int
    ) -> Sequence[T]:
        """Return the newest of what the store answered and of what the archive has beside it."""
        first_ns = span.start_ns
        if len(rows) >= limit:
            first_ns = getattr(rows[0], time_field(series.kind))
        rest = Span(first_ns, min(span.end_ns, start_of_day(today(self._clock()))))
        if self._files is None or not rest:
            return rows
        known: dict[Hashable, Stored] = {}
        take(known, await self._archived(self._files, series, rest, limit))
        take(known, rows)
        return cast("list[T]", sorted(known.values(), key=order_of)[-limit:])

    async def _archived(
        self, files: Files, series: Series[S], span: Span, limit: int
    ) -> Sequence[Stored]:
        loop = asyncio.get_running_loop()
        archive = await loop.run_in_executor(self._threads, Archive, files)
        try:
            return await loop.run_in_executor(self._threads, _newest, archive, series, span, limit)
        except asyncio.CancelledError:
            archive.interrupt()
            raise


def _newest(archive: Archive, series: Series[S], span: Span, limit: int) -> Sequence[Stored]:
    with closing(archive):
        return archive.newest(series, span, limit)
