"""New rates in; the best steps between cash nodes out.

Written so that it runs both as it stands, over lists, and compiled by numba, over NumPy's arrays:
plain loops over numbers, no objects.
"""

from analytics.routes.arrays import CASH, MOST_STEP, RISES, Arrays


def set_rate(a: Arrays, own: int) -> int:
    """Work out an edge's rate anew from the markets that share it; return 1: it rose, -1: fell."""
    rate = a.own[own]
    shared = a.ring[own]
    while shared != own:
        rate = max(rate, a.own[shared])
        shared = a.ring[shared]
    edge = a.edge_of[own]
    before = a.rate[edge]
    a.rate[edge] = rate
    if rate > before:
        return 1
    return -1 if rate < before else 0


def spread(a: Arrays, direction: int, near: int, asset: int) -> None:
    """Carry what ``near`` pays for an asset passed through to all steps from it by that asset."""
    rate = a.passes[(direction * a.cash + near) * a.assets + asset]
    venue = a.venue_of[near]
    other = (1 - direction) * a.cash
    for i in range(a.trader_count[asset]):
        far = a.traders[asset * a.cash + i]
        paid = rate * a.passes[(other + far) * a.assets + asset]
        if a.venue_of[far] == venue:
            _offer(a, direction, 2, near, far, asset, paid)
        elif may_move(a, direction, venue, a.venue_of[far], asset):
            _offer(a, direction, 3, near, far, asset, paid)
    for i in range(a.holder_count[asset]):
        far = a.holders[asset * a.venues + i]
        if may_move(a, direction, venue, a.venue_of[far], asset):
            _offer(a, direction, 2, near, far, asset, rate)


def spread_move(a: Arrays, asset: int, source: int, target: int) -> None:
    """Carry a move between two venues that opened or closed to all steps by it."""
    for near in range(a.counts[CASH]):
        bought = _end(a, 0, near, source, asset)
        if bought == 0.0:
            continue
        for far in range(a.counts[CASH]):
            sold = _end(a, 1, far, target, asset)
            if sold == 0.0:
                continue
            legs = 1 + (a.asset_of[near] != asset) + (a.asset_of[far] != asset)
            paid = bought * sold if may_move(a, 0, source, target, asset) else 0.0
            _offer(a, 0, legs, near, far, asset, paid)


def may_move(a: Arrays, direction: int, near: int, far: int, asset: int) -> bool:
    """Tell if an asset moves between two venues; against the way round from far to near."""
    if a.free:
        return True
    source, target = (near, far) if direction == 0 else (far, near)
    return a.moves[(source * a.venues + target) * a.assets + asset] != 0


def set_step(a: Arrays, legs: int, source: int, target: int, rate: float, asset: int) -> None:
    """Write down the best step from one cash node to another."""
    pair = (legs - 1) * a.cash * a.cash + source * a.cash + target
    back = (MOST_STEP + legs - 1) * a.cash * a.cash + target * a.cash + source
    if rate > a.best[pair]:
        a.rises[a.counts[RISES] % len(a.rises)] = pair
        a.counts[RISES] += 1
    a.best[pair] = rate
    a.best[back] = rate
    a.via[pair] = asset


def find_step(a: Arrays, legs: int, source: int, target: int) -> None:
    """Seek the best step of so many legs among all there are."""
    is_near = a.venue_of[source] == a.venue_of[target]
    if legs == 1:
        set_step(a, 1, source, target, straight(a, source, target), a.asset_of[source])
    elif is_near != (legs == MOST_STEP):
        _find_whole(a, legs, source, target)
    elif not is_near:
        _find_half(a, source, target)


def straight(a: Arrays, source: int, target: int) -> float:
    """Return what one leg pays, a trade or a move; zero where there is none."""
    venue, other = a.venue_of[source], a.venue_of[target]
    if venue == other:
        edge = a.direct[source * a.cash + target]
        return a.rate[edge] if edge >= 0 else 0.0
    if a.asset_of[source] == a.asset_of[target] and may_move(
        a, 0, venue, other, a.asset_of[source]
    ):
        return 1.0
    return 0.0


def _end(a: Arrays, direction: int, cash: int, venue: int, asset: int) -> float:
    """Return what a cash node at a venue pays for an asset before or after its move, or zero."""
    if a.venue_of[cash] != venue:
        return 0.0
    if a.asset_of[cash] == asset:
        return 1.0
    return a.passes[(direction * a.cash + cash) * a.assets + asset]


def _offer(  # noqa: PLR0913, PLR0917  # compiled code takes numbers one by one
    a: Arrays, direction: int, legs: int, near: int, far: int, asset: int, rate: float
) -> None:
    source, target = (near, far) if direction == 0 else (far, near)
    pair = (legs - 1) * a.cash * a.cash + source * a.cash + target
    if rate > a.best[pair]:
        set_step(a, legs, source, target, rate, asset)
    elif rate < a.best[pair] and a.via[pair] == asset:
        find_step(a, legs, source, target)


def _find_half(a: Arrays, source: int, target: int) -> None:
    """Two legs, one of them a move: of what the target is, or of what the source is."""
    venue, other = a.venue_of[source], a.venue_of[target]
    best, via = 0.0, 0
    asset = a.asset_of[target]
    if may_move(a, 0, venue, other, asset):
        best, via = a.passes[source * a.assets + asset], asset
    asset = a.asset_of[source]
    sold = a.passes[(a.cash + target) * a.assets + asset]
    if sold > best and may_move(a, 0, venue, other, asset):
        best, via = sold, asset
    set_step(a, 2, source, target, best, via)


def _find_whole(a: Arrays, legs: int, source: int, target: int) -> None:
    """Buy, perhaps move, sell: over all assets that the source passes through."""
    bought, sold = source * a.assets, (a.cash + target) * a.assets
    venue, other = a.venue_of[source], a.venue_of[target]
    best, via = 0.0, 0
    for i in range(a.passed_count[source]):
        asset = a.passed[bought + i]
        rate = a.passes[bought + asset] * a.passes[sold + asset]
        if rate > best and (venue == other or may_move(a, 0, venue, other, asset)):
            best, via = rate, asset
    set_step(a, legs, source, target, best, via)
