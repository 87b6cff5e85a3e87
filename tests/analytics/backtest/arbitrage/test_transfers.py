"""Routes with transfers: bought here, sent, sold there at the prices of then; worked by hand."""

import pytest
from msgspec.structs import replace

from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.figures import of_desk
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.outcomes import Outcome
from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.tape import Tape, tape_of
from analytics.backtest.arbitrage.transit import MINUTE_NS
from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from market import Event
from tests.analytics.backtest.arbitrage.test_replay import MS, NOW, TERMS, a_market, outcome
from tests.analytics.backtest.arbitrage.test_replay import played as played_with
from tests.analytics.backtest.arbitrage.wallets import VENUES, moving
from tests.making import SECOND, a_listed, a_quote, a_status

KNOWN = moving(BTC=(0.01, 10.0), USDT=(1.0, 5.0))
SOLD = NOW + MS + 10 * MINUTE_NS
"""When the coin arrives; without latency it is sold then."""

DONE = SOLD + 5 * MINUTE_NS
WORTH = {"USDT": 1.0, "BTC": 100.0}


def alive(at_ns: int) -> list[Event]:
    return [a_status(venue, at_ns=at_ns) for venue in VENUES]


def seen() -> list[Event]:
    """Return quotes between which 2.01 BTC for 201 USDT bring 8.

    2 of them arrive and are sold for 210 USDT, of which 209 come back.
    """
    cheap = a_quote("binance", bid=99.0, ask=100.0, ask_size=3.0, at_ns=NOW)
    dear = a_quote("kraken", bid=105.0, ask=106.0, bid_size=2.0, at_ns=NOW + MS)
    gone = a_quote("binance", bid=104.0, ask=105.5, at_ns=NOW + 100 * MS)
    return [*alive(NOW), cheap, dear, gone]


def then(bid: float, size: float = 2.0, *, at_ns: int = SOLD) -> list[Event]:
    """Return what kraken bids at a moment."""
    quote = a_quote("kraken", bid=bid, ask=bid + 1, bid_size=size, at_ns=at_ns)
    return [*alive(at_ns), quote]


def played(
    events: list[Event],
    *latencies_ms: float,
    known: Costs = KNOWN,
    least: TakeTerms | None = None,
    funds_usd: float = 1e6,
) -> list[Desk]:
    taker = RouteTaker(least or TakeTerms(), mode="transfer")
    return played_with(events, *latencies_ms, known=known, taker=taker, funds_usd=funds_usd)


def over() -> list[Event]:
    return then(100.0, at_ns=DONE)


def test_at_the_prices_of_before_the_edge_that_was_seen_is_kept() -> None:
    (desk,) = played([*seen(), *then(105.0), *over()], 0.0)

    found = outcome(desk)

    assert (found.state, found.why) == ("filled", "")
    assert found.seen_usd == pytest.approx(8.0)
    assert found.kept_usd == pytest.approx(8.0)
    assert found.done_ns == DONE


def test_what_arrives_is_sold_at_the_price_of_then() -> None:
    """2 BTC bring 206 instead of 210."""
    (desk,) = played([*seen(), *then(103.0), *over()], 0.0)

    assert outcome(desk).kept_usd == pytest.approx(206.0 - 1.0 - 201.0)


def test_what_arrives_is_sold_at_a_loss_too() -> None:
    (desk,) = played([*seen(), *then(90.0), *over()], 0.0)

    assert outcome(desk).kept_usd == pytest.approx(180.0 - 1.0 - 201.0)


def test_a_sale_meets_the_book_that_was_known_when_its_order_arrived() -> None:
    """It is sent when the coin is there, 10 minutes after the purchase, which is late too."""
    falls = then(103.0, at_ns=SOLD + 51 * MS)

    at_once, early, late = played([*seen(), *then(105.0), *falls, *over()], 0.0, 25.0, 26.0)

    assert outcome(at_once).kept_usd == pytest.approx(8.0)
    assert outcome(early).kept_usd == pytest.approx(8.0)
    assert outcome(late).kept_usd == pytest.approx(4.0)


def test_what_depth_does_not_take_is_valued_at_the_price_of_then() -> None:
    """1 BTC is sold for 103, the other is worth 105 when all is done, by binance and kraken."""
    worth = a_quote("binance", bid=104.5, ask=105.5, at_ns=DONE - SECOND)
    same = a_quote("kraken", bid=104.5, ask=105.5, at_ns=DONE - SECOND)
    events = [*seen(), *then(103.0, 1.0), *alive(DONE - SECOND), worth, same]

    (desk,) = played([*events, a_status("kraken", at_ns=DONE + 1)], 0.0)
    found = outcome(desk)

    assert (found.state, found.why) == ("partial", "depth")
    assert found.kept_usd == pytest.approx(103.0 - 1.0 + 105.0 - 201.0)
    assert desk.holdings.balances["kraken", "BTC"].amount == pytest.approx(1e6 / 99.5 + 1.0)


def test_a_market_that_says_nothing_is_waited_for() -> None:
    """What kraken bid was too old when the coin came; half a minute later it speaks again."""
    later = then(104.0, at_ns=SOLD + 30 * SECOND)

    (desk,) = played([*seen(), *later, *then(104.0, at_ns=DONE + MINUTE_NS)], 0.0)
    found = outcome(desk)

    assert found.kept_usd == pytest.approx(208.0 - 1.0 - 201.0)
    assert found.got[-1].at_ns == SOLD + 30 * SECOND


def test_a_market_that_stays_silent_is_not_waited_for_for_ever() -> None:
    (desk,) = played([*seen(), *then(104.0, at_ns=SOLD + 11 * MINUTE_NS)], 0.0)

    assert (outcome(desk).state, outcome(desk).why) == ("partial", "stale")


def test_what_is_on_its_way_as_the_tape_ends_is_valued_as_arrived() -> None:
    """2 BTC at 99.5, which was the last that was heard of them before they were sent."""
    (desk,) = played(seen(), 0.0)
    found = outcome(desk)

    assert (found.state, found.why) == ("partial", "tape_ended")
    assert desk.holdings.balances["kraken", "BTC"].coming == pytest.approx(2.0)
    assert found.kept_usd == pytest.approx(2.0 * found.shipments[0].usd - 201.0)  # type: ignore[operator]  # it is known


def test_a_purchase_that_comes_too_late_begins_no_journey() -> None:
    (desk,) = played([*seen(), *then(105.0)], 100.0)
    found = outcome(desk)

    assert (found.state, found.why, found.kept_usd) == ("missed", "price", 0.0)
    assert desk.transit.shipments == []


def test_transfers_of_routes_are_told_with_fees_and_time() -> None:
    """0.01 BTC and 1 USDT; 10 minutes and 5."""
    (desk,) = played([*seen(), *then(105.0), *over()], 0.0)

    told = of_desk(desk, WORTH.get)

    assert told.carried.transfers == 2
    assert told.carried.fees_usd == pytest.approx(0.01 * 99.5 + 1.0, abs=0.1)
    assert told.carried.minutes == pytest.approx(7.5)
    assert told.gain_usd == pytest.approx(8.0)
    assert told.total.fill_share == pytest.approx(1.0)


def test_funds_that_are_on_their_way_bound_what_is_taken_next() -> None:
    """201 of 300 USDT are on their way; a second later 99 are left for the same, 0.99 BTC."""
    again = [
        *alive(NOW + 2 * SECOND),
        a_quote("kraken", bid=105.0, ask=106.0, bid_size=2.0, at_ns=NOW + 2 * SECOND),
        a_quote("binance", bid=99.0, ask=100.0, ask_size=3.0, at_ns=NOW + 2 * SECOND + MS),
        a_quote("binance", bid=104.0, ask=105.5, at_ns=NOW + 2 * SECOND + 2 * MS),
    ]

    (desk,) = played([*seen(), *again], 0.0, funds_usd=300.0)

    assert [one.funded for one in desk.outcomes] == pytest.approx([1.0, 99.0 / 201.0])
    assert desk.holdings.balances["binance", "USDT"].amount == pytest.approx(0.0, abs=1e-9)


def test_a_transfer_of_unknown_time_takes_what_is_assumed() -> None:
    known = moving(BTC=(0.01, None), USDT=(1.0, None))
    despite = TakeTerms(despite="transfer_time_unknown")

    (desk,) = played(seen(), 0.0, known=known, least=despite)

    (sent,) = desk.transit.shipments
    assert sent.arrives_ns - sent.sent_ns == 30 * MINUTE_NS


def test_all_that_came_is_spent_at_the_price_of_then_on_the_way_through_another_coin() -> None:
    """100 USDT buy 1 BTC, that 140,000 won, these at 1,400 for one 100 XRP, these 100 USDT.

    Seen were 1,300 won for one: 107.69 XRP.
    """
    known = moving(BTC=(0.0, 10.0), XRP=(0.0, 2.0))
    sold = NOW + 4 * MS + 10 * MINUTE_NS
    back = sold + 2 * MINUTE_NS
    events = [
        *alive(NOW),
        a_quote("binance", "XRP-USDT", bid=1.0, ask=1.01, bid_size=1e3, at_ns=NOW + MS),
        a_quote("upbit", "XRP-KRW", bid=1_290.0, ask=1_300.0, ask_size=1e3, at_ns=NOW + 2 * MS),
        a_quote("upbit", "BTC-KRW", bid=140_000.0, ask=141_000.0, at_ns=NOW + 3 * MS),
        a_quote("binance", "BTC-USDT", bid=99.0, ask=100.0, ask_size=3.0, at_ns=NOW + 4 * MS),
        *alive(sold),
        a_quote("upbit", "BTC-KRW", bid=140_000.0, ask=141_000.0, at_ns=sold),
        a_quote("upbit", "XRP-KRW", bid=1_390.0, ask=1_400.0, ask_size=1e3, at_ns=sold),
        *alive(back),
        a_quote("binance", "XRP-USDT", bid=1.0, ask=1.01, bid_size=1e3, at_ns=back),
        *alive(back + SECOND),
    ]

    (desk,) = played(events, 0.0, known=known, least=TakeTerms(rest_s=3_600.0))
    found = outcome(desk)

    assert found.seen_usd == pytest.approx(140_000 / 1_300 - 100.0)
    assert [got.amount_out for got in found.got] == pytest.approx([1.0, 140_000.0, 100.0, 100.0])
    assert found.kept_usd == pytest.approx(0.0, abs=1e-9)


def test_what_whole_lots_leave_over_is_lost_as_the_route_has_it() -> None:
    """Of 2.24 BTC that arrive 2.2 are sold: 231 USDT, 230 back, for 225 that were paid."""
    kraken, binance = (a_listed(venue, at_ns=NOW) for venue in ("kraken", "binance"))
    lots = [replace(kraken, lot_size=0.1), replace(binance, lot_size=0.05)]
    cheap = a_quote("binance", bid=99.0, ask=100.0, ask_size=2.25, at_ns=NOW)
    dear = a_quote("kraken", bid=105.0, ask=106.0, bid_size=9.0, at_ns=NOW + MS)

    (desk,) = played([*alive(NOW), *lots, cheap, dear, *then(105.0, 9.0), *over()], 0.0)
    found = outcome(desk)

    assert found.seen_usd == pytest.approx(5.0)
    assert found.kept_usd == pytest.approx(5.0)


def test_what_a_tape_holds_behind_a_moment_changes_no_journey_before_it() -> None:
    tape = tape_of(a_market())
    whole = journeys_of(tape)

    for cut in range(40, len(tape), 40):
        until_ns = int(tape.received_ns[cut - 1])
        part = journeys_of(tape.first(cut))

        assert [one for one in part if one.done_ns < until_ns] == [
            one for one in whole if one.done_ns < until_ns
        ]
    assert sum(one.state == "filled" for one in whole) > 3


def journeys_of(tape: Tape) -> list[Outcome]:
    board = RouteBoard(moving(BTC=(0.001, 0.005), USDT=(0.01, 0.01)), TERMS)
    desk = Desk(board.standing, Latency(30.0), Holdings(funds_usd=1_000.0))
    parameters = TakeTerms(rest_s=0.1, min_profit_usd=0.1, despite="transfer_risk")
    replay = Replay(board, RouteTaker(parameters, mode="transfer"), [desk])
    replay.play(tape)
    replay.end()
    return desk.outcomes
