"""The candles of one market from archive and store as one, as arrays: years of them at once.

What `joined` yields event by event. Arrays of the archive are read whole; the store is asked for
the days that the archive does not have, and for those of which something may have come late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from infrastructure.archive.candle_arrays import (
    COLUMNS,
    CandleArrays,
    count_candles,
    read_candles,
)
from infrastructure.archive.files import Files
from infrastructure.archive.joined import Wanted, parted
from infrastructure.archive.reading import Archive
from infrastructure.archive.sources import Span
from infrastructure.timeseries.past import Store
from market import Candle, Instrument

PIECE = 20_000
"""Candles that a store is asked for at a time."""


class TooManyCandlesError(ValueError):
    """There are more candles than were to be read."""


class PastCandles:
    """Reads closed candles of a store and, if there is one, an archive.

    Args:
        store: Where those are that are not archived; None: the archive alone is read.
        files: The archive; None: there is none.
        at_most: More than so many are refused.
        told: Is told how many more were read.

    """

    def __init__(
        self,
        store: Store | None,
        files: Files | None,
        *,
        at_most: int | None = None,
        told: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._files = files
        self._at_most = at_most
        self._told = told

    async def read(
        self, venue: str, instrument: Instrument, interval: str, span: Span, *, now_ns: int
    ) -> CandleArrays:
        """Return the candles that start in a range, each once: the one of most trades.

        Raises:
            TooManyCandlesError: there are more than were to be read.

        """
        wanted = Wanted(Candle, venue, instrument, interval)
        if self._files is None:
            return await self._stored(wanted, [span])
        with closing(await asyncio.to_thread(Archive, self._files)) as archive:
            found = await asyncio.to_thread(self._archived, archive, wanted, span)
            parts = await self._stored_parts(archive, wanted, span, now_ns)
        self._told(len(found))
        merged = _merged(found, await self._stored(wanted, parts))
        self._refuse_beyond(len(merged))
        return merged

    async def _stored_parts(
        self, archive: Archive, wanted: Wanted, span: Span, now_ns: int
    ) -> list[Span]:
        """Return the times that the store is to be asked for."""
        if self._store is None:
            return []
        there = await parted(self._store, archive, wanted, span, now_ns)
        return [part for part, _, is_stored in there if is_stored]

    def _archived(self, archive: Archive, wanted: Wanted, span: Span) -> CandleArrays:
        series = wanted.venue, wanted.instrument, wanted.interval
        start_ns, end_ns = span.start_ns, span.end_ns
        if self._at_most is not None:
            self._refuse_beyond(count_candles(archive, *series, start_ns=start_ns, end_ns=end_ns))
        return read_candles(archive, *series, start_ns=start_ns, end_ns=end_ns)

    async def _stored(self, wanted: Wanted, parts: Sequence[Span]) -> CandleArrays:
        """Read piece by piece from the newest back."""
        found: list[Sequence[Candle]] = []
        for part in reversed(parts):
            end_ns, is_more = part.end_ns, True
            while is_more and end_ns > part.start_ns:
                piece = await self._piece(wanted, Span(part.start_ns, end_ns))
                found.append(piece)
                self._told(len(piece))
                self._refuse_beyond(sum(map(len, found)))
                is_more = len(piece) == PIECE
                end_ns = piece[0].start_ns if piece else end_ns
        return await asyncio.to_thread(_stacked, found, wanted.interval)

    async def _piece(self, wanted: Wanted, span: Span) -> Sequence[Candle]:
        if self._store is None:
            return ()
        return await self._store.candles(
            wanted.venue,
            wanted.instrument,
            wanted.interval,
            start_ns=span.start_ns,
            end_ns=span.end_ns,
            limit=PIECE,
        )

    def _refuse_beyond(self, number: int) -> None:
        if self._at_most is not None and number > self._at_most:
            raise TooManyCandlesError(f"there are more than {self._at_most:,} candles")


def arrays_of(candles: Sequence[Candle], interval: str) -> CandleArrays:
    """Return candles of one market, oldest first, as arrays."""
    kinds = {"start_ns": np.int64, "trades": np.int64}
    columns: dict[str, Any] = {
        name: np.array([getattr(one, name) for one in candles], kinds.get(name, np.float64))
        for name in COLUMNS
    }
    return CandleArrays(interval=interval, **columns)


def _stacked(pieces: Sequence[Sequence[Candle]], interval: str) -> CandleArrays:
    """Return pieces, newest first, as arrays."""
    return arrays_of([one for piece in reversed(pieces) for one in piece], interval)


def _merged(archived: CandleArrays, stored: CandleArrays) -> CandleArrays:
    """Return each candle once: that of most trades; of as many, the store's."""
    if not len(stored):
        return archived
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(archived, name), getattr(stored, name)]) for name in COLUMNS
    }
    is_stored = np.arange(len(archived) + len(stored)) >= len(archived)
    order = np.lexsort((is_stored, columns["trades"], columns["start_ns"]))
    starts = columns["start_ns"][order]
    last = order[np.append(starts[1:] != starts[:-1], [True])]
    return CandleArrays(
        interval=archived.interval, **{name: column[last] for name, column in columns.items()}
    )
