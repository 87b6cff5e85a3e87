"""Events and terms in, what came of the routes that were taken out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, zip_longest
from operator import attrgetter

import msgspec

from analytics.backtest.arbitrage.ahead import Ahead
from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.figures import OfLatency, of_desk
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.outcomes import Outcome
from analytics.backtest.arbitrage.rebalancing import Rule
from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.scout import Scout
from analytics.backtest.arbitrage.tape import Tape, Told, tape_of
from analytics.backtest.arbitrage.transit import MINUTES, Shipment
from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs
from analytics.routes.state import Mode, Node
from analytics.routes.terms import BoardTerms
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from cryptotracker.progress import progress
from market import SettingsError, VenueStatus
from refresher_service.pace import Pace

ROWS = 200_000
"""Events of a tape, about; so much is in memory at once where it comes in order."""

COMPILED_FROM = 50_000
"""Rows of the first tape from which on it pays to have the search compiled."""

FOR_EVER_NS = 1 << 61


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay goes by.

    ``start`` are balances that are known, ``funds_usd`` is what every other place begins with.
    ``publish_hz`` tells routes as seldom as a refresher does; None: at every change. ``mode`` says
    whether routes with or without transfers are taken, ``rebalance`` when what drifted is put back
    (None: never), ``minutes`` how long a transfer takes where nobody says.
    """

    costs: Costs
    board: BoardTerms
    parameters: TakeTerms
    latencies: tuple[str, ...]
    seed: int = 1
    start: Mapping[Node, float] = {}
    funds_usd: float = 50_000.0
    slack_bps: float = 0.0
    publish_hz: float | None = None
    mode: Mode = "inventory"
    rebalance: Rule | None = None
    minutes: float = MINUTES


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; times of receipt."""

    start_ns: int
    end_ns: int
    rows: int
    venues: tuple[str, ...]
    markets: int
    mode: Mode
    rebalance: Rule | None
    latencies: tuple[OfLatency, ...]
    outcomes: tuple[tuple[Outcome, ...], ...]
    """By latency."""
    shipments: tuple[tuple[Shipment, ...], ...]
    """Likewise."""


def replayed(events: Iterable[Told], terms: Terms) -> Result:
    """Play events that come by time of receipt.

    Raises:
        SettingsError: there are no quotes or books among them.

    """
    tapes = _tapes(events)
    first = next(tapes, None)
    if first is None or not len(first):
        raise SettingsError(
            "There are no quotes of that time: name other --from and --to, or files, see "
            "`cryptotracker backtest routes --help`."
        )
    player = _Player(terms, first)
    with progress("replaying", None) as bar:
        player.play(first)
        for tape in tapes:
            player.play(tape)
            bar.advance(len(tape))
    return player.result()


def in_order(events: Iterable[object]) -> list[Told]:
    """Put down what a board listens to, by time of receipt."""
    return sorted((one for one in events if isinstance(one, Told)), key=attrgetter("received_ns"))


class _Player:
    def __init__(self, terms: Terms, first: Tape) -> None:
        tells = any(isinstance(one, VenueStatus) and one.sequence for one in first.others)
        self._assumes = not tells
        self._terms = terms
        kernel = terms.board.kernel if len(first) < COMPILED_FROM else "auto"
        silence_ns = terms.board.max_silence_ns if tells else FOR_EVER_NS
        board_terms = msgspec.structs.replace(terms.board, kernel=kernel, max_silence_ns=silence_ns)
        board = RouteBoard(terms.costs, board_terms)
        self._board = board
        self._desks = [self._desk(terms, text, terms.rebalance) for text in terms.latencies]
        self._without = [
            self._desk(terms, text, None) for text in terms.latencies if terms.rebalance
        ]
        taker = RouteTaker(terms.parameters, mode=terms.mode)
        pace: Pace[str] | None = None if terms.publish_hz is None else Pace(terms.publish_hz)
        self._replay = Replay(board, taker, [*self._desks, *self._without], pace=pace)
        above = taker.above(board_terms.capital_usd)
        self._player: Replay | Ahead = self._replay
        if above is not None and pace is None:
            scout = Scout(
                terms.costs,
                board.standing,
                above=above,
                least_usd=taker.least_usd,
                kernel=kernel,
            )
            self._player = Ahead(self._replay, scout, max_silence_ns=silence_ns)
        self._start_ns = self._end_ns = int(first.received_ns[0])
        self._rows = 0
        self._places: set[object] = set()
        self._venues: set[str] = set()

    def play(self, tape: Tape) -> None:
        """Play a tape; venues of which nothing says how they do live from their first word on."""
        if not len(tape):
            return
        new = {venue for venue, _ in tape.places} - self._venues
        if self._assumes and new:
            lives = [_alive(venue, int(tape.received_ns[0])) for venue in sorted(new)]
            others = sorted([*lives, *tape.others], key=attrgetter("received_ns"))
            tape = msgspec.structs.replace(tape, others=others)
        self._venues |= new
        self._places.update(tape.places)
        self._rows += len(tape)
        self._end_ns = int(tape.received_ns[-1])
        self._player.play(tape)

    def result(self) -> Result:
        """End, and sum up."""
        self._replay.end()
        return Result(
            start_ns=self._start_ns,
            end_ns=self._end_ns,
            rows=self._rows,
            venues=tuple(sorted(self._venues)),
            markets=len(self._places),
            mode=self._terms.mode,
            rebalance=self._terms.rebalance,
            latencies=tuple(
                of_desk(desk, self._board.standing.usd, without=without)
                for desk, without in zip_longest(self._desks, self._without)
            ),
            outcomes=tuple(tuple(desk.outcomes) for desk in self._desks),
            shipments=tuple(tuple(desk.transit.shipments) for desk in self._desks),
        )

    def _desk(self, terms: Terms, latency: str, rebalance: Rule | None) -> Desk:
        return Desk(
            self._board.standing,
            Latency.parse(latency, seed=terms.seed),
            Holdings(terms.start, funds_usd=terms.funds_usd),
            slack_bps=terms.slack_bps,
            rebalance=rebalance,
            minutes=terms.minutes,
        )


def _tapes(events: Iterable[Told]) -> Iterator[Tape]:
    """Cut the events between two moments."""
    gathered: list[Told] = []
    for _, moment in groupby(events, key=attrgetter("received_ns")):
        gathered.extend(moment)
        if len(gathered) >= ROWS:
            yield tape_of(gathered)
            gathered = []
    yield tape_of(gathered)


def _alive(venue: str, at_ns: int) -> VenueStatus:
    return VenueStatus(
        venue=venue, state="live", event_ns=at_ns - 1, received_ns=at_ns - 1, sequence=0
    )


def balances_of(given: Sequence[str]) -> dict[Node, float]:
    """Read ``venue:ASSET=amount`` each.

    Raises:
        SettingsError: one is not written so.

    """
    found: dict[Node, float] = {}
    for text in given:
        place, _, amount = text.partition("=")
        venue, _, asset = place.partition(":")
        try:
            found[venue.strip().lower(), asset.strip()] = float(amount)
        except ValueError:
            venue = ""
        if not (venue and asset and found.get((venue.strip().lower(), asset.strip()), -1.0) >= 0.0):
            raise SettingsError(
                f"--balance is {text!r}: it must be venue:ASSET=amount, such as binance:USDT=10000."
            )
    return found
