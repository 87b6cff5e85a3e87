"""Legs of routes for tests: made by hand, or drawn at random so that some pay."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from hypothesis import strategies as st

from analytics.routes.walk import Step

Exact = Step[Fraction]


def a_buy(*levels: tuple[str, str], fee: str = "0", minimum: str = "0", lot: str = "0") -> Exact:
    """Return a leg that takes asks, price and base quantity."""
    return _a_trade("buy", levels, fee, minimum, lot)


def a_sale(*levels: tuple[str, str], fee: str = "0", minimum: str = "0", lot: str = "0") -> Exact:
    """Return a leg that takes bids."""
    return _a_trade("sell", levels, fee, minimum, lot)


def a_move(fee: str = "0", minimum: str = "0") -> Exact:
    """Return a move with a flat fee."""
    return Step(kind="move", fee=Fraction(fee), minimum=Fraction(minimum), fee_asset="BTC")


def in_floats(step: Exact) -> Step[float]:
    """Return the same terms, rounded."""
    return Step(
        kind=step.kind,
        fee=float(step.fee),
        levels=tuple((float(price), float(quantity)) for price, quantity in step.levels),
        minimum=None if step.minimum is None else float(step.minimum),
        lot=None if step.lot is None else float(step.lot),
        fee_asset=step.fee_asset,
    )


@st.composite
def routes(draw: st.DrawFn, *, with_lots: bool = False) -> tuple[Exact, ...]:
    """Two to four trades, a move behind some; a unit put in brings about one at best."""
    steps: list[Exact] = []
    for _ in range(draw(st.integers(2, 4))):
        steps.append(draw(_trades(with_lots=with_lots)))
        if draw(st.booleans()):
            steps.append(draw(_moves()))
    return tuple(steps)


def capitals() -> st.SearchStrategy[Fraction | None]:
    """How much may be put in."""
    return st.none() | st.integers(0, 60).map(lambda n: Fraction(n, 2))


@st.composite
def _trades(draw: st.DrawFn, *, with_lots: bool) -> Exact:
    kind: Literal["buy", "sell"] = "buy" if draw(st.booleans()) else "sell"
    falls = sorted(draw(st.lists(st.integers(-60, 80), min_size=1, max_size=4)), reverse=True)
    rates = [1 + Fraction(fall, 1000) for fall in falls]
    quantities = [Fraction(draw(st.integers(1, 80)), 8) for _ in rates]
    prices = rates if kind == "sell" else [1 / rate for rate in rates]
    lots = st.none() | st.sampled_from([Fraction(1, 10), Fraction(1, 3), Fraction(1), Fraction(5)])
    return Step(
        kind=kind,
        fee=draw(st.sampled_from([Fraction(0), Fraction(1, 1000), Fraction(1, 100)])),
        levels=tuple(zip(prices, quantities, strict=True)),
        minimum=draw(_minima()),
        lot=draw(lots) if with_lots else None,
        fee_asset="BTC",
    )


def _moves() -> st.SearchStrategy[Exact]:
    fees = st.sampled_from([Fraction(0), Fraction(1, 50), Fraction(1, 4), Fraction(2)])
    return st.builds(
        lambda fee, minimum: Step(kind="move", fee=fee, minimum=minimum, fee_asset="BTC"),
        fees,
        _minima(),
    )


def _minima() -> st.SearchStrategy[Fraction | None]:
    return st.none() | st.none() | st.integers(0, 24).map(lambda n: Fraction(n, 3))


def _a_trade(
    kind: Literal["buy", "sell"],
    levels: tuple[tuple[str, str], ...],
    fee: str,
    minimum: str,
    lot: str,
) -> Exact:
    return Step(
        kind=kind,
        fee=Fraction(fee),
        levels=tuple((Fraction(price), Fraction(quantity)) for price, quantity in levels),
        minimum=Fraction(minimum),
        lot=Fraction(lot) or None,
        fee_asset="BTC" if kind == "buy" else "USDT",
    )
