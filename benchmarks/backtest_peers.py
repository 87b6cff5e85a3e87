"""The same strategy with other libraries, where they are installed: vectorbt and backtesting.py.

They are asked for the figures that they print, as their users do. Fees of a purchase are taken
differently by each, so ends differ by some hundredths of a percent; trades do not.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from analytics.backtest import Bars

MISSING = "is not installed: pip install {} in an environment of its own"


def is_there(name: str) -> bool:
    """Tell whether a library is installed."""
    return importlib.util.find_spec(name) is not None


class Vectorbt:
    """Moving averages, crossings, a portfolio, and its statistics."""

    def __init__(self, bars: Bars, *, capital: float, fee: float) -> None:
        pandas = importlib.import_module("pandas")
        self._library: Any = importlib.import_module("vectorbt")
        times = pandas.to_datetime(bars.start_ns)
        self._close = pandas.Series(bars.close, times)
        self._open = pandas.Series(bars.open, times)
        self._terms = {"init_cash": capital, "fees": fee, "freq": "1min"}

    def run(self, fast: int, slow: int) -> int:
        """Return the number of trades, once statistics are made."""
        portfolio = self._portfolio([fast], [slow])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(portfolio.stats()["Total Trades"])

    def sweep(self, pairs: Sequence[tuple[int, int]]) -> int:
        """Return the number of pairs, once each has its total return, drawdown and Sharpe ratio."""
        portfolio = self._portfolio([fast for fast, _ in pairs], [slow for _, slow in pairs])
        figures = (portfolio.total_return(), portfolio.max_drawdown(), portfolio.sharpe_ratio())
        return min(map(len, figures))

    def _portfolio(self, fast: Sequence[int], slow: Sequence[int]) -> Any:
        means = self._library.MA
        quick = means.run(self._close, window=fast, short_name="fast")
        lazy = means.run(self._close, window=slow, short_name="slow")
        bought = quick.ma_crossed_above(lazy).vbt.fshift(1)
        sold = quick.ma_crossed_below(lazy).vbt.fshift(1)
        prices = {"price": np.asarray(self._open)[:, None], **self._terms}
        return self._library.Portfolio.from_signals(self._close, bought, sold, **prices)


def backtesting(bars: Bars, *, capital: float, fee: float) -> Callable[[int, int], int]:
    """Return what runs backtesting.py and returns the number of trades."""
    pandas = importlib.import_module("pandas")
    library: Any = importlib.import_module("backtesting")
    columns = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close}
    frame = pandas.DataFrame(columns, index=pandas.to_datetime(bars.start_ns))

    def run(fast: int, slow: int) -> int:
        strategy = _crossing(library, fast, slow)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = library.Backtest(
                frame, strategy, cash=capital * 1e3, commission=fee, finalize_trades=True
            )
            return int(made.run()["# Trades"])

    return run


def _crossing(library: Any, fast: int, slow: int) -> Any:
    """Return the strategy as the library wants it: a class."""

    def mean(close: Any, period: int) -> Any:
        sums = np.concatenate(([0.0], np.cumsum(close)))
        whole = (sums[period:] - sums[:-period]) / period
        return np.concatenate((np.full(period - 1, np.nan), whole))

    class Crossing(library.Strategy):  # type: ignore[misc]  # of a library without types
        def init(self) -> None:
            self.quick = self.I(mean, self.data.Close, fast)
            self.lazy = self.I(mean, self.data.Close, slow)

        def next(self) -> None:
            is_above = self.quick[-1] > self.lazy[-1]
            if is_above and not self.position:
                self.buy()
            elif not is_above and self.position:
                self.position.close()

    return Crossing
