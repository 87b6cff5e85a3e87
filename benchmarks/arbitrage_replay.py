"""Quotes of two venues through the replay of routes: how many a second of processor time.

Four coins at two venues, each quote a row of columns as an archive gives them; prices wander about
each other so that a route pays now and then. Measured is the whole replay: the search hears every
quote, the board those that matter, the taker takes, two desks carry out. Beside it the same tape
moment by moment, which finds the same.
"""

from __future__ import annotations

import time

import msgspec
import numpy as np

from analytics.backtest.arbitrage.ahead import Ahead
from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.scout import Scout
from analytics.backtest.arbitrage.tape import QUOTE, Floats, Ints, Tape
from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs, Facts, Fee
from analytics.routes.terms import BoardTerms
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from benchmarks.report import Figure, arguments, report
from market import Instrument, VenueStatus
from market.intervals import SECOND_NS

GOAL = 300_000.0
"""Quotes a second and core."""

COINS = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0, "XRP": 0.5}
VENUES = ("binance", "kraken")
START_NS = 1_790_000_000 * SECOND_NS
QUOTES, QUICK_QUOTES = 2_000_000, 400_000
PER_SECOND = 400
"""Quotes of all markets together; a busy market tells more."""

STEPWISE = 20_000
"""Quotes that are played moment by moment."""

ROUNDS = 3
FEES = Costs(Facts(fees={(venue,): Fee(bps=10.0, source="made up") for venue in VENUES}))
TERMS = BoardTerms(max_age_ns=10 * SECOND_NS, kernel="auto")
TAKER = TakeTerms(despite="transfer_unknown")


class Played(msgspec.Struct, frozen=True):
    """How fast it was, and how many routes were taken."""

    per_second: float
    takes: int


def made(quotes: int, seed: int = 1) -> Tape:
    """Return a tape; each market's price is a common walk and an offset that drifts back."""
    draw = np.random.default_rng(seed)
    places = [(venue, Instrument(coin, "USDT")) for coin in COINS for venue in VENUES]
    place = draw.integers(0, len(places), quotes)
    received = START_NS + np.cumsum(draw.integers(1, 2 * SECOND_NS // PER_SECOND, quotes))
    level = np.repeat(list(COINS.values()), len(VENUES))[place]
    walk = np.cumsum(draw.normal(0.0, 1e-6, quotes))
    off = _drifting(draw, place, len(places))
    middle = level * np.exp(walk) * (1.0 + off)
    return Tape(
        places=places,
        place=place,
        received_ns=received,
        event_ns=received - 5_000_000,
        sequence=np.arange(quotes),
        bid=middle * (1.0 - 1e-4),
        bid_size=1_000.0 / level * draw.uniform(0.2, 5.0, quotes),
        ask=middle * (1.0 + 1e-4),
        ask_size=1_000.0 / level * draw.uniform(0.2, 5.0, quotes),
        book=np.full(quotes, QUOTE),
        others=_statuses(int(received[-1])),
    )


def _drifting(draw: np.random.Generator, place: Ints, places: int) -> Floats:
    """Return how far each market is off by itself: a mean-reverting walk of some 6 bps."""
    off = np.empty(len(place))
    for number in range(places):
        rows = np.flatnonzero(place == number)
        noise = draw.normal(0.0, 0.6e-4, len(rows))
        kernel = 0.995 ** np.arange(1_500)
        off[rows] = np.convolve(noise, kernel)[: len(rows)]
    return off


def _statuses(until_ns: int) -> list[VenueStatus]:
    return [
        VenueStatus(venue=venue, state="live", event_ns=at, received_ns=at, sequence=at)
        for at in range(START_NS, until_ns, SECOND_NS)
        for venue in VENUES
    ]


def played(tape: Tape, *, ahead: bool) -> Played:
    """Play a tape to a new board."""
    board = RouteBoard(FEES, TERMS)
    desks = [Desk(board.standing, Latency(ms), Holdings(funds_usd=1e6)) for ms in (0.0, 50.0)]
    taker = RouteTaker(TAKER)
    replay = Replay(board, taker, desks)
    above = taker.above(TERMS.capital_usd) or 1.0
    scout = Scout(FEES, board.standing, above=above, least_usd=taker.least_usd)
    player = Ahead(replay, scout, max_silence_ns=TERMS.max_silence_ns) if ahead else replay
    begun = time.process_time()
    player.play(tape)
    replay.end()
    passed = time.process_time() - begun
    return Played(len(tape) / passed, len(replay.taken))


def figures(*, quick: bool) -> list[Figure]:
    """Return quotes a second, and what going moment by moment gives, of the best round."""
    tape = made(QUICK_QUOTES if quick else QUOTES)
    played(tape.first(STEPWISE), ahead=True)  # what is compiled once is compiled
    rounds = [played(tape, ahead=True) for _ in range(ROUNDS)]
    best = max(rounds, key=lambda one: one.per_second)
    stepwise = played(tape.first(STEPWISE), ahead=False)
    return [
        Figure(
            name=f"routes replayed, two venues, {best.takes} taken",
            value=best.per_second,
            unit="quotes/s",
            peer=stepwise.per_second,
            goal=GOAL,
            better="higher",
        )
    ]


if __name__ == "__main__":
    given = arguments(__doc__ or "")
    report("arbitrage_replay", figures(quick=given.quick), as_json=given.json)
