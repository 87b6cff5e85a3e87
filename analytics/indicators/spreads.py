"""Between markets: how much dearer one price is than another, in basis points; or many at once."""

from typing import TypeVar

from analytics.indicators.history import Series

BPS = 10_000.0

V = TypeVar("V", float, Series)


def spread_bps(price: V, reference: V) -> V:
    """Return how far ``price`` is above ``reference``, both in one currency."""
    return (price / reference - 1.0) * BPS


def premium_bps(price: V, reference: V, rate: V) -> V:
    """Return how far ``price`` is above ``reference`` at ``rate``.

    Args:
        price: In its own quote currency, such as won.
        reference: In another one, such as dollars.
        rate: What one unit of the other costs in our own: won a dollar.

    """
    return (price / (reference * rate) - 1.0) * BPS
