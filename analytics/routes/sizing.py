"""How much to put into a route: its legs' terms in, the size that earns most out.

The size is the smallest that earns the most, with every book walked level by level. It goes on
while a flat fee is not covered or one more unit brings more than one, and no further than depth
and capital reach. A minimum, of a trade's notional or of an amount sent, pushes it on past that.
What is carried out is that size cut to the lots of each market on the way.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Generic, Literal

import msgspec

from analytics.routes.filling import Fill, filled, needed
from analytics.routes.state import N
from analytics.routes.walk import Step, Walk, slack
from market.events import CurvePoint

STEPS_TO_SIZE = 8
"""Points of a curve from nothing to the size."""

STEPS_BEYOND = 4
"""Points of a curve beyond the size, where there is more depth; it ends at twice the size."""


class Sizing(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """A size and what comes of it, in the currency that the route begins and ends with.

    ``outcome`` is ``pays``, or why it cannot be done: ``minimum`` (depth or capital end before a
    minimum is met; the size is where they end), ``costs`` (no profit), ``lot`` (none once cut to
    lots). ``limited_by`` says what keeps the size from being larger: ``marginal`` (one more unit
    costs more than it brings), ``depth:N`` (the book of leg N, from 0, is used up), ``capital``, or
    ``minimum`` (it is larger than pays best, as no less may be traded). ``executable_…`` and
    ``fills`` are after cutting; zero and none unless it pays.
    """

    outcome: Literal["pays", "minimum", "costs", "lot"]
    size: N
    amount_out: N
    limited_by: str
    executable_in: N
    executable_out: N
    fills: tuple[Fill[N], ...] = ()

    @property
    def profit(self) -> N:
        """Return what the size earns before it is cut to lots."""
        return self.amount_out - self.size

    @property
    def executable_profit(self) -> N:
        """Return what is earned in the end."""
        return self.executable_out - self.executable_in


def sized(steps: Sequence[Step[N]], capital: N | None = None) -> Sizing[N]:
    """Return the size that earns most.

    Args:
        steps: The legs in their order; the first one, where the money is put in, is a trade.
        capital: The most to put in, in the currency of the start; None: no limit.

    """
    size, limited_by = _best(steps, capital)
    fills = filled(steps, size, in_lots=False)
    short = _short(steps, fills)
    if short:
        least = _least(steps, short, capital)
        pushed = () if least is None else filled(steps, least, in_lots=False)
        if least is None or _is_cut_off(pushed, least):
            return _sizing("minimum", size, fills[-1].amount_out, limited_by)
        size, limited_by, fills = least, "minimum", pushed
    amount_out = fills[-1].amount_out
    if not amount_out > size:
        return _sizing("costs", size, amount_out, limited_by)
    if any(step.lot is not None for step in steps):
        fills = filled(steps, size, in_lots=True)
        if _short(steps, fills) or not fills[-1].amount_out > fills[0].amount_in:
            return _sizing("lot", size, amount_out, limited_by)
    return _sizing("pays", size, amount_out, limited_by, fills)


def curve(steps: Sequence[Step[N]], size: N) -> tuple[CurvePoint, ...]:
    """Return what putting in more and more earns, from nothing to the size and on beyond it.

    Lots and minima are left out, so that the curve is one line; it bends at the size or ends there.
    """
    trail = _trail(steps, 2 * size)
    puts: list[N] = [size * i / STEPS_TO_SIZE for i in range(STEPS_TO_SIZE + 1)]
    room = trail[-1][0] - size
    if room > slack(size):
        puts += [size + room * i / STEPS_BEYOND for i in range(1, STEPS_BEYOND + 1)]
    return tuple(CurvePoint(float(put), float(_between(trail, put) - put)) for put in puts)


def _best(steps: Sequence[Step[N]], capital: N | None) -> tuple[N, str]:
    """Return the size that earns most where there are no minima, and what ends it."""
    size = steps[0].fee * 0
    walk = Walk(steps)
    for length, rate in walk:
        if 0 < rate <= 1:
            return size, "marginal"
        if capital is not None and size + length >= capital:
            return capital, "capital"
        size += length
    return size, f"depth:{walk.ended}"


def _short(steps: Sequence[Step[N]], fills: Sequence[Fill[N]]) -> list[int]:
    """Return the legs whose minimum is not met."""
    return [i for i, step in enumerate(steps) if fills[i].falls_short(step)]


def _least(steps: Sequence[Step[N]], short: Sequence[int], capital: N | None) -> N | None:
    """Return the least size that meets the minima of some legs; None: depth or capital end."""
    least: N | None = None
    for i in short:
        size = needed(steps[: i + 1])
        if size is None or (capital is not None and size > capital + slack(capital)):
            return None
        least = size if least is None or size > least else least
    return least


def _is_cut_off(fills: Sequence[Fill[N]], size: N) -> bool:
    """Tell whether a leg cannot take what arrives there."""
    for fill in fills:
        if fill.amount_in < size - slack(size):
            return True
        size = fill.amount_out
    return False


def _sizing(
    outcome: Literal["pays", "minimum", "costs", "lot"],
    size: N,
    amount_out: N,
    limited_by: str,
    fills: tuple[Fill[N], ...] = (),
) -> Sizing[N]:
    zero = size * 0
    return Sizing(
        outcome=outcome,
        size=size,
        amount_out=amount_out,
        limited_by=limited_by,
        executable_in=fills[0].amount_in if fills else zero,
        executable_out=fills[-1].amount_out if fills else zero,
        fills=fills,
    )


def _trail(steps: Sequence[Step[N]], most: N) -> list[tuple[N, N]]:
    """Return the corners of what comes out over what goes in, as far as ``most`` or depth reach."""
    put = out = most * 0
    trail = [(put, out)]
    for length, rate in Walk(steps):
        taken = min(length, most - put)
        put, out = put + taken, out + taken * rate
        trail.append((put, out))
        if put >= most:
            break
    return trail


def _between(trail: Sequence[tuple[N, N]], put: N) -> N:
    """Return what comes out at ``put``, on the straight line between two corners."""
    after = bisect_left(trail, put, key=lambda corner: corner[0])
    if after == len(trail):
        return trail[-1][1]
    into, out = trail[after]
    if after == 0 or into == put:
        return out
    before, least = trail[after - 1]
    return least + (out - least) * (put - before) / (into - before)
