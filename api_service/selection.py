"""What a client wants to see of the view, the same for REST answers and live streams."""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, TypeAlias, TypeVar

import msgspec

from api_service.rows import MS
from api_service.view import Key, LatestView
from market import Instrument, Route, Routes

Kept = TypeVar("Kept")

RouteSort: TypeAlias = Literal["-net_bps", "-gross_bps", "-profit", "age_ms", "-open_s"]
RouteKind: TypeAlias = Literal["direct", "fx"]


class RouteTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a route must be like; None: no matter."""

    buy: str | None = None
    sell: str | None = None
    min_net_bps: float | None = None
    max_age_ms: float | None = None
    kind: RouteKind | None = None
    takeable: bool | None = None


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows are wanted; None: all. ``limit`` counts rows, or candles of one instrument."""

    instruments: frozenset[Instrument] | None = None
    venues: frozenset[str] | None = None
    assets: frozenset[str] | None = None
    interval: str = ""
    limit: int = 100
    terms: RouteTerms = RouteTerms()

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


class FoundRoute(msgspec.Struct, frozen=True):
    """A route, when it was computed, and what keeps it from being taken at this moment."""

    route: Route
    computed_ns: int
    why_not: tuple[str, ...]


def find_routes(
    view: LatestView, wanted: Filter, now_ns: int, sort: RouteSort = "-net_bps"
) -> list[FoundRoute]:
    """Return the routes that meet the terms, in the order asked for, at most ``limit``."""
    found = [
        FoundRoute(route, routes.received_ns, view.why_not(route, routes, now_ns))
        for base, routes in view.routes.items()
        if wanted.assets is None or base in wanted.assets
        for route in _worth(routes, wanted.terms)
    ]
    found = [one for one in found if _meets(one, wanted.terms, now_ns)]
    found.sort(key=_ORDER[sort])
    return found[: wanted.limit]


def _worth(routes: Routes, terms: RouteTerms) -> Iterator[Route]:
    least = terms.min_net_bps
    return (route for route in routes.routes if least is None or route.net_bps >= least)


def _meets(found: FoundRoute, terms: RouteTerms, now_ns: int) -> bool:
    route = found.route
    age_ns = now_ns - found.computed_ns + route.age_ns
    return (
        terms.buy in (None, route.buy_venue)
        and terms.sell in (None, route.sell_venue)
        and terms.kind in (None, route.type)
        and terms.takeable in (None, not found.why_not)
        and (terms.max_age_ms is None or age_ns <= terms.max_age_ms * MS)
    )


_ORDER: Mapping[RouteSort, Callable[[FoundRoute], tuple[float, str]]] = {
    "-net_bps": lambda found: (-found.route.net_bps, found.route.id),
    "-gross_bps": lambda found: (-found.route.gross_bps, found.route.id),
    "-profit": lambda found: (-found.route.profit, found.route.id),
    "age_ms": lambda found: (found.route.age_ns - found.computed_ns, found.route.id),
    "-open_s": lambda found: (found.route.opened_ns or float("inf"), found.route.id),
}
