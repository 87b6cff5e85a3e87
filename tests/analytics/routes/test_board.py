"""Routes between venues: events in, a list for each base currency out."""

from collections.abc import Iterable, Mapping
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.routes.board import RouteBoard
from analytics.routes.costs import CapitalControl, Costs, Facts, Fee, Key, fee_key
from analytics.routes.terms import BoardTerms
from market import Book, Listed, Quote, Route, Summary, VenueStatus, Wallet
from tests.making import SECOND, a_book, a_listed, a_quote, a_status, a_summary

NOW = 1_000 * SECOND
MAX_AGE = 10 * SECOND
VENUES = ("binance", "kraken", "upbit")
KOREA = CapitalControl(venues=("upbit", "bithumb"), source="a law", checked=date(2026, 1, 1))
TERMS = BoardTerms(max_age_ns=MAX_AGE, bank_venues=("bank",), kernel="python")


def costs(fees: Mapping[str, float]) -> Costs:
    known = {fee_key(name): Fee(bps=bps, source="a page") for name, bps in fees.items()}
    return Costs(Facts(fees=known, controls={("KRW",): KOREA}))


FREE = {"binance": 0.0, "kraken": 0.0, "upbit": 0.0}


def a_board(
    *events: Quote | Book | Listed | Summary | VenueStatus,
    fees: Mapping[str, float] = FREE,
    terms: BoardTerms = TERMS,
) -> RouteBoard:
    return live(RouteBoard(costs(fees), terms), *events)


def live(board: RouteBoard, *events: Quote | Book | Listed | Summary | VenueStatus) -> RouteBoard:
    for venue in VENUES:
        board.take(a_status(venue, at_ns=NOW - SECOND))
    for event in events:
        board.take(event)
    return board


def refreshed(board: RouteBoard, now_ns: int = NOW, *, base: str = "BTC") -> tuple[Route, ...]:
    """Refresh all that changed, as whoever drives the board does."""
    told: dict[str, tuple[Route, ...]] = {}
    while changed := board.changed(now_ns):
        told |= {name: board.refresh(name, now_ns).routes for name in sorted(changed)}
    return told[base] if base in told else board.refresh(base, now_ns).routes


def routes(
    *events: Quote, fees: Mapping[str, float] = FREE, base: str = "BTC", now_ns: int = NOW
) -> tuple[Route, ...]:
    """Return the comparisons and direct routes; cycles through several markets left out."""
    found = refreshed(a_board(*events, fees=fees), now_ns, base=base)
    return tuple(route for route in found if route.type in ("direct", "fx"))


CHEAP = a_quote("binance", bid=99.0, ask=100.0, at_ns=NOW)
DEAR = a_quote("kraken", bid=101.0, ask=102.0, at_ns=NOW)
KIMCHI = a_quote("upbit", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)
WON = a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=NOW)


def test_route_buys_at_the_lower_ask_and_sells_at_the_higher_bid() -> None:
    best, other = routes(CHEAP, DEAR)

    assert best.id == "I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT"
    assert (best.type, best.rate, best.rate_source) == ("direct", 1.0, "")
    assert (best.buy_price, best.sell_price) == (100.0, 101.0)
    assert best.gross_bps == best.net_bps == pytest.approx(100.0)
    assert other.id == "I|kraken:USDT>kraken:BTC>binance:BTC>binance:USDT"
    assert other.net_bps == pytest.approx((99 / 102 - 1) * 10_000)


def test_both_taker_fees_are_paid() -> None:
    best, *_ = routes(CHEAP, DEAR, fees={"binance": 10.0, "kraken": 40.0})

    assert (best.buy_fee_bps, best.sell_fee_bps) == (10.0, 40.0)
    assert best.gross_bps == pytest.approx(100.0)
    assert best.net_bps == pytest.approx((101 * 0.996 * 0.999 / 100 - 1) * 10_000)


def test_profit_is_what_both_levels_hold_times_the_net_gain() -> None:
    cheap = a_quote("binance", ask=100.0, ask_size=3.0, at_ns=NOW)
    dear = a_quote("kraken", bid=101.0, ask=102.0, bid_size=2.0, at_ns=NOW)

    best, *_ = routes(cheap, dear, fees={"binance": 10.0, "kraken": 10.0})

    assert best.size == pytest.approx(2.0)
    assert best.profit == pytest.approx(2.0 * (101 * 0.999 - 100 / 0.999))


def test_kimchi_premium_is_seen_through_the_won_rate() -> None:
    best, *_ = routes(CHEAP, KIMCHI, WON)

    assert best.id == "C|binance:USDT>binance:BTC>upbit:BTC>upbit:KRW"
    assert (best.type, best.rate_source) == ("fx", "upbit USDT-KRW")
    assert best.rate == pytest.approx(1 / 1_350)
    assert best.net_bps == pytest.approx(200.0)
    assert best.profit == pytest.approx(2.0)  # in USDT, the currency paid


def test_way_back_is_valued_in_the_currency_paid_there() -> None:
    _, back = routes(CHEAP, KIMCHI, WON)

    assert back.id == "C|upbit:KRW>upbit:BTC>binance:BTC>binance:USDT"
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
        (
            (CHEAP, a_quote("kraken", bid=99.9, ask=112.0, at_ns=NOW)),
            ("no_profit", "transfer_unknown"),
        ),
    ],
)
def test_route_says_why_it_cannot_be_taken(
    quotes: Iterable[Quote], why_not: tuple[str, ...]
) -> None:
    best = routes(*quotes)[0]

    assert best.why_not == why_not


def test_suspicious_routes_come_last_and_are_counted_apart() -> None:
    other_coin = a_quote("upbit", bid=5_000.0, ask=5_001.0, at_ns=NOW)
    board = a_board(CHEAP, DEAR, other_coin)
    refreshed(board)

    told = board.refresh("BTC", NOW)

    assert ["suspicious" in route.why_not for route in told.routes] == [False] * 2 + [True] * 4
    assert told.routes[0].id == "I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT"
    assert (told.count, told.suspicious) == (2, 4)


def test_coin_whose_price_is_far_off_all_others_is_not_verified_to_be_the_same() -> None:
    other_coin = a_quote("upbit", bid=70.0, ask=74.0, at_ns=NOW)
    dollar = a_quote("kraken", "USDT-USD", bid=0.999, ask=1.001, at_ns=NOW)

    found = refreshed(a_board(CHEAP, DEAR, other_coin, dollar))

    odd = {route.id for route in found if "identity_unverified" in route.why_not}
    assert odd == {route.id for route in found if "upbit" in route.id}
    assert all("suspicious" in route.why_not for route in found if route.id in odd)


def test_venue_whose_fee_is_not_known_is_not_traded_but_gives_rates() -> None:
    sold_elsewhere = a_quote("kraken", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)
    board = a_board(CHEAP, sold_elsewhere, KIMCHI, WON, fees={"binance": 0.0, "kraken": 0.0})

    found = refreshed(board)

    assert {route.sell_venue for route in found} == {"binance", "kraken"}
    assert {route.rate_source for route in found} == {"upbit USDT-KRW"}
    assert board.refresh("BTC", NOW).unknown_fees == 1


def test_fee_may_differ_by_quote_currency() -> None:
    best, *_ = routes(CHEAP, KIMCHI, WON, fees={"binance": 25.0, "upbit": 25.0, "upbit.KRW": 5.0})

    assert (best.buy_fee_bps, best.sell_fee_bps) == (25.0, 5.0)


def test_fee_that_is_assumed_is_said_to_be() -> None:
    facts = Facts(
        fees={
            ("binance",): Fee(bps=0.0, source="a page"),
            ("kraken",): Fee(bps=0.0, source="a forum", assumed=True),
        }
    )
    board = live(RouteBoard(Costs(facts), TERMS), CHEAP, DEAR)

    assert refreshed(board)[0].why_not == ("transfer_unknown", "fee_assumed")


def test_empty_level_makes_no_route_but_the_other_side_still_does() -> None:
    nothing_to_buy = msgspec.structs.replace(CHEAP, ask_size=0.0)

    (only,) = routes(nothing_to_buy, DEAR)

    assert only.id == "I|kraken:USDT>kraken:BTC>binance:BTC>binance:USDT"


def test_an_indication_of_no_size_makes_no_route_but_tells_the_rate() -> None:
    won = a_quote(
        "kraken", "USDT-KRW", bid=1_349.9, ask=1_350.1, bid_size=0.0, ask_size=0.0, at_ns=NOW
    )
    dear_won = a_quote("upbit", "USDT-KRW", bid=1_400.0, ask=1_401.0, at_ns=NOW)

    best, *_ = routes(CHEAP, KIMCHI, won)

    assert best.rate_source == "kraken USDT-KRW"
    assert routes(won, dear_won, base="KRW") == ()


def test_two_markets_of_one_venue_make_no_comparison() -> None:
    won = a_quote("binance", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)

    assert routes(CHEAP, won, WON) == ()


def test_book_makes_a_route_as_large_as_it_pays() -> None:
    asks = ((100.0, 1.0), (100.5, 2.0), (103.0, 5.0))
    cheap = a_book("binance", bids=((99.0, 1.0),), asks=asks, at_ns=NOW)
    dear = a_book("kraken", bids=((102.0, 2.5), (100.2, 9.0)), asks=((105.0, 1.0),), at_ns=NOW)
    board = a_board()
    for book in (cheap, dear):
        board.take(book)

    best, *_ = refreshed(board)

    assert best.size == pytest.approx(2.5)
    assert best.amount_in == pytest.approx(100.0 + 1.5 * 100.5)
    assert best.profit == pytest.approx(2.5 * 102.0 - 100.0 - 1.5 * 100.5)
    assert best.limited_by == "marginal"
    assert [leg.levels for leg in best.legs if leg.kind != "move"] == [2, 1]
    assert len(best.curve) >= 8


def test_quote_that_is_newer_than_the_book_takes_the_place_of_its_best_levels() -> None:
    asks = ((100.0, 1.0), (100.5, 2.0), (101.0, 5.0))
    book = a_book("binance", bids=((99.0, 1.0),), asks=asks, at_ns=NOW - 2)
    risen = a_quote("binance", bid=99.5, ask=100.5, ask_size=0.5, at_ns=NOW - 1)
    dear = a_quote("kraken", bid=102.0, ask=105.0, bid_size=9.0, at_ns=NOW)
    board = a_board(dear)
    for event in (book, risen):
        board.take(event)

    best, *_ = refreshed(board)

    assert best.size == pytest.approx(5.5)
    assert best.amount_in == pytest.approx(0.5 * 100.5 + 5.0 * 101.0)


def test_route_puts_in_no_more_than_the_capital() -> None:
    dollars = a_quote("kraken", "USDT-USD", bid=0.5, ask=0.5000001, at_ns=NOW)
    cheap = a_quote("binance", bid=99.0, ask=100.0, ask_size=50.0, at_ns=NOW)
    dear = a_quote("kraken", bid=101.0, ask=102.0, bid_size=50.0, at_ns=NOW)
    terms = msgspec.structs.replace(TERMS, capital_usd=1_000.0)

    best, *_ = refreshed(a_board(cheap, dear, dollars, terms=terms))

    assert best.limited_by == "capital"
    assert best.amount_in == pytest.approx(2_000.0, rel=1e-5)
    assert best.profit_usd == pytest.approx(10.0, rel=1e-5)


def test_routes_that_share_a_book_do_not_earn_the_sum_of_their_profits() -> None:
    third = a_quote("upbit", bid=101.0, ask=102.0, at_ns=NOW)
    board = a_board(CHEAP, DEAR, third)

    paying = [route for route in refreshed(board) if route.profit > 0.0]

    assert [route.profit_usd for route in paying] == pytest.approx([1.0, 1.0])
    assert board.refresh("BTC", NOW).together_usd == pytest.approx(1.0)


def test_lot_and_minimum_of_the_listing_count() -> None:
    board = a_board(CHEAP, DEAR)
    board.take(msgspec.structs.replace(a_listed("binance", at_ns=NOW), lot_size=0.3))

    best, *_ = refreshed(board)
    board.take(msgspec.structs.replace(a_listed("kraken", at_ns=NOW + 1), minimum_notional=1_000.0))
    too_small, *_ = refreshed(board)

    assert [leg.amount_in for leg in best.legs if leg.kind == "sell"] == pytest.approx([0.9])
    assert too_small.why_not == ("too_small", "transfer_unknown")


def test_market_that_is_halted_makes_no_route_that_can_be_taken() -> None:
    board = a_board(CHEAP, DEAR)
    refreshed(board)

    board.take(a_listed("kraken", trading=False, at_ns=NOW + 1))
    found = refreshed(board, NOW + 1)
    (episode,) = board.lives.closed(NOW + SECOND)

    assert {"market_closed" in route.why_not for route in found} == {True}
    assert episode.reason == "closed_market"


def test_triangle_and_loop_are_found_beside_the_direct_route() -> None:
    quotes = (
        a_quote("binance", "BTC-USDT", bid=99.0, ask=100.0, at_ns=NOW),
        a_quote("binance", "ETH-USDT", bid=10.2, ask=10.3, at_ns=NOW),
        a_quote("binance", "ETH-BTC", bid=0.09, ask=0.1, at_ns=NOW),
        a_quote("upbit", "ETH-KRW", bid=13_600.0, ask=13_700.0, at_ns=NOW),
        a_quote("upbit", "BTC-KRW", bid=130_000.0, ask=132_000.0, at_ns=NOW),
    )

    found = refreshed(a_board(*quotes))

    assert {route.type for route in found if route.profit > 0.0} == {"triangular", "cycle"}
    triangle = next(route for route in found if route.type == "triangular")
    assert triangle.id == "I|binance:USDT>binance:BTC>binance:ETH"
    assert triangle.why_not == ()


def test_route_over_a_transfer_pays_its_fee_and_tells_its_time_and_risk() -> None:
    wallets: dict[Key, Wallet] = {
        (venue, code): Wallet(
            venue=venue,
            code=code,
            withdrawal_fee=0.001 if code == "BTC" else 1.0,
            deposit_fee=0.0,
            withdraws=True,
            deposits=True,
            minutes=30.0,
            source="a page",
        )
        for venue in ("binance", "kraken")
        for code in ("BTC", "USDT")
    }
    fees = costs(FREE).facts.fees
    board = RouteBoard(Costs(Facts(fees=fees, wallets=wallets)), TERMS)
    cheap = a_quote("binance", bid=99.0, ask=100.0, ask_size=9.0, at_ns=NOW)
    dear = a_quote("kraken", bid=104.0, ask=105.0, bid_size=9.0, at_ns=NOW)
    live(board, cheap, dear)

    found = {route.mode: route for route in refreshed(board) if route.profit > 0.0}

    assert found["transfer"].profit == pytest.approx((9.0 - 0.001) * 104.0 - 1.0 - 900.0)
    assert found["transfer"].transfer_minutes == 60.0
    assert found["transfer"].transfer_risk_bps == pytest.approx(106.8, abs=0.1)
    assert found["transfer"].why_not == found["inventory"].why_not == ()


def test_age_and_skew_are_those_of_the_quotes_and_the_rate() -> None:
    old_rate = a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=NOW - 7)
    recent = msgspec.structs.replace(CHEAP, event_ns=NOW - 2, received_ns=NOW - 2, sequence=41)

    best, *_ = routes(recent, KIMCHI, old_rate, now_ns=NOW + 1)

    assert (best.age_ns, best.skew_ns, best.rate_age_ns) == (8, 2, 8)
    assert (best.buy_sequence, best.sell_sequence) == (41, KIMCHI.sequence)


def test_clock_of_a_venue_is_corrected_by_what_its_status_says() -> None:
    ahead = msgspec.structs.replace(a_status("kraken", at_ns=NOW - 1), clock_offset_ms=9_000.0)
    by_their_clock = msgspec.structs.replace(DEAR, event_ns=NOW + 9 * SECOND - 5)
    board = a_board(CHEAP)

    board.take(by_their_clock)
    skewed, *_ = refreshed(board)
    board.take(ahead)
    board.take(msgspec.structs.replace(by_their_clock, received_ns=NOW + 1))
    corrected, *_ = refreshed(board, NOW + 1)

    assert skewed.why_not == ("transfer_unknown", "skewed")
    assert (corrected.why_not, corrected.skew_ns) == (("transfer_unknown",), 5)


def test_bank_rate_may_be_hours_old_and_shows_its_age() -> None:
    hour = 3_600 * SECOND
    told = msgspec.structs.replace(
        a_summary("bank", "USD-KRW", last=1_350.0, at_ns=NOW - hour), bid=None, ask=None
    )
    dollars = a_quote("binance", "BTC-USD", bid=99.0, ask=100.0, at_ns=NOW)

    best, *_ = refreshed(a_board(dollars, KIMCHI, told))

    assert (best.rate_source, best.rate_age_ns) == ("bank USD-KRW", hour)
    assert (best.age_ns, round(best.net_bps, 6)) == (0, 200.0)


def test_market_s_rate_goes_before_a_bank_s() -> None:
    bank = a_quote("bank", "USDT-KRW", bid=1_400.0, ask=1_400.0, at_ns=NOW)

    best, *_ = routes(CHEAP, KIMCHI, WON, bank)

    assert best.rate_source == "upbit USDT-KRW"


def test_premium_is_told_on_both_bases() -> None:
    bank = a_quote("bank", "USD-KRW", bid=1_300.0, ask=1_300.0, at_ns=NOW - 60 * SECOND)
    dollar = a_quote("kraken", "USDT-USD", bid=0.999, ask=1.001, at_ns=NOW)
    board = a_board(CHEAP, KIMCHI, WON, bank, dollar)
    refreshed(board)

    told = {one.basis: one for one in board.premiums(NOW) if one.instrument == KIMCHI.instrument}

    assert told["stable"].premium == pytest.approx(137_850.0 / (99.5 * 1_350.0) - 1.0)
    assert told["bank"].premium == pytest.approx(137_850.0 / (99.5 * 1_300.0) - 1.0)
    assert (told["bank"].reference_venue, told["bank"].rate_age_ns) == ("binance", 60 * SECOND)


def test_routes_are_dated_by_the_newest_quote_and_numbered_upwards() -> None:
    board = a_board(CHEAP, msgspec.structs.replace(DEAR, event_ns=NOW - 9))

    first, second = board.refresh("BTC", NOW + 5), board.refresh("BTC", NOW + 5)

    assert (first.event_ns, first.received_ns) == (NOW, NOW + 5)
    assert second.sequence > first.sequence


def test_route_is_open_since_it_rose_above_zero() -> None:
    board = a_board(CHEAP, DEAR)
    fallen = a_quote("kraken", bid=99.5, ask=102.0, at_ns=NOW + 2)
    risen = a_quote("kraken", bid=101.0, ask=102.0, at_ns=NOW + SECOND)

    opened = [refreshed(board, NOW + passed)[0].opened_ns for passed in (0, 1)]
    board.take(fallen)
    closed = refreshed(board, NOW + 2)[0].opened_ns
    board.take(risen)
    reopened = refreshed(board, NOW + SECOND)[0]

    assert opened == [NOW, NOW]
    assert closed == 0
    assert (reopened.opened_ns, reopened.times_seen) == (NOW + SECOND, 2)


def test_life_of_a_route_is_told_once_it_is_over() -> None:
    board = a_board(CHEAP, DEAR)
    refreshed(board)
    better = a_quote("kraken", bid=101.5, ask=102.0, at_ns=NOW + SECOND)
    fallen = a_quote("kraken", bid=99.5, ask=102.0, at_ns=NOW + 2 * SECOND)

    for event in (better, fallen):
        board.take(event)
        refreshed(board, event.received_ns)
    at_once = board.lives.closed(NOW + 2 * SECOND)
    (episode,) = board.lives.closed(NOW + 3 * SECOND)

    assert at_once == []
    assert (episode.opened_ns, episode.closed_ns) == (NOW, NOW + 2 * SECOND)
    assert (round(episode.peak_net_bps, 6), episode.peak_ns) == (150.0, NOW + SECOND)
    assert (episode.reason, episode.updates) == ("prices", 1)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (a_status("kraken", "down", at_ns=NOW + SECOND), "venue_down"),
        (a_status("kraken", "stale", instrument="BTC-USDT", at_ns=NOW + SECOND), "stale"),
        (a_status("kraken", "resyncing", instrument="BTC-USDT", at_ns=NOW + SECOND), "gap"),
    ],
)
def test_trouble_ends_a_life_when_it_happened(status: VenueStatus, reason: str) -> None:
    board = a_board(CHEAP, DEAR)
    refreshed(board)

    board.take(status)
    found = refreshed(board, NOW + 3 * SECOND)
    (episode,) = board.lives.closed(NOW + 4 * SECOND)

    assert found == ()
    assert (episode.reason, episode.closed_ns) == (reason, NOW + SECOND)


def test_route_that_was_gone_is_opened_anew() -> None:
    board = a_board(CHEAP, DEAR)
    refreshed(board)

    board.take(a_status("kraken", "down", at_ns=NOW + 1))
    gone = refreshed(board, NOW + 1)
    board.take(a_status("kraken", at_ns=NOW + SECOND))
    board.take(msgspec.structs.replace(DEAR, received_ns=NOW + SECOND + 1))
    back, *_ = refreshed(board, NOW + SECOND + 1)

    assert gone == ()
    assert back.opened_ns == NOW + SECOND + 1


def test_quote_changes_its_own_base_currency_only() -> None:
    board = a_board(CHEAP, DEAR, a_quote("kraken", "ETH-USDT", at_ns=NOW))
    refreshed(board)

    board.take(a_quote("kraken", "ETH-USDT", at_ns=NOW + 1))

    assert board.changed(NOW + 1) == {"ETH"}


def test_quote_that_is_held_already_changes_nothing() -> None:
    board = a_board(CHEAP)
    refreshed(board)

    board.take(CHEAP)

    assert board.changed(NOW) == set()


def test_loss_of_a_venue_changes_all_that_rests_on_it() -> None:
    sold_elsewhere = a_quote("kraken", "ETH-KRW", at_ns=NOW)
    board = a_board(CHEAP, WON, sold_elsewhere, a_quote("upbit", "ETH-KRW", at_ns=NOW))
    refreshed(board)

    board.take(a_status("upbit", "down", at_ns=NOW + 1))

    assert board.changed(NOW + 1) >= {"ETH", "USDT"}


def test_trouble_with_a_rates_instrument_changes_the_routes_that_rest_on_it() -> None:
    sold_elsewhere = a_quote("kraken", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)
    board = a_board(CHEAP, sold_elsewhere, WON, a_quote("kraken", "ETH-KRW", at_ns=NOW))
    refreshed(board)

    board.take(a_status("upbit", "stale", instrument="USDT-KRW", at_ns=NOW + 1))

    assert "BTC" in board.changed(NOW + 1)
    assert "ETH" not in board.changed(NOW + 1)
    assert refreshed(board, NOW + 1) == ()


def test_quote_that_grows_too_old_changes_its_routes_without_an_event() -> None:
    board = a_board(CHEAP, DEAR)
    refreshed(board)
    for venue in VENUES:
        board.take(a_status(venue, at_ns=NOW + MAX_AGE))

    assert board.changed(NOW + MAX_AGE) == set()
    assert board.changed(NOW + MAX_AGE + 1) == {"BTC"}
    assert refreshed(board, NOW + MAX_AGE + 1) == ()
    assert board.changed(NOW + MAX_AGE + 2) == set()


def test_rate_that_grows_too_old_changes_the_routes_that_rest_on_it() -> None:
    sold_elsewhere = a_quote("kraken", "BTC-KRW", bid=137_700.0, ask=138_000.0, at_ns=NOW)
    old_rate = a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=NOW - MAX_AGE)
    board = a_board(CHEAP, sold_elsewhere, old_rate)

    before = refreshed(board)
    changed = board.changed(NOW + 1)
    after = refreshed(board, NOW + 1)

    assert len(before) == 2
    assert "BTC" in changed
    assert after == ()


def test_venue_that_falls_silent_and_comes_back_changes_its_routes_without_a_quote() -> None:
    board = a_board(CHEAP, DEAR)
    refreshed(board)
    board.take(a_status("binance", at_ns=NOW + 3 * SECOND))

    silent_ns = NOW + 4 * SECOND + 1
    fell_silent = board.changed(silent_ns)
    without = refreshed(board, silent_ns)
    board.take(a_status("kraken", at_ns=silent_ns))
    came_back = board.changed(silent_ns)
    again = refreshed(board, silent_ns)

    assert fell_silent == came_back == {"BTC"}
    assert without == ()
    assert len(again) == 2


def test_clock_that_was_set_back_makes_no_route_of_what_was_held() -> None:
    board = a_board(CHEAP, DEAR)
    assert refreshed(board)
    earlier = NOW - 900 * SECOND

    assert board.changed(earlier) == {"BTC"}
    assert refreshed(board, earlier) == ()

    for venue in VENUES:
        board.take(a_status(venue, at_ns=earlier))
    board.take(a_quote("binance", bid=99.0, ask=100.0, at_ns=earlier + 1))
    board.take(a_quote("kraken", bid=101.0, ask=102.0, at_ns=earlier + 1))
    assert refreshed(board, earlier + 1)


def test_prices_beyond_the_range_of_floats_make_no_route() -> None:
    dust = a_quote("binance", bid=1e-308, ask=2e-308, at_ns=NOW)
    mountain = a_quote("kraken", bid=1e308, ask=1.1e308, at_ns=NOW)

    assert all(abs(route.net_bps) < float("inf") for route in routes(dust, mountain))


prices = st.floats(1.0, 1e6)
fee = st.floats(0.0, 100.0)


@settings(max_examples=50)
@given(bid=prices, ask=prices, buy_fee=fee, sell_fee=fee)
def test_a_fee_never_makes_a_route_better(
    bid: float, ask: float, buy_fee: float, sell_fee: float
) -> None:
    quotes = (
        a_quote("binance", bid=0.5, ask=ask, at_ns=NOW),
        a_quote("kraken", bid=bid, ask=2e6, at_ns=NOW),
    )
    paid = by_id(routes(*quotes, fees={"binance": buy_fee, "kraken": sell_fee}))

    for name, free in by_id(routes(*quotes)).items():
        assert paid[name].net_bps <= free.net_bps
        assert paid[name].profit <= max(free.profit, 0.0) or paid[name].profit <= free.profit
        assert paid[name].gross_bps == pytest.approx(free.gross_bps, abs=1e-6)


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


@settings(max_examples=50)
@given(st.data())
def test_order_of_updates_does_not_show_in_the_routes(data: st.DataObject) -> None:
    told = data.draw(updates)
    shuffled = data.draw(st.permutations(told))

    found, found_shuffled = (refreshed(a_board(*order)) for order in (told, shuffled))

    assert bare(found) == bare(found_shuffled)


@settings(max_examples=50)
@given(updates)
def test_one_update_at_a_time_gives_the_same_as_all_at_once(
    told: list[Quote | VenueStatus],
) -> None:
    terms = msgspec.structs.replace(TERMS, capital_usd=None)
    board, at_once = a_board(terms=terms), a_board(*told, terms=terms)
    for event in told:
        board.take(event)
        refreshed(board)

    for base in ("BTC", "USDT", "KRW", "USD"):
        later = NOW + SECOND
        assert bare(refreshed(board, later, base=base)) == bare(
            refreshed(at_once, later, base=base)
        )


def bare(found: Iterable[Route]) -> list[Route]:
    """Leave out what tells of the time before, and worths, which may be a second old."""
    nothing = {"opened_ns": 0, "peak_net_bps": 0.0, "peak_profit_usd": None, "times_seen": 0}
    unvalued = [
        msgspec.structs.replace(route, **nothing, profit_usd=None, fees_usd=None) for route in found
    ]
    return sorted(unvalued, key=lambda route: route.id)
