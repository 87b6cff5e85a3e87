"""What is said of a backtest, each figure with its definition beside it.

Where a figure has no meaning (no day is whole, nothing was sold) it is None. Shares are shares, not
percents. A year has 365 days, since these markets never close.
"""

from math import isfinite, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.backtest.account import Account
from analytics.backtest.bars import Bars
from analytics.backtest.fills import Fills
from analytics.backtest.trips import RoundTrips
from analytics.indicators.history import Series
from market.intervals import INTERVALS, SECOND_NS

DAYS = 365
DAY_NS = INTERVALS["1d"]

DEFINITIONS: dict[str, str] = {
    "start_value": "capital before the first candle",
    "end_value": "cash and coins at the last close",
    "total_return": "end value / start value - 1",
    "cagr": "(end value / start value) ^ (365 days / length) - 1",
    "hold_return": "last close / first open - 1: of buying once and holding, without fees",
    "volatility": "standard deviation of daily returns (UTC closes, ddof 1) x sqrt(365)",
    "sharpe": "mean / standard deviation of daily returns (UTC closes, ddof 1, risk-free 0) "
    "x sqrt(365)",
    "sortino": "mean of daily returns / root of their mean square below 0 (UTC closes) x sqrt(365)",
    "calmar": "cagr / max drawdown",
    "max_drawdown": "greatest fall of the equity at closes from a peak before, as a share of it",
    "max_drawdown_s": "longest time from a peak of the equity to its recovery, or to the end",
    "exposure": "mean share of the equity that was in the coin at closes",
    "turnover": "what was bought and sold / mean equity",
    "fees": "all fees paid, in the quote currency",
    "fills": "purchases and sales",
    "trades": "round trips, the last one too if it is open",
    "win_rate": "closed trades with a profit / closed trades",
    "profit_factor": "profits of closed trades / losses of closed trades",
    "expectancy": "mean profit of a closed trade, in the quote currency",
    "best_trade": "greatest gain of a closed trade, as a share of what was paid in",
    "worst_trade": "least gain of a closed trade",
    "average_trade": "mean gain of closed trades",
    "average_trade_s": "mean length of closed trades",
}
"""What each figure is."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """See `DEFINITIONS`; times in seconds."""

    start_value: float
    end_value: float
    total_return: float
    cagr: float | None
    hold_return: float
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    max_drawdown_s: float
    exposure: float
    turnover: float
    fees: float
    fills: int
    trades: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    best_trade: float | None
    worst_trade: float | None
    average_trade: float | None
    average_trade_s: float | None


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What figures are made of, besides the candles; ``exposure`` and ``equity`` are means.

    ``closes`` are the equity at the last candle of each day.
    """

    start: float
    closes: Series
    depth: float
    longest_ns: int
    exposure: float
    equity: float
    filled: Fills
    tripped: RoundTrips


def figures(bars: Bars, result: Account) -> Figures:
    """Compute all figures.

    Raises:
        ValueError: there are no candles.

    """
    if not len(bars):
        raise ValueError("there are no candles to compute figures of")
    equity, start = result.equity, result.terms.capital
    depth, longest_ns = _drawdown(bars, equity, start)
    measured = Measured(
        start=start,
        closes=equity[ends_of_days(bars.start_ns)],
        depth=depth,
        longest_ns=longest_ns,
        exposure=float(result.exposure.mean()),
        equity=float(equity.mean()),
        filled=result.filled,
        tripped=result.tripped,
    )
    return figures_of(bars, measured)


def figures_of(bars: Bars, measured: Measured) -> Figures:
    """Compute all figures of what was measured."""
    start, end, depth = measured.start, float(measured.closes[-1]), measured.depth
    closes = np.concatenate(([start], measured.closes))
    daily = np.diff(closes) / closes[:-1]
    deviation = _deviation(daily)
    length_ns = int(bars.start_ns[-1] - bars.start_ns[0]) + bars.length_ns
    growth = _growth(end / start, length_ns)
    fills = measured.filled
    return Figures(
        start_value=start,
        end_value=end,
        total_return=end / start - 1.0,
        cagr=growth,
        hold_return=float(bars.close[-1] / bars.open[0]) - 1.0,
        volatility=None if deviation is None else deviation * sqrt(DAYS),
        sharpe=_ratio(daily, deviation),
        sortino=_ratio(daily, _fall(daily)),
        calmar=growth / depth if growth is not None and depth else None,
        max_drawdown=depth,
        max_drawdown_s=measured.longest_ns / SECOND_NS,
        exposure=measured.exposure,
        turnover=float(fills.notional.sum()) / measured.equity,
        fees=float(fills.fee.sum()),
        fills=len(fills),
        trades=len(measured.tripped),
        **_of_trips(bars, measured.tripped),
    )


def ends_of_days(start_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of the last candle of each day (UTC) in which there is one."""
    first, last = int(start_ns[0]) // DAY_NS, int(start_ns[-1]) // DAY_NS
    ends = np.searchsorted(start_ns, np.arange(first + 1, last + 2) * DAY_NS)
    return np.unique(ends) - 1


def _growth(ratio: float, length_ns: int) -> float | None:
    years = length_ns / (DAYS * DAY_NS)
    try:
        found = float(ratio ** (1.0 / years))
    except OverflowError:
        return None
    return found - 1.0 if isfinite(found) else None


def _deviation(daily: Series) -> float | None:
    return float(daily.std(ddof=1)) if len(daily) > 1 else None


def _fall(daily: Series) -> float | None:
    return sqrt(float(np.mean(np.minimum(daily, 0.0) ** 2))) if len(daily) > 1 else None


def _ratio(daily: Series, spread: float | None) -> float | None:
    return float(daily.mean()) / spread * sqrt(DAYS) if spread else None


def _drawdown(bars: Bars, equity: Series, start: float) -> tuple[float, int]:
    """Return the depth of the deepest and the length of the longest fall from a peak."""
    peaks = np.maximum.accumulate(equity)
    if equity[0] < start:
        np.maximum(peaks, start, out=peaks)
    at_peak = np.flatnonzero(equity >= peaks)
    depth = 1.0 - float(np.min(np.divide(equity, peaks, out=peaks)))
    length_ns, last = bars.length_ns, len(bars) - 1
    before = np.concatenate(([-1], at_peak))
    after = np.append(at_peak, last)
    fell = after - before > np.append(np.ones(len(at_peak), dtype=np.int64), 0)
    began_ns = np.where(before < 0, bars.start_ns[0], bars.start_ns[before] + length_ns)
    falls = (bars.start_ns[after] + length_ns - began_ns)[fell]
    return depth, int(falls.max()) if len(falls) else 0


def _of_trips(bars: Bars, trips: RoundTrips) -> dict[str, float | None]:
    names = ("expectancy", "best_trade", "worst_trade", "average_trade", "average_trade_s")
    closed = trips.closed
    if not closed:
        return dict.fromkeys(("win_rate", "profit_factor", *names))
    profits, gains = trips.profit[:closed], trips.gain[:closed]
    lost = -float(profits[profits < 0.0].sum())
    lengths_ns = bars.start_ns[trips.end[:closed]] - bars.start_ns[trips.start[:closed]]
    return {
        "win_rate": float(np.mean(profits > 0.0)),
        "profit_factor": float(profits[profits > 0.0].sum()) / lost if lost else None,
        "expectancy": float(profits.mean()),
        "best_trade": float(gains.max()),
        "worst_trade": float(gains.min()),
        "average_trade": float(gains.mean()),
        "average_trade_s": float(np.mean(lengths_ns)) / SECOND_NS,
    }
