"""The routes there are: a closed walk in, a route kept; a rate that changed, its routes re-priced.

A route's edges and nodes are in their canonical order, so its top rate is the same to the last bit
whichever way it was found. Every edge has a list of the routes that use it, linked through the
places of their legs. Runs as it stands and compiled.
"""

from analytics.routes.arrays import (
    CLOSED,
    CUT,
    DIRECTION,
    FLOOR,
    FREE,
    GONE,
    LIVE,
    MOVE,
    NONE,
    PATIENCE,
    SLACK,
    TOUCHED,
    WORST,
    Arrays,
)

LEAST_TRADES = 2


def close(a: Arrays, legs: int) -> None:
    """Keep the cycle of the walk's first ``legs`` legs where it is allowed, pays and is new."""
    if a.edges[0] == MOVE and a.edges[legs - 1] == MOVE:
        return
    _turn(a, legs)
    rate, trades = 1.0, 0
    for i in range(legs):
        if a.turned_edges[i] != MOVE:
            rate *= a.rate[a.turned_edges[i]]
            trades += 1
    if trades < LEAST_TRADES or rate <= a.above:
        return
    a.here[CLOSED] += 1
    if _is_kept(a, legs):
        return
    if (a.counts[LIVE] < a.most and a.counts[FREE] > 0) or _make_room(a, rate):
        _keep(a, legs, rate)


def price(a: Arrays, edge: int) -> None:
    """Work out anew what the routes over an edge pay; let go of those that pay no more."""
    place = a.first_route[edge]
    while place != NONE:
        route = place // a.legs
        place = a.route_next[place]
        rate = 1.0
        for i in range(route * a.legs, route * a.legs + a.route_legs[route]):
            if a.route_edges[i] != MOVE:
                rate *= a.rate[a.route_edges[i]]
        a.route_rate[route] = rate
        if rate > a.above:
            touch(a, route)
        else:
            drop(a, route)


def touch(a: Arrays, route: int) -> None:
    """Note that a route came or changed."""
    if not a.is_touched[route]:
        a.is_touched[route] = 1
        a.touched[a.counts[TOUCHED]] = route
        a.counts[TOUCHED] += 1


def drop(a: Arrays, route: int) -> None:
    """Let go of a route; its number is free once its end was told."""
    for place in range(route * a.legs, route * a.legs + a.route_legs[route]):
        edge = a.route_edges[place]
        if edge == MOVE:
            continue
        after, before = a.route_next[place], a.route_before[place]
        if after != NONE:
            a.route_before[after] = before
        if before == NONE:
            a.first_route[edge] = after
        else:
            a.route_next[before] = after
    a.route_rate[route] = 0.0
    a.counts[LIVE] -= 1
    a.gone[a.counts[GONE]] = route
    a.counts[GONE] += 1


def settle(a: Arrays) -> None:
    """Forget what was told; numbers of routes that went are free again."""
    for i in range(a.counts[TOUCHED]):
        a.is_touched[a.touched[i]] = 0
    for i in range(a.counts[GONE]):
        a.free_routes[a.counts[FREE]] = a.gone[i]
        a.counts[FREE] += 1
    a.counts[TOUCHED] = a.counts[GONE] = 0
    a.counts[PATIENCE] = a.patience
    a.paid[FLOOR], a.paid[WORST] = a.above * (1.0 - SLACK), 0.0


def _turn(a: Arrays, legs: int) -> None:
    """Write the walk down along the way round, beginning where its canonical form does."""
    if a.here[DIRECTION] == 0:
        for i in range(legs):
            a.ahead_nodes[i], a.ahead_edges[i] = a.nodes[i], a.edges[i]
    else:
        for i in range(legs):
            a.ahead_nodes[i], a.ahead_edges[i] = a.nodes[(legs - i) % legs], a.edges[legs - 1 - i]
    start = NONE
    for i in range(legs):
        if a.ahead_edges[i] != MOVE and (
            start == NONE or _is_before(a, a.ahead_nodes[i], a.ahead_nodes[start])
        ):
            start = i
    for i in range(legs):
        a.turned_nodes[i] = a.ahead_nodes[(start + i) % legs]
        a.turned_edges[i] = a.ahead_edges[(start + i) % legs]


def _is_before(a: Arrays, node: int, other: int) -> bool:
    asset, against = a.asset_order[node % a.assets], a.asset_order[other % a.assets]
    if asset != against:
        return asset < against
    return a.venue_order[node // a.assets] < a.venue_order[other // a.assets]


def _is_kept(a: Arrays, legs: int) -> bool:
    place = a.first_route[_first_trade(a, legs)]
    while place != NONE:
        route = place // a.legs
        if a.route_legs[route] == legs and _is_same(a, route * a.legs, legs):
            return True
        place = a.route_next[place]
    return False


def _is_same(a: Arrays, begin: int, legs: int) -> bool:
    for i in range(legs):  # noqa: SIM110  # numba compiles no generators within all()
        if a.route_nodes[begin + i] != a.turned_nodes[i]:
            return False
    return True


def _first_trade(a: Arrays, legs: int) -> int:
    """Return the edge that the search began with, or one near it."""
    for i in range(legs):
        if a.edges[i] != MOVE:
            return a.edges[i]
    return NONE


def _make_room(a: Arrays, rate: float) -> bool:
    """Let the worst route go for one that pays more, and follow no walk that pays less than it."""
    a.counts[CUT] = 1
    if rate <= a.paid[WORST] or a.counts[FREE] == 0:
        return False
    worst = NONE
    for route in range(len(a.route_rate)):
        if a.route_rate[route] > 0.0 and (
            worst == NONE or a.route_rate[route] < a.route_rate[worst]
        ):
            worst = route
    a.paid[WORST] = a.route_rate[worst]
    a.paid[FLOOR] = a.paid[WORST] * (1.0 - SLACK)
    if rate <= a.paid[WORST]:
        return False
    drop(a, worst)
    return True


def _keep(a: Arrays, legs: int, rate: float) -> None:
    a.counts[LIVE] += 1
    a.counts[FREE] -= 1
    route = a.free_routes[a.counts[FREE]]
    a.route_legs[route], a.route_rate[route] = legs, rate
    for i in range(legs):
        place = route * a.legs + i
        edge = a.turned_edges[i]
        a.route_nodes[place], a.route_edges[place] = a.turned_nodes[i], edge
        if edge != MOVE:
            after = a.first_route[edge]
            a.route_next[place], a.route_before[place] = after, NONE
            if after != NONE:
                a.route_before[after] = place
            a.first_route[edge] = place
    touch(a, route)
