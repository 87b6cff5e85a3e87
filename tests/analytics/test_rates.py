"""Conversion rates, read off quotes."""

import pytest

from analytics.latest import LatestQuotes
from analytics.rates import SAME, Rates
from market import Quote
from tests.making import a_quote, a_status

NOW = 1_000


def rates(*quotes: Quote) -> Rates:
    latest = LatestQuotes(max_age_ns=100)
    for quote in quotes:
        latest.take_status(a_status(quote.venue, at_ns=1))
        latest.take_quote(quote)
    return Rates(latest)


def a_market(venue: str, instrument: str, middle: float, *, width: float = 0.02) -> Quote:
    """A quote whose bid and ask are ``width`` of the middle apart."""
    return a_quote(
        venue,
        instrument,
        bid=middle * (1 - width / 2),
        ask=middle * (1 + width / 2),
        at_ns=NOW,
    )


def test_currency_is_worth_one_of_itself() -> None:
    assert rates().between("USDT", "USDT", NOW) == SAME == SAME.__class__(1.0, (), "")


def test_rate_is_the_middle_of_the_market() -> None:
    quote = a_quote("upbit", "USDT-KRW", bid=1_399.0, ask=1_401.0, at_ns=NOW)

    rate = rates(quote).between("USDT", "KRW", NOW)

    assert rate is not None
    assert (rate.value, rate.source, rate.quotes) == (1_400.0, "upbit USDT-KRW", (quote,))


def test_rate_is_read_the_other_way_round_where_no_market_is_direct() -> None:
    rate = rates(a_market("upbit", "USDT-KRW", 1_400.0)).between("KRW", "USDT", NOW)

    assert rate is not None
    assert rate.value == pytest.approx(1 / 1_400)
    assert rate.source == "upbit USDT-KRW"


def test_tightest_market_is_taken() -> None:
    wide = a_market("bithumb", "USDT-KRW", 1_390.0, width=0.01)
    tight = a_market("upbit", "USDT-KRW", 1_400.0, width=0.001)

    rate = rates(wide, tight).between("USDT", "KRW", NOW)

    assert rate is not None
    assert rate.source == "upbit USDT-KRW"


def test_direct_market_goes_before_a_tighter_inverse_one() -> None:
    direct = a_market("kraken", "EUR-USD", 1.1, width=0.01)
    inverse = a_market("binance", "USD-EUR", 0.9, width=0.0001)

    rate = rates(direct, inverse).between("EUR", "USD", NOW)

    assert rate is not None
    assert rate.source == "kraken EUR-USD"


def test_rate_of_one_market_goes_before_a_tighter_one_of_two() -> None:
    direct = a_market("kraken", "USDC-KRW", 1_400.0, width=0.01)
    others = a_market("binance", "USDC-USDT", 1.0, width=1e-5), a_market("upbit", "USDT-KRW", 1e3)

    rate = rates(direct, *others).between("USDC", "KRW", NOW)

    assert rate is not None
    assert rate.source == "kraken USDC-KRW"


def test_two_markets_meet_in_a_third_currency() -> None:
    won = a_market("upbit", "USDT-KRW", 1_400.0)
    dollar = a_market("kraken", "USDT-USD", 0.999)

    rate = rates(won, dollar).between("KRW", "USD", NOW)

    assert rate is not None
    assert rate.value == pytest.approx(0.999 / 1_400)
    assert rate.source == "upbit USDT-KRW x kraken USDT-USD"
    assert rate.quotes == (won, dollar)


def test_tightest_way_across_is_taken() -> None:
    by_tether = a_market("upbit", "USDT-KRW", 1_400.0), a_market("kraken", "USDT-USD", 1.0)
    by_the_other = (
        a_market("upbit", "USDC-KRW", 1_400.0, width=1e-5),
        a_market("kraken", "USDC-USD", 1.0, width=1e-5),
    )

    rate = rates(*by_tether, *by_the_other).between("KRW", "USD", NOW)

    assert rate is not None
    assert rate.source == "upbit USDC-KRW x kraken USDC-USD"


def test_markets_do_not_meet_in_a_coin_with_a_price_of_its_own() -> None:
    markets = a_market("upbit", "BTC-KRW", 1.4e8), a_market("kraken", "BTC-USD", 1e5)

    assert rates(*markets).between("KRW", "USD", NOW) is None


def test_markets_do_not_meet_in_the_currency_to_avoid() -> None:
    markets = a_market("upbit", "USDT-KRW", 1.4e3), a_market("kraken", "USDT-USD", 1.0)

    assert rates(*markets).between("KRW", "USD", NOW) is not None
    assert rates(*markets).between("KRW", "USD", NOW, avoiding="USDT") is None


def test_dollar_and_tether_are_different_currencies() -> None:
    assert rates(a_market("upbit", "USDT-KRW", 1_400.0)).between("USD", "KRW", NOW) is None


def test_quote_that_is_too_old_gives_no_rate() -> None:
    market = rates(a_market("upbit", "USDT-KRW", 1_400.0))

    assert market.between("USDT", "KRW", NOW + 100) is not None
    assert market.between("USDT", "KRW", NOW + 101) is None


def test_rate_moves_with_its_market_at_once() -> None:
    latest = LatestQuotes(max_age_ns=100)
    latest.take_status(a_status("upbit", at_ns=1))
    market = Rates(latest)
    before = market.between("USDT", "KRW", NOW)

    latest.take_quote(a_quote("upbit", "USDT-KRW", bid=1_399.0, ask=1_401.0, at_ns=NOW))
    after = market.between("USDT", "KRW", NOW)

    assert before is None
    assert after is not None
    assert after.value == 1_400.0


def test_bank_s_rate_is_taken_where_no_market_tells_or_where_it_is_asked_for() -> None:
    latest = LatestQuotes(max_age_ns=100, bank_venues=("bank",))
    latest.take_status(a_status("upbit", at_ns=1))
    latest.take_status(a_status("kraken", at_ns=1))
    for quote in (
        a_quote("bank", "USD-KRW", bid=1_300.0, ask=1_300.0, at_ns=2),
        a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=2),
        a_quote("kraken", "USDT-USD", bid=0.99, ask=1.01, at_ns=3),
    ):
        latest.take_quote(quote)
    rates = Rates(latest)

    by_market = rates.between("USDT", "KRW", 4)
    by_bank = rates.between("USDT", "KRW", 4, by="bank")
    dollar = rates.between("USD", "KRW", 4)

    assert by_market is not None
    assert (by_market.value, by_market.is_bank) == (1_350.0, False)
    assert by_bank is not None
    assert (by_bank.value, by_bank.is_bank, by_bank.age_ns(4)) == (1_300.0, True, 2)
    assert by_bank.source == "kraken USDT-USD x bank USD-KRW"
    assert dollar is not None
    assert (dollar.value, dollar.source) == (1_350.0, "kraken USDT-USD x upbit USDT-KRW")
    assert rates.between("USDT", "USD", 4, by="bank") is None
