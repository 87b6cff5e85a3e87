"""An edge that rose in; every simple cycle through it that may pay out, to `closed.close`.

A search starts with one step from a cash node, along the way round or against it, and follows every
walk back to that node that bounds do not rule out. Runs as it stands and compiled.
"""

from analytics.routes.arrays import (
    AT,
    CASH,
    CLOSED,
    CUT,
    DIRECTION,
    END,
    FLOOR,
    LEGS,
    MOST_STEP,
    MOVE,
    PAID,
    PATIENCE,
    WALKS,
    Arrays,
)
from analytics.routes.bounds import sync
from analytics.routes.kept import close
from analytics.routes.steps import may_move, straight


def begin(a: Arrays, direction: int, end: int) -> None:
    """Stand at a cash node with an empty walk that is to come back there."""
    sync(a, direction, end)
    a.here[DIRECTION], a.here[END] = direction, end
    a.here[AT], a.here[LEGS], a.here[CLOSED] = end, 0, 0
    a.paid[PAID] = 1.0
    a.nodes[0] = a.venue_of[end] * a.assets + a.asset_of[end]


def walk_through(a: Arrays, asset: int) -> None:
    """Step off by every way that trades an asset here first and passes it through."""
    for i in range(a.trader_count[asset]):
        through(a, a.traders[asset * a.cash + i], asset)
    for i in range(a.holder_count[asset]):
        into(a, a.holders[asset * a.venues + i], asset)


def follow(a: Arrays) -> None:
    """Follow the walks that were begun until none is left."""
    followed = 0
    while a.counts[WALKS] > 0:
        a.counts[WALKS] -= 1
        a.counts[PATIENCE] -= 1
        if a.counts[PATIENCE] < 0:
            a.counts[CUT] = 1
            a.counts[WALKS] = 0
            return
        _take(a, a.counts[WALKS])
        _extend(a)
        followed += 1
    if a.here[CLOSED] == 0:
        a.vain[a.here[DIRECTION] * a.cash + a.here[END]] += followed


def through(a: Arrays, far: int, asset: int) -> None:
    """Trade into an asset here, move it if need be, trade out of it at another cash node."""
    near, direction, legs = a.here[AT], a.here[DIRECTION], a.here[LEGS]
    venue, other = a.venue_of[near], a.venue_of[far]
    rate = a.passes[(direction * a.cash + near) * a.assets + asset]
    rate *= a.passes[((1 - direction) * a.cash + far) * a.assets + asset]
    length = 2 if venue == other else 3
    if not _may_pay(a, far, length, rate):
        return
    a.nodes[legs + 1] = venue * a.assets + asset
    a.edges[legs] = 2 * a.lead[near * a.assets + asset] + 1 - direction
    if venue != other:
        if not may_move(a, direction, venue, other, asset):
            return
        a.nodes[legs + 2] = other * a.assets + asset
        a.edges[legs + 1] = MOVE
    a.edges[legs + length - 1] = 2 * a.lead[far * a.assets + asset] + direction
    _step(a, far, length, rate)


def into(a: Arrays, far: int, asset: int) -> None:
    """Trade into an asset here and move it to where it is cash."""
    near, direction, legs = a.here[AT], a.here[DIRECTION], a.here[LEGS]
    venue, other = a.venue_of[near], a.venue_of[far]
    rate = a.passes[(direction * a.cash + near) * a.assets + asset]
    if venue == other or not _may_pay(a, far, 2, rate):
        return
    if may_move(a, direction, venue, other, asset):
        a.nodes[legs + 1] = venue * a.assets + asset
        a.edges[legs] = 2 * a.lead[near * a.assets + asset] + 1 - direction
        a.edges[legs + 1] = MOVE
        _step(a, far, 2, rate)


def out_of(a: Arrays, far: int) -> None:
    """Move what is cash here to where it is not, and trade out of it there."""
    near, direction, legs = a.here[AT], a.here[DIRECTION], a.here[LEGS]
    venue, other, asset = a.venue_of[near], a.venue_of[far], a.asset_of[near]
    rate = a.passes[((1 - direction) * a.cash + far) * a.assets + asset]
    if _has_moved(a) or not _may_pay(a, far, 2, rate):
        return
    if may_move(a, direction, venue, other, asset):
        a.nodes[legs + 1] = other * a.assets + asset
        a.edges[legs] = MOVE
        a.edges[legs + 1] = 2 * a.lead[far * a.assets + asset] + direction
        _step(a, far, 2, rate)


def over(a: Arrays, far: int) -> None:
    """Take the one leg between two cash nodes, a trade or a move."""
    near, direction, legs = a.here[AT], a.here[DIRECTION], a.here[LEGS]
    source, target = (near, far) if direction == 0 else (far, near)
    is_move = a.venue_of[near] != a.venue_of[far]
    rate = straight(a, source, target)
    if not (is_move and _has_moved(a)) and _may_pay(a, far, 1, rate):
        a.edges[legs] = MOVE if is_move else a.direct[source * a.cash + target]
        _step(a, far, 1, rate)


def _extend(a: Arrays) -> None:
    """Take every next step that bounds do not rule out."""
    near, direction, legs = a.here[AT], a.here[DIRECTION], a.here[LEGS]
    for length in range(1, min(MOST_STEP, a.legs - legs) + 1):
        steps = ((direction * MOST_STEP + length - 1) * a.cash + near) * a.cash
        for far in range(a.counts[CASH]):
            if a.best[steps + far] > 0.0 and _may_pay(a, far, length, a.best[steps + far]):
                _take_steps(a, far, length)


def _take_steps(a: Arrays, far: int, length: int) -> None:
    near = a.here[AT]
    is_near = a.venue_of[near] == a.venue_of[far]
    if length == 1:
        over(a, far)
    elif is_near or length == MOST_STEP:
        for i in range(a.passed_count[near]):
            through(a, far, a.passed[near * a.assets + i])
    else:
        into(a, far, a.asset_of[far])
        out_of(a, far)


def _may_pay(a: Arrays, far: int, length: int, rate: float) -> bool:
    left = a.legs - a.here[LEGS] - length
    if left < 0:
        return False
    this = a.here[DIRECTION] * a.cash + a.here[END]
    bound = a.bound[(this * a.legs + left) * a.cash + far]
    return a.paid[PAID] * rate * bound > a.paid[FLOOR]


def _has_moved(a: Arrays) -> bool:
    return a.here[LEGS] > 0 and a.edges[a.here[LEGS] - 1] == MOVE


def _step(a: Arrays, far: int, length: int, rate: float) -> None:
    """Close the cycle, or put the longer walk aside, where no node is met twice."""
    legs = a.here[LEGS]
    for new in range(legs + 1, legs + length):
        for old in range(legs + 1):
            if a.nodes[old] == a.nodes[new]:
                return
    if far == a.here[END]:
        close(a, legs + length)
        return
    node = a.venue_of[far] * a.assets + a.asset_of[far]
    for old in range(legs + 1):
        if a.nodes[old] == node:
            return
    a.nodes[legs + length] = node
    _put(a, far, legs + length, a.paid[PAID] * rate)


def _put(a: Arrays, at: int, legs: int, paid: float) -> None:
    walk = a.counts[WALKS]
    if walk == len(a.walk_at):
        a.counts[CUT] = 1
        return
    a.counts[WALKS] += 1
    a.walk_at[walk], a.walk_legs[walk], a.walk_rate[walk] = at, legs, paid
    for i in range(legs):
        a.walk_nodes[walk * a.legs + i] = a.nodes[i + 1]
        a.walk_edges[walk * a.legs + i] = a.edges[i]


def _take(a: Arrays, walk: int) -> None:
    legs = a.walk_legs[walk]
    a.here[AT], a.here[LEGS], a.paid[PAID] = a.walk_at[walk], legs, a.walk_rate[walk]
    for i in range(legs):
        a.nodes[i + 1] = a.walk_nodes[walk * a.legs + i]
        a.edges[i] = a.walk_edges[walk * a.legs + i]
