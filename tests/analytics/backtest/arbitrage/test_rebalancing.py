"""What drifted is put back by transfers that cost and take time; figures worked by hand."""

import pytest

from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.figures import of_desk
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.rebalancing import HOUR_NS, Rule
from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.tape import Tape, tape_of
from analytics.backtest.arbitrage.transit import MINUTE_NS, Shipment
from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs
from analytics.routes.state import Mode
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from market import Event
from tests.analytics.backtest.arbitrage.test_replay import (
    FREE,
    MS,
    NOW,
    TERMS,
    a_market,
    alive,
    played,
)
from tests.analytics.backtest.arbitrage.wallets import moving
from tests.making import SECOND, a_quote

KNOWN = moving(BTC=(0.01, 30.0), USDT=(1.0, 5.0))
START = {
    ("binance", "USDT"): 300.0,
    ("binance", "BTC"): 2.0,
    ("kraken", "USDT"): 300.0,
    ("kraken", "BTC"): 2.0,
}
HOURLY = Rule(every_ns=HOUR_NS)
WORTH = {"USDT": 1.0, "BTC": 100.0}


def a_chance(at_ns: int, *, size: float = 2.0) -> list[Event]:
    """Return quotes between which 2 BTC for 200 USDT bring 204, or as much of it."""
    cheap = a_quote("binance", bid=99.0, ask=100.0, ask_size=3.0, at_ns=at_ns)
    dear = a_quote("kraken", bid=102.0, ask=103.0, bid_size=size, at_ns=at_ns + MS)
    return [*alive(at_ns), cheap, dear, *nothing(at_ns + 2 * MS)]


def nothing(at_ns: int) -> list[Event]:
    """Return quotes between which nothing pays; a BTC is worth 99.5."""
    quotes = [a_quote(venue, bid=99.0, ask=100.0, at_ns=at_ns) for venue in ("binance", "kraken")]
    return [*alive(at_ns), *quotes]


def desk_of(events: list[Event], rule: Rule | None, *, known: Costs = KNOWN) -> Desk:
    (desk,) = played(events, 0.0, known=known, start=START, rebalance=rule)
    return desk


def test_places_are_put_back_to_their_share_when_the_clock_says_so() -> None:
    """At one o'clock binance has 100 of 604 USDT and all 4 BTC; it is to have the half of both.

    Of 2 BTC that are sent 1.99 arrive, of 202 USDT 201.
    """
    desk = desk_of([*a_chance(NOW), *nothing(3_599 * SECOND), *nothing(6_000 * SECOND)], HOURLY)

    coins, money = desk.transit.shipments
    assert (coins.asset, coins.source, coins.target) == ("BTC", "binance", "kraken")
    assert (coins.sent, coins.arrives) == pytest.approx((2.0, 1.99))
    assert (money.asset, money.source, money.target) == ("USDT", "kraken", "binance")
    assert (money.sent, money.arrives) == pytest.approx((202.0, 201.0))
    assert {one.sent_ns for one in desk.transit.shipments} == {HOUR_NS}
    assert desk.holdings.balances["binance", "USDT"].amount == pytest.approx(301.0)
    assert desk.holdings.balances["kraken", "USDT"].amount == pytest.approx(302.0)
    assert desk.holdings.balances["binance", "BTC"].amount == pytest.approx(2.0)
    assert desk.holdings.balances["kraken", "BTC"].amount == pytest.approx(1.99)


@pytest.mark.parametrize(("minutes", "why"), [(29, "balance"), (31, "")])
def test_what_is_on_its_way_cannot_be_used(minutes: int, why: str) -> None:
    events = [*a_chance(NOW), *nothing(3_599 * SECOND), *a_chance(HOUR_NS + minutes * MINUTE_NS)]

    desk = desk_of(events, HOURLY)

    assert [one.why for one in desk.outcomes] == ["", why]


def test_routes_missed_for_want_of_funds_are_told_with_and_without() -> None:
    """Chances of 4, 4 and 2: the second is missed, and without rebalancing the third too."""
    late = a_chance(HOUR_NS + 10 * MINUTE_NS)
    later = a_chance(HOUR_NS + 40 * MINUTE_NS, size=1.0)
    events = [*a_chance(NOW), *nothing(3_599 * SECOND), *late, *later]

    desk, without = desk_of(events, HOURLY), desk_of(events, None)
    told = of_desk(desk, WORTH.get, without=without)

    assert told.unfunded.routes == 1
    assert told.unfunded.seen_usd == pytest.approx(4.0)
    assert told.unfunded_without is not None
    assert told.unfunded_without.routes == 2
    assert told.unfunded_without.seen_usd == pytest.approx(6.0)


def test_what_rebalancing_gains_is_told_beside_what_is_gained_without() -> None:
    """With it 4 and 2, less 0.01 BTC and 1 USDT of fees; without it 4 alone."""
    later = a_chance(HOUR_NS + 40 * MINUTE_NS, size=1.0)
    events = [*a_chance(NOW), *nothing(3_599 * SECOND), *later]

    desk, without = desk_of(events, HOURLY), desk_of(events, None)
    told = of_desk(desk, WORTH.get, without=without)

    assert told.gain_usd == pytest.approx(4.0 + 2.0 - 1.0 - 1.0)
    assert told.gain_usd_without == pytest.approx(4.0)


def test_a_share_that_funds_did_not_suffice_for_is_counted() -> None:
    """100 of 200 USDT are there: half of the edge of 4 is not taken."""
    start = START | {("binance", "USDT"): 100.0}

    (desk,) = played(a_chance(NOW), 0.0, known=KNOWN, start=start)
    told = of_desk(desk, WORTH.get)

    assert told.unfunded.routes == 1
    assert told.unfunded.seen_usd == pytest.approx(2.0)
    assert told.unfunded_without is None


def test_fees_of_transfers_and_their_time_are_told() -> None:
    """0.01 BTC at 99.5 and 1 USDT; 30 minutes and 5."""
    desk = desk_of([*a_chance(NOW), *nothing(3_599 * SECOND), *nothing(6_000 * SECOND)], HOURLY)

    told = of_desk(desk, WORTH.get)

    assert told.rebalanced.transfers == 2
    assert told.rebalanced.fees_usd == pytest.approx(0.01 * 99.5 + 1.0)
    assert told.rebalanced.minutes == pytest.approx(17.5)
    assert told.carried.transfers == 0


def test_what_is_on_its_way_in_the_end_counts_as_arrived() -> None:
    """Earned are 4 and the fees are 2 at these prices; 1.99 BTC are on their way."""
    desk = desk_of([*a_chance(NOW), *nothing(3_599 * SECOND), *nothing(4_200 * SECOND)], HOURLY)

    told = of_desk(desk, WORTH.get)

    assert told.coming_usd == pytest.approx(199.0)
    assert told.gain_usd == pytest.approx(4.0 - 2.0)
    assert told.drift_usd == pytest.approx(2.0 + 1.0)


def test_a_place_that_falls_short_is_filled_at_once() -> None:
    """Kraken has no BTC left; binance has 100 USDT of 302, which is more than 0.3 of that."""
    desk = desk_of(a_chance(NOW), Rule(below=0.3))

    (one,) = desk.transit.shipments
    assert (one.asset, one.target, one.sent_ns) == ("BTC", "kraken", NOW + MS)


def test_what_is_coming_is_not_sent_for_again() -> None:
    events = [*a_chance(NOW), *a_chance(NOW + 60 * SECOND)]

    desk = desk_of(events, Rule(below=0.3))

    assert [one.asset for one in desk.transit.shipments] == ["BTC"]


def test_nothing_is_sent_by_a_way_that_nobody_knows_to_be_open() -> None:
    desk = desk_of([*a_chance(NOW), *nothing(3_601 * SECOND)], HOURLY, known=FREE)

    told = of_desk(desk, WORTH.get)

    assert told.blocked == ("BTC binance > kraken", "USDT kraken > binance")
    assert desk.transit.shipments == []


def test_what_a_tape_holds_behind_a_moment_changes_no_transfer_before_it() -> None:
    tape = tape_of(a_market())
    whole = transfers_of(tape)

    for cut in range(40, len(tape), 40):
        until_ns = int(tape.received_ns[cut - 1])
        part = transfers_of(tape.first(cut))

        assert [one for one in part if one.sent_ns < until_ns] == [
            one for one in whole if one.sent_ns < until_ns
        ]
    assert len(whole) > 5


@pytest.mark.parametrize("mode", ["inventory", "transfer"])
def test_nothing_comes_from_nowhere_and_nothing_is_lost_but_fees(mode: Mode) -> None:
    """Of each asset the change is what fills brought less what transfers cost; all is let go of."""
    desk = carried_out(tape_of(a_market(300, 8)), mode=mode)

    changes = {"BTC": 0.0, "USDT": 0.0}
    for got in (got for one in desk.outcomes for got in one.got):
        changes[got.order.target[1]] += got.amount_out
        changes[got.order.source[1]] -= got.amount_in
    for sent in desk.transit.shipments:
        changes[sent.asset] -= sent.fee
    for (_, asset), balance in desk.holdings.balances.items():
        changes[asset] -= balance.owned - balance.start
        assert balance.held == pytest.approx(0.0, abs=1e-9)
        assert balance.least >= -1e-9

    assert len(desk.transit.shipments) > 5
    assert changes == pytest.approx({"BTC": 0.0, "USDT": 0.0}, abs=1e-9)


def transfers_of(tape: Tape) -> list[Shipment]:
    return carried_out(tape, mode="inventory").transit.shipments


def carried_out(tape: Tape, *, mode: Mode) -> Desk:
    """Return the desk of a replay with few funds and quick transfers."""
    known = moving(BTC=(0.001, 0.01), USDT=(0.01, 0.02))
    board = RouteBoard(known, TERMS)
    holdings = Holdings(funds_usd=1_000.0)
    desk = Desk(board.standing, Latency(60.0), holdings, rebalance=Rule(below=0.8))
    least = TakeTerms(rest_s=0.1, min_profit_usd=0.1, despite="transfer_risk")
    replay = Replay(board, RouteTaker(least, mode=mode), [desk])
    replay.play(tape)
    replay.end()
    return desk
