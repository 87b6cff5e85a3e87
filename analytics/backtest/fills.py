"""Targets in, purchases and sales out: what is bought and sold, at what price, for what fee."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.backtest.bars import Bars
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


def filled(bars: Bars, targets: Series, terms: Terms) -> Fills:
    """Carry out each target that differs from the one before at the open of the next candle."""
    held = _filled_forward(targets)[: max(0, len(bars) - 1)]
    decided = np.flatnonzero(held[1:] != held[:-1]) + 1
    if len(held) and held[0] != 0.0:
        decided = np.concatenate(([0], decided))
    opens = bars.open[decided + 1]
    orders = zip(decided.tolist(), opens.tolist(), held[decided].tolist(), strict=True)
    moved = list(zip(*_moves(orders, terms), strict=True)) or [()] * len(_Moved._fields)
    index = np.array(moved[0], dtype=np.int64) + 1
    price, size, notional, fee, cash, coins = (np.array(one, dtype=float) for one in moved[1:])
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


class _Moved(NamedTuple):
    decided: int
    price: float
    size: float
    notional: float
    fee: float
    cash: float
    coins: float


def _moves(orders: Iterable[tuple[int, float, float]], terms: Terms) -> Iterator[_Moved]:
    """Buy or sell until the target share of what there is is in the coin, order by order."""
    cash, coins = terms.capital, 0.0
    rate, slippage = terms.fee_bps / BPS, terms.slippage_bps / BPS
    dearer, cheaper = 1.0 + slippage, 1.0 - slippage
    for decided, price, target in orders:
        value = coins * price
        spent = target * (cash + value) - value
        if spent > 0.0:
            spent = min(spent, cash)
            fee, paid = spent * rate, price * dearer
            size = (spent - fee) / paid
            cash, coins = cash - spent, coins + size
            yield _Moved(decided, paid, size, spent, fee, cash, coins)
        elif spent < 0.0:
            got = price * cheaper
            size = coins if target == 0.0 else min(-spent / price, coins)
            notional = size * got
            fee = notional * rate
            cash, coins = cash + notional - fee, coins - size
            yield _Moved(decided, got, -size, notional, fee, cash, coins)


def _filled_forward(targets: Series) -> Series:
    """Return the targets with each NaN replaced by the one before; 0 before the first."""
    known = ~np.isnan(targets)
    first = int(np.argmax(known)) if bool(known.any()) else len(targets)
    found = targets.copy()
    found[:first] = 0.0
    if not bool(known[first:].all()):
        last = np.maximum.accumulate(np.where(known, np.arange(len(targets)), 0))
        found[first:] = targets[last[first:]]
    return found
