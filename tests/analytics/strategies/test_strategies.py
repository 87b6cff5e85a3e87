from collections.abc import Mapping
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.indicators import Sma
from analytics.strategies import SHIPPED, Bar, Strategy, parameters_of
from tests.making import MINUTE

SMALL: dict[str, dict[str, float]] = {
    "sma-cross": {"fast": 2, "slow": 3},
    "ema-cross": {"fast": 2, "slow": 3},
    "macd": {"fast": 2, "slow": 3, "signal": 2},
    "rsi-reversal": {"period": 2, "oversold": 30, "overbought": 70},
    "bollinger-breakout": {"period": 4, "width": 1},
    "premium-reversion": {"period": 4, "enter": -1, "leave": 0},
}


def made(name: str, given: Mapping[str, Any] | None = None) -> Strategy:
    strategy = SHIPPED[name]
    return strategy(parameters_of(strategy, SMALL[name] if given is None else given))


def bars(closes: list[float], premiums: list[float] | None = None) -> list[Bar]:
    told = premiums or [nan] * len(closes)
    return [
        Bar(number * MINUTE, close, close, close, close, 1.0, premium)
        for number, (close, premium) in enumerate(zip(closes, told, strict=True))
    ]


@pytest.mark.parametrize(
    ("name", "closes", "said"),
    [
        ("sma-cross", [1, 2, 3, 2, 1], [None, None, 1, 1, 0]),
        # means of 2 and 3 begin with 2.5 and 2; then 2.1667 and 2, then 1.3889 and 1.5
        ("ema-cross", [1, 2, 3, 2, 1], [None, None, 1, 1, 0]),
        # differences of these means: 0.5, 0.1667, -0.1111; their mean of 2 begins with 0.3333
        ("macd", [1, 2, 3, 2, 1], [None, None, None, 0, 0]),
        ("rsi-reversal", [5, 4, 3, 4, 9, 9], [None, None, 1, 1, 0, 0]),
        # band of 1, 1, 1, 9: mean 3, deviation 3.4641; of 1, 1, 9, 3: 3.5; of 1, 9, 3, 4: 4.25
        ("bollinger-breakout", [1, 1, 1, 9, 3, 4], [None, None, None, 1, 0, 0]),
    ],
)
def test_what_is_said_of_candles_worked_by_hand(
    name: str, closes: list[float], said: list[float | None]
) -> None:
    strategy = made(name)

    answers = [strategy.on_candle(bar) for bar in bars(closes)]

    assert answers == said


def test_a_premium_is_bought_when_it_is_unusually_low_and_left_when_it_is_usual() -> None:
    strategy = made("premium-reversion")
    premiums = [10.0, 20.0, 10.0, 20.0, nan, 0.0, 5.0, 30.0]

    answers = [strategy.on_candle(bar) for bar in bars([1.0] * 8, premiums)]

    assert answers == [None, None, None, 0, 0, 1, 1, 0]
    assert strategy.why().values["premium_bps"] == 30.0


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60), st.integers(1, 4))
def test_plain_means_are_those_of_the_indicator_to_the_last_bit(
    closes: list[float], fast: int
) -> None:
    slow = fast + 3
    strategy = made("sma-cross", {"fast": fast, "slow": slow})
    means = Sma(fast), Sma(slow)

    for bar in bars(closes):
        strategy.on_candle(bar)
        told = [mean.update(bar.close) for mean in means]

        expected = dict(zip(("fast", "slow"), told, strict=True)) if told[1] is not None else {}
        assert strategy.why().values == expected


@pytest.mark.parametrize("name", SHIPPED)
def test_every_strategy_says_why(name: str) -> None:
    strategy = made(name)
    before = strategy.why()

    for bar in bars([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0], [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0]):
        strategy.on_candle(bar)
    after = strategy.why()

    assert "too few" in before.text
    assert before.values == {}
    assert after.values
    assert all(isinstance(value, float) for value in after.values.values())


@pytest.mark.parametrize("name", SHIPPED)
def test_defaults_are_within_their_own_bounds(name: str) -> None:
    assert made(name, {}).warm_up > 0


@pytest.mark.parametrize("name", SHIPPED)
@given(closes=st.lists(st.floats(1.0, 1e6), max_size=60))
def test_what_was_said_stays_whatever_comes_after(name: str, closes: list[float]) -> None:
    whole, part = made(name), made(name)
    told = bars(closes, closes)

    answers = [whole.on_candle(bar) for bar in told]
    half = [part.on_candle(bar) for bar in told[: len(told) // 2]]

    assert half == answers[: len(told) // 2]
    assert all(answer in (None, 0.0, 1.0) for answer in answers)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("sma-cross", {"fast": 50, "slow": 50}, "fast (50) must be less than slow (50)"),
        ("sma-cross", {"fast": 0}, "sma-cross: fast is 0; it must be whole, from 1 to"),
        ("sma-cross", {"slow": "many"}, "sma-cross: slow is many; it must be whole"),
        ("sma-cross", {"quick": 3}, "no parameter 'quick'; it has fast, slow"),
        ("rsi-reversal", {"oversold": 80}, "oversold (80) must be less than overbought (70)"),
        ("bollinger-breakout", {"width": -1}, "width is -1; it must be above 0 to 10"),
        ("premium-reversion", {"enter": 1}, "enter (1) must be less than leave (0)"),
    ],
)
def test_parameters_out_of_bounds_are_refused(
    name: str, given: dict[str, object], words: str
) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parameters_of(SHIPPED[name], given)

    assert words in str(raised.value)


def test_parameters_may_be_texts() -> None:
    found = parameters_of(SHIPPED["sma-cross"], {"fast": "5", "slow": "9"})

    assert found == SHIPPED["sma-cross"].Parameters(fast=5, slow=9)
