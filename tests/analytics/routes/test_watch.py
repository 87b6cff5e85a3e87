"""Prices that are odd, and how far prices move."""

from math import log, sqrt

import pytest

from analytics.routes.suspects import unverified
from analytics.routes.volatility import ENOUGH, Volatility
from tests.making import SECOND


def test_price_a_fifth_off_the_median_is_odd() -> None:
    prices = {"BTC": {"a": 100.0, "b": 101.0, "c": 100.5, "d": 121.0, "e": 80.0}}

    assert unverified(prices) == {("d", "BTC"), ("e", "BTC")}


def test_of_two_prices_that_differ_nobody_knows_the_odd_one() -> None:
    assert unverified({"TON": {"a": 5.0, "b": 6.1}}) == {("a", "TON"), ("b", "TON")}
    assert unverified({"TON": {"a": 5.0, "b": 5.9}, "BTC": {"a": 1.0}}) == set()


def test_risk_is_assumed_until_enough_was_seen_and_grows_with_the_root_of_time() -> None:
    unknown = Volatility()

    assert unknown.risk_bps("BTC", 60.0) == pytest.approx(106.8, abs=0.1)  # 100 % a year
    assert unknown.risk_bps("BTC", 240.0) == pytest.approx(2 * unknown.risk_bps("BTC", 60.0))


def test_risk_is_that_of_the_returns_that_were_seen() -> None:
    seen = Volatility()
    for number in range(ENOUGH + 2):
        seen.note("BTC", 100.0 if number % 2 else 100.1, number * 10 * SECOND)

    a_step = log(100.1 / 100.0)
    assert seen.risk_bps("BTC", 1.0) == pytest.approx(a_step * sqrt(6.0) * 10_000)


def test_prices_of_the_same_ten_seconds_are_one_sample() -> None:
    seen = Volatility()
    for number in range(10 * ENOUGH):
        seen.note("BTC", 100.0 + number % 2, number * SECOND // 100)

    assert seen.risk_bps("BTC", 60.0) == Volatility().risk_bps("BTC", 60.0)
