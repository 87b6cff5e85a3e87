"""A route that is to be taken in, the orders that take it out: one a trade.

Where funds wait at every venue no leg waits for another, and all are sent at once. Each order is
for the base quantity that the board found, at the worst price that it found for it or better,
filled at once as far as that goes, the rest cancelled: what a taker can do who knows only what was
told by then. What a transfer brought is traded at whatever price there is.
"""

from __future__ import annotations

from math import inf
from typing import Literal, cast

import msgspec

from analytics.routes.filling import whole_lots
from analytics.routes.latest_depths import Place
from analytics.routes.state import Node
from market import Route, RouteLeg

BPS = 10_000.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Trade ``quantity`` of the base at ``limit`` or better, now or not at all.

    ``planned_in`` and ``planned_out`` are what the route counts on, in ``source`` and ``target``.
    Where ``spends`` is given it buys as much as that amount of the quote currency pays for.
    """

    place: Place
    kind: Literal["buy", "sell"]
    source: Node
    target: Node
    quantity: float
    limit: float
    planned_in: float
    planned_out: float
    spends: float | None = None

    @property
    def reserved(self) -> float:
        """Return how much of ``source`` it may take at most."""
        if self.spends is not None:
            return self.spends
        return self.quantity * self.limit if self.kind == "buy" else self.quantity

    def scaled(self, share: float, lot: float | None) -> Order:
        """Return the order for a share of it, cut to whole lots."""
        quantity = whole_lots(self.quantity * share, lot)
        part = quantity / self.quantity
        return msgspec.structs.replace(
            self,
            quantity=quantity,
            planned_in=self.planned_in * part,
            planned_out=self.planned_out * part,
        )


def orders_of(route: Route, *, slack_bps: float = 0.0) -> tuple[Order, ...]:
    """Return the orders that take a route.

    Args:
        route: A sized one.
        slack_bps: How much worse than the worst price of the route a fill may be.

    """
    return tuple(_order(leg, slack_bps / BPS) for leg in route.legs if leg.instrument is not None)


def order_of_all(leg: RouteLeg, amount: float, lot: float | None) -> Order:
    """Return the order that trades all of an amount, cut to whole lots, at any price.

    Args:
        leg: A trade; what it counts on is taken for that share of it.
        amount: What there is of its source.
        lot: The step of base quantities; None: there is none.

    """
    part, is_buy = amount / leg.amount_in, leg.kind == "buy"
    order = _order(leg, 0.0)
    return msgspec.structs.replace(
        order,
        quantity=order.quantity * part if is_buy else whole_lots(amount, lot),
        limit=inf if is_buy else 0.0,
        planned_in=amount,
        planned_out=leg.amount_out * part,
        spends=amount if is_buy else None,
    )


def _order(leg: RouteLeg, slack: float) -> Order:
    assert leg.instrument is not None  # noqa: S101  # a trade has a market
    is_buy = leg.kind == "buy"
    return Order(
        place=(leg.venue, leg.instrument),
        kind=cast("Literal['buy', 'sell']", leg.kind),
        source=(leg.venue, leg.source),
        target=(leg.venue, leg.target),
        quantity=leg.amount_out + (leg.fee or 0.0) if is_buy else leg.amount_in,
        limit=leg.worst_price * (1.0 + slack if is_buy else 1.0 - slack),
        planned_in=leg.amount_in,
        planned_out=leg.amount_out,
    )
