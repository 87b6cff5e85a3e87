"""Closes in, targets out: the shipped strategies as plain loops that numba can compile.

Each does the same operations in the same order as its object and its indicators, hence the same
bits. They run as they stand, too, slowly.
"""

from math import nan, sqrt

from analytics.indicators.history import Series
from analytics.strategies.crosses import ABOVE


def sma_cross(close: Series, fast: int, slow: int, out: Series) -> None:
    """See `SmaCross`."""
    fast_sum = slow_sum = 0.0
    for at in range(len(close)):
        value = close[at]
        fast_sum += value - close[at - fast] if at >= fast else value
        slow_sum += value - close[at - slow] if at >= slow else value
        out[at] = nan
        if at >= slow - 1:
            out[at] = 1.0 if fast_sum / fast > slow_sum / slow * ABOVE else 0.0


def ema_cross(close: Series, fast: int, slow: int, out: Series) -> None:
    """See `EmaCross`."""
    quick_weight, lazy_weight = 2.0 / (fast + 1), 2.0 / (slow + 1)
    quick = lazy = quick_sum = lazy_sum = 0.0
    for at in range(len(close)):
        value = close[at]
        quick_sum += value
        lazy_sum += value
        quick = quick_sum / fast if at < fast else quick + quick_weight * (value - quick)
        lazy = lazy_sum / slow if at < slow else lazy + lazy_weight * (value - lazy)
        out[at] = nan
        if at >= slow - 1:
            out[at] = 1.0 if quick > lazy * ABOVE else 0.0


def macd(  # numbers and arrays only
    close: Series, fast: int, slow: int, signal: int, first: float, out: Series
) -> None:
    """See `MacdCross`; ``first`` is the mean of the ``fast`` closes up to the ``slow``-th."""
    quick_weight, lazy_weight, weight = 2.0 / (fast + 1), 2.0 / (slow + 1), 2.0 / (signal + 1)
    quick, lazy, mean = first, 0.0, 0.0
    lazy_sum = mean_sum = 0.0
    for at in range(len(close)):
        value = close[at]
        out[at] = nan
        lazy_sum += value
        lazy = lazy_sum / slow if at < slow else lazy + lazy_weight * (value - lazy)
        if at < slow - 1:
            continue
        if at >= slow:
            quick += quick_weight * (value - quick)
        difference, told = quick - lazy, at - slow + 1
        mean_sum += difference
        mean = mean_sum / signal if told < signal else mean + weight * (difference - mean)
        if told >= signal - 1:
            out[at] = 1.0 if difference - mean > 0.0 else 0.0


def rsi_reversal(
    close: Series, period: int, oversold: float, overbought: float, out: Series
) -> None:
    """See `RsiReversal`."""
    gain = loss = target = 0.0
    for at in range(len(close)):
        out[at] = nan
        if at == 0:
            continue
        change = close[at] - close[at - 1]
        rise, fall = max(change, 0.0), max(-change, 0.0)
        if at > period:
            gain = (gain * (period - 1) + rise) / period
            loss = (loss * (period - 1) + fall) / period
        else:
            gain, loss = gain + rise, loss + fall
            if at < period:
                continue
            gain, loss = gain / period, loss / period
        moved = gain + loss
        value = 100.0 * (gain / moved) if moved != 0.0 else 0.0
        if value <= oversold:
            target = 1.0
        elif value >= overbought:
            target = 0.0
        out[at] = target


def bollinger_breakout(close: Series, period: int, width: float, out: Series) -> None:
    """See `BollingerBreakout`."""
    mean = squares = target = 0.0
    for at in range(len(close)):
        value, before = close[at], mean
        out[at] = nan
        if at < period:
            mean = before + (value - before) / (at + 1)
            squares += (value - before) * (value - mean)
        else:
            oldest = close[at - period]
            change = value - oldest
            mean = before + change / period
            squares += change * ((value - mean) + (oldest - before))
        if at < period - 1:
            continue
        if value > mean + width * sqrt(max(squares, 0.0) / period):
            target = 1.0
        elif value < mean:
            target = 0.0
        out[at] = target
