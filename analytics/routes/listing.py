"""The routes of one base currency: cycles that were found and pairs of markets in, a list out.

Cycles come from the search and are judged again when one of their markets changed. Pairs of
markets, whether they pay or not, are compared each time. Each life begins, goes on or ends here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from heapq import nlargest
from itertools import islice
from typing import TypeAlias, TypeVar

from analytics.latest import Trouble
from analytics.routes.comparison import Compared, Comparisons, Offer, home_of
from analytics.routes.engine import Found
from analytics.routes.judging import Judged, Judging
from analytics.routes.latest_depths import Place
from analytics.routes.live_state import LiveState
from analytics.routes.lives import Lives
from analytics.routes.living import Living, places_of
from analytics.routes.pricing import dated
from analytics.routes.ranking import Listing, listing
from analytics.routes.state import Cycle, Node
from market import Route

NEVER_NS = 1 << 62

_Pair: TypeAlias = tuple[Cycle, Compared]

T = TypeVar("T", Offer, Trouble)

DIRECT_TOLD = 10
CONVERTED_TOLD = 15
WALKED = 3
"""Of the comparisons the first few are sized as deep as they pay, the rest at the best levels."""


class RouteList:
    """Keeps what was found and judged, by the base currency of its routes."""

    def __init__(
        self, state: LiveState, lives: Lives, judging: Judging, comparisons: Comparisons
    ) -> None:
        self._state = state
        self._judging = judging
        self._comparisons = comparisons
        self._offers: dict[Place, Offer] = {}
        self._troubles: dict[Place, Trouble] = {}
        self._of_base: dict[str, dict[Place, None]] = {}
        self._at_home: dict[str, dict[Place, None]] = {}
        self._living = Living(state, lives, offers=self._offers, troubles=self._troubles)
        self._found: dict[str, Found] = {}
        self._through: dict[Place, set[str]] = {}
        self._judged: dict[str, dict[str, Judged]] = {}
        self._pending: dict[str, dict[str, Found]] = {}
        self._gone: dict[str, dict[str, Cycle]] = {}
        self._rested: dict[str, tuple[set[Place], int]] = {}

    def bases(self) -> set[str]:
        """Return every base currency that there may be routes of."""
        return self._of_base.keys() | self._at_home.keys() | self._judged.keys()

    def offers(self) -> Collection[Offer]:
        """Return what is offered at the markets that can be used."""
        return self._offers.values()

    def offers_of(self, base: str) -> list[Offer]:
        """Return those of one base currency."""
        return [self._offers[one] for one in self._of_base.get(base, ()) if one in self._offers]

    def at_home(self, base: str) -> list[Offer]:
        """Return the markets whose direct routes get ``base`` first."""
        return [self._offers[one] for one in self._at_home.get(base, ()) if one in self._offers]

    def set_offer(self, place: Place, offer: Offer | None, trouble: Trouble | None) -> set[str]:
        """Note what is offered at a market now, or why nothing is.

        Returns:
            The base currencies whose routes rest on it.

        """
        market = self._state.markets[place]
        self._of_base.setdefault(market.base, {})[place] = None
        self._at_home.setdefault(home_of(market), {})[place] = None
        _put(self._offers, place, offer)
        _put(self._troubles, place, trouble)
        through = self._through.get(place, ())
        resting = {self._note(self._found[name]) for name in through} if offer else set()
        return {market.base, home_of(market)} | resting

    def take_found(self, changed: Iterable[str], found: Mapping[str, Found]) -> set[str]:
        """Note which cycles changed; return the base currencies of their routes."""
        bases = set()
        for name in changed:
            if name in found:
                bases.add(self._note(found[name]))
            elif name in self._found:
                bases.add(self._lose(self._found[name].cycle))
        return bases

    def _note(self, found: Found) -> str:
        """Have a cycle judged when its base currency is asked for next; return that."""
        cycle = found.cycle
        base = _base_of(cycle)
        self._found[cycle.id] = self._pending.setdefault(base, {})[cycle.id] = found
        self._gone.get(base, {}).pop(cycle.id, None)
        for place in places_of(cycle):
            self._through.setdefault(place, set()).add(cycle.id)
        return base

    def _lose(self, cycle: Cycle) -> str:
        base = _base_of(cycle)
        del self._found[cycle.id]
        self._pending.get(base, {}).pop(cycle.id, None)
        self._judged.get(base, {}).pop(cycle.id, None)
        self._gone.setdefault(base, {})[cycle.id] = cycle
        for place in places_of(cycle):
            self._through[place].discard(cycle.id)
        return base

    def suspect(self, odd: Collection[Node]) -> set[str]:
        """Take the prices of these venues for another coin's; all is judged again."""
        self._judging.odd = odd
        return self.judge_again()

    def judge_again(self) -> set[str]:
        """Have every cycle judged again; return the base currencies, which are all."""
        self.take_found(list(self._found), dict(self._found))
        return self.bases()

    def resting_on(self, places: Collection[Place]) -> set[str]:
        """Return the base currencies that were compared at a rate of one of these markets."""
        return {base for base, rested in self._rested.items() if not rested[0].isdisjoint(places)}

    def without_rate(self, now_ns: int) -> set[str]:
        """Return the base currencies that were compared at a rate that is too old by now."""
        ended = {base for base, (_, until_ns) in self._rested.items() if until_ns < now_ns}
        for base in ended:
            del self._rested[base]
        return ended

    def of(self, base: str, now_ns: int) -> Listing:
        """Judge what changed, compare what there is, and return the best of it."""
        for cycle in self._gone.pop(base, {}).values():
            self._living.end(cycle)
        judged = self._judged.setdefault(base, {})
        for name, found in self._pending.pop(base, {}).items():
            judged[name] = self._judging.of_cycle(found, now_ns)
            self._living.go_on(judged[name])
        compared, in_all = self._compare(base, now_ns)
        routes = [one.route for one in judged.values() if _is_shown(one)]
        dated_routes = [dated(route, now_ns) for route in routes]
        told = list(self._tell(compared, now_ns))
        return listing(
            [self._living.shown(route, now_ns) for route in (*dated_routes, *told)],
            untold=in_all - len(told),
            event_ns=max((one.depth.received_ns for one in self.offers_of(base)), default=0),
        )

    def _compare(self, base: str, now_ns: int) -> tuple[list[_Pair], int]:
        """Return the best comparisons that are no cycles of the search, and how many there are."""
        direct = sorted(
            self._comparisons.direct(self.at_home(base)), key=_worst_first, reverse=True
        )
        unknown = (pair for pair in map(self._named, direct) if pair[0].id not in self._found)
        converted = list(self._comparisons.converted(self.offers_of(base), now_ns))
        self._living.compare(base, self._paying(converted))
        self._note_rates(base, converted)
        best = nlargest(CONVERTED_TOLD, converted, key=_worst_first)
        told = [*islice(unknown, DIRECT_TOLD), *map(self._named, best)]
        known = sum(1 for name in self._judged.get(base, ()) if name[0] == "I")
        return told, max(len(direct) + len(converted) - known, len(told))

    def _paying(self, converted: Iterable[Compared]) -> Iterator[_Pair]:
        """Yield the comparisons that pay at prices that may be those of one coin."""
        for cycle, one in map(self._named, converted):
            if one.net > 1.0 and self._judging.is_plausible(cycle, one):
                yield cycle, one

    def _note_rates(self, base: str, converted: Iterable[Compared]) -> None:
        """Note which markets the rates were read off, and until when they hold."""
        rates = {one.rate.source: one.rate for one in converted}
        quotes = [quote for rate in rates.values() for quote in rate.quotes]
        until_ns = min(map(self._comparisons.until_ns, quotes), default=NEVER_NS)
        self._rested[base] = {(one.venue, one.instrument) for one in quotes}, until_ns

    def _named(self, compared: Compared) -> _Pair:
        return self._comparisons.cycle(compared), compared

    def _tell(self, compared: Iterable[_Pair], now_ns: int) -> Iterator[Route]:
        walked = 0
        for cycle, one in compared:
            pays = one.net > 1.0
            judged = self._judging.of_comparison(cycle, one, walked=pays and walked < WALKED)
            walked += pays
            yield dated(judged.route, now_ns, one.rate)


def _worst_first(compared: Compared) -> tuple[float, Place, Place]:
    return compared.net, compared.buy.place, compared.sell.place


def _is_shown(judged: Judged) -> bool:
    """Tell whether it is a route, or a pair of markets, which are shown whatever they return."""
    if judged.outcome in ("route", "unpriced", "implausible"):
        return True
    return judged.route.type == "direct" and judged.route.mode == "inventory"


def _base_of(cycle: Cycle) -> str:
    return cycle.legs[0].target[1]


def _put(known: dict[Place, T], place: Place, new: T | None) -> None:
    if new is None:
        known.pop(place, None)
    else:
        known[place] = new
