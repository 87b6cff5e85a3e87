"""Running ahead finds the same takes as going moment by moment."""

from random import Random

import pytest
from msgspec.structs import replace

from analytics.backtest.arbitrage.ahead import Ahead
from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.outcomes import Outcome
from analytics.backtest.arbitrage.rebalancing import Rule
from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.scout import Scout
from analytics.backtest.arbitrage.tape import tape_of
from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs
from analytics.routes.kernels import KernelName
from analytics.routes.state import Mode
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from market import Event
from market.events import VenueState
from tests.analytics.backtest.arbitrage.test_replay import MS, NOW, TERMS, a_market, costs
from tests.analytics.backtest.arbitrage.wallets import moving
from tests.making import SECOND, a_book, a_listed, a_quote, a_status

FREE = costs(binance=0.0, kraken=0.0, upbit=0.0)


MOVING = moving(BTC=(0.001, 0.005), ETH=(0.001, 0.003), USDT=(0.1, 0.01))


def played(
    events: list[Event], *, kernel: KernelName | None, known: Costs = FREE, mode: Mode = "inventory"
) -> list[list[Outcome]]:
    """Replay moment by moment (None), or ahead with a kernel; return what became of all takes."""
    board = RouteBoard(known, TERMS)
    funds = Holdings(funds_usd=10_000.0), Holdings(funds_usd=10_000.0)
    latencies = Latency(0.0), Latency(20.0, 90.0)
    rebalance = None if known is FREE else Rule(below=0.9)
    desks = [
        Desk(board.standing, *one, rebalance=rebalance)
        for one in zip(latencies, funds, strict=True)
    ]
    despite = "transfer_unknown+transfer_risk"
    least = TakeTerms(despite=despite, rest_s=0.1, min_profit_usd=0.01)
    taker = RouteTaker(least, mode=mode)
    replay = Replay(board, taker, desks)
    tape = tape_of(events)
    if kernel is None:
        replay.play(tape)
    else:
        above = taker.above(TERMS.capital_usd) or 1.0
        least_usd = taker.least_usd
        scout = Scout(known, board.standing, above=above, least_usd=least_usd, kernel=kernel)
        Ahead(replay, scout, max_silence_ns=TERMS.max_silence_ns).play(tape)
    replay.end()
    return [desk.outcomes for desk in desks]


VENUES = ("binance", "kraken", "upbit")
WORTH = {"BTC": 100.0, "ETH": 10.0, "USDT": 1.0}
PAIRS = (("BTC", "USDT"), ("ETH", "USDT"), ("ETH", "BTC"))


def a_wild_market(count: int, seed: int) -> list[Event]:
    """Return what three venues tell, with all that may come: holes, faults, books, many at once."""
    draw = Random(seed)  # noqa: S311  # prices, not secrets
    events: list[Event] = [a_status(venue, at_ns=NOW) for venue in VENUES]
    at_ns = NOW
    for number in range(count):
        at_ns += draw.choice((0, 0, 10, 30, 100, 300)) * MS + (draw.random() < 0.01) * 12 * SECOND
        venue = draw.choice(VENUES)
        base, quote = draw.choice(PAIRS)
        middle = WORTH[base] / WORTH[quote] * (1.0 + draw.gauss(0.0, 0.004))
        bid, ask = middle * 0.997, middle * (1.003 if draw.random() > 0.03 else 0.99)
        sizes = draw.choice((0.0, 0.5, 2.0)), draw.choice((0.0, 1.0, 3.0))
        name = f"{base}-{quote}"
        match draw.choice(("quote",) * 12 + ("book", "book", "status", "listed", "status")):
            case "quote":
                quoted = a_quote(venue, name, bid=bid, ask=ask, at_ns=at_ns, sequence=number)
                events.append(replace(quoted, bid_size=sizes[0], ask_size=sizes[1]))
            case "book":
                bids, asks = [(bid, 1.0), (bid * 0.99, 2.0)], [(ask, 1.0), (ask * 1.01, 2.0)]
                booked = a_book(venue, name, bids=bids, asks=asks, at_ns=at_ns, sequence=number)
                events.append(booked)
            case "listed":
                trading = draw.random() > 0.1
                events.append(a_listed(venue, name, trading=trading, at_ns=at_ns))
            case _:
                state: VenueState = draw.choice(("live",) * 30 + ("down", "resyncing"))
                events.append(a_status(venue, state, at_ns=at_ns))
    return events


@pytest.mark.parametrize("seed", [1, 3])
def test_the_same_is_taken_and_comes_of_it(seed: int) -> None:
    events = a_market(400, seed)

    whole = played(events, kernel=None)

    assert len(whole[0]) > 3
    assert played(events, kernel="python") == whole


@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_is_taken_whatever_else_happens(seed: int) -> None:
    events = a_wild_market(300, seed)

    whole = played(events, kernel=None)

    assert len(whole[0]) > 3
    assert played(events, kernel="python") == whole


@pytest.mark.parametrize("mode", ["inventory", "transfer"])
def test_the_same_comes_of_it_where_coins_are_sent(mode: Mode) -> None:
    events = a_wild_market(200, 2) if mode == "transfer" else a_market(200, 3)

    whole = played(events, kernel=None, known=MOVING, mode=mode)

    assert len(whole[0]) > 3
    assert any(one.shipments for one in whole[0]) == (mode == "transfer")
    assert played(events, kernel="python", known=MOVING, mode=mode) == whole


def test_nothing_runs_ahead_where_the_risk_of_a_transfer_decides() -> None:
    """It is told by all prices before, of which the scout passes some by."""
    risked, feared = TakeTerms(despite="transfer_risk"), TakeTerms()

    assert RouteTaker(feared).above(1e4) is not None
    assert RouteTaker(risked, mode="transfer").above(1e4) is not None
    assert RouteTaker(feared, mode="transfer").above(1e4) is None
