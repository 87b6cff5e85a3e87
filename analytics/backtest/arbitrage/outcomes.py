"""What became of a route that was taken: what its orders got in, the edge that was kept out.

With amounts by asset and what a unit is worth in dollars when the last order was done::

    kept = sum over orders of (amount out * worth - amount in * worth)
           - what the route itself leaves over between two legs, as it counts that as lost

Where all is filled at the prices of the route this is its profit. Where a leg is missing, what was
bought or sold without it is valued at what it is worth then; what it becomes later is no part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, TypeAlias

import msgspec

from analytics.backtest.arbitrage.matching import Got, Short
from analytics.backtest.arbitrage.transit import Shipment
from market import Route

State: TypeAlias = Literal["filled", "partial", "missed"]

Miss: TypeAlias = Short | Literal["in_flight", "balance", "no_way"]
"""Beside what an order lacked: the route was on its way already, funds were missing, or what it
bought could not be sent on.
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One route that was taken; money in dollars.

    ``seen_usd`` is what it promised, ``kept_usd`` what it brought. ``why`` is of the leg that got
    least, empty where all got all. ``funded`` is the share of it that funds sufficed for.
    """

    route_id: str
    base: str
    taken_ns: int
    done_ns: int
    state: State
    why: Miss
    seen_usd: float
    kept_usd: float = 0.0
    fees_usd: float = 0.0
    asked_usd: float = 0.0
    filled_usd: float = 0.0
    funded: float = 1.0
    got: tuple[Got, ...] = ()
    shipments: tuple[Shipment, ...] = ()


class Pending(msgspec.Struct, kw_only=True):
    """A route whose orders are on the way; ``worth`` is what a unit of each asset is worth."""

    route: Route
    taken_ns: int
    asked_usd: float
    orders: int
    worth: dict[str, float]
    funded: float
    got: dict[int, Got]
    """By the number of the order."""

    def outcome(self) -> Outcome:
        """Return what became of it, all its orders done."""
        got = tuple(self.got[number] for number in sorted(self.got))
        worst = min(got, key=lambda one: one.share)
        return Outcome(
            route_id=self.route.id,
            base=self.route.base,
            taken_ns=self.taken_ns,
            done_ns=max(one.at_ns for one in got),
            state=state_of(got),
            why=worst.short,
            seen_usd=self.route.profit_usd or 0.0,
            kept_usd=kept_usd(got, self.worth),
            fees_usd=fees_usd(got, self.worth),
            asked_usd=self.asked_usd,
            filled_usd=filled_usd(got, self.worth),
            funded=self.funded,
            got=got,
        )


def kept_usd(got: Sequence[Got], worth: Mapping[str, float]) -> float:
    """Return what all orders of a route brought; see the module."""
    changes: dict[str, float] = {}
    for one in got:
        _add(changes, one.order.target[1], one.amount_out)
        _add(changes, one.order.source[1], -one.amount_in)
    for before, after in pairwise(got):
        planned = before.order.planned_out - after.order.planned_in
        _add(changes, after.order.source[1], -planned * min(before.share, after.share))
    return sum(amount * worth[asset] for asset, amount in changes.items())


def fees_usd(got: Iterable[Got], worth: Mapping[str, float]) -> float:
    """Return what orders cost in fees."""
    return sum(one.fee * worth[one.order.target[1]] for one in got)


def filled_usd(got: Iterable[Got], worth: Mapping[str, float]) -> float:
    """Return what orders gave away for what they got."""
    return sum(one.amount_in * worth[one.order.source[1]] for one in got)


def state_of(got: Sequence[Got]) -> State:
    """Tell whether all orders got all that they asked for, or any got anything."""
    if all(one.is_whole for one in got):
        return "filled"
    return "partial" if any(one.share > 0.0 for one in got) else "missed"


def _add(changes: dict[str, float], asset: str, amount: float) -> None:
    changes[asset] = changes.get(asset, 0.0) + amount
