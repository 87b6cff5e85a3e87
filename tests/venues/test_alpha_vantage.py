"""Alpha Vantage: errors with status 200, keys in messages, Eastern time, quotes of no size."""

from datetime import UTC, datetime

import pytest

from market import FrameError, Quote, Summary, VenueBusyError, VenueCandle, VenueRefusedError
from stream_service.venue import HttpRequest
from stream_service.venues.alpha_vantage import VENUE, AlphaVantagePoller
from tests.making import SECOND, a_trade
from tests.venues.polled_cases import (
    RECEIVED,
    a_body,
    a_polled_market,
    instruments,
    played,
    read,
    requests,
)


def body(name: str) -> bytes:
    return a_body("alpha_vantage", name)


def utc_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def candles(raw: bytes) -> list[VenueCandle]:
    return [event for event in read(AlphaVantagePoller(), raw) if isinstance(event, VenueCandle)]


def a_message(text: str, name: str = "Information") -> bytes:
    return f'{{"{name}": "{text}"}}'.encode()


def test_money_is_asked_for_once_a_pair_and_shares_by_their_symbol() -> None:
    wanted = instruments("KRW-USD", "USD-KRW", "BTC-USD", "NVDA-USD", "NVDA-KRW", "EUR-USD")

    paths = [request.path for request in requests(AlphaVantagePoller(wanted))]

    assert paths == [
        "/query?function=CURRENCY_EXCHANGE_RATE&from_currency=USD&to_currency=KRW",
        "/query?function=CURRENCY_EXCHANGE_RATE&from_currency=EUR&to_currency=USD",
        "/query?function=GLOBAL_QUOTE&symbol=NVDA",
    ]


def test_a_rate_with_bid_and_ask_is_a_quote_of_no_size() -> None:
    (quote,) = read(AlphaVantagePoller(), body("rate"))

    assert isinstance(quote, Quote)
    assert str(quote.instrument) == "USD-KRW"
    assert (quote.bid, quote.ask) == (1_391.2, 1_391.3)
    assert (quote.bid_size, quote.ask_size) == (0.0, 0.0)
    assert quote.event_ns == utc_ns("2026-03-04 05:06:07")


@pytest.mark.parametrize("name", ["rate_without_bid", "rate_old"])
def test_a_rate_without_bid_and_ask_is_a_summary(name: str) -> None:
    (summary,) = read(AlphaVantagePoller(), body(name))

    assert isinstance(summary, Summary)
    assert (str(summary.instrument), summary.last) == ("EUR-USD", 1.084)


def test_an_answer_about_something_else_is_refused() -> None:
    poller = AlphaVantagePoller(instruments("EUR-USD"))

    with pytest.raises(FrameError, match="asked for EUR-USD it tells of USD-KRW"):
        poller.answered(requests(poller)[0], body("rate"), RECEIVED)


def test_a_share_is_a_summary_as_of_the_close_in_new_york() -> None:
    (summary,) = read(AlphaVantagePoller(), body("price"))

    assert isinstance(summary, Summary)
    assert (str(summary.instrument), summary.symbol) == ("NVDA-USD", "NVDA")
    assert (summary.last, summary.open, summary.high, summary.low) == (183.4, 181.1, 184.9, 180.25)
    assert summary.volume == 98_765_432.0
    assert summary.event_ns == utc_ns("2026-07-06 20:00:00")


def test_a_share_before_the_close_is_as_of_now() -> None:
    now_ns = utc_ns("2026-07-06 15:00:00")

    (summary,) = AlphaVantagePoller().answered(HttpRequest("/"), body("price"), now_ns)

    assert summary.event_ns == now_ns


def test_eastern_time_is_four_hours_behind_in_summer() -> None:
    first, second = candles(body("minutes"))

    assert first.start_ns == utc_ns("2026-07-06 14:00:00")
    assert second.start_ns == utc_ns("2026-07-06 14:05:00")
    assert (first.interval, str(first.instrument)) == ("5m", "NVDA-USD")
    assert (first.open, first.high, first.low, first.close) == (181.5, 182.1, 181.4, 182.0)
    assert (first.volume, first.trades, first.closed) == (2_500.0, None, True)


def test_eastern_time_is_five_hours_behind_in_winter() -> None:
    winter = body("minutes").replace(b"2026-07-06", b"2026-01-06")

    first, _ = candles(winter)

    assert first.start_ns == utc_ns("2026-01-06 15:00:00")


def test_a_running_candle_is_not_closed() -> None:
    now_ns = utc_ns("2026-07-06 14:07:00")

    events = AlphaVantagePoller().answered(HttpRequest("/"), body("minutes"), now_ns)

    assert [event.closed for event in events if isinstance(event, VenueCandle)] == [True, False]


def test_candles_of_money_have_no_volume() -> None:
    (candle,) = candles(body("money"))

    assert (candle.interval, str(candle.instrument), candle.volume) == ("15m", "GBP-USD", 0.0)
    assert candle.start_ns == utc_ns("2026-03-04 05:15:00")


def test_the_volume_of_a_coin_may_be_a_number() -> None:
    (candle,) = candles(body("coin"))

    assert (candle.interval, str(candle.instrument), candle.volume) == ("1m", "ETH-USD", 37.0)


def test_of_two_currencies_in_an_older_answer_the_one_asked_for_is_read() -> None:
    (candle,) = candles(body("coin_days_old"))

    assert (candle.interval, str(candle.instrument)) == ("1d", "ETH-EUR")
    assert (candle.open, candle.high, candle.low, candle.close) == (190.0, 195.0, 185.0, 193.0)
    assert candle.volume == 1_234.5


@pytest.mark.parametrize("name", ["half_hours", "indicator", "search"])
def test_what_is_none_of_ours_gives_no_event(name: str) -> None:
    assert read(AlphaVantagePoller(), body(name)) == []


def test_one_bad_candle_does_not_cost_the_others() -> None:
    damaged = body("minutes").replace(b'"182.5000"', b'"1.0000"')

    (only,) = candles(damaged)

    assert only.start_ns == utc_ns("2026-07-06 14:00:00")


def test_too_many_calls_in_a_second_are_waited_for_briefly() -> None:
    text = "Please consider spreading out your free API requests more sparingly (1 request per "
    text += "second). You may subscribe to lift the free key rate limit (25 requests per day) "
    text += "and unlock all premium endpoints"

    with pytest.raises(VenueBusyError) as busy:
        read(AlphaVantagePoller(), a_message(text))

    assert busy.value.wait_s == 2.0


def test_when_the_calls_of_the_day_are_used_up_it_waits_until_tomorrow() -> None:
    text = "We have detected your API key as CANARY123 and our rate limit is 25 requests per day."
    now_ns = utc_ns("2026-03-04 21:00:00")

    with pytest.raises(VenueBusyError) as busy:
        AlphaVantagePoller().answered(HttpRequest("/"), a_message(text), now_ns)

    assert busy.value.wait_s == 3 * 3_600.0
    assert "CANARY123" not in str(busy.value)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (a_message("Invalid API call.", "Error Message"), "Invalid API call"),
        (a_message("This is a premium endpoint; free keys have 25 requests per day"), "premium"),
        (a_message("no key like API key as CANARY123 is known"), r"\*{8}"),
        (b"{}", "knows nothing"),
        (b'{"Global Quote": {}}', "knows nothing"),
    ],
)
def test_a_refusal_is_for_good(raw: bytes, why: str) -> None:
    with pytest.raises(VenueRefusedError, match=why) as refused:
        read(AlphaVantagePoller(), raw)

    assert not isinstance(refused.value, VenueBusyError)
    assert "CANARY123" not in str(refused.value)


def test_the_older_form_of_a_limit_is_known() -> None:
    with pytest.raises(VenueBusyError):
        read(AlphaVantagePoller(), a_message("Our standard API call frequency is 5.", "Note"))


@pytest.mark.parametrize(
    ("instrument", "is_covered"),
    [("USD-KRW", True), ("NVDA-USD", True), ("BTC-USD", False), ("NVDA-KRW", False)],
)
def test_what_is_covered(instrument: str, *, is_covered: bool) -> None:
    assert VENUE.covers(*instruments(instrument)) is is_covered


def test_without_a_key_its_own_side_refuses() -> None:
    market = a_polled_market(VENUE, "USD-KRW")
    (request,) = requests(AlphaVantagePoller(instruments("USD-KRW")))

    with pytest.raises(VenueRefusedError, match="apikey is invalid or missing"):
        read(AlphaVantagePoller(), VENUE.answer(request.path, market))


def test_a_simulated_share_is_read_back() -> None:
    market = a_polled_market(VENUE, "NVDA-USD")
    market.note(a_trade(VENUE.name, "NVDA-USD", price=101.5, size=2.0, at_ns=RECEIVED))

    (summary,) = played(VENUE, AlphaVantagePoller(instruments("NVDA-USD")), market)

    assert isinstance(summary, Summary)
    assert (summary.last, summary.volume) == (101.5, 2.0)


def test_a_share_that_is_not_listed_is_refused() -> None:
    poller = AlphaVantagePoller(instruments("NVDA-USD"))

    with pytest.raises(VenueRefusedError, match="knows nothing of /query"):
        list(played(VENUE, poller, a_polled_market(VENUE, "USD-KRW")))
