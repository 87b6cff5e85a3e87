import pytest

from analytics.indicators import premium_bps, spread_bps


def test_a_spread_is_what_one_price_is_above_the_other_worked_by_hand() -> None:
    assert spread_bps(101.0, 100.0) == pytest.approx(100.0)
    assert spread_bps(99.5, 100.0) == pytest.approx(-50.0)


def test_a_premium_is_a_spread_in_one_currency_worked_by_hand() -> None:
    # 143,360,000 won a coin; 100,000 dollars a coin at 1,400 won a dollar are 140,000,000 won
    assert premium_bps(143_360_000.0, 100_000.0, 1_400.0) == pytest.approx(240.0)
