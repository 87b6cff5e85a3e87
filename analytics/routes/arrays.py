"""The arrays that the search works in: flat, of fixed size, Python's lists or NumPy's arrays alike.

Venues, assets, markets and cash nodes are numbers. A **cash node** is a venue and an asset that
something there is quoted in. Each trade has a cash node at one end at least, so every cycle is a
ring of cash nodes, and between two of them lie one to three legs and at most one other asset that
is passed through:

- one leg: a trade between two cash nodes of a venue, or a move between two venues;
- two legs: an asset bought and sold at one venue; or bought and moved to where it is cash; or
  moved from where it is cash, and sold;
- three legs: bought, moved, sold.

A **direction** is 0 along the way round and 1 against it; what is written for both is written once
for one near and one far end. An **edge** is twice the number of a market, plus one for its buying.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import NamedTuple, Protocol, TypeAlias

Ints: TypeAlias = MutableSequence[int]
Floats: TypeAlias = MutableSequence[float]

MOST_STEP = 3
"""Legs between two cash nodes, at most."""

MOVE = -1
"""In place of an edge: no trade but a move."""

SLACK = 1e-12
"""Products differ by their order of multiplication; no walk is ruled out for that."""

NONE = -1
"""In place of a number: there is none."""

CASH, RISES, WALKS, FREE, LIVE, TOUCHED, GONE, CUT, PATIENCE = range(9)
"""Places in ``counts``: cash nodes, rises so far, walks and free routes on their stacks, routes
kept, touched and gone since asked, whether a limit cut the search, walks that may yet be followed.
"""

PAID, FLOOR, WORST = range(3)
"""Places in ``paid``: what the walk pays so far, what a walk must pay to be followed, and what the
worst route pays where no more are kept, zero until that matters."""

DIRECTION, END, AT, LEGS, CLOSED = range(5)
"""Places in ``here``: which way a search goes and where it ends, the cash node of its walk and the
legs so far, cycles that pay that it came upon.
"""


class Room(NamedTuple):
    """How many of each the arrays hold."""

    venues: int
    assets: int
    cash: int
    markets: int
    routes: int
    walks: int
    rises: int


class Arrays(NamedTuple):
    """All that the search knows. Indexes are written row by row, ``a * columns + b``.

    ``passes`` [direction, cash, asset]: what buying (0) or selling (1) an asset that is passed
    through pays. ``best`` [direction, legs - 1, near, far]: the best step, ``via`` [legs - 1, from,
    to] by which asset. ``bound`` [direction, end, legs, cash]: no walk of so many legs from there
    to the end (direction 1: from the end to there) pays more.
    """

    venues: int
    assets: int
    cash: int
    legs: int
    free: int
    most: int
    patience: int
    above: float

    venue_of: Ints
    asset_of: Ints
    cash_at: Ints
    asset_order: Ints
    venue_order: Ints

    lead: Ints
    direct: Ints
    edge_of: Ints
    ring: Ints
    own: Floats
    rate: Floats
    base_of: Ints
    cash_of: Ints

    traders: Ints
    trader_count: Ints
    holders: Ints
    holder_count: Ints
    passed: Ints
    passed_count: Ints
    moves: Ints

    passes: Floats
    best: Floats
    via: Ints
    rises: Ints
    bound: Floats
    synced: Ints
    vain: Ints
    raised: Ints
    raised_count: Ints
    is_raised: Ints

    walk_nodes: Ints
    walk_edges: Ints
    walk_at: Ints
    walk_legs: Ints
    walk_rate: Floats
    nodes: Ints
    edges: Ints
    ahead_nodes: Ints
    ahead_edges: Ints
    turned_nodes: Ints
    turned_edges: Ints

    route_nodes: Ints
    route_edges: Ints
    route_legs: Ints
    route_rate: Floats
    route_next: Ints
    route_before: Ints
    first_route: Ints
    free_routes: Ints
    touched: Ints
    is_touched: Ints
    gone: Ints

    counts: Ints
    here: Ints
    paid: Floats


class Tops(NamedTuple):
    """Best prices that came one after the other, a row each, and where to stop among them.

    ``market`` is the market's number (`NONE`: it is not traded), ``sold`` and ``bought`` what
    selling and buying one unit pay there, ``slot`` the place in ``newest`` and ``latest`` that the
    row is written down in. Rows in which ``stops`` is not zero are stopped at, and those of markets
    whose ``wakes`` is not. ``told`` holds what the last row told and whether it was stopped at.
    """

    market: Ints
    slot: Ints
    sold: Floats
    bought: Floats
    stops: Ints
    wakes: Ints
    newest: Ints
    latest: Ints
    told: Ints


class Terms(NamedTuple):
    """What does not change.

    Legs of a cycle at most, whether moves are free, how many routes are kept at most (0: as many as
    there is room for), how many walks a search follows, and the top rate that a route is above.
    """

    legs: int
    free: int
    most: int
    patience: int
    above: float


class Make(Protocol):
    """Makes flat arrays filled with one number."""

    def ints(self, size: int, fill: int = 0) -> Ints:
        """Return whole numbers."""

    def floats(self, size: int) -> Floats:
        """Return zeros."""


def new_arrays(room: Room, terms: Terms, make: Make) -> Arrays:
    """Return arrays for an empty market."""
    pairs, legs = room.cash * room.cash, terms.legs
    places, edges, steps = room.routes * legs, 2 * room.markets, legs + MOST_STEP
    return Arrays(
        venues=room.venues,
        assets=room.assets,
        cash=room.cash,
        legs=legs,
        free=terms.free,
        most=terms.most or room.routes,
        patience=terms.patience,
        above=terms.above,
        venue_of=make.ints(room.cash),
        asset_of=make.ints(room.cash),
        cash_at=make.ints(room.venues * room.assets, NONE),
        asset_order=make.ints(room.assets),
        venue_order=make.ints(room.venues),
        lead=make.ints(room.cash * room.assets, NONE),
        direct=make.ints(pairs, NONE),
        edge_of=make.ints(edges),
        ring=make.ints(edges),
        own=make.floats(edges),
        rate=make.floats(edges),
        base_of=make.ints(room.markets),
        cash_of=make.ints(room.markets),
        traders=make.ints(room.assets * room.cash),
        trader_count=make.ints(room.assets),
        holders=make.ints(room.assets * room.venues),
        holder_count=make.ints(room.assets),
        passed=make.ints(room.cash * room.assets),
        passed_count=make.ints(room.cash),
        moves=make.ints(1 if terms.free else room.venues * room.venues * room.assets),
        passes=make.floats(2 * room.cash * room.assets),
        best=make.floats(2 * MOST_STEP * pairs),
        via=make.ints(MOST_STEP * pairs),
        rises=make.ints(room.rises),
        bound=make.floats(2 * room.cash * legs * room.cash),
        synced=make.ints(2 * room.cash, -room.rises - 1),
        vain=make.ints(2 * room.cash),
        raised=make.ints(legs * room.cash),
        raised_count=make.ints(legs),
        is_raised=make.ints(legs * room.cash),
        walk_nodes=make.ints(room.walks * legs),
        walk_edges=make.ints(room.walks * legs),
        walk_at=make.ints(room.walks),
        walk_legs=make.ints(room.walks),
        walk_rate=make.floats(room.walks),
        nodes=make.ints(steps),
        edges=make.ints(steps),
        ahead_nodes=make.ints(legs),
        ahead_edges=make.ints(legs),
        turned_nodes=make.ints(legs),
        turned_edges=make.ints(legs),
        route_nodes=make.ints(places),
        route_edges=make.ints(places),
        route_legs=make.ints(room.routes),
        route_rate=make.floats(room.routes),
        route_next=make.ints(places),
        route_before=make.ints(places),
        first_route=make.ints(edges, NONE),
        free_routes=make.ints(room.routes),
        touched=make.ints(room.routes),
        is_touched=make.ints(room.routes),
        gone=make.ints(room.routes),
        counts=make.ints(9),
        here=make.ints(5),
        paid=make.floats(3),
    )
