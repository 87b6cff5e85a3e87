"""Candles for backtests."""

import numpy as np

from analytics.backtest import Bars
from market.intervals import INTERVALS


def made(
    opens: list[float], closes: list[float], *, interval: str = "1d", start_ns: int = 0
) -> Bars:
    """Return candles one after the other, with these opens and closes."""
    first, last = np.array(opens, dtype=float), np.array(closes, dtype=float)
    length = INTERVALS[interval]
    return Bars(
        interval=interval,
        start_ns=start_ns + np.arange(len(opens), dtype=np.int64) * length,
        open=first,
        high=np.maximum(first, last),
        low=np.minimum(first, last),
        close=last,
        volume=np.ones(len(opens)),
    )


def walk(count: int, *, seed: int = 1, interval: str = "1m") -> Bars:
    """Return candles of a random walk."""
    random = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.001, count)))
    opens = np.concatenate(([100.0], closes[:-1]))
    return made(opens.tolist(), closes.tolist(), interval=interval)
