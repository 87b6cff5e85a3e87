"""The indicators over whole arrays: the same operations in the same order, hence the same bits.

Arrays are of float64, one value each candle or quote; NaN stands where the updated form says None.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.averages import weight_of, whole_period
from analytics.indicators.momentum import strength_of
from market.intervals import INTERVALS

Series: TypeAlias = NDArray[np.float64]


def sma(values: Series, period: int) -> Series:
    """See `Sma`."""
    whole_period(period)
    sums = np.cumsum(_entering_less_leaving(values, period))
    return _from(period - 1, sums[period - 1 :] / period, len(values))


def ema(values: Series, period: int) -> Series:
    """See `Ema`."""
    if len(values) < whole_period(period):
        return _from(len(values), values[:0], len(values))
    first = float(np.cumsum(values[:period])[-1] / period)
    return _from(period - 1, _faded(values[period:], weight_of(period), first), len(values))


def rsi(values: Series, period: int = 14) -> Series:
    """See `Rsi`."""
    whole_period(period, least=2)
    changes = np.diff(values)
    gains = _wilder(np.maximum(changes, 0.0), period)
    losses = _wilder(np.maximum(-changes, 0.0), period)
    found = [strength_of(gain, loss) for gain, loss in zip(gains, losses, strict=True)]
    return _from(period, np.asarray(found), len(values))


def macd(
    values: Series, fast: int = 12, slow: int = 26, signal: int = 9
) -> tuple[Series, Series, Series]:
    """See `Macd`; the difference of the means, its own mean, and how far it is from that."""
    size = len(values)
    if whole_period(fast, least=2) >= slow:
        raise ValueError(f"the fast period ({fast}) must be less than the slow one ({slow})")
    if size < slow:
        nothing = _from(size, values[:0], size)
        return nothing, nothing, nothing
    first = sum(values[slow - fast : slow].tolist()) / fast
    quick = _faded(values[slow:], weight_of(fast), first)
    difference = quick - ema(values, slow)[slow - 1 :]
    average = ema(difference, signal)
    told = np.where(np.isnan(average), np.nan, difference)
    both = (told, average, told - average)
    line, mean, histogram = (_from(slow - 1, one, size) for one in both)
    return line, mean, histogram


def moments(values: Series, period: int) -> tuple[Series, Series]:
    """Return mean and deviation; see `Moments`."""
    size = len(values)
    if size < whole_period(period, least=2):
        nothing = _from(size, values[:0], size)
        return nothing, nothing
    mean, squares = _first_moments(values[:period].tolist())
    change = values[period:] - values[:-period]
    means = np.cumsum(np.concatenate(([mean], change / period)))
    strays = (values[period:] - means[1:]) + (values[:-period] - means[:-1])
    sums = np.cumsum(np.concatenate(([squares], change * strays)))
    deviation = np.sqrt(np.maximum(sums, 0.0) / period)
    return _from(period - 1, means, size), _from(period - 1, deviation, size)


def bollinger(
    values: Series, period: int = 20, width: float = 2.0
) -> tuple[Series, Series, Series]:
    """See `Bollinger`; the lower bound, the mean and the upper bound."""
    mean, deviation = moments(values, period)
    reach = width * deviation
    return mean - reach, mean, mean + reach


def z_score(values: Series, period: int) -> Series:
    """See `ZScore`."""
    mean, deviation = moments(values, period)
    flat = deviation == 0.0
    found: Series = np.where(flat, 0.0, (values - mean) / np.where(flat, 1.0, deviation))
    return found


def atr(high: Series, low: Series, close: Series, period: int = 14) -> Series:
    """See `Atr`."""
    whole_period(period)
    reach = np.maximum(np.abs(high[1:] - close[:-1]), np.abs(low[1:] - close[:-1]))
    ranges = np.maximum(high[1:] - low[1:], reach)
    return _from(period, np.asarray(_wilder(ranges, period)), len(high))


def vwap(
    start_ns: NDArray[np.int64], high: Series, low: Series, close: Series, volume: Series
) -> Series:
    """See `Vwap`."""
    turnover = (high + low + close) / 3.0 * volume
    days = start_ns // INTERVALS["1d"]
    edges = np.flatnonzero(np.diff(days)) + 1
    found: list[Series] = []
    for sums, volumes in zip(np.split(turnover, edges), np.split(volume, edges), strict=True):
        traded = np.cumsum(volumes)
        none = traded == 0.0
        found.append(np.where(none, np.nan, np.cumsum(sums) / np.where(none, 1.0, traded)))
    return np.concatenate(found)


def _from(start: int, values: Series, size: int) -> Series:
    """Return an array of ``size`` that has the values from ``start`` on."""
    found = np.full(size, np.nan)
    if start < size:
        found[start:] = values
    return found


def _entering_less_leaving(values: Series, period: int) -> Series:
    found = values.copy()
    found[period:] -= values[:-period]
    return found


def _faded(values: Series, weight: float, first: float) -> Series:
    step = partial(_towards, weight)
    return np.fromiter(accumulate(values.tolist(), step, initial=first), float, len(values) + 1)


def _towards(weight: float, average: float, value: float) -> float:
    return average + weight * (value - average)


def _wilder(values: Series, period: int) -> Sequence[float]:
    """Return Wilder's means, from the ``period``-th value on."""
    if len(values) < period:
        return ()
    first = float(np.cumsum(values[:period])[-1] / period)

    def step(average: float, value: float) -> float:
        return (average * (period - 1) + value) / period

    fade: Callable[[float, float], float] = step
    return list(accumulate(values[period:].tolist(), fade, initial=first))


def _first_moments(values: Sequence[float]) -> tuple[float, float]:
    mean = squares = 0.0
    for count, value in enumerate(values, start=1):
        before, mean = mean, mean + (value - mean) / count
        squares += (value - before) * (value - mean)
    return mean, squares
