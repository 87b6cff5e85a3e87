"""From a book to the ranked routes that it touched: what the search costs, and what others cost.

Made-up markets of 4 venues and 20 coins (S), 9 and 200 (M), 20 and 500 (L), in which some ways
round pay. One update is the whole way: ten levels a side come in, the engine finds what came, went
or changed, every such route is sized exactly and ranked by what it earns in dollars. Each round
plays the same updates to the engine with numba and without, and has the others (see
`benchmarks.route_peers`) search as often as time allows; ratios are taken round by round.

The engine's answer is exact: every way round of six legs at most, best first. The others tell of
any one cycle, or only whether there is one.
"""

from __future__ import annotations

import gc
import statistics
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from analytics.routes.engine import RouteEngine
from analytics.routes.sizing import sized
from analytics.routes.state import Depth, Market
from analytics.routes.verdict import steps
from benchmarks.report import Figure, arguments, percentile, report
from benchmarks.route_markets import SIZES, WORTH, Made, Size
from benchmarks.route_peers import Compiled, Peregrine, Vectors
from market import Instrument

ROUNDS, QUICK_ROUNDS = 10, 3
UPDATES = 300
"""Updates a round."""

SEARCHES = (50, 5, 1)
"""Searches of each peer in a round, by how long they take."""

WARM_UP = 1_500
CAPITAL_USD = 10_000.0
COINS = (Size("9 venues x 50 coins", 9, 50, 0.0005), Size("9 venues x 500 coins", 9, 500, 0.0004))
GROWTH_GOAL = 1.5

OF_COMPILED = {"M": 0.5, "L": 0.15}
"""Share of numba's Bellman-Ford that the engine with numba may take."""

OF_VECTORS = {"M": 0.1, "L": 0.1}
"""Share of NumPy's Bellman-Ford that the engine without numba may take."""

OVER_PEREGRINE = {"M": 5_000.0, "L": 15_000.0}
"""How many times as fast as peregrine's way the engine with numba is to be."""

Update: TypeAlias = tuple[int, Depth[float]]


class Peer(Protocol):
    """Another way to search."""

    def tell(self, number: int, book: Depth[float]) -> None:
        """Take in a book."""

    def search(self) -> object:
        """Search all anew."""


class Path:
    """The whole way of one update, with one of the engine's kernels."""

    def __init__(self, made: Made, kernel: Literal["numba", "python"]) -> None:
        self.engine = RouteEngine("inventory", kernel=kernel)
        self.ranked: list[tuple[float, str]] = []
        self._earned: dict[str, float] = {}
        self._keys = [(market.venue, market.instrument) for market in made.markets]
        self._markets = dict(zip(self._keys, made.markets, strict=True))
        self._depths = dict(zip(self._keys, made.books, strict=True))
        for market in made.markets:
            self.engine.list_market(market)
        for number, book in enumerate(made.books):
            self.take(number, book)

    def take(self, number: int, depth: Depth[float]) -> None:
        """Take a book in; leave the routes ranked."""
        key = self._keys[number]
        self._depths[key] = depth
        self.engine.set_depth(*key, depth)
        for name in self.engine.changed():
            self._rank(name)

    def market(self, venue: str, instrument: Instrument) -> Market[float]:
        """See `analytics.routes.verdict.State`."""
        return self._markets[venue, instrument]

    def depth(self, venue: str, instrument: Instrument) -> Depth[float]:
        """See `analytics.routes.verdict.State`."""
        return self._depths[venue, instrument]

    def transfer(self, asset: str, source: str, target: str) -> None:
        """See `analytics.routes.verdict.State`."""
        del asset, source, target

    def usd(self, asset: str) -> float | None:
        """See `analytics.routes.verdict.State`."""
        return WORTH.get(asset)

    def _rank(self, name: str) -> None:
        if name in self._earned:
            del self.ranked[bisect_left(self.ranked, (self._earned.pop(name), name))]
        found = self.engine.look_up(name)
        if found is not None:
            usd = WORTH[found.cycle.start]
            sizing = sized(steps(found.cycle, self), CAPITAL_USD / usd)
            self._earned[name] = -sizing.profit * usd
            insort(self.ranked, (self._earned[name], name))


class Round(msgspec.Struct):
    """Microseconds a search, or a whole update of ours, by who did it."""

    numba: list[float]
    python: list[float]
    compiled: list[float]
    vectors: list[float]
    peregrine: list[float]


def measure(size: Size, rounds: int) -> Iterator[Figure]:
    """Run the rounds at one size; yield what an update costs each way, and the ratios."""
    made = Made(size)
    ours, plain = Path(made, "numba"), Path(made, "python")
    peers: tuple[Peer, ...] = (
        Compiled(made.markets, made.books),
        Vectors(made.markets, made.books),
        Peregrine(made.markets, made.books),
    )
    warm_up = made.updates(WARM_UP)
    for path in (ours, plain):
        _timed(path.take, warm_up)
    for peer in peers:
        _searched(peer, warm_up, 1)
    measured = []
    for _ in range(rounds):
        updates = made.updates(UPDATES)
        times = (_timed(path.take, updates) for path in (ours, plain))
        searches = (_searched(peer, updates, n) for peer, n in zip(peers, SEARCHES, strict=True))
        measured.append(Round(*times, *searches))
    yield from _figures(size.name, len(ours.ranked), measured)


def growth(rounds: int) -> Figure:
    """Measure what ten times the coins cost, with as many cash nodes."""
    made = [Made(size) for size in COINS]
    paths = [Path(one, "numba") for one in made]
    medians: list[list[float]] = [[], []]
    for _ in range(rounds):
        for found, one, path in zip(medians, made, paths, strict=True):
            found.append(statistics.median(_timed(path.take, one.updates(2 * UPDATES))))
    few, many = medians
    return Figure(
        name=f"{COINS[1].name}, of {COINS[0].name}",
        value=_ratio(many, few),
        unit="times",
        peer=statistics.median(few),
        goal=GROWTH_GOAL,
    )


def _timed(take: Callable[[int, Depth[float]], None], updates: Sequence[Update]) -> list[float]:
    times = []
    for number, book in updates:
        started_ns = time.thread_time_ns()
        take(number, book)
        times.append((time.thread_time_ns() - started_ns) / 1e3)
    return times


def _searched(peer: Peer, updates: Sequence[Update], count: int) -> list[float]:
    """Tell a peer all updates; have it search after the first ``count`` of them."""
    times = []
    for i, (number, book) in enumerate(updates):
        started_ns = time.thread_time_ns()
        peer.tell(number, book)
        if i < count:
            peer.search()
            times.append((time.thread_time_ns() - started_ns) / 1e3)
    return times


def _figures(name: str, routes: int, rounds: Sequence[Round]) -> Iterator[Figure]:
    yield Figure(name=f"{name}: ways round that pay", value=routes, unit="routes")
    for kernel in ("numba", "python"):
        times = sorted(time for round_ in rounds for time in getattr(round_, kernel))
        yield Figure(name=f"{name}: {kernel}, median", value=statistics.median(times), unit="µs")
        yield Figure(name=f"{name}: {kernel}, p99", value=percentile(times, 0.99), unit="µs")
    numba, python, compiled, vectors, peregrine = (
        [statistics.median(getattr(round_, way)) for round_ in rounds]
        for way in Round.__struct_fields__
    )
    yield Figure(
        name=f"{name}: numba, of numba's Bellman-Ford",
        value=_ratio(numba, compiled),
        unit="times",
        peer=statistics.median(compiled),
        goal=OF_COMPILED.get(name),
    )
    yield Figure(
        name=f"{name}: python, of NumPy's Bellman-Ford",
        value=_ratio(python, vectors),
        unit="times",
        peer=statistics.median(vectors),
        goal=OF_VECTORS.get(name),
    )
    yield Figure(
        name=f"{name}: numba, as fast as peregrine's way",
        value=_ratio(peregrine, numba),
        unit="times",
        peer=statistics.median(peregrine),
        goal=OVER_PEREGRINE.get(name),
        better="higher",
    )


def _ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """Compare round by round, for machines have moods."""
    return statistics.median([this / that for this, that in zip(these, those, strict=True)])


def main() -> None:
    """Measure and report."""
    given = arguments((__doc__ or "").partition("\n")[0])
    rounds = QUICK_ROUNDS if given.quick else ROUNDS
    gc.disable()
    figures = [figure for size in SIZES for figure in measure(size, rounds)]
    report("routes", [*figures, growth(rounds)], as_json=given.json)


if __name__ == "__main__":
    main()
