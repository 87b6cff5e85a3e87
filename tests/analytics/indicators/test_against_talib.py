"""What TA-Lib says of the same prices, from the first value that both have."""

import numpy as np
import pytest
import talib

from analytics.indicators import history
from analytics.indicators.history import Series

TOLERANCE = 1e-9


@pytest.fixture(params=[1, 2, 3])
def prices(request: pytest.FixtureRequest) -> Series:
    steps = np.random.default_rng(request.param).normal(0.0, 0.002, 5_000)
    return np.asarray(30_000.0 * np.exp(np.cumsum(steps)))


def assert_equal(ours: Series, theirs: Series) -> None:
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("period", [2, 14, 200])
def test_means_equal_those_of_talib(prices: Series, period: int) -> None:
    assert_equal(history.sma(prices, period), talib.SMA(prices, period))
    assert_equal(history.ema(prices, period), talib.EMA(prices, period))


@pytest.mark.parametrize("period", [2, 14, 50])
def test_relative_strength_equals_that_of_talib(prices: Series, period: int) -> None:
    assert_equal(history.rsi(prices, period), talib.RSI(prices, period))


@pytest.mark.parametrize("terms", [(12, 26, 9), (5, 35, 5), (3, 10, 16)])
def test_convergence_equals_that_of_talib(prices: Series, terms: tuple[int, int, int]) -> None:
    ours = history.macd(prices, *terms)

    for mine, theirs in zip(ours, talib.MACD(prices, *terms), strict=True):
        assert_equal(mine, theirs)


@pytest.mark.parametrize("period", [5, 20])
def test_bands_equal_those_of_talib(prices: Series, period: int) -> None:
    lower, middle, upper = history.bollinger(prices, period)

    theirs_upper, theirs_middle, theirs_lower = talib.BBANDS(prices, period, 2.0, 2.0)

    assert_equal(lower, theirs_lower)
    assert_equal(middle, theirs_middle)
    assert_equal(upper, theirs_upper)


@pytest.mark.parametrize("period", [2, 14])
def test_true_ranges_equal_those_of_talib(prices: Series, period: int) -> None:
    high, low = prices * 1.004, prices * 0.997

    assert_equal(history.atr(high, low, prices, period), talib.ATR(high, low, prices, period))


def test_relative_strength_of_prices_that_stand_still_equals_that_of_talib() -> None:
    still = np.full(40, 100.0)

    assert_equal(history.rsi(still, 14), talib.RSI(still, 14))
