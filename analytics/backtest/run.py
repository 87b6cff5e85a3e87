"""One backtest from end to end: a strategy, candles and terms in, all that is known of it out."""

from typing import Any

import msgspec

from analytics.backtest.account import Account, account
from analytics.backtest.bars import Bars
from analytics.backtest.decisions import decide
from analytics.backtest.figures import Figures, figures
from analytics.backtest.guard import refuse_look_ahead
from analytics.backtest.terms import Terms
from analytics.indicators.history import Series
from analytics.strategies import Strategy, parameters_of

DEFAULT = Terms()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was tried, on what, and what came of it; ``targets`` are those of `decide`."""

    strategy: str
    parameters: msgspec.Struct
    bars: Bars
    targets: Series
    account: Account
    figures: Figures


def backtest(
    strategy: type[Strategy], bars: Bars, terms: Terms = DEFAULT, **parameters: Any
) -> Result:
    """Run a strategy as it runs live over candles, once it is sure that it does not look ahead.

        backtest(SmaCross, bars, Terms(fee_bps=10), fast=50, slow=200).figures.sharpe

    Args:
        strategy: Whose `Strategy.Parameters` say what can be chosen.
        bars: What it is told.
        terms: Capital and costs.
        parameters: Those that are not as they are by default.

    Raises:
        LookAheadError: it knows the future.
        ValueError: a parameter is out of bounds, there are no candles, or what it says is no share.

    """
    chosen = parameters_of(strategy, parameters)
    refuse_look_ahead(lambda part: decide(strategy(chosen), part), bars, name=strategy.name)
    return concluded(strategy.name, chosen, bars, decide(strategy(chosen), bars), terms)


def concluded(
    name: str, parameters: msgspec.Struct, bars: Bars, targets: Series, terms: Terms
) -> Result:
    """Carry out targets that were decided; the arguments are as in `Result`.

    Raises:
        ValueError: there are no candles.

    """
    kept = account(bars, targets, terms)
    return Result(
        strategy=name,
        parameters=parameters,
        bars=bars,
        targets=targets,
        account=kept,
        figures=figures(bars, kept),
    )
