"""Recorded quotes through the live board; figures worked by hand."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from msgspec.structs import replace

from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.outcomes import Outcome
from analytics.backtest.arbitrage.rebalancing import Rule
from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.tape import Tape, tape_of
from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs, Facts, Fee, fee_key
from analytics.routes.terms import BoardTerms
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from market import Event
from tests.making import SECOND, a_book, a_listed, a_quote, a_status

NOW = 1_000 * SECOND
MS = SECOND // 1_000
TERMS = BoardTerms(max_age_ns=10 * SECOND, kernel="python")
FUNDS = 1e6
HERE = TakeTerms(despite="transfer_unknown")


def costs(**fees: float) -> Costs:
    known = {fee_key(name): Fee(bps=bps, source="a page") for name, bps in fees.items()}
    return Costs(Facts(fees=known))


FREE = costs(binance=0.0, kraken=0.0)


def alive(*at_ns: int) -> list[Event]:
    return [a_status(venue, at_ns=at) for venue in ("binance", "kraken") for at in at_ns]


def played(  # all with defaults
    events: Sequence[Event],
    *latencies_ms: float,
    known: Costs = FREE,
    start: Mapping[tuple[str, str], float] = {},
    funds_usd: float = FUNDS,
    taker: RouteTaker | None = None,
    rebalance: Rule | None = None,
) -> list[Desk]:
    """Replay, and return a desk for each latency."""
    board = RouteBoard(known, TERMS)
    desks = [
        Desk(
            board.standing,
            Latency(ms),
            Holdings(start, funds_usd=funds_usd),
            rebalance=rebalance,
        )
        for ms in latencies_ms
    ]
    replay = Replay(board, taker or RouteTaker(HERE), desks)
    replay.play(tape_of(events))
    replay.end()
    return desks


def outcome(desk: Desk) -> Outcome:
    (found,) = desk.outcomes
    return found


CHEAP = a_quote("binance", bid=99.0, ask=100.0, bid_size=5.0, ask_size=3.0, at_ns=NOW)
DEAR = a_quote("kraken", bid=102.0, ask=103.0, bid_size=2.0, ask_size=5.0, at_ns=NOW + MS)
LATER = a_status("kraken", at_ns=NOW + SECOND)


def test_without_latency_and_fees_the_edge_that_was_seen_is_kept() -> None:
    """Buy 2 at 100, sell them at 102: 4 USDT, which stand for dollars as nothing prices them."""
    (desk,) = played([*alive(NOW), CHEAP, DEAR], 0.0)

    found = outcome(desk)

    assert (found.state, found.why) == ("filled", "")
    assert found.seen_usd == pytest.approx(4.0, rel=1e-12)
    assert found.kept_usd == pytest.approx(4.0, rel=1e-12)
    assert found.fees_usd == 0.0


def test_both_taker_fees_are_paid() -> None:
    """2 BTC after 10 bps of them cost 200 / 0.999; they bring 204 less 20 bps, 203.592."""
    (desk,) = played([*alive(NOW), CHEAP, DEAR], 0.0, known=costs(binance=10.0, kraken=20.0))

    found = outcome(desk)

    assert found.kept_usd == pytest.approx(203.592 - 200.0 / 0.999)
    assert found.kept_usd == pytest.approx(found.seen_usd, rel=1e-9)
    assert found.fees_usd == pytest.approx(0.002 / 0.999 * 99.5 + 0.408)


def test_an_order_meets_the_quote_that_was_known_when_it_arrived() -> None:
    """After 40 ms the bid is 101: an order of 39 ms sells at 102, one of 40 ms sells nothing."""
    falls = a_quote("kraken", bid=101.0, ask=103.0, bid_size=2.0, at_ns=NOW + 41 * MS)

    early, late = played([*alive(NOW), CHEAP, DEAR, falls, LATER], 39.0, 40.0)

    assert outcome(early).state == "filled"
    assert (outcome(late).state, outcome(late).why) == ("partial", "price")


def test_what_was_bought_and_not_sold_is_valued_at_the_price_of_then() -> None:
    """2 BTC are bought for 200 USDT; as the second began one was worth 99.5 at binance."""
    falls = a_quote("kraken", bid=101.0, ask=103.0, bid_size=2.0, at_ns=NOW + 41 * MS)

    (desk,) = played([*alive(NOW), CHEAP, DEAR, falls, LATER], 50.0)
    found = outcome(desk)

    assert found.kept_usd == pytest.approx(2.0 * 99.5 - 200.0)
    assert desk.holdings.balances["binance", "USDT"].amount == pytest.approx(FUNDS - 200.0)
    assert desk.holdings.balances["binance", "BTC"].amount == pytest.approx(FUNDS / 99.5 + 2.0)
    assert desk.holdings.balances["kraken", "BTC"].amount == pytest.approx(FUNDS / 99.5)


def test_orders_walk_the_levels_that_are_as_good_as_their_limit() -> None:
    """1 at 100 and 1 at 101 cost 201; 2 at 102 bring 204: 3. The 3 at 102 pay nothing more."""
    asks = a_book(asks=[(100.0, 1.0), (101.0, 1.0), (102.0, 3.0)], bids=[], at_ns=NOW)
    cheap = replace(asks, venue="binance")
    dear = replace(DEAR, event_ns=NOW, received_ns=NOW)

    (desk,) = played([*alive(NOW), cheap, dear], 0.0)
    bought, _ = outcome(desk).got

    assert bought.average == pytest.approx(100.5)
    assert outcome(desk).kept_usd == pytest.approx(3.0)


def test_less_depth_than_was_seen_fills_a_part() -> None:
    """Of 2 at 102 there is half left: 2 are bought for 200, 1 sold for 102, 1 worth 99.5."""
    fewer = a_quote("kraken", bid=102.0, ask=103.0, bid_size=1.0, at_ns=NOW + 20 * MS)

    (desk,) = played([*alive(NOW), CHEAP, DEAR, fewer, LATER], 50.0)
    found = outcome(desk)

    assert (found.state, found.why) == ("partial", "depth")
    assert found.kept_usd == pytest.approx(102.0 + 99.5 - 200.0)
    assert found.filled_usd / found.asked_usd == pytest.approx((200 + 99.5) / (200 + 199))


def test_nothing_is_filled_below_the_least_that_may_be_traded() -> None:
    """0.04 BTC at 102 are 4.08 USDT; the venue trades no less than 5."""
    terms = [a_listed("kraken", at_ns=NOW)]
    fewer = a_quote("kraken", bid=102.0, ask=103.0, bid_size=0.04, at_ns=NOW + 20 * MS)

    (desk,) = played([*alive(NOW), *terms, CHEAP, DEAR, fewer, LATER], 50.0)

    assert [got.short for got in outcome(desk).got] == ["", "minimum"]


def test_an_order_meets_no_book_of_a_venue_that_fell_away() -> None:
    down = a_status("kraken", "down", at_ns=NOW + 20 * MS)

    (desk,) = played([*alive(NOW), CHEAP, DEAR, down, LATER], 50.0)

    assert [got.short for got in outcome(desk).got] == ["", "down"]


def test_a_route_is_taken_for_the_share_that_funds_suffice_for() -> None:
    """50 of 200 USDT: a quarter."""
    start = {("binance", "USDT"): 50.0, ("kraken", "BTC"): 10.0}

    (desk,) = played([*alive(NOW), CHEAP, DEAR], 0.0, start=start)

    assert outcome(desk).kept_usd == pytest.approx(1.0)
    assert desk.holdings.balances["binance", "USDT"].amount == pytest.approx(0.0)


def test_without_funds_a_route_is_missed() -> None:
    (desk,) = played([*alive(NOW), CHEAP, DEAR], 0.0, funds_usd=0.0)

    assert (outcome(desk).state, outcome(desk).why) == ("missed", "balance")


def test_a_route_that_is_on_its_way_is_not_taken_again() -> None:
    again = a_quote("kraken", bid=102.0, ask=103.0, bid_size=2.0, at_ns=NOW + 20 * MS)
    taker = RouteTaker(TakeTerms(despite="transfer_unknown", rest_s=0.0))
    cheap = replace(CHEAP, ask_size=5.0)

    fast, slow = played([*alive(NOW), cheap, DEAR, again, LATER], 10.0, 50.0, taker=taker)

    assert [one.why for one in slow.outcomes] == ["in_flight", ""]
    assert [one.state for one in fast.outcomes] == ["filled", "filled"]


def test_no_level_is_taken_twice_before_its_market_tells_of_it_anew() -> None:
    """The ask of 3 is taken by 2, and it is told of no more: 1 is left of it."""
    again = a_quote("kraken", bid=102.0, ask=103.0, bid_size=2.0, at_ns=NOW + 20 * MS)
    taker = RouteTaker(TakeTerms(despite="transfer_unknown", rest_s=0.0))

    (desk,) = played([*alive(NOW), CHEAP, DEAR, again, LATER], 0.0, taker=taker)
    _, second = desk.outcomes

    assert [got.share for got in second.got] == pytest.approx([0.5, 1.0])
    assert second.why == "depth"


def test_a_comparison_is_worth_the_rate_of_when_it_is_done() -> None:
    """1 BTC for 100 USDT brings 137,000 won: at 1,350 a dollar 101.48, at 1,370 just 100."""
    venues = [a_status(venue, at_ns=NOW) for venue in ("binance", "upbit")]
    won = a_quote("upbit", "USDT-KRW", bid=1_349.0, ask=1_351.0, at_ns=NOW)
    dear = a_quote("upbit", "BTC-KRW", bid=137_000.0, ask=140_000.0, bid_size=1.0, at_ns=NOW)
    weaker = a_quote("upbit", "USDT-KRW", bid=1_369.0, ask=1_371.0, at_ns=NOW + 20 * MS)
    taker = RouteTaker(TakeTerms(despite="fx_comparison+transfer_unknown"))

    at_once, late = played(
        [*venues, won, CHEAP, dear, weaker, LATER],
        0.0,
        50.0,
        known=costs(binance=0.0, upbit=0.0),
        taker=taker,
    )

    assert outcome(at_once).kept_usd == pytest.approx(137_000 / 1_350 - 100)
    assert outcome(at_once).kept_usd == pytest.approx(outcome(at_once).seen_usd)
    assert outcome(late).kept_usd == pytest.approx(0.0, abs=1e-9)


def test_what_a_tape_holds_behind_a_moment_changes_nothing_before_it() -> None:
    tape = tape_of(a_market())
    whole = taken_of(tape)

    for cut in range(1, len(tape), 23):
        until_ns = int(tape.received_ns[cut - 1])
        part = taken_of(tape.first(cut))

        assert [one for one in part if one.done_ns < until_ns] == [
            one for one in whole if one.done_ns < until_ns
        ]


def a_market(count: int = 200, seed: int = 5) -> list[Event]:
    """Return two venues whose prices wander about each other, so that some routes pay."""
    draw = Random(seed)  # noqa: S311  # prices, not secrets
    events: list[Event] = alive(*(NOW + second * SECOND for second in range(60)))
    for number in range(count):
        at_ns = NOW + number * 25 * MS
        middle = 100.0 + draw.gauss(0.0, 0.4)
        venue = draw.choice(("binance", "kraken"))
        levels = [draw.uniform(0.5, 3.0) for _ in range(2)]
        events.append(
            a_quote(
                venue,
                bid=middle - 0.3,
                ask=middle + 0.3,
                bid_size=levels[0],
                ask_size=levels[1],
                at_ns=at_ns,
            )
        )
    return events


def taken_of(tape: Tape, latency_ms: float = 60.0) -> list[Outcome]:
    board = RouteBoard(FREE, TERMS)
    desk = Desk(board.standing, Latency(latency_ms), Holdings(funds_usd=1_000.0))
    parameters = TakeTerms(despite="transfer_unknown", rest_s=0.1, min_profit_usd=0.1)
    replay = Replay(board, RouteTaker(parameters), [desk])
    replay.play(tape)
    replay.end()
    return desk.outcomes
