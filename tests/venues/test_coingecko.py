"""CoinGecko: which coin a code stands for, volumes turned into the base currency, rates."""

import pytest

from market import Summary, VenueBusyError, VenueCandle, VenueRefusedError
from stream_service.venue import HttpRequest
from stream_service.venues.coingecko import VENUE, CoinGeckoPoller
from stream_service.wire import route_of
from tests.making import MINUTE, SECOND, a_trade
from tests.venues.polled_cases import (
    RECEIVED,
    a_body,
    a_polled_market,
    instruments,
    played,
    read,
    requests,
)

AT = 1_772_600_767 * SECOND


def body(name: str) -> bytes:
    return a_body("coingecko", name)


def summaries(poller: CoinGeckoPoller, name: str, hint: str = "") -> list[Summary]:
    return [event for event in read(poller, body(name), hint) if isinstance(event, Summary)]


def test_all_coins_of_a_quote_currency_are_asked_for_at_once() -> None:
    poller = CoinGeckoPoller(instruments("BTC-USD", "ETH-USD", "ETH-KRW"))

    usd, krw = requests(poller)

    assert route_of(usd.path)[1]["ids"] == "bitcoin,ethereum"
    assert route_of(usd.path)[1]["vs_currency"] == "usd"
    assert route_of(krw.path)[1]["ids"] == "ethereum"


def test_a_market_is_a_summary_with_its_volume_in_the_base_currency() -> None:
    ether, doge = summaries(CoinGeckoPoller(), "markets")

    assert (str(ether.instrument), ether.symbol, ether.name) == ("ETH-USD", "ethereum", "Ethereum")
    assert (ether.last, ether.high, ether.low) == (2_500.0, 2_600.5, 2_400.0)
    assert ether.volume == 8_000_000.0
    assert ether.event_ns == AT + 890_000_000
    assert (doge.last, doge.high, doge.event_ns) == (0.085, None, RECEIVED)
    assert doge.sequence > ether.sequence


def test_only_what_is_followed_is_told() -> None:
    (only,) = summaries(CoinGeckoPoller(instruments("DOGE-USD")), "markets")

    assert str(only.instrument) == "DOGE-USD"


def test_one_bad_row_does_not_cost_the_others() -> None:
    damaged = body("markets").replace(b'"current_price": 2500', b'"current_price": -1')

    (only,) = read(CoinGeckoPoller(), damaged)

    assert isinstance(only, Summary)
    assert only.instrument.base == "DOGE"


def test_rates_of_money_are_told_in_each_direction_that_is_followed() -> None:
    poller = CoinGeckoPoller(instruments("USD-KRW", "KRW-USD", "EUR-USD", "BTC-USD"))

    won, dollar, euro = summaries(poller, "rates")

    assert (str(won.instrument), won.last) == ("USD-KRW", 1_390.0)
    assert won.name == "US Dollar in South Korean Won"
    assert dollar.last == pytest.approx(1 / 1_390.0)
    assert (str(euro.instrument), euro.last) == ("EUR-USD", 70_000.0 / 64_000.0)


def test_a_simple_price_is_a_summary_for_each_currency() -> None:
    dollars, won = summaries(CoinGeckoPoller(), "prices")

    assert (str(dollars.instrument), dollars.last, dollars.volume) == ("ETH-USD", 2_500.0, 8e6)
    assert (str(won.instrument), won.last, won.volume) == ("ETH-KRW", 3_475_000.0, None)
    assert dollars.event_ns == AT


def test_the_time_of_a_candle_is_that_of_its_close() -> None:
    first, second = read(CoinGeckoPoller(), body("ohlc"), "ETH-USD")

    assert isinstance(first, VenueCandle)
    assert isinstance(second, VenueCandle)
    assert first.interval == "4h"
    assert first.start_ns == (1_772_596_800 - 14_400) * SECOND
    assert second.start_ns == 1_772_596_800 * SECOND
    assert (first.open, first.high, first.low, first.close) == (2480.0, 2510.0, 2470.0, 2500.0)
    assert first.closed


@pytest.mark.parametrize("name", ["ohlc_half_hours", "chart"])
def test_what_is_none_of_ours_gives_no_event(name: str) -> None:
    assert read(CoinGeckoPoller(), body(name), "ETH-USD") == []


def test_a_code_that_one_coin_alone_has_is_followed_and_told() -> None:
    poller = CoinGeckoPoller(instruments("LONE-USD"))
    assert "/coins/list" in {request.path for request in requests(poller)}

    read(poller, body("coins"))

    assert "lonely" in requests(poller)[0].path
    assert poller.note == "LONE is lonely"


def test_of_several_coins_of_a_code_the_best_ranked_is_followed() -> None:
    poller = CoinGeckoPoller(instruments("TWIN-USD"))
    read(poller, body("coins"))
    assert poller.note == "TWIN is left out: 2 coins have that code"
    (ranks,) = [request for request in requests(poller) if request.about == ("ranks", None)]
    assert route_of(ranks.path)[1]["ids"] == "big-twin,small-twin"

    rows = b'[{"id":"small-twin","market_cap_rank":900},{"id":"big-twin","market_cap_rank":90}]'
    poller.answered(ranks, rows, RECEIVED)

    assert poller.note == "TWIN is big-twin"
    assert "ids=big-twin&" in requests(poller)[0].path


def test_of_several_coins_without_a_rank_none_is_followed() -> None:
    poller = CoinGeckoPoller(instruments("TWIN-USD"))
    read(poller, body("coins"))
    ranks = HttpRequest("/coins/markets?vs_currency=usd", about=("ranks", None))

    rows = b'[{"id":"small-twin","market_cap_rank":null},{"id":"big-twin"}]'
    poller.answered(ranks, rows, RECEIVED)

    assert poller.note == "TWIN is left out: 2 coins have that code"
    assert not any(request.about == ("markets", None) for request in requests(poller))


@pytest.mark.parametrize(
    ("name", "error", "why"),
    [
        ("busy", VenueBusyError, "exceeded"),
        ("refused", VenueRefusedError, "Key Missing"),
        ("unknown", VenueRefusedError, "coin not found"),
    ],
)
def test_an_error_is_told_as_what_it_is(name: str, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        read(CoinGeckoPoller(), body(name))


def test_the_key_of_the_paid_plan_goes_to_its_own_host() -> None:
    request = HttpRequest("/ping")

    free = VENUE.sign(request, {"key": "k"})
    paid = VENUE.sign(request, {"key": "k", "pro_key": "p"})

    assert (free.host, free.headers) == ("", (("x-cg-demo-api-key", "k"),))
    assert (paid.host, paid.headers) == ("pro", (("x-cg-pro-api-key", "p"),))
    assert VENUE.sign(request, {}) == request


@pytest.mark.parametrize(
    ("instrument", "is_covered"),
    [("BTC-USD", True), ("BTC-KRW", True), ("USD-KRW", True), ("BTC-USDT", False)],
)
def test_what_is_covered(instrument: str, *, is_covered: bool) -> None:
    assert VENUE.covers(*instruments(instrument)) is is_covered


def test_a_simulated_day_is_read_back() -> None:
    market = a_polled_market(VENUE, "ETH-USD")
    for price, at_ns in ((110.0, RECEIVED - MINUTE), (90.0, RECEIVED - SECOND)):
        market.note(a_trade("coingecko", "ETH-USD", price=price, size=2.0, at_ns=at_ns))

    (summary,) = played(VENUE, CoinGeckoPoller(instruments("ETH-USD")), market)

    assert isinstance(summary, Summary)
    assert (summary.last, summary.high, summary.low, summary.volume) == (90.0, 110.0, 90.0, 4.0)
    assert summary.event_ns == RECEIVED - SECOND
