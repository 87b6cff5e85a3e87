"""Fills in, round trips out: from the first purchase to the sale of all, after fees."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.backtest.bars import Bars
from analytics.backtest.fills import Fills
from analytics.indicators.history import Series


class RoundTrip(msgspec.Struct, frozen=True, gc=False):
    """From the first purchase to the sale of all, or to the end (``is_open``), after fees.

    Indices are of candles, ``entry`` and ``leave`` average prices, ``profit`` in the quote
    currency; ``gain`` is that as a share of what was paid in.
    """

    start: int
    end: int
    entry: float
    leave: float
    profit: float
    gain: float
    is_open: bool


class RoundTrips(msgspec.Struct, frozen=True, kw_only=True):
    """All of them as arrays, see `RoundTrip`; of these only the last can be open."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    entry: Series
    leave: Series
    profit: Series
    gain: Series
    closed: int

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator[RoundTrip]:
        columns = (self.start, self.end, self.entry, self.leave, self.profit, self.gain)
        is_open = [number >= self.closed for number in range(len(self))]
        return map(RoundTrip, *(column.tolist() for column in columns), is_open)


def round_trips(bars: Bars, fills: Fills) -> RoundTrips:
    """Part the fills where nothing is held; what is held at the end is worth its last close."""
    is_sale = fills.size < 0.0
    ends = np.flatnonzero(is_sale & (fills.coins <= 0.0))
    closed, held = len(ends), len(fills) - (ends[-1] + 1 if len(ends) else 0)
    if held:
        ends = np.append(ends, len(fills) - 1)
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends

    def added(values: Series) -> Series:
        return np.add.reduceat(values, starts) if len(starts) else values[:0]

    left = np.zeros(len(starts))
    leaves = fills.index[ends]
    if held:
        left[-1] = fills.coins[-1] * bars.close[-1]
        leaves[-1] = len(bars) - 1
    moved = fills.price * np.abs(fills.size)
    size_in = added(np.where(is_sale, 0.0, fills.size))
    paid = added(np.where(is_sale, 0.0, fills.notional))
    profit = added(np.where(is_sale, fills.notional - fills.fee, 0.0)) + left - paid
    return RoundTrips(
        start=fills.index[starts],
        end=leaves,
        entry=added(np.where(is_sale, 0.0, moved)) / size_in,
        leave=(added(np.where(is_sale, moved, 0.0)) + left) / size_in,
        profit=profit,
        gain=profit / paid,
        closed=closed,
    )
