"""What a client wants to see of the view, the same for REST answers and live streams."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import structs

from analytics.routes.flags import Flag
from api_service.indicator_terms import Question
from api_service.notional import Earned, earned_on
from api_service.route_schemas import RouteKind, RouteMode
from api_service.rows import MS
from api_service.view import Key, LatestView
from market import Instrument, Route, Routes

Kept = TypeVar("Kept")

RouteSort: TypeAlias = Literal[
    "best", "-profit_usd", "-net_bps", "-return_bps", "-gross_bps", "-profit", "age_ms", "-open_s"
]

SUSPICIOUS: frozenset[Flag] = frozenset({"suspicious", "identity_unverified"})
"""Each of these says that the prices of a route may not be those of one coin."""


class RouteTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a route must be like; None: no matter.

    With ``notional``, in US dollars, ``min_net_bps`` and ``min_profit_usd`` are what a route earns
    on that much, as its curve has it, and so is the order; one that cannot take it is left out.
    """

    id: str | None = None
    buy: str | None = None
    sell: str | None = None
    min_net_bps: float | None = None
    min_profit_usd: float | None = None
    max_age_ms: float | None = None
    notional: Annotated[float, msgspec.Meta(gt=0)] | None = None
    kind: RouteKind | None = None
    mode: RouteMode | None = None
    takeable: bool | None = None
    suspicious: bool = False


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows are wanted; None: all. ``limit`` counts rows, or candles of one instrument."""

    instruments: frozenset[Instrument] | None = None
    venues: frozenset[str] | None = None
    assets: frozenset[str] | None = None
    interval: str = ""
    limit: int = 100
    terms: RouteTerms = RouteTerms()
    sort: RouteSort = "best"
    detail: bool = False
    indicator: Question | None = None

    def covers(self, key: Key) -> bool:
        """Tell whether a venue's instrument is wanted."""
        venue, instrument = key
        return (
            (self.venues is None or venue in self.venues)
            and (self.instruments is None or instrument in self.instruments)
            and (self.assets is None or instrument.base in self.assets)
        )

    def of(self, events: Mapping[Key, Kept]) -> Iterator[tuple[Key, Kept]]:
        """Pick what is wanted."""
        if self.instruments is None and self.venues is None and self.assets is None:
            return iter(events.items())
        return ((key, event) for key, event in events.items() if self.covers(key))


class FoundRoute(msgspec.Struct, frozen=True, eq=False):
    """A route, when it was computed, and what keeps it from being taken at this moment.

    ``earned`` is what it earns on the notional asked for. Two are equal if they tell the same:
    an age that only grew with the time that passed is no news.
    """

    route: Route
    computed_ns: int
    why_not: tuple[str, ...] = ()
    earned: Earned | None = None

    @property
    def net_bps(self) -> float:
        """Net return at the best prices, or of the notional asked for."""
        return self.route.net_bps if self.earned is None else self.earned.return_bps

    @property
    def profit_usd(self) -> float | None:
        """Profit at the best size, or of the notional asked for."""
        return self.route.profit_usd if self.earned is None else self.earned.profit_usd

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FoundRoute) and self._told() == other._told()

    def __hash__(self) -> int:
        return hash((self.route.id, self.computed_ns))

    def _told(self) -> tuple[object, ...]:
        route = self.route
        since = self.computed_ns - route.age_ns, self.computed_ns - route.rate_age_ns
        return (*since, self.why_not, structs.replace(route, age_ns=0, rate_age_ns=0))


def find_routes(view: LatestView, wanted: Filter, now_ns: int) -> list[FoundRoute]:
    """Return the routes that meet the terms, in the order asked for, at most ``limit``."""
    terms = wanted.terms
    listed = (found for found in _listed(view, wanted) if terms.suspicious or not _hides(found))
    meeting = [found for one in listed if (found := _meeting(one, terms, now_ns)) is not None]
    meeting.sort(key=_ORDER[wanted.sort])
    judged = (_judged(found, view, now_ns) for found in meeting)
    fitting = (one for one in judged if terms.takeable in (None, not one.why_not))
    return list(islice(fitting, wanted.limit))


def by_worth(found: FoundRoute) -> tuple[float | str, ...]:
    """Return the key that sorts best first: can be taken, pays, is no mere comparison, dollars.

    Losses count for equal, so that the return decides: the smallest is that of the smallest size.
    """
    route = found.route
    profit_usd = max(found.profit_usd or 0.0, 0.0)
    pays = profit_usd > 0.0 or (found.profit_usd is None and found.net_bps > 0.0)
    return (
        bool(route.why_not),
        not pays,
        route.type == "fx",
        -profit_usd,
        -found.net_bps,
        route.id,
    )


def count_suspicious(view: LatestView, wanted: Filter) -> int:
    """Return how many routes of the assets wanted are hidden unless they are asked for."""
    return sum(_suspicious_in(routes) for routes in _of_assets(view, wanted))


def _suspicious_in(routes: Routes) -> int:
    hidden = [route.why_not for route in routes.routes if not SUSPICIOUS.isdisjoint(route.why_not)]
    told_of = sum("suspicious" in why_not for why_not in hidden)
    return len(hidden) + max(0, routes.suspicious - told_of)


def _of_assets(view: LatestView, wanted: Filter) -> Iterable[Routes]:
    assets = wanted.assets
    return (one for base, one in view.routes.items() if assets is None or base in assets)


def _listed(view: LatestView, wanted: Filter) -> Iterator[FoundRoute]:
    for routes in _of_assets(view, wanted):
        for route in routes.routes:
            yield FoundRoute(route, routes.received_ns)


def _hides(found: FoundRoute) -> bool:
    return not SUSPICIOUS.isdisjoint(found.route.why_not)


def _meeting(found: FoundRoute, terms: RouteTerms, now_ns: int) -> FoundRoute | None:
    """Return the route with what it earns on the notional, or None where it is not wanted."""
    if not _is_meant(found, terms, now_ns):
        return None
    if terms.notional is not None:
        earned = earned_on(found.route, terms.notional)
        if earned is None:
            return None
        found = structs.replace(found, earned=earned)
    return found if _is_worth(found, terms) else None


def _is_meant(found: FoundRoute, terms: RouteTerms, now_ns: int) -> bool:
    route = found.route
    age_ns = now_ns - found.computed_ns + route.age_ns
    return (
        terms.id in (None, route.id)
        and terms.buy in (None, route.buy_venue)
        and terms.sell in (None, route.sell_venue)
        and terms.kind in (None, route.type)
        and terms.mode in (None, route.mode)
        and (terms.max_age_ms is None or age_ns <= terms.max_age_ms * MS)
    )


def _is_worth(found: FoundRoute, terms: RouteTerms) -> bool:
    least_usd = terms.min_profit_usd
    return (terms.min_net_bps is None or found.net_bps >= terms.min_net_bps) and (
        least_usd is None or (found.profit_usd is not None and found.profit_usd >= least_usd)
    )


def _judged(found: FoundRoute, view: LatestView, now_ns: int) -> FoundRoute:
    why_not = view.why_not(found.route, found.computed_ns, now_ns)
    return structs.replace(found, why_not=why_not)


def _by_profit(found: FoundRoute) -> tuple[float, ...]:
    profit_usd = found.profit_usd
    return profit_usd is None, -(profit_usd or 0.0), -found.net_bps


_ORDER: Mapping[RouteSort, Callable[[FoundRoute], tuple[float | str, ...]]] = {
    "best": by_worth,
    "-profit_usd": lambda found: (*_by_profit(found), found.route.id),
    "-net_bps": lambda found: (-found.net_bps, found.route.id),
    "-return_bps": lambda found: (-found.route.return_bps, found.route.id),
    "-gross_bps": lambda found: (-found.route.gross_bps, found.route.id),
    "-profit": lambda found: (-found.route.profit, found.route.id),
    "age_ms": lambda found: (found.route.age_ns - found.computed_ns, found.route.id),
    "-open_s": lambda found: (found.route.opened_ns or float("inf"), found.route.id),
}
