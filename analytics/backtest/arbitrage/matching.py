"""An order and the book that is known when it arrives in, what it gets and why no more out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from analytics.backtest.arbitrage.orders import Order
from analytics.latest import Trouble, Why
from analytics.routes.filling import Fill, quantity_for, traded, whole_lots
from analytics.routes.latest_depths import Place
from analytics.routes.standing import Standing
from analytics.routes.state import Depth, Market
from analytics.routes.walk import Step

Short: TypeAlias = Literal["", "price", "depth", "minimum", "tape_ended"] | Why
"""Why an order got less than it asked for: no level is as good as its limit; those that are hold
less; what they hold is below the least that may be traded; the tape ended before it arrived; or
what troubles the market.
"""

ENOUGH = 1.0 - 1e-9
"""Share of an order from which on it is whole; the rest is rounding."""

_Levels: TypeAlias = tuple[tuple[float, float], ...]


class Got(msgspec.Struct, frozen=True, kw_only=True):
    """What an order got; ``share`` of its quantity, ``short`` says why that is not all."""

    order: Order
    at_ns: int
    amount_in: float = 0.0
    amount_out: float = 0.0
    fee: float = 0.0
    average: float = 0.0
    share: float = 0.0
    short: Short = ""

    @property
    def is_whole(self) -> bool:
        """Whether it got all that it asked for."""
        return self.share >= ENOUGH


class Matching:
    """Fills the orders of one taker against what is known.

    What he took is gone until its market tells of itself anew: no level is taken twice.
    """

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._taken: dict[tuple[Place, str], tuple[tuple[int, int], float]] = {}

    def fill(self, order: Order, now_ns: int) -> Got:
        """Fill an order that arrives now, as far as the levels within its limit go."""
        depth = self._standing.depth(order.place, now_ns)
        if isinstance(depth, Trouble):
            return Got(order=order, at_ns=now_ns, short=depth.why)
        within = tuple(self._within(order, depth))
        if not within:
            return Got(order=order, at_ns=now_ns, short=self._why_none(order, depth))
        market = self._standing.market(order.place)
        order, left = _meant(order, within)
        there = sum(size for _, size in within)
        quantity = whole_lots(min(order.quantity, there), market.lot)
        step = _step(order, market, within)
        fill = traded(step, quantity)
        if not quantity > 0.0 or fill.falls_short(step):
            return Got(order=order, at_ns=now_ns, short="minimum")
        self._take(order, depth, quantity)
        return _got(order, fill, quantity / order.quantity if left is None else 1 - left, now_ns)

    def _within(self, order: Order, depth: Depth[float]) -> Iterator[tuple[float, float]]:
        """Yield the levels as good as the limit, less what was taken of them."""
        stamp, taken = self._taken.get((order.place, order.kind), ((0, 0), 0.0))
        gone = taken if stamp == _stamp(depth) else 0.0
        for price, size in depth.asks if order.kind == "buy" else depth.bids:
            if not _is_within(order, price):
                return
            left = size - gone
            gone = max(gone - size, 0.0)
            if left > size * (1.0 - ENOUGH):
                yield price, left

    def _why_none(self, order: Order, depth: Depth[float]) -> Short:
        """Tell whether no level was as good as the limit, or those that were are taken."""
        best = (depth.asks if order.kind == "buy" else depth.bids)[:1]
        return "depth" if any(_is_within(order, price) for price, _ in best) else "price"

    def _take(self, order: Order, depth: Depth[float], quantity: float) -> None:
        key = order.place, order.kind
        stamp, taken = self._taken.get(key, ((0, 0), 0.0))
        before = taken if stamp == _stamp(depth) else 0.0
        self._taken[key] = _stamp(depth), before + quantity


def _meant(order: Order, levels: _Levels) -> tuple[Order, float | None]:
    """Return the order for what it can pay for, and the share of that which no level takes."""
    if order.spends is None:
        return order, None
    quantity, over = quantity_for(levels, order.spends)
    return msgspec.structs.replace(order, quantity=quantity), over / order.spends


def _is_within(order: Order, price: float) -> bool:
    return price <= order.limit if order.kind == "buy" else price >= order.limit


def _stamp(depth: Depth[float]) -> tuple[int, int]:
    return depth.received_ns, depth.sequence


def _step(order: Order, market: Market[float], levels: _Levels) -> Step[float]:
    return Step(
        kind=order.kind,
        fee=market.taker_fee,
        levels=levels,
        minimum=market.minimum_notional,
        lot=market.lot,
        fee_asset=order.target[1],
    )


def _got(order: Order, fill: Fill[float], share: float, now_ns: int) -> Got:
    return Got(
        order=order,
        at_ns=now_ns,
        amount_in=fill.amount_in,
        amount_out=fill.amount_out,
        fee=fill.fee,
        average=fill.average,
        share=share,
        short="" if share >= ENOUGH else "depth",
    )
