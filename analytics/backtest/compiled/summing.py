"""Candles and fills in, what figures need of the equity out: one loop that numba can compile.

It keeps no equity, of which a sweep would have one array a trial.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analytics.indicators.history import Series

Sums: TypeAlias = tuple[float, int, float, float]


def summed(  # numbers and arrays only
    start_ns: NDArray[np.int64],
    length_ns: int,
    close: Series,
    index: NDArray[np.int64],
    cash: Series,
    coins: Series,
) -> Sums:
    """Return the depth of the deepest fall, the length of the longest, mean exposure and equity.

    Args:
        start_ns: When each candle opens.
        length_ns: How long it is open.
        close: Prices in the end.
        index: The candle from which on there are that much ``cash`` and that many ``coins``,
            rising from 0, and after the last the number of candles.
        cash: As above.
        coins: As above.

    """
    peak, peak_at, peak_ns = cash[0], -1, start_ns[0]
    least, longest, exposure_sum, equity_sum = 1.0, 0, 0.0, 0.0
    for part in range(len(cash)):
        for at in range(index[part], index[part + 1]):
            value = coins[part] * close[at]
            equity = cash[part] + value
            equity_sum += equity
            if value > 0.0:
                exposure_sum += value / equity
            if equity >= peak:
                if at - peak_at > 1:
                    longest = max(longest, start_ns[at] + length_ns - peak_ns)
                peak, peak_at, peak_ns = equity, at, start_ns[at] + length_ns
            elif equity < least * peak:
                least = equity / peak
    size = len(close)
    if peak_at < size - 1:
        longest = max(longest, start_ns[size - 1] + length_ns - peak_ns)
    return 1.0 - least, longest, exposure_sum / size, equity_sum / size
