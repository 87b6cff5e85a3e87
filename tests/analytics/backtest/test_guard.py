"""Five ways to look ahead, each refused; honest strategies are not."""

from collections.abc import Callable

import numpy as np
import pytest

from analytics.backtest import Bars, LookAheadError, decide, refuse_look_ahead
from analytics.indicators import history
from analytics.indicators.history import Series
from analytics.strategies import SHIPPED, parameters_of
from tests.analytics.backtest.candles import walk


def _above(values: Series, other: Series) -> Series:
    return np.where(np.isnan(other), np.nan, (values > other).astype(float))


def the_next_close(bars: Bars) -> Series:
    return _above(np.append(bars.close[1:], bars.close[-1]), bars.close)


def a_window_around_each(bars: Bars) -> Series:
    around = np.convolve(bars.close, np.ones(21) / 21, mode="same")
    return _above(bars.close, around)


def the_mean_of_all(bars: Bars) -> Series:
    return _above(bars.close, np.full(len(bars), bars.close.mean()))


def values_filled_in_from_behind(bars: Bars) -> Series:
    seen = np.where(np.arange(len(bars)) % 7 == 6, bars.close, np.nan)
    last = len(bars) - 1
    where = np.where(np.isnan(seen), last, np.arange(len(bars)))
    return _above(bars.close, bars.close[np.minimum.accumulate(where[::-1])[::-1]])


def longer_candles_known_at_their_start(bars: Bars) -> Series:
    hours = np.arange(len(bars)) // 60
    last = np.append(np.flatnonzero(np.diff(hours)), len(bars) - 1)
    return _above(bars.close[last][hours], bars.close)


def _honest(period: int) -> Callable[[Bars], Series]:
    return lambda bars: _above(bars.close, history.sma(bars.close, period))


@pytest.mark.parametrize(
    "leak",
    [
        the_next_close,
        a_window_around_each,
        the_mean_of_all,
        values_filled_in_from_behind,
        longer_candles_known_at_their_start,
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_looks_ahead_is_refused(leak: Callable[[Bars], Series], seed: int) -> None:
    with pytest.raises(LookAheadError, match="planted looks ahead: of candle"):
        refuse_look_ahead(leak, walk(3_000, seed=seed), name="planted", seed=seed)


@pytest.mark.parametrize("seed", range(30))
def test_who_is_honest_is_not(seed: int) -> None:
    refuse_look_ahead(_honest(5 + seed), walk(2_000, seed=seed), name="honest", seed=seed)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_shipped_strategy_looks_ahead(name: str) -> None:
    strategy = SHIPPED[name]
    parameters = parameters_of(strategy, {})

    refuse_look_ahead(lambda bars: decide(strategy(parameters), bars), walk(400), name=name)
