from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.routes.portfolio import Portfolio, portfolio
from analytics.routes.premium import premium
from analytics.routes.sizing import sized
from analytics.routes.state import Depth, Market
from analytics.routes.walk import Step
from market import Instrument

Book = tuple[Market[Fraction], Depth[Fraction]]
Rows = tuple[tuple[Fraction, Fraction], ...]

ZERO = Fraction(0)


def a_book(venue: str, *, bids: Rows = (), asks: Rows = (), fee: Fraction = ZERO) -> Book:
    market = Market(
        venue=venue, instrument=Instrument("BTC", "USDT"), base="BTC", quote="USDT", taker_fee=fee
    )
    return market, Depth(bids=bids, asks=asks, event_ns=0, received_ns=0)


def rows(*levels: tuple[int, int]) -> Rows:
    return tuple((Fraction(price), Fraction(quantity)) for price, quantity in levels)


def test_bids_that_two_routes_want_are_used_once() -> None:
    books = [
        a_book("binance", asks=rows((100, 2))),
        a_book("kucoin", asks=rows((101, 2))),
        a_book("kraken", bids=rows((103, 3))),
    ]

    best = portfolio(books, nothing=ZERO)

    assert best == Portfolio(base_amount=Fraction(3), profit=Fraction(2 * 3 + 1 * 2))


def test_fees_are_paid_on_both_sides() -> None:
    fee = Fraction(1, 10)
    books = [
        a_book("binance", asks=rows((90, 10)), fee=fee),
        a_book("kraken", bids=rows((150, 20)), fee=fee),
    ]

    best = portfolio(books, nothing=ZERO)

    assert best == Portfolio(base_amount=Fraction(9), profit=Fraction(9 * (135 - 100)))


def test_nothing_is_earned_where_no_bid_is_above_an_ask() -> None:
    books = [a_book("binance", asks=rows((100, 1))), a_book("kraken", bids=rows((100, 1)))]

    assert portfolio(books, nothing=ZERO) == Portfolio(base_amount=ZERO, profit=ZERO)
    assert portfolio([], nothing=ZERO) == Portfolio(base_amount=ZERO, profit=ZERO)


quantities = st.integers(1, 50).map(Fraction)
sides = st.lists(st.tuples(st.integers(95, 105).map(Fraction), quantities), min_size=1, max_size=4)
fees = st.sampled_from([ZERO, Fraction(1, 100)])


@settings(max_examples=100)
@given(asks=sides, bids=sides, fee=fees)
def test_of_two_books_it_earns_what_their_route_does(asks: Rows, bids: Rows, fee: Fraction) -> None:
    asks, bids = tuple(sorted(asks)), tuple(sorted(bids, reverse=True))
    bought, sold = a_book("binance", asks=asks, fee=fee), a_book("kraken", bids=bids)
    steps = [
        Step(kind="buy", fee=fee, levels=asks),
        Step(kind="sell", fee=ZERO, levels=bids),
    ]

    sizing = sized(steps)

    earned = sizing.profit if sizing.outcome == "pays" else ZERO
    assert portfolio([bought, sold], nothing=ZERO).profit == earned


def test_a_premium_is_what_a_won_price_exceeds_the_dollar_price_by() -> None:
    assert premium(Fraction(140_000), reference=Fraction(100), rate=Fraction(1_350)) == Fraction(
        1, 27
    )
    assert premium(99.0, reference=100.0, rate=1.0) < 0.0
