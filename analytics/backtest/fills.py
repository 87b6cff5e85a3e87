"""Targets in, purchases and sales out: what is bought and sold, at what price, for what fee."""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.backtest.bars import Bars
from analytics.backtest.moves import CarryOut, by_python
from analytics.backtest.terms import BPS, Terms
from analytics.indicators.history import Series


class Fill(msgspec.Struct, frozen=True, gc=False):
    """One purchase (``size`` above zero) or sale; ``index`` is the candle at whose open it is.

    ``price`` includes the slippage; ``notional`` is what changed hands and ``fee`` what of that
    went to the venue, both in the quote currency. ``size`` is what came in or went out.
    """

    index: int
    at_ns: int
    price: float
    size: float
    notional: float
    fee: float


class Fills(msgspec.Struct, frozen=True, kw_only=True):
    """All of them as arrays, see `Fill`; ``cash`` and ``coins`` are what there was after each."""

    index: NDArray[np.int64]
    at_ns: NDArray[np.int64]
    price: Series
    size: Series
    notional: Series
    fee: Series
    cash: Series
    coins: Series

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[Fill]:
        columns = (self.index, self.at_ns, self.price, self.size, self.notional, self.fee)
        return map(Fill, *(column.tolist() for column in columns))


def filled(bars: Bars, targets: Series, terms: Terms, carry_out: CarryOut = by_python) -> Fills:
    """Carry out each target that differs from the one before at the open of the next candle."""
    decided = _changes(targets[: max(0, len(bars) - 1)])
    rate, slippage = terms.fee_bps / BPS, terms.slippage_bps / BPS
    opens, wanted = bars.open[decided + 1], targets[decided]
    is_filled, rows = carry_out(opens, wanted, terms.capital, rate, slippage)
    index = decided[is_filled] + 1
    price, size, notional, fee, cash, coins = rows[:, is_filled]
    return Fills(
        index=index,
        at_ns=bars.start_ns[index],
        price=price,
        size=size,
        notional=notional,
        fee=fee,
        cash=cash,
        coins=coins,
    )


def _changes(targets: Series) -> NDArray[np.int64]:
    """Return where a target differs from the one before; NaN: it is still that one, at first 0."""
    places = np.concatenate(([0], np.flatnonzero(targets[1:] != targets[:-1]) + 1))
    values = targets[places] if len(targets) else targets
    known = ~np.isnan(values)
    places, values = places[: len(values)][known], values[known]
    found: NDArray[np.int64] = places[values != np.concatenate(([0.0], values[:-1]))]
    return found
