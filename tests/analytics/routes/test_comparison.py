"""Routes between venues."""

from collections.abc import Iterable, Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.routes.comparison import FeeBps, RouteBook
from market import Instrument, Quote, Route, VenueStatus
from tests.making import SECOND, a_quote, a_status

NOW = 1_000 * SECOND
MAX_AGE = 10 * SECOND
VENUES = ("binance", "kraken", "upbit")


def fees(**fee_bps: float) -> FeeBps:
    return lambda venue, _: fee_bps.get(venue)


FREE = fees(binance=0.0, kraken=0.0, upbit=0.0)


def a_book(*events: Quote | VenueStatus, fee_bps: FeeBps = FREE) -> RouteBook:
    book = RouteBook(fee_bps, max_age_ns=MAX_AGE)
    for venue in VENUES:
        book.take(a_status(venue, at_ns=NOW - SECOND))
    for event in events:
        book.take(event)
    return book


def routes(*quotes: Quote, fee_bps: FeeBps = FREE, base: str = "BTC") -> tuple[Route, ...]:
    return a_book(*quotes, fee_bps=fee_bps).refresh(base, NOW).routes


CHEAP = a_quote("binance", bid=99.0, ask=100.0, at_ns=NOW)
DEAR = a_quote("kraken", bid=101.0, ask=102.0, at_ns=NOW)
KIMCHI = a_quote("upbit", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)
WON = a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=NOW)


def test_route_buys_at_the_lower_ask_and_sells_at_the_higher_bid() -> None:
    best, other = routes(CHEAP, DEAR)

    assert best.id == "BTC:binance.USDT>kraken.USDT"
    assert (best.type, best.rate, best.rate_source) == ("direct", 1.0, "")
    assert (best.buy_price, best.sell_price) == (100.0, 101.0)
    assert best.gross_bps == best.net_bps == pytest.approx(100.0)
    assert other.id == "BTC:kraken.USDT>binance.USDT"
    assert other.net_bps == pytest.approx((99 / 102 - 1) * 10_000)


def test_both_taker_fees_are_paid() -> None:
    best, *_ = routes(CHEAP, DEAR, fee_bps=fees(binance=10.0, kraken=40.0))

    assert (best.buy_fee_bps, best.sell_fee_bps) == (10.0, 40.0)
    assert best.gross_bps == pytest.approx(100.0)
    assert best.net_bps == pytest.approx((101 * 0.996 / (100 * 1.001) - 1) * 10_000)


def test_profit_is_what_both_levels_hold_times_the_net_gain() -> None:
    cheap = a_quote("binance", ask=100.0, ask_size=3.0, at_ns=NOW)
    dear = a_quote("kraken", bid=101.0, ask=102.0, bid_size=2.0, at_ns=NOW)

    best, *_ = routes(cheap, dear, fee_bps=fees(binance=10.0, kraken=10.0))

    assert best.size == 2.0
    assert best.profit == pytest.approx(2.0 * (101 * 0.999 - 100 * 1.001))


def test_kimchi_premium_is_seen_through_the_won_rate() -> None:
    best, *_ = routes(CHEAP, KIMCHI, WON)

    assert best.id == "BTC:binance.USDT>upbit.KRW"
    assert (best.type, best.rate_source) == ("fx", "upbit USDT-KRW")
    assert best.rate == pytest.approx(1 / 1_350)
    assert best.net_bps == pytest.approx(200.0)
    assert best.profit == pytest.approx(2.0)  # in USDT, the currency paid


def test_way_back_is_valued_in_the_currency_paid_there() -> None:
    _, back = routes(CHEAP, KIMCHI, WON)

    assert back.id == "BTC:upbit.KRW>binance.USDT"
    assert back.rate == pytest.approx(1_350.0)
    assert back.net_bps == pytest.approx((99 * 1_350 / 138_000 - 1) * 10_000)
    assert back.profit == pytest.approx(99 * 1_350 - 138_000)


def test_dollar_and_tether_are_not_taken_for_the_same() -> None:
    dollars = a_quote("kraken", "BTC-USD", bid=101.0, ask=102.0, at_ns=NOW)

    assert routes(CHEAP, dollars) == ()


def test_tether_is_not_compared_by_a_rate_that_is_its_own_price() -> None:
    won = a_quote("upbit", "USDT-KRW", bid=1_399.0, ask=1_401.0, at_ns=NOW)
    dollars = a_quote("kraken", "USDT-USD", bid=0.999, ask=1.001, at_ns=NOW)
    ether = (
        a_quote("upbit", "ETH-KRW", bid=4_900_000.0, ask=4_900_100.0, at_ns=NOW),
        a_quote("kraken", "ETH-USD", bid=3_500.0, ask=3_500.1, at_ns=NOW),
    )

    assert routes(won, dollars, *ether, base="USDT") == ()
    assert routes(won, dollars, *ether, base="ETH") != ()


@pytest.mark.parametrize(
    ("quotes", "why_not"),
    [
        ((CHEAP, DEAR), ("transfer_unknown",)),
        ((CHEAP, KIMCHI, WON), ("fx_comparison", "capital_controls", "transfer_unknown")),
        (
            (CHEAP, a_quote("kraken", bid=111.0, ask=112.0, at_ns=NOW)),
            ("transfer_unknown", "suspicious"),
        ),
    ],
)
def test_route_says_why_it_cannot_be_taken(
    quotes: Iterable[Quote], why_not: tuple[str, ...]
) -> None:
    last = a_book(*quotes).refresh("BTC", NOW).routes[0]

    assert last.why_not == why_not


def test_suspicious_routes_come_last() -> None:
    other_coin = a_quote("upbit", bid=5_000.0, ask=5_001.0, at_ns=NOW)

    found = routes(CHEAP, DEAR, other_coin)

    assert ["suspicious" in route.why_not for route in found] == [False] * 2 + [True] * 4
    assert found[0].id == "BTC:binance.USDT>kraken.USDT"
    assert [route.net_bps for route in found[2:]] == sorted(
        (route.net_bps for route in found[2:]), reverse=True
    )


def test_venue_whose_fee_is_not_known_is_not_traded_but_gives_rates() -> None:
    sold_elsewhere = a_quote("kraken", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)

    found = routes(CHEAP, sold_elsewhere, KIMCHI, WON, fee_bps=fees(binance=0.0, kraken=0.0))

    assert {route.sell_venue for route in found} == {"binance", "kraken"}
    assert {route.rate_source for route in found} == {"upbit USDT-KRW"}


def test_fee_may_differ_by_quote_currency() -> None:
    def fee_bps(_: str, instrument: Instrument) -> float:
        return 5.0 if instrument.quote_currency == "KRW" else 25.0

    best, *_ = routes(CHEAP, KIMCHI, WON, fee_bps=fee_bps)

    assert (best.buy_fee_bps, best.sell_fee_bps) == (25.0, 5.0)


def test_empty_level_makes_no_route_but_the_other_side_still_does() -> None:
    nothing_to_buy = msgspec.structs.replace(CHEAP, ask_size=0.0)

    (only,) = routes(nothing_to_buy, DEAR)

    assert only.id == "BTC:kraken.USDT>binance.USDT"


def test_an_indication_of_no_size_makes_no_route_but_tells_the_rate() -> None:
    won = a_quote(
        "kraken", "USDT-KRW", bid=1_349.9, ask=1_350.1, bid_size=0.0, ask_size=0.0, at_ns=NOW
    )
    dear_won = a_quote("upbit", "USDT-KRW", bid=1_400.0, ask=1_401.0, at_ns=NOW)

    best, *_ = routes(CHEAP, KIMCHI, won)

    assert best.rate_source == "kraken USDT-KRW"
    assert routes(won, dear_won, base="USDT") == ()


def test_two_markets_of_one_venue_make_no_route() -> None:
    won = a_quote("binance", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)

    assert routes(CHEAP, won, WON) == ()


def test_age_and_skew_rest_on_the_rate_too() -> None:
    old_rate = a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=NOW - 7)
    recent = msgspec.structs.replace(CHEAP, received_ns=NOW - 2, sequence=41)
    book = a_book(recent, KIMCHI, old_rate)

    best = book.refresh("BTC", NOW + 1).routes[0]

    assert (best.age_ns, best.skew_ns) == (8, 7)
    assert (best.buy_sequence, best.sell_sequence) == (41, KIMCHI.sequence)


def test_routes_are_dated_by_the_newest_quote_and_numbered_upwards() -> None:
    book = a_book(CHEAP, msgspec.structs.replace(DEAR, event_ns=NOW - 9))

    first, second = book.refresh("BTC", NOW + 5), book.refresh("BTC", NOW + 5)

    assert (first.event_ns, first.received_ns) == (NOW, NOW + 5)
    assert second.sequence > first.sequence


def test_route_is_open_since_it_rose_above_zero() -> None:
    book = a_book(CHEAP, DEAR)
    fallen = a_quote("kraken", bid=99.5, ask=102.0, at_ns=NOW + 2)
    risen = a_quote("kraken", bid=101.0, ask=102.0, at_ns=NOW + 3)

    opened = [book.refresh("BTC", NOW + passed).routes[0].opened_ns for passed in (0, 1)]
    book.take(fallen)
    closed = book.refresh("BTC", NOW + 2).routes[0].opened_ns
    book.take(risen)
    reopened = book.refresh("BTC", NOW + 3).routes[0].opened_ns

    assert opened == [NOW, NOW]
    assert closed == 0
    assert reopened == NOW + 3


def test_route_that_was_gone_is_opened_anew() -> None:
    book = a_book(CHEAP, DEAR)
    book.refresh("BTC", NOW)

    book.take(a_status("kraken", "down", at_ns=NOW + 1))
    gone = book.refresh("BTC", NOW + 1).routes
    book.take(a_status("kraken", at_ns=NOW + 2))
    book.take(msgspec.structs.replace(DEAR, received_ns=NOW + 3))
    back = book.refresh("BTC", NOW + 3).routes[0]

    assert gone == ()
    assert back.opened_ns == NOW + 3


def test_quote_changes_its_own_base_currency_only() -> None:
    book = a_book(CHEAP, DEAR, a_quote("kraken", "ETH-USDT", at_ns=NOW))
    for base in book.changed(NOW):
        book.refresh(base, NOW)

    book.take(a_quote("kraken", "ETH-USDT", at_ns=NOW + 1))

    assert book.changed(NOW + 1) == {"ETH"}


def test_quote_that_is_held_already_changes_nothing() -> None:
    book = a_book(CHEAP)
    book.refresh("BTC", NOW)

    book.take(CHEAP)

    assert book.changed(NOW) == set()


def test_loss_of_a_venue_changes_all_that_rests_on_it() -> None:
    sold_elsewhere = a_quote("kraken", "ETH-KRW", at_ns=NOW)
    book = a_book(CHEAP, WON, sold_elsewhere)
    for base in book.changed(NOW):
        book.refresh(base, NOW)

    book.take(a_status("upbit", "down", at_ns=NOW + 1))

    assert book.changed(NOW + 1) >= {"BTC", "ETH", "USDT"}


def test_trouble_with_a_rates_instrument_changes_the_routes_that_rest_on_it() -> None:
    sold_elsewhere = a_quote("kraken", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)
    book = a_book(CHEAP, sold_elsewhere, WON, a_quote("kraken", "ETH-KRW", at_ns=NOW))
    for base in book.changed(NOW):
        book.refresh(base, NOW)

    book.take(a_status("upbit", "stale", instrument="USDT-KRW", at_ns=NOW + 1))

    assert book.changed(NOW + 1) == {"BTC", "USDT"}
    assert book.refresh("BTC", NOW + 1).routes == ()


def test_quote_that_grows_too_old_changes_its_routes_without_an_event() -> None:
    book = a_book(CHEAP, DEAR)
    book.refresh("BTC", NOW)
    for venue in VENUES:
        book.take(a_status(venue, at_ns=NOW + MAX_AGE))

    assert book.changed(NOW + MAX_AGE) == set()
    assert book.changed(NOW + MAX_AGE + 1) == {"BTC"}
    assert book.refresh("BTC", NOW + MAX_AGE + 1).routes == ()
    assert book.changed(NOW + MAX_AGE + 2) == set()


def test_rate_that_grows_too_old_changes_the_routes_that_rest_on_it() -> None:
    sold_elsewhere = a_quote("kraken", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)
    old_rate = a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=NOW - MAX_AGE)
    book = a_book(CHEAP, sold_elsewhere, old_rate)

    before = book.refresh("BTC", NOW).routes
    changed = book.changed(NOW + 1)
    after = book.refresh("BTC", NOW + 1).routes

    assert len(before) == 2
    assert "BTC" in changed
    assert after == ()


def test_venue_that_falls_silent_and_comes_back_changes_its_routes_without_a_quote() -> None:
    book = a_book(CHEAP, DEAR)
    book.refresh("BTC", NOW)
    book.take(a_status("binance", at_ns=NOW + 3 * SECOND))

    silent_ns = NOW + 4 * SECOND + 1
    fell_silent = book.changed(silent_ns)
    without = book.refresh("BTC", silent_ns).routes
    book.take(a_status("kraken", at_ns=silent_ns))
    came_back = book.changed(silent_ns)
    again = book.refresh("BTC", silent_ns).routes

    assert fell_silent == came_back == {"BTC"}
    assert without == ()
    assert len(again) == 2


def test_clock_that_was_set_back_makes_no_route_of_what_was_held() -> None:
    book = a_book(CHEAP, DEAR)
    book.changed(NOW)
    assert book.refresh("BTC", NOW).routes
    earlier = NOW - 900 * SECOND

    assert book.changed(earlier) == {"BTC"}
    assert book.refresh("BTC", earlier).routes == ()

    for venue in VENUES:
        book.take(a_status(venue, at_ns=earlier))
    book.take(a_quote("binance", bid=99.0, ask=100.0, at_ns=earlier + 1))
    book.take(a_quote("kraken", bid=101.0, ask=102.0, at_ns=earlier + 1))
    assert book.refresh("BTC", earlier + 1).routes


def test_prices_beyond_the_range_of_floats_make_no_route() -> None:
    dust = a_quote("binance", bid=1e-308, ask=2e-308, at_ns=NOW)
    mountain = a_quote("kraken", bid=1e308, ask=1.1e308, at_ns=NOW)

    assert all(abs(route.net_bps) < float("inf") for route in routes(dust, mountain))


prices = st.floats(1.0, 1e6)
fee = st.floats(0.0, 100.0)


@settings(deadline=None)
@given(bid=prices, ask=prices, buy_fee=fee, sell_fee=fee)
def test_a_fee_never_makes_a_route_better(
    bid: float, ask: float, buy_fee: float, sell_fee: float
) -> None:
    quotes = (
        a_quote("binance", bid=0.5, ask=ask, at_ns=NOW),
        a_quote("kraken", bid=bid, ask=2e6, at_ns=NOW),
    )
    paid = by_id(routes(*quotes, fee_bps=fees(binance=buy_fee, kraken=sell_fee)))

    for name, free in by_id(routes(*quotes)).items():
        assert paid[name].net_bps <= free.net_bps
        assert paid[name].profit <= free.profit
        assert paid[name].gross_bps == free.gross_bps


def by_id(found: Iterable[Route]) -> Mapping[str, Route]:
    return {route.id: route for route in found}


@st.composite
def a_market(draw: st.DrawFn) -> Quote:
    instrument = draw(st.sampled_from(["BTC-USDT", "BTC-KRW", "BTC-USD", "USDT-KRW", "USDT-USD"]))
    bid = draw(st.floats(50.0, 150.0))
    return a_quote(
        draw(st.sampled_from(VENUES)),
        instrument,
        bid=bid,
        ask=bid * draw(st.floats(0.999, 1.01)),
        bid_size=draw(st.sampled_from([0.0, 1.0, 2.0])),
        at_ns=NOW - draw(st.integers(0, 2 * MAX_AGE)),
    )


@st.composite
def an_update(draw: st.DrawFn) -> Quote | VenueStatus:
    if draw(st.integers(0, 5)):
        return draw(a_market())
    return a_status(
        draw(st.sampled_from(VENUES)),
        draw(st.sampled_from(["live", "live", "down"])),
        instrument=draw(st.sampled_from([None, "BTC-USDT", "USDT-KRW"])),
        at_ns=NOW - draw(st.integers(0, SECOND - 1)),
    )


def _kind_and_time(event: Quote | VenueStatus) -> tuple[object, ...]:
    return type(event), event.venue, event.instrument, event.received_ns


updates = st.lists(an_update(), max_size=15, unique_by=_kind_and_time)


@settings(deadline=None)
@given(st.data())
def test_order_of_updates_does_not_show_in_the_routes(data: st.DataObject) -> None:
    told = data.draw(updates)
    shuffled = data.draw(st.permutations(told))

    found, found_shuffled = (
        a_book(*order).refresh("BTC", NOW).routes for order in (told, shuffled)
    )

    assert found == found_shuffled


@settings(deadline=None)
@given(updates)
def test_one_update_at_a_time_gives_the_same_as_all_at_once(
    told: list[Quote | VenueStatus],
) -> None:
    shown: dict[str, tuple[Route, ...]] = {"BTC": (), "USDT": ()}
    book = a_book()
    for event in told:
        book.take(event)
        for base in book.changed(NOW):
            shown[base] = book.refresh(base, NOW).routes

    for base, routes_shown in shown.items():
        at_once = a_book(*told).refresh(base, NOW).routes
        assert book.refresh(base, NOW).routes == at_once
        assert direct(routes_shown) == direct(at_once)  # rates are seen at the next refresh


def direct(found: Iterable[Route]) -> list[Route]:
    return [route for route in found if route.type == "direct"]
