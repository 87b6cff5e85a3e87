"""Strategies: what happens at one instrument in, how much of it to hold out.

The same object runs live, in replays and in backtests; nothing in it knows which. `SHIPPED` are
those that come with the project; others follow `Strategy`.
"""

from analytics.strategies.breakouts import BollingerBreakout
from analytics.strategies.crosses import EmaCross, MacdCross, SmaCross
from analytics.strategies.reversals import PremiumReversion, RsiReversal
from analytics.strategies.strategy import (
    AnyStrategy,
    Bar,
    Moment,
    QuoteStrategy,
    Reason,
    Strategy,
    parameters_from,
    parameters_of,
)

SHIPPED: dict[str, type[Strategy]] = {
    strategy.name: strategy
    for strategy in (
        SmaCross,
        EmaCross,
        MacdCross,
        RsiReversal,
        BollingerBreakout,
        PremiumReversion,
    )
}
"""The strategies of this package by name."""

__all__ = [
    "SHIPPED",
    "AnyStrategy",
    "Bar",
    "BollingerBreakout",
    "EmaCross",
    "MacdCross",
    "Moment",
    "PremiumReversion",
    "QuoteStrategy",
    "Reason",
    "RsiReversal",
    "SmaCross",
    "Strategy",
    "parameters_from",
    "parameters_of",
]
