"""From targets to what would have been bought and sold, and what it would have been worth.

A target decided on one candle is carried out at the open of the next, the last one never. A fill
pays its fee from what changes hands, and its price is worse than the open by the slippage. Shares
are kept until the target changes; in between nothing is traded.
"""

import msgspec
import numpy as np

from analytics.backtest.bars import Bars
from analytics.backtest.fills import Fill, Fills, filled
from analytics.backtest.terms import Terms
from analytics.backtest.trips import RoundTrip, RoundTrips, round_trips
from analytics.indicators.history import Series


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What would have come of it; ``equity`` and ``exposure`` at each close.

    ``exposure`` is the share of the equity that is in the coin.
    """

    terms: Terms
    filled: Fills
    tripped: RoundTrips
    equity: Series
    exposure: Series

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Purchases and sales, oldest first."""
        return tuple(self.filled)

    @property
    def trips(self) -> tuple[RoundTrip, ...]:
        """Round trips, oldest first; the last one may be open."""
        return tuple(self.tripped)

    @property
    def fees(self) -> float:
        """All that was paid to the venue."""
        return float(self.filled.fee.sum())


def account(bars: Bars, targets: Series, terms: Terms) -> Account:
    """Carry out the targets.

    Args:
        bars: The candles that the targets were decided on.
        targets: See `decide`.
        terms: Capital and costs.

    Raises:
        ValueError: there is not one target a candle.

    """
    if len(targets) != len(bars):
        raise ValueError(f"{len(targets)} targets do not fit {len(bars)} candles")
    fills = filled(bars, targets, terms)
    lengths = np.diff(np.concatenate(([0], fills.index)), append=len(bars))
    cash = np.repeat(np.concatenate(([terms.capital], fills.cash)), lengths)
    value = np.repeat(np.concatenate(([0.0], fills.coins)), lengths)
    value *= bars.close
    equity = np.add(cash, value, out=cash)
    return Account(
        terms=terms,
        filled=fills,
        tripped=round_trips(bars, fills),
        equity=equity,
        exposure=np.divide(value, equity, out=value),
    )
