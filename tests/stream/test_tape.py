"""Whose side a trade was on, where nobody says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_service.tape import Tape

PRICES = st.floats(0.01, 1e6)


@pytest.mark.parametrize(
    ("price", "side"),
    [(11.0, "buy"), (12.0, "buy"), (10.0, "sell"), (9.0, "sell"), (10.7, "buy"), (10.2, "sell")],
)
def test_a_trade_is_compared_with_the_quote(price: float, side: str) -> None:
    tape = Tape()
    tape.quote(10.0, 11.0)

    assert tape.side_of(price) == side


def test_in_the_middle_of_the_quote_the_price_before_decides() -> None:
    tape = Tape()
    tape.side_of(10.6)
    tape.quote(10.0, 11.0)

    assert tape.side_of(10.5) == "sell"


def test_without_a_quote_a_rise_was_bought_a_fall_sold_and_the_same_price_as_before() -> None:
    tape = Tape()

    sides = [tape.side_of(price) for price in (10.0, 10.1, 10.1, 10.0, 10.0, 10.2)]

    assert sides == ["buy", "buy", "buy", "sell", "sell", "buy"]


def test_a_quote_of_one_side_is_none() -> None:
    tape = Tape()
    tape.quote(10.0, 11.0)
    tape.quote(0.0, 11.0)
    tape.side_of(5.0)

    assert tape.side_of(6.0) == "buy"


@given(bid=PRICES, spread=st.floats(0.01, 1e3), before=st.lists(PRICES))
def test_at_the_ask_is_bought_and_at_the_bid_sold_whatever_came_before(
    bid: float, spread: float, before: list[float]
) -> None:
    tape = Tape()
    for price in before:
        tape.side_of(price)
    tape.quote(bid, bid + spread)

    assert (tape.side_of(bid + spread), tape.side_of(bid)) == ("buy", "sell")
