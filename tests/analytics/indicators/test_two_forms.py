"""The updated form and the one over arrays say the same, to the last bit."""

from collections.abc import Callable, Iterable, Sequence
from itertools import starmap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.indicators import Atr, Bollinger, Ema, Macd, Rsi, Sma, Vwap, ZScore, history
from analytics.indicators.history import Series

PRICES = arrays(
    np.float64, st.integers(0, 120), elements=st.floats(0.01, 1e6, allow_subnormal=False)
)
PERIODS = st.integers(2, 30)


def _row(value: float | tuple[float, ...] | None, width: int) -> tuple[float, ...]:
    if value is None:
        return (np.nan,) * width
    return value if isinstance(value, tuple) else (value,)


def told(
    update: Callable[..., float | tuple[float, ...] | None], inputs: Iterable[tuple[float, ...]]
) -> Callable[[int], Series]:
    found = list(starmap(update, inputs))
    return lambda width: np.array([_row(each, width) for each in found]).reshape(-1, width)


def assert_same_bits(
    update: Callable[..., float | tuple[float, ...] | None],
    inputs: Iterable[tuple[float, ...]],
    over: Sequence[Series],
) -> None:
    one_by_one = told(update, inputs)(len(over))

    np.testing.assert_array_equal(one_by_one, np.column_stack(over))


def ones(values: Series) -> list[tuple[float, ...]]:
    return [(value,) for value in values.tolist()]


@given(PRICES, PERIODS)
def test_plain_means_are_the_same(values: Series, period: int) -> None:
    assert_same_bits(Sma(period).update, ones(values), [history.sma(values, period)])


@given(PRICES, PERIODS)
def test_fading_means_are_the_same(values: Series, period: int) -> None:
    assert_same_bits(Ema(period).update, ones(values), [history.ema(values, period)])


@given(PRICES, PERIODS)
def test_relative_strength_is_the_same(values: Series, period: int) -> None:
    assert_same_bits(Rsi(period).update, ones(values), [history.rsi(values, period)])


@given(PRICES, st.integers(2, 10), st.integers(1, 10), st.integers(1, 10))
def test_convergence_is_the_same(values: Series, fast: int, more: int, signal: int) -> None:
    slow = fast + more

    over = history.macd(values, fast, slow, signal)

    assert_same_bits(Macd(fast, slow, signal).update, ones(values), over)


@given(PRICES, PERIODS)
def test_bands_are_the_same(values: Series, period: int) -> None:
    assert_same_bits(Bollinger(period).update, ones(values), history.bollinger(values, period))


@given(PRICES, PERIODS)
def test_scores_are_the_same(values: Series, period: int) -> None:
    assert_same_bits(ZScore(period).update, ones(values), [history.z_score(values, period)])


@given(PRICES, PERIODS)
def test_true_ranges_are_the_same(values: Series, period: int) -> None:
    high, low, close = values * 1.01, values * 0.98, values
    candles = zip(high.tolist(), low.tolist(), close.tolist(), strict=True)

    assert_same_bits(Atr(period).update, candles, [history.atr(high, low, close, period)])


@given(PRICES, st.integers(0, 10**15), st.integers(1, 40_000))
def test_averages_of_the_day_are_the_same(values: Series, start_s: int, step_s: int) -> None:
    starts = (start_s + np.arange(len(values)) * step_s) * 1_000_000_000
    starts = starts % 2**62
    starts.sort()
    volume = np.where(values > 100.0, values, 0.0)
    candles = zip(
        starts.tolist(),
        values.tolist(),
        values.tolist(),
        values.tolist(),
        volume.tolist(),
        strict=True,
    )

    over = history.vwap(starts, values, values, values, volume)

    assert_same_bits(Vwap().update, candles, [over])


@pytest.mark.parametrize("period", [0, -1])
def test_a_period_of_nothing_is_refused(period: int) -> None:
    with pytest.raises(ValueError, match="take 1 or more"):
        Sma(period)
    with pytest.raises(ValueError, match="take 1 or more"):
        history.sma(np.ones(3), period)


def test_a_fast_mean_that_is_no_faster_is_refused() -> None:
    with pytest.raises(ValueError, match="must be less than the slow one"):
        Macd(26, 26)
