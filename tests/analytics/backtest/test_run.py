from typing import ClassVar

import msgspec
import numpy as np
import pytest

from analytics.backtest import LookAheadError, Terms, account, backtest, decide, figures
from analytics.strategies import Bar, Reason, SmaCross
from analytics.strategies.crosses import Periods
from tests.analytics.backtest.candles import made, walk


def test_a_backtest_is_its_parts_one_after_the_other() -> None:
    bars, terms = walk(600), Terms(fee_bps=5.0)

    found = backtest(SmaCross, bars, terms, fast=3, slow=10)

    chosen = Periods(fast=3, slow=10)
    targets = decide(SmaCross(chosen), bars)
    kept = account(bars, targets, terms)
    assert found.parameters == chosen
    assert np.array_equal(found.targets, targets, equal_nan=True)
    assert found.account.fills == kept.fills
    assert found.figures == figures(bars, kept)


def test_a_parameter_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="sma-cross has no parameter 'quick'"):
        backtest(SmaCross, walk(10), quick=3)


def test_a_backtest_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="there are no candles"):
        backtest(SmaCross, made([], []))


class Peeks:
    """Knows the candles from elsewhere: it is in before each that will rise."""

    name: ClassVar[str] = "peeks"
    Parameters: ClassVar[type[msgspec.Struct]] = Periods
    told: ClassVar[list[float]] = []
    warm_up = 0

    def __init__(self, parameters: msgspec.Struct, /) -> None:
        del parameters
        self._told = list(self.told)
        self.told.clear()

    def on_candle(self, bar: Bar, /) -> float | None:
        self.told.append(bar.close)
        later = self._told[len(self.told) :]
        return 1.0 if later and later[0] > bar.close else 0.0

    def why(self) -> Reason:
        return Reason("it remembers the last time", {})


def test_a_strategy_that_knows_the_future_is_not_run() -> None:
    with pytest.raises(LookAheadError, match="peeks looks ahead"):
        backtest(Peeks, walk(600))
