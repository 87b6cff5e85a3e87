"""The legs of a route in, what each further unit that is put in brings out.

A leg turns an amount into another, level by level. A buy at an ask p takes p x quantity in and pays
``(1 - fee) / p`` for each unit, a sale at a bid p takes the quantity and pays ``p x (1 - fee)``. A
move with a flat fee brings nothing until the fee is covered, then each unit brings one. So what a
route pays is a line of straight stretches, each as long as the level that ends first. Each leg cuts
the stretches of the legs before it by its own levels, and no more of them than are asked for. Once
all flat fees are covered no stretch pays better than the one before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Generic, Literal, TypeAlias

import msgspec

from analytics.routes.state import N

PRECISION = 10**12
"""A float may miss a limit by one in so many; a fraction may not miss it at all."""

Side: TypeAlias = Sequence[tuple[N, N]]
"""Levels of price and base quantity, best first."""

_Stretch: TypeAlias = tuple[N, N]
"""How many units are put in, what each of them brings."""


class Step(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """One leg's terms.

    ``levels`` are the side of the book that is taken. A conversion, which can be done nowhere, has
    one level, its rate. ``fee`` is a fraction of what a trade pays out or an amount of what is
    moved, in ``fee_asset``. ``minimum`` is the least notional of a trade, in the quote currency
    before the fee, or the least amount sent. ``lot`` is the step of base quantities.
    """

    kind: Literal["buy", "sell", "move", "convert"]
    fee: N
    levels: Side[N] = ()
    minimum: N | None = None
    lot: N | None = None
    fee_asset: str = ""


class Walk(Generic[N]):
    """The way along all stretches, from nothing to where a book ends.

    ``ended`` is the leg whose book ended first, known once the walk is over.

    Raises:
        ValueError: the first leg is no trade.

    """

    def __init__(self, steps: Sequence[Step[N]]) -> None:
        if steps[0].kind not in {"buy", "sell"}:
            raise ValueError(f"a route begins with a trade, not with a {steps[0].kind}")
        self.ended = 0
        self._stretches: Iterator[_Stretch[N]] = _levels(steps[0])
        for i, step in enumerate(steps[1:], 1):
            self._stretches = self._through(i, step, self._stretches)

    def __iter__(self) -> Iterator[_Stretch[N]]:
        """Return the stretches; a rate of zero means that a flat fee is not covered yet."""
        return self._stretches

    def _through(
        self, i: int, step: Step[N], stretches: Iterator[_Stretch[N]]
    ) -> Iterator[_Stretch[N]]:
        match step.kind:
            case "move":
                return _moved(stretches, step.fee) if step.fee > 0 else stretches
            case "convert":
                return ((length, rate * step.levels[0][0]) for length, rate in stretches)
            case _:
                return self._traded(i, step, stretches)

    def _traded(
        self, i: int, step: Step[N], stretches: Iterator[_Stretch[N]]
    ) -> Iterator[_Stretch[N]]:
        levels = _levels(step)
        left, paid = next(levels, (step.fee * 0, step.fee * 0))
        for length, rate in stretches:
            if rate:
                while (reach := left / rate) <= length:
                    yield reach, rate * paid
                    length -= reach  # noqa: PLW2901  # what is left of the stretch
                    level = next(levels, None)
                    if level is None:
                        self.ended = i
                        return
                    left, paid = level
                left -= length * rate
            yield length, rate * paid


def slack(limit: N) -> N:
    """Return by how much a number of this kind may miss a limit."""
    return limit * 0 if _is_exact(limit) else limit / PRECISION


def _levels(step: Step[N]) -> Iterator[_Stretch[N]]:
    """Return how much each level of a trade takes in and what a unit of that brings."""
    kept = 1 - step.fee
    if step.kind == "buy":
        return ((price * quantity, kept / price) for price, quantity in step.levels)
    return ((quantity, price * kept) for price, quantity in step.levels)


def _moved(stretches: Iterator[_Stretch[N]], fee: N) -> Iterator[_Stretch[N]]:
    zero = fee * 0
    for length, rate in stretches:
        if fee > 0 and rate:
            covered = min(fee / rate, length)
            yield covered, zero
            fee -= covered * rate
            length -= covered  # noqa: PLW2901  # what is left of the stretch
        if length > 0:
            yield length, rate


def _is_exact(number: object) -> bool:
    return isinstance(number, Fraction)
