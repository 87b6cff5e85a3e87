"""Prices and the shares that are wanted in the coin in, what is bought and sold for them out.

One loop, as plain as numba can compile: see `analytics.backtest.compiled`.
"""

from collections.abc import Callable, MutableSequence, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.history import Series

COLUMNS = 6
"""Price, size, notional and fee of a fill; cash and coins after it."""

Columns: TypeAlias = Sequence[MutableSequence[float]]
CarryOut: TypeAlias = Callable[
    [Series, Series, float, float, float], tuple[NDArray[np.bool_], NDArray[np.float64]]
]
"""Prices, shares, capital, fee and slippage as shares in; which are filled, and `COLUMNS` out."""


def by_python(
    prices: Series, shares: Series, capital: float, rate: float, slippage: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Run `moves` as it stands; see `CarryOut`."""
    out = [[0.0] * len(prices) for _ in range(COLUMNS)]
    moves(prices.tolist(), shares.tolist(), capital, rate, slippage, out)
    rows = np.array(out).reshape(COLUMNS, len(prices))
    return rows[1] != 0.0, rows


def moves(  # numbers and arrays only
    prices: Sequence[float],
    shares: Sequence[float],
    capital: float,
    rate: float,
    slippage: float,
    out: Columns,
) -> None:
    """Buy or sell until the share is in the coin, order by order; a size of zero: neither."""
    cash, coins = capital, 0.0
    dearer, cheaper = 1.0 + slippage, 1.0 - slippage
    for at in range(len(prices)):
        price, share = prices[at], shares[at]
        value = coins * price
        spent = share * (cash + value) - value
        size = notional = fee = 0.0
        if spent > 0.0:
            price, notional = price * dearer, min(spent, cash)
            fee = notional * rate
            size = (notional - fee) / price
            cash -= notional
        elif spent < 0.0:
            size = -coins if share == 0.0 else -min(-spent / price, coins)
            price *= cheaper
            notional = -size * price
            fee = notional * rate
            cash = cash + notional - fee
        coins += size
        out[0][at], out[1][at], out[2][at] = price, size, notional
        out[3][at], out[4][at], out[5][at] = fee, cash, coins
