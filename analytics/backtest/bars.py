"""Closed candles as arrays: a row each, in order of time."""

from collections.abc import Iterator, Sequence
from itertools import chain
from math import fsum

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.folding import MADE_OF
from analytics.indicators.history import Series
from analytics.strategies import Bar
from market import Candle
from market.intervals import INTERVALS

TOGETHER = 1_000
"""Candles that are made into objects at a time: so few are still near when they are told."""


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """Candles of one instrument and interval; arrays of one length.

    ``start_ns`` rises. ``premium_bps`` is that over the reference venue at each close, NaN where
    nobody knows; None: of no candle.
    """

    interval: str
    start_ns: NDArray[np.int64]
    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series
    premium_bps: Series | None = None

    def __post_init__(self) -> None:
        """Check what every computation rests on.

        Raises:
            ValueError: arrays differ in length, times do not rise, or a price is no price.

        """
        size = len(self.start_ns)
        if any(len(column) != size for column in self._columns()):
            raise ValueError("the arrays of candles differ in length")
        if size and not bool(np.all(np.diff(self.start_ns) > 0)):
            raise ValueError("candles must come in order of time, each start once")
        if not all(bool(np.all(np.isfinite(p) & (p > 0))) for p in self._prices()):
            raise ValueError("a candle has a price that is not above zero")

    def __len__(self) -> int:
        return len(self.start_ns)

    @property
    def length_ns(self) -> int:
        """How long one candle lasts."""
        return INTERVALS[self.interval]

    def first(self, number: int) -> "Bars":
        """Return the first ``number`` candles."""
        return self.part(0, number)

    def part(self, start: int, end: int) -> "Bars":
        """Return the candles from the ``start``-th up to the ``end``-th, which is left out."""
        premium = self.premium_bps
        return Bars(
            interval=self.interval,
            start_ns=self.start_ns[start:end],
            open=self.open[start:end],
            high=self.high[start:end],
            low=self.low[start:end],
            close=self.close[start:end],
            volume=self.volume[start:end],
            premium_bps=None if premium is None else premium[start:end],
        )

    def __iter__(self) -> Iterator[Bar]:
        columns = [self.start_ns, *self._columns()]
        parts = range(0, len(self), TOGETHER)
        return chain.from_iterable(
            map(Bar, *(column[start : start + TOGETHER].tolist() for column in columns))
            for start in parts
        )

    def _columns(self) -> list[Series]:
        columns = [*self._prices(), self.volume]
        return columns if self.premium_bps is None else [*columns, self.premium_bps]

    def _prices(self) -> list[Series]:
        return [self.open, self.high, self.low, self.close]


def joined(parts: Sequence[Bars]) -> Bars:
    """Return the candles of all parts, which follow one another, of one interval; premiums go.

    Raises:
        ValueError: a part begins before the end of the one before it.

    """

    def column(name: str) -> Series:
        return np.concatenate([getattr(part, name) for part in parts])

    return Bars(
        interval=parts[0].interval,
        start_ns=np.concatenate([part.start_ns for part in parts]),
        open=column("open"),
        high=column("high"),
        low=column("low"),
        close=column("close"),
        volume=column("volume"),
    )


def folded(bars: Bars, interval: str) -> Bars:
    """Return longer candles made of shorter ones, as `analytics.folding` makes them.

    The premium of a longer candle is that of its last piece.

    Raises:
        ValueError: it cannot be made of such candles.

    """
    steps = [interval]
    while steps[-1] != bars.interval:
        if steps[-1] not in MADE_OF:
            raise ValueError(f"candles of {interval} cannot be made of those of {bars.interval}")
        steps.append(MADE_OF[steps[-1]])
    for step in reversed(steps[:-1]):
        bars = _once_folded(bars, step)
    return bars


def _once_folded(bars: Bars, interval: str) -> Bars:
    length_ns = INTERVALS[interval]
    starts = bars.start_ns - bars.start_ns % length_ns
    first = np.flatnonzero(np.diff(starts, prepend=-1))
    last = np.append(first[1:], len(bars)) - 1 if len(first) else first
    volumes = bars.volume.tolist()
    pieces = zip(first.tolist(), (last + 1).tolist(), strict=True)
    return Bars(
        interval=interval,
        start_ns=starts[first],
        open=bars.open[first],
        high=np.maximum.reduceat(bars.high, first) if len(first) else bars.high,
        low=np.minimum.reduceat(bars.low, first) if len(first) else bars.low,
        close=bars.close[last],
        volume=np.array([fsum(volumes[start:end]) for start, end in pieces]),
        premium_bps=None if bars.premium_bps is None else bars.premium_bps[last],
    )


def bars_of(candles: Sequence[Candle], interval: str) -> Bars:
    """Return closed candles of one venue and instrument, oldest first, as arrays."""

    def column(name: str) -> Series:
        return np.array([getattr(candle, name) for candle in candles], dtype=np.float64)

    return Bars(
        interval=interval,
        start_ns=np.array([candle.start_ns for candle in candles], dtype=np.int64),
        open=column("open"),
        high=column("high"),
        low=column("low"),
        close=column("close"),
        volume=column("volume"),
    )
