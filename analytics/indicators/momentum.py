"""Momentum: how much of the movement was up, and whether it gains speed."""

from collections import deque
from typing import NamedTuple

from analytics.indicators.averages import Ema, weight_of, whole_period


class Rsi:
    """Wilder's relative strength index: the share of gains in all movement, 0 to 100.

    Gains and losses are averaged with weights that fade by ``1 / period``, beginning with the plain
    mean of the first ``period`` changes. Where nothing moved at all it is 0, as TA-Lib has it.
    """

    __slots__ = ("_count", "_gain", "_loss", "_period", "_previous", "warm_up")

    def __init__(self, period: int = 14) -> None:
        self._period = whole_period(period, least=2)
        self.warm_up = period + 1
        self._previous: float | None = None
        self._count = 0
        self._gain = 0.0
        self._loss = 0.0

    def update(self, value: float) -> float | None:
        """Take the next value; return the index as it is now."""
        previous, self._previous = self._previous, value
        if previous is None:
            return None
        period = self._period
        change = value - previous
        if self._count == period:
            self._gain = (self._gain * (period - 1) + max(change, 0.0)) / period
            self._loss = (self._loss * (period - 1) + max(-change, 0.0)) / period
            return strength_of(self._gain, self._loss)
        self._gain += max(change, 0.0)
        self._loss += max(-change, 0.0)
        self._count += 1
        if self._count < period:
            return None
        self._gain /= period
        self._loss /= period
        return strength_of(self._gain, self._loss)


def strength_of(gain: float, loss: float) -> float:
    """Return the share of gains in all movement, in percent."""
    moved = gain + loss
    return 100.0 * (gain / moved) if moved else 0.0


class MacdValue(NamedTuple):
    """The difference of the two means, its own mean, and how far it is from that."""

    macd: float
    signal: float
    histogram: float


class Macd:
    """Moving average convergence and divergence: a fast exponential mean less a slow one.

    Both begin at the same value, the ``slow``-th: the fast one with the plain mean of the last
    ``fast`` values up to there. ``signal`` is the period of the mean of their difference.
    """

    __slots__ = ("_fast", "_fast_weight", "_first", "_signal", "_slow", "warm_up")

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        if whole_period(fast, least=2) >= slow:
            raise ValueError(f"the fast period ({fast}) must be less than the slow one ({slow})")
        self.warm_up = slow + whole_period(signal) - 1
        self._slow = Ema(slow)
        self._signal = Ema(signal)
        self._first: deque[float] = deque(maxlen=fast)
        self._fast: float | None = None
        self._fast_weight = weight_of(fast)

    def update(self, value: float) -> MacdValue | None:
        """Take the next value; return all three as they are now."""
        slow = self._slow.update(value)
        if self._fast is not None:
            self._fast += self._fast_weight * (value - self._fast)
        else:
            self._first.append(value)
            if slow is None:
                return None
            self._fast = sum(self._first) / len(self._first)
        if slow is None:
            return None
        macd = self._fast - slow
        signal = self._signal.update(macd)
        return None if signal is None else MacdValue(macd, signal, macd - signal)
