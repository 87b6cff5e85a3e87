"""A route carried out: an amount in, what each leg takes and pays, and the way back from there.

Base quantities can be cut to whole lots: when buying the quantity before the fee. What a leg cannot
use of what arrives there is lost, except at the first, where it is not put in.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Generic

import msgspec

from analytics.routes.state import N
from analytics.routes.walk import Side, Step, slack


class Fill(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """What one leg does with an amount.

    Prices are in quote currency per base; a move and a conversion have none. ``levels`` counts
    those that are used. ``fee`` is in ``fee_asset``.
    """

    amount_in: N
    amount_out: N
    best: N
    average: N
    worst: N
    levels: int
    fee: N
    fee_asset: str

    def falls_short(self, step: Step[N]) -> bool:
        """Tell whether it is below the minimum of the leg."""
        if step.minimum is None:
            return False
        asked = self.amount_out + self.fee if step.kind == "sell" else self.amount_in
        return asked < step.minimum - slack(step.minimum)


def filled(steps: Sequence[Step[N]], amount: N, *, in_lots: bool) -> tuple[Fill[N], ...]:
    """Return what putting in ``amount`` does at each leg."""
    fills: list[Fill[N]] = []
    for step in steps:
        fill = _fill(step, amount, step.lot if in_lots else None)
        fills.append(fill)
        amount = fill.amount_out
    return tuple(fills)


def needed(steps: Sequence[Step[N]]) -> N | None:
    """Return the least to put in for the last leg to meet its minimum; None: depth ends before."""
    last = steps[-1]
    least = last.fee * 0 if last.minimum is None else last.minimum
    amount = _traded_for(last, least) if last.kind == "sell" else least
    for step in reversed(steps[:-1]):
        if amount is None:
            return None
        amount = _taken(step, amount)
    return amount


def traded(step: Step[N], quantity: N) -> Fill[N]:
    """Return what trading a base quantity does; what the levels do not hold is left over."""
    notional, over, levels = _notional(step.levels, quantity)
    quantity -= over
    is_buy = step.kind == "buy"
    gross = quantity if is_buy else notional
    fee = gross * step.fee
    return Fill(
        amount_in=notional if is_buy else quantity,
        amount_out=gross - fee,
        best=step.levels[0][0],
        average=notional / quantity if quantity > 0 else step.levels[0][0],
        worst=step.levels[max(levels, 1) - 1][0],
        levels=levels,
        fee=fee,
        fee_asset=step.fee_asset,
    )


def whole_lots(quantity: N, lot: N | None) -> N:
    """Return the whole lots in a quantity; a float that is nearly a lot more is one."""
    return quantity if lot is None else floor((quantity + slack(quantity)) / lot) * lot


def quantity_for(levels: Side[N], notional: N) -> tuple[N, N]:
    """Return the base quantity that comes to a notional, and what is over when depth ends."""
    quantity = notional * 0
    for price, there in levels:
        whole = price * there
        if notional <= whole:
            return quantity + notional / price, quantity * 0
        quantity += there
        notional -= whole
    return quantity, notional


def _fill(step: Step[N], amount: N, lot: N | None) -> Fill[N]:
    match step.kind:
        case "buy":
            return traded(step, whole_lots(quantity_for(step.levels, amount)[0], lot))
        case "sell":
            return traded(step, whole_lots(amount, lot))
        case "move":
            fee = min(step.fee, amount)
            return _pass(step, amount, amount - fee, fee)
        case "convert":
            return _pass(step, amount, amount * step.levels[0][0], step.fee * 0)


def _pass(step: Step[N], amount: N, arrives: N, fee: N) -> Fill[N]:
    zero = amount * 0
    return Fill(
        amount_in=amount,
        amount_out=arrives,
        best=zero,
        average=zero,
        worst=zero,
        levels=0,
        fee=fee,
        fee_asset=step.fee_asset,
    )


def _taken(step: Step[N], paid: N) -> N | None:
    """Return what a leg takes to pay so much; None: it has not that much depth."""
    match step.kind:
        case "buy" | "sell":
            return _traded_for(step, paid / (1 - step.fee))
        case "move":
            return paid + step.fee
        case "convert":
            return paid / step.levels[0][0]


def _traded_for(step: Step[N], gross: N) -> N | None:
    """Return what a trade takes to pay so much before its fee."""
    if step.kind == "buy":
        amount, over, _ = _notional(step.levels, gross)
    else:
        amount, over = quantity_for(step.levels, gross)
    return None if over > slack(gross) else amount


def _notional(levels: Side[N], quantity: N) -> tuple[N, N, int]:
    """Return what a base quantity comes to, what is over when depth ends, how many levels."""
    notional = quantity * 0
    used = 0
    for price, there in levels:
        if quantity <= there:
            return notional + quantity * price, notional * 0, used + (quantity > 0)
        notional += there * price
        quantity -= there
        used += 1
    return notional, quantity, used
