"""Moving averages: of the last few values alike, or of all with weights that fade."""

from collections import deque


def whole_period(period: int, *, least: int = 1) -> int:
    """Return the period.

    Raises:
        ValueError: it is less than ``least``.

    """
    if period < least:
        raise ValueError(f"a period of {period} values is none; take {least} or more")
    return period


class Sma:
    """The mean of the last ``period`` values."""

    __slots__ = ("_last", "_missing", "_sum", "warm_up")

    def __init__(self, period: int) -> None:
        self.warm_up = whole_period(period)
        self._last = deque([0.0] * period, period)
        self._missing = period
        self._sum = 0.0

    def update(self, value: float) -> float | None:
        """Take the next value; return the mean as it is now."""
        last = self._last
        self._sum = total = self._sum + (value - last[0])
        last.append(value)
        if self._missing:
            self._missing -= 1
            if self._missing:
                return None
        return total / self.warm_up


class Ema:
    """The mean of all values, each with ``1 - 2 / (period + 1)`` of the weight of the next one.

    It begins with the plain mean of the first ``period`` values. What it began with is seen in it
    for long: it takes some eight periods until it is below a millionth.
    """

    __slots__ = ("_average", "_count", "_sum", "_weight", "warm_up")

    def __init__(self, period: int) -> None:
        self.warm_up = whole_period(period)
        self._weight = weight_of(period)
        self._count = 0
        self._sum = 0.0
        self._average: float | None = None

    def update(self, value: float) -> float | None:
        """Take the next value; return the mean as it is now."""
        average = self._average
        if average is not None:
            self._average = average = average + self._weight * (value - average)
            return average
        self._sum += value
        self._count += 1
        if self._count == self.warm_up:
            self._average = self._sum / self.warm_up
        return self._average


def weight_of(period: int) -> float:
    """Return the weight of the newest value in an exponential mean."""
    return 2.0 / (period + 1)
