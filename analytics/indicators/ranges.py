"""Bands and ranges: how far values stray from their mean, and prices from one another."""

from collections import deque
from math import sqrt
from typing import NamedTuple

from analytics.indicators.averages import whole_period


class Moments:
    """Mean and standard deviation (of the population) of the last ``period`` values.

    Both are carried along by what changes, not by sums of squares, which would drown the deviation
    of a large price in rounding.
    """

    __slots__ = ("_last", "_squares", "mean", "warm_up")

    def __init__(self, period: int) -> None:
        self.warm_up = whole_period(period, least=2)
        self._last: deque[float] = deque(maxlen=period)
        self.mean = 0.0
        self._squares = 0.0

    def update(self, value: float) -> float | None:
        """Take the next value; return the deviation as it is now."""
        last = self._last
        mean = self.mean
        if len(last) < self.warm_up:
            last.append(value)
            self.mean = mean + (value - mean) / len(last)
            self._squares += (value - mean) * (value - self.mean)
            return self._deviation() if len(last) == self.warm_up else None
        oldest = last[0]
        last.append(value)
        change = value - oldest
        self.mean = mean + change / self.warm_up
        self._squares += change * ((value - self.mean) + (oldest - mean))
        return self._deviation()

    def _deviation(self) -> float:
        return sqrt(max(self._squares, 0.0) / self.warm_up)


class Band(NamedTuple):
    """The mean, and the bounds a number of deviations below and above it."""

    lower: float
    middle: float
    upper: float


class Bollinger:
    """The mean of the last ``period`` values and bounds ``width`` standard deviations around it."""

    __slots__ = ("_moments", "_width", "warm_up")

    def __init__(self, period: int = 20, width: float = 2.0) -> None:
        self._moments = Moments(period)
        self._width = width
        self.warm_up = period

    def update(self, value: float) -> Band | None:
        """Take the next value; return the band as it is now."""
        deviation = self._moments.update(value)
        if deviation is None:
            return None
        mean, reach = self._moments.mean, self._width * deviation
        return Band(mean - reach, mean, mean + reach)


class ZScore:
    """How many standard deviations the newest value is above the mean of the last ``period``.

    Where all of them are the same it is 0.
    """

    __slots__ = ("_moments", "warm_up")

    def __init__(self, period: int) -> None:
        self._moments = Moments(period)
        self.warm_up = period

    def update(self, value: float) -> float | None:
        """Take the next value; return its score."""
        deviation = self._moments.update(value)
        if deviation is None:
            return None
        return (value - self._moments.mean) / deviation if deviation else 0.0


class Atr:
    """Wilder's average true range: how far prices go within a candle and from the one before.

    It begins with the plain mean of the first ``period`` ranges that have a candle before them.
    """

    __slots__ = ("_average", "_close", "_count", "_period", "_sum", "warm_up")

    def __init__(self, period: int = 14) -> None:
        self._period = whole_period(period)
        self.warm_up = period + 1
        self._close: float | None = None
        self._count = 0
        self._sum = 0.0
        self._average = 0.0

    def update(self, high: float, low: float, close: float) -> float | None:
        """Take the next candle; return the range as it is now."""
        previous, self._close = self._close, close
        if previous is None:
            return None
        true_range = max(high - low, abs(high - previous), abs(low - previous))
        period = self._period
        if self._count == period:
            self._average = (self._average * (period - 1) + true_range) / period
            return self._average
        self._sum += true_range
        self._count += 1
        if self._count < period:
            return None
        self._average = self._sum / period
        return self._average
