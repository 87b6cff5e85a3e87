"""What cannot be true is refused, and what the market really does is not."""

from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Event
from stream_service.plausible import Plausibility
from stream_service.venue_clock import VenueClock
from tests.making import (
    SECOND,
    a_book,
    a_listing,
    a_quote,
    a_summary,
    a_trade,
    a_venue_candle,
)

prices = st.floats(1e-9, 1e9)
never_true = st.sampled_from([nan, inf, -inf, 0.0, -1.0, -0.0, 1e300])


def fresh() -> Plausibility:
    return Plausibility(VenueClock())


def follow(judge: Plausibility, price: float, seconds: int = 5) -> None:
    """Let a market stand at ``price``."""
    for second in range(1, seconds + 1):
        quote = a_quote(bid=price, ask=price * 1.0005, at_ns=second * SECOND)
        assert judge.why_not(quote) == ""


def test_events_that_are_fine_pass() -> None:
    judge = fresh()

    for event in (a_quote(), a_trade(), a_book(), a_venue_candle(), a_summary()):
        assert judge.why_not(event) == ""


@given(
    numbers=st.lists(
        st.tuples(
            *(st.one_of(never_true, st.sampled_from([1.0, 1.05, 1.2, 1.6, 3.0, 40.0])),) * 4,
            st.sampled_from([-90, -1, 0, 1, 4_000_000]),
        ),
        max_size=12,
    )
)
def test_a_burst_is_judged_as_its_quotes_one_by_one(
    numbers: list[tuple[float, float, float, float, int]],
) -> None:
    names = ("bid", "ask", "bid_size", "ask_size")
    quotes = [a_quote(at_ns=second * SECOND) for second, _ in enumerate(numbers, start=5_000_000)]
    quotes = [
        msgspec.structs.replace(
            quote,
            **dict(zip(names, told, strict=False)),
            event_ns=quote.event_ns - told[4] * SECOND,
        )
        for quote, told in zip(quotes, numbers, strict=True)
    ]
    one_by_one = fresh()
    faults = [one_by_one.why_not(quote) for quote in quotes]

    in_bursts = fresh()
    found: list[str] = []
    while len(found) < len(quotes):
        good, why_not = in_bursts.first_fault(quotes[len(found) :])
        found += [""] * good + [why_not] * bool(why_not)

    assert found == faults


@given(wrong=never_true, field=st.sampled_from(["bid", "ask"]))
def test_no_quote_with_a_price_that_is_none_passes(wrong: float, field: str) -> None:
    quote = msgspec.structs.replace(a_quote(), **{field: wrong})

    assert fresh().why_not(quote).startswith("there is no quote of")


@given(wrong=never_true, field=st.sampled_from(["price", "size"]))
def test_no_trade_with_a_price_or_size_that_is_none_passes(wrong: float, field: str) -> None:
    trade = msgspec.structs.replace(a_trade(), **{field: wrong})

    assert fresh().why_not(trade).startswith("there is no trade of")


@given(wrong=never_true, at=st.sampled_from(["bids", "asks"]))
def test_no_book_with_a_best_level_that_is_none_passes(wrong: float, at: str) -> None:
    assert fresh().why_not(a_book(**{at: ((wrong, 1.0),)})) != ""  # type: ignore[arg-type]  # bids or asks
    assert fresh().why_not(a_book(**{at: ((99.5, wrong),)})) != ""  # type: ignore[arg-type]  # the same


@given(wrong=never_true, field=st.sampled_from(["open", "high", "low", "close"]))
def test_no_candle_with_a_price_that_is_none_passes(wrong: float, field: str) -> None:
    candle = msgspec.structs.replace(a_venue_candle(), **{field: wrong})

    assert fresh().why_not(candle).startswith("there is no candle of")


@given(wrong=never_true, field=st.sampled_from(["last", "open", "high", "low", "bid", "ask"]))
def test_no_summary_with_a_price_that_is_none_passes(wrong: float, field: str) -> None:
    summary = msgspec.structs.replace(a_summary(), **{field: wrong})

    assert fresh().why_not(summary).startswith("there is no summary with")


def test_a_crossed_quote_is_refused_and_a_locked_one_is_not() -> None:
    assert fresh().why_not(a_quote(bid=100.0, ask=99.0)) != ""
    assert fresh().why_not(a_quote(bid=100.0, ask=100.0)) == ""


def test_a_size_of_zero_is_no_fault_of_a_quote() -> None:
    assert fresh().why_not(a_quote(bid_size=0.0)) == ""
    assert fresh().why_not(a_quote(bid_size=-1.0)) != ""


@pytest.mark.parametrize("ahead_s", [70, 3_600])
def test_an_event_of_the_future_is_refused(ahead_s: int) -> None:
    trade = msgspec.structs.replace(a_trade(), event_ns=ahead_s * SECOND, received_ns=0)

    assert fresh().why_not(trade) == f"it is {ahead_s}.0 s in the future"


def test_the_venues_own_clock_decides_what_the_future_is() -> None:
    clock = VenueClock()
    for number in range(20):
        sent_ns = number * 1_050_000_000
        clock.http_date((sent_ns + 5 * SECOND) // SECOND, sent_ns, sent_ns + 1_000_000)
    judge = Plausibility(clock)

    fine = a_trade(at_ns=21 * SECOND)
    early = msgspec.structs.replace(fine, event_ns=25 * SECOND)
    too_early = msgspec.structs.replace(fine, event_ns=30 * SECOND)

    assert judge.why_not(early) == ""
    assert judge.why_not(too_early).endswith("in the future")


def test_a_live_trade_of_yesterday_is_refused_and_a_back_filled_one_is_not() -> None:
    yesterday = msgspec.structs.replace(a_trade(), event_ns=1, received_ns=86_400 * SECOND)

    assert fresh().why_not(yesterday) == "it is 86400 s old"
    assert fresh().why_not(msgspec.structs.replace(yesterday, backfilled=True)) == ""


@given(price=prices, factor=st.one_of(st.floats(1.6, 1e8), st.floats(1e-8, 0.6)))
def test_a_single_outlier_of_any_size_never_passes(price: float, factor: float) -> None:
    judge = fresh()
    follow(judge, price)

    assert judge.why_not(a_trade(price=price * factor, at_ns=6 * SECOND)) != ""
    assert judge.why_not(a_quote(bid=price * factor, ask=price * factor, at_ns=7 * SECOND)) != ""
    follow(judge, price)


def test_a_price_one_digit_off_that_comes_again_and_again_never_becomes_the_standard() -> None:
    judge = fresh()
    follow(judge, 100.0)

    for second in range(6, 60, 2):
        assert judge.why_not(a_trade(price=1_000.0, at_ns=second * SECOND)) != ""
        assert judge.why_not(a_trade(price=100.0, at_ns=(second + 1) * SECOND)) == ""


@given(price=prices, factor=st.one_of(st.floats(1.6, 1e6), st.floats(1e-6, 0.6)))
def test_a_true_move_is_believed_with_the_third_value_after_a_second(
    price: float, factor: float
) -> None:
    judge = fresh()
    follow(judge, price)
    moved = price * factor

    first, second, third = (
        judge.why_not(a_trade(price=moved * wobble, at_ns=int(at_s * SECOND)))
        for at_s, wobble in ((6.0, 1.0), (6.2, 1.1), (7.1, 0.95))
    )

    assert first
    assert second
    assert third == ""
    assert judge.why_not(a_trade(price=price, at_ns=8 * SECOND)) != ""


def test_three_values_within_an_instant_prove_nothing() -> None:
    judge = fresh()
    follow(judge, 100.0)

    for number in range(10):
        assert judge.why_not(a_trade(price=1_000.0, at_ns=6 * SECOND + number)) != ""


def test_a_stablecoin_and_a_coin_of_one_tick_are_not_refused() -> None:
    stable, tiny = fresh(), fresh()

    for second in range(1, 100):
        at_ns, up = second * SECOND, second % 2
        assert stable.why_not(a_quote(bid=0.9998, ask=0.9999 + up * 1e-4, at_ns=at_ns)) == ""
        assert tiny.why_not(a_quote(bid=1e-8, ask=2e-8, at_ns=at_ns)) == ""
        assert tiny.why_not(a_trade(price=1e-8 * (1 + up), at_ns=at_ns)) == ""


def test_a_thin_market_with_a_wide_spread_is_not_refused() -> None:
    judge = fresh()

    for second in range(1, 100):
        at_ns = second * SECOND
        assert judge.why_not(a_quote(bid=1.0, ask=9.0, at_ns=at_ns)) == ""
        assert judge.why_not(a_trade(price=1.0 if second % 2 else 9.0, at_ns=at_ns)) == ""


def test_a_book_with_one_side_or_none_is_judged_by_what_it_has() -> None:
    judge = fresh()
    follow(judge, 100.0)

    assert judge.why_not(a_book(bids=(), asks=())) == ""
    assert judge.why_not(a_book(bids=((100.0, 1.0),), asks=())) == ""
    assert judge.why_not(a_book(bids=(), asks=((1_000.0, 1.0),))) != ""


def test_other_events_are_not_judged() -> None:
    listing = a_listing()
    event: Event = msgspec.convert(
        {"kind": "listed", "event_ns": 1, "received_ns": 1, "sequence": 1, "venue": "kraken"}
        | {"instrument": msgspec.to_builtins(listing.instrument), "symbol": listing.symbol},
        Event,
    )

    assert fresh().why_not(event) == ""
