"""The least that can be done: NumPy by hand for one strategy, with fees and every figure.

It is written apart from `analytics.backtest` and knows only purchases of all and sales of all, so
that its figures are a check of ours as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.backtest import Bars
from analytics.strategies.crosses import ABOVE

YEAR_NS = 365 * 86_400_000_000_000
DAY_NS = 86_400_000_000_000

_Floats = NDArray[np.float64]
_Places = NDArray[np.int64]


def by_hand(bars: Bars, fast: int, slow: int, *, capital: float, fee: float) -> dict[str, float]:
    """Return the figures of being in while the fast mean is above the slow one; fee as a share."""
    places = _crossings(bars.close, fast, slow) + 1
    places = places[places < len(bars)]
    bought, sold = places[0::2], places[1::2]
    whole = len(sold)
    growth = (1.0 - fee) ** 2 * bars.open[sold] / bars.open[bought[:whole]]
    cash = capital * np.concatenate(([1.0], np.cumprod(growth)))
    coins = cash[: len(bought)] * (1.0 - fee) / bars.open[bought]
    value = np.zeros(len(bars))
    for_cash = np.full(len(places) + 1, 0.0)
    for_cash[0::2] = cash[: len(for_cash[0::2])]
    held = np.zeros(len(places) + 1)
    held[1::2] = coins
    lengths = np.diff(np.concatenate(([0], places, [len(bars)])))
    np.multiply(np.repeat(held, lengths), bars.close, out=value)
    equity = np.repeat(for_cash, lengths)
    equity += value
    gross = coins[:whole] * bars.open[sold]
    paid = cash[: len(bought)]
    notional = float(paid.sum() + gross.sum())
    found = _of_trips(bars, bought[:whole], sold, np.diff(cash), growth - 1.0)
    return found | {
        **_of_equity(bars, equity, capital),
        "exposure": float(np.mean(value / equity)),
        "turnover": notional / float(equity.mean()),
        "fees": notional * fee,
        "fills": float(len(places)),
        "trades": float(len(bought)),
    }


def _crossings(close: _Floats, fast: int, slow: int) -> _Places:
    """Return each candle on which the fast mean crosses the slow one."""
    sums = np.concatenate(([0.0], np.cumsum(close)))
    quick = (sums[slow:] - sums[slow - fast : -fast]) / fast
    lazy = (sums[slow:] - sums[:-slow]) / slow
    above = np.concatenate(([False], quick > lazy * ABOVE))
    found: _Places = np.flatnonzero(above[1:] != above[:-1]) + slow - 1
    return found


def _of_equity(bars: Bars, equity: _Floats, capital: float) -> dict[str, float]:
    end = float(equity[-1])
    length_ns = int(bars.start_ns[-1] - bars.start_ns[0]) + bars.length_ns
    days = bars.start_ns[-1] // DAY_NS - bars.start_ns[0] // DAY_NS
    first = bars.start_ns[0] // DAY_NS + 1
    ends = np.searchsorted(bars.start_ns, np.arange(first, first + days + 1) * DAY_NS) - 1
    closes = np.concatenate(([capital], equity[ends]))
    daily = closes[1:] / closes[:-1] - 1.0
    root, spread = np.sqrt(365.0), daily.std(ddof=1)
    below = np.sqrt(np.mean(np.minimum(daily, 0.0) ** 2))
    peaks = np.maximum(np.maximum.accumulate(equity), capital)
    depth = float(np.max(1.0 - equity / peaks))
    at_peak = np.concatenate(([-1], np.flatnonzero(equity == peaks), [len(equity) - 1]))
    steps = np.diff(at_peak)
    longest = int(steps[:-1][steps[:-1] > 1].max(initial=0))
    cagr = (end / capital) ** (YEAR_NS / length_ns) - 1.0
    return {
        "start_value": capital,
        "end_value": end,
        "total_return": end / capital - 1.0,
        "cagr": float(cagr),
        "hold_return": float(bars.close[-1] / bars.open[0] - 1.0),
        "volatility": float(spread * root),
        "sharpe": float(daily.mean() / spread * root),
        "sortino": float(daily.mean() / below * root),
        "calmar": float(cagr / depth),
        "max_drawdown": depth,
        "max_drawdown_s": max(longest, int(steps[-1])) * bars.length_ns / 1e9,
    }


def _of_trips(
    bars: Bars, bought: _Places, sold: _Places, profits: _Floats, gains: _Floats
) -> dict[str, float]:
    won = profits > 0.0
    return {
        "win_rate": float(won.mean()),
        "profit_factor": float(profits[won].sum() / -profits[~won].sum()),
        "expectancy": float(profits.mean()),
        "best_trade": float(gains.max()),
        "worst_trade": float(gains.min()),
        "average_trade": float(gains.mean()),
        "average_trade_s": float(np.mean(bars.start_ns[sold] - bars.start_ns[bought]) / 1e9),
    }
