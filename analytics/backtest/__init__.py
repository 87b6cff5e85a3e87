"""Backtests: a strategy and what was, in; what would have come of it, out.

    Bars ──decide──▶ targets ──account──▶ Account (fills, round trips, equity) ──figures──▶ Figures

A target that is decided on one candle's close is carried out at the next one's open, so no price
is used that was not known. `guard` refuses strategies that look ahead all the same.
"""

from analytics.backtest.account import Account, account
from analytics.backtest.bars import Bars, bars_of, folded, joined
from analytics.backtest.decisions import decide
from analytics.backtest.figures import DEFINITIONS, Figures, figures
from analytics.backtest.fills import Fill, Fills
from analytics.backtest.guard import LookAheadError, refuse_look_ahead
from analytics.backtest.run import Result, backtest, concluded
from analytics.backtest.terms import Terms
from analytics.backtest.trips import RoundTrip, RoundTrips

__all__ = [
    "DEFINITIONS",
    "Account",
    "Bars",
    "Figures",
    "Fill",
    "Fills",
    "LookAheadError",
    "Result",
    "RoundTrip",
    "RoundTrips",
    "Terms",
    "account",
    "backtest",
    "bars_of",
    "concluded",
    "decide",
    "figures",
    "folded",
    "joined",
    "refuse_look_ahead",
]
