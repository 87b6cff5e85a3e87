"""What the engine is told, in numbers; the routes that came, changed or went out.

These are the ways into the search. Each first forgets what the last one told. They run as they
stand, or compiled as `analytics.routes.compiled` has them.
"""

from analytics.routes.arrays import (
    CASH,
    CUT,
    GONE,
    MOST_STEP,
    MOVE,
    NONE,
    TOUCHED,
    Arrays,
    Tops,
)
from analytics.routes.kept import drop, price, settle
from analytics.routes.steps import find_step, set_rate, set_step, spread, spread_move
from analytics.routes.walks import begin, follow, into, over, through, walk_through

MANY = 1 << 20
"""What is told is one number: routes touched, so many times routes gone, and that again for a cut.
"""


def set_market(a: Arrays, market: int, bid: float, ask: float) -> int:
    """Set what selling and buying one unit pay at a market, zero where nobody does."""
    settle(a)
    sold, bought = 2 * market, 2 * market + 1
    a.own[sold], a.own[bought] = bid, ask
    sold_rose, bought_rose = set_rate(a, sold), set_rate(a, bought)
    if sold_rose != 0:
        price(a, a.edge_of[sold])
        _carry(a, 1, market)
    if bought_rose != 0:
        price(a, a.edge_of[bought])
        _carry(a, 0, market)
    if sold_rose > 0:
        _seek(a, 1, market)
    if bought_rose > 0:
        _seek(a, 0, market)
    return _told(a)


def set_markets(a: Arrays, tops: Tops, row: int, end: int) -> int:
    """Set one market after the other from a row on, until it is to be stopped; return the next."""
    tops.told[0] = tops.told[1] = 0
    while row < end and tops.told[1] == 0:
        market = tops.market[row]
        tops.newest[tops.slot[row]] = tops.latest[tops.slot[row]] = row
        tops.told[1] = tops.stops[row]
        if market != NONE:
            tops.told[0] = set_market(a, market, tops.sold[row], tops.bought[row])
            if tops.told[0] != 0 or tops.wakes[market] != 0:
                tops.told[1] = 1
        row += 1
    return row


def set_move(a: Arrays, asset: int, source: int, target: int, is_open: int) -> int:
    """Open or close the move of an asset between two venues."""
    settle(a)
    way = (source * a.venues + target) * a.assets + asset
    if a.moves[way] != is_open:
        a.moves[way] = is_open
        if not is_open:
            _drop_moved(a, source * a.assets + asset, target * a.assets + asset)
        spread_move(a, asset, source, target)
        if is_open:
            _seek_moved(a, asset, source, target)
    return _told(a)


def seek(a: Arrays, market: int) -> int:
    """Search through both sides of a market again, though nothing rose there."""
    settle(a)
    for direction in range(2):
        if a.rate[a.edge_of[2 * market + 1 - direction]] > 0.0:
            _seek(a, direction, market)
    return _told(a)


def add_cash(a: Arrays, cash: int) -> None:
    """Find the steps from and to a cash node that is new."""
    for other in range(a.counts[CASH]):
        for legs in range(1, MOST_STEP):
            find_step(a, legs, cash, other)
            find_step(a, legs, other, cash)


def _told(a: Arrays) -> int:
    cut = a.counts[CUT]
    a.counts[CUT] = 0
    return a.counts[TOUCHED] + MANY * (a.counts[GONE] + MANY * cut)


def _carry(a: Arrays, direction: int, market: int) -> None:
    """Carry a rate to the steps that use it; direction 0 is buying, 1 selling."""
    cash, asset = a.cash_of[market], a.base_of[market]
    rate = a.rate[a.edge_of[2 * market + 1 - direction]]
    other = a.cash_at[a.venue_of[cash] * a.assets + asset]
    if other == NONE:
        a.passes[(direction * a.cash + cash) * a.assets + asset] = rate
        spread(a, direction, cash, asset)
    elif direction == 0:
        set_step(a, 1, cash, other, rate, 0)
    else:
        set_step(a, 1, other, cash, rate, 0)


def _seek(a: Arrays, direction: int, market: int) -> None:
    """Search every cycle that uses one side of a market."""
    cash, asset = a.cash_of[market], a.base_of[market]
    begin(a, direction, cash)
    other = a.cash_at[a.venue_of[cash] * a.assets + asset]
    if other == NONE:
        walk_through(a, asset)
    else:
        over(a, other)
    follow(a)


def _drop_moved(a: Arrays, source: int, target: int) -> None:
    """Let go of the routes that move from one node to another."""
    for route in range(len(a.route_rate)):
        if a.route_rate[route] > 0.0 and _moves(a, route, source, target):
            drop(a, route)


def _moves(a: Arrays, route: int, source: int, target: int) -> bool:
    legs = a.route_legs[route]
    for i in range(legs):
        after = route * a.legs + (i + 1) % legs
        place = route * a.legs + i
        if a.route_edges[place] == MOVE and a.route_nodes[place] == source:
            return a.route_nodes[after] == target
    return False


def _seek_moved(a: Arrays, asset: int, source: int, target: int) -> None:
    """Search every cycle that moves an asset from one venue to another."""
    cash, other = a.cash_at[source * a.assets + asset], a.cash_at[target * a.assets + asset]
    if cash == NONE and other == NONE:
        _seek_passed(a, asset, source, target)
    elif cash == NONE:
        _seek_traded(a, 0, source, other, asset)
    elif other == NONE:
        _seek_traded(a, 1, target, cash, asset)
    else:
        begin(a, 0, cash)
        over(a, other)
        follow(a)


def _seek_traded(a: Arrays, direction: int, venue: int, cash: int, asset: int) -> None:
    """From where the asset is traded to where it is cash."""
    for i in range(a.trader_count[asset]):
        near = a.traders[asset * a.cash + i]
        if a.venue_of[near] == venue:
            begin(a, direction, near)
            into(a, cash, asset)
            follow(a)


def _seek_passed(a: Arrays, asset: int, source: int, target: int) -> None:
    """From where the asset is bought to where it is sold, cash at neither."""
    for i in range(a.trader_count[asset]):
        near = a.traders[asset * a.cash + i]
        if a.venue_of[near] == source:
            begin(a, 0, near)
            for j in range(a.trader_count[asset]):
                far = a.traders[asset * a.cash + j]
                if a.venue_of[far] == target:
                    through(a, far, asset)
            follow(a)
