"""Routes in, the best of them out, best first: those that can be taken, then by money."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from market import Route

MOST_TOLD = 60
SUSPICIOUS_TOLD = 10


class Listing(msgspec.Struct, frozen=True):
    """The best routes, and how many there are; suspicious ones are counted apart and come last."""

    routes: tuple[Route, ...]
    count: int
    suspicious: int
    event_ns: int


def listing(routes: Iterable[Route], *, untold: int, event_ns: int) -> Listing:
    """Put the routes in order and cut them to what is told.

    Args:
        routes: Of one base currency.
        untold: How many more there are.
        event_ns: The time of the newest that they rest on.

    """
    ordered = sorted(routes, key=rank)
    fine = [route for route in ordered if "suspicious" not in route.why_not]
    suspicious = [route for route in ordered if "suspicious" in route.why_not]
    return Listing(
        routes=(*fine[:MOST_TOLD], *suspicious[:SUSPICIOUS_TOLD]),
        count=len(fine) + untold,
        suspicious=len(suspicious),
        event_ns=event_ns,
    )


def rank(route: Route) -> tuple[bool, bool, float, float, str]:
    """Return the key that sorts best first: takeable, profit in USD, net return, id."""
    profit_usd = route.profit_usd or 0.0
    return (
        "suspicious" in route.why_not,
        bool(route.why_not),
        -max(profit_usd, 0.0),
        -route.net_bps,
        route.id,
    )
