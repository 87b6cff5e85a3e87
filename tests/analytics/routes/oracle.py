"""The best size of a route by brute force, exactly, to hold the walk to.

It knows nothing of the walk: what a route earns is a line with corners. Every corner is found by
going backwards from where a level ends, a flat fee is covered or a minimum is met to what must be
put in at the start for that, and each of them is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TypeAlias

import msgspec

from analytics.routes.walk import Step

Exact: TypeAlias = Step[Fraction]


class Best(msgspec.Struct, frozen=True):
    """What came of it; amounts are those of the best size, None where there is none."""

    outcome: str
    size: Fraction | None = None
    amount_out: Fraction | None = None
    executable: tuple[Fraction, Fraction] | None = None


def best(steps: Sequence[Exact], capital: Fraction | None = None) -> Best:
    """Try every corner; the smallest of those that earn most is the size."""
    tried = {}
    for size in sorted({Fraction(0), *_corners(steps), *([] if capital is None else [capital])}):
        amounts = through(steps, size)
        if amounts is not None and (capital is None or size <= capital) and _meets(steps, amounts):
            tried[size] = amounts[-1]
    if not tried:
        return Best("minimum")
    size = max(tried, key=lambda size: (tried[size] - size, -size))
    if tried[size] <= size:
        return Best("costs")
    done = carried_out(steps, size)
    if done is None or done[1] <= done[0]:
        return Best("lot", size, tried[size])
    return Best("pays", size, tried[size], done)


def through(steps: Sequence[Exact], size: Fraction) -> list[Fraction] | None:
    """Return what goes into each leg and comes out of the last; None: a book ends before."""
    amounts = [size]
    for step in steps:
        paid = _pays(step, amounts[-1])
        if paid is None:
            return None
        amounts.append(paid)
    return amounts


def carried_out(steps: Sequence[Exact], size: Fraction) -> tuple[Fraction, Fraction] | None:
    """Return what is put in and comes out when each trade is cut to lots; None: nothing does."""
    put, amount = size, size
    for i, step in enumerate(steps):
        if step.kind == "move":
            if step.minimum is not None and amount < step.minimum:
                return None
            amount -= step.fee
        else:
            base = _bought(step, amount) if step.kind == "buy" else amount
            base = base if step.lot is None else base // step.lot * step.lot
            notional = _notional(step, base)
            if step.minimum is not None and notional < step.minimum:
                return None
            if i == 0:
                put = notional if step.kind == "buy" else base
            amount = (base if step.kind == "buy" else notional) * (1 - step.fee)
        if amount <= 0:
            return None
    return put, amount


def _corners(steps: Sequence[Exact]) -> Iterator[Fraction]:
    for i, step in enumerate(steps):
        for amount in _marks(step):
            back: Fraction | None = amount
            for before in reversed(steps[:i]):
                back = None if back is None else _takes(before, back)
            if back is not None:
                yield back


def _marks(step: Exact) -> Iterator[Fraction]:
    """Return the amounts of a leg's own input at which something changes."""
    if step.kind == "move":
        yield step.fee
    total = Fraction(0)
    for price, quantity in step.levels:
        total += price * quantity if step.kind == "buy" else quantity
        yield total
    if step.minimum is not None:
        gross = msgspec.structs.replace(step, fee=Fraction(0))
        sold = _takes(gross, step.minimum) if step.kind == "sell" else step.minimum
        if sold is not None:
            yield sold


def _meets(steps: Sequence[Exact], amounts: Sequence[Fraction]) -> bool:
    for i, step in enumerate(steps):
        asked = amounts[i] if step.kind != "sell" else amounts[i + 1] / (1 - step.fee)
        if step.minimum is not None and asked < step.minimum:
            return False
    return True


def _pays(step: Exact, amount: Fraction) -> Fraction | None:
    """Return what a leg pays for an amount; None: it has not that much depth."""
    if step.kind == "move":
        return max(amount - step.fee, Fraction(0))
    paid = Fraction(0)
    for price, quantity in step.levels:
        used = min(amount, price * quantity if step.kind == "buy" else quantity)
        paid += used / price if step.kind == "buy" else used * price
        amount -= used
    return None if amount > 0 else paid * (1 - step.fee)


def _takes(step: Exact, paid: Fraction) -> Fraction | None:
    """Return the least that a leg pays so much for; None: it never does."""
    if step.kind == "move":
        return paid + step.fee if paid > 0 else Fraction(0)
    gross, amount = paid / (1 - step.fee), Fraction(0)
    for price, quantity in step.levels:
        part = min(gross, quantity if step.kind == "buy" else price * quantity)
        amount += part * price if step.kind == "buy" else part / price
        gross -= part
    return None if gross > 0 else amount


def _bought(step: Exact, amount: Fraction) -> Fraction:
    base = Fraction(0)
    for price, quantity in step.levels:
        used = min(amount, price * quantity)
        base, amount = base + used / price, amount - used
    return base


def _notional(step: Exact, base: Fraction) -> Fraction:
    notional = Fraction(0)
    for price, quantity in step.levels:
        used = min(base, quantity)
        notional, base = notional + used * price, base - used
    return notional
