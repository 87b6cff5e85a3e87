"""How much dearer an asset is in one market than in another.

    premium = price / (reference * rate) - 1

``price`` is in the quote currency of the one market, ``reference`` in that of the other, ``rate``
how many units of the former one of the latter is worth.
"""

from __future__ import annotations

from analytics.routes.state import N


def premium(price: N, *, reference: N, rate: N) -> N:
    """Return the premium of ``price`` over ``reference``, a fraction; below zero: it is cheaper."""
    return price / (reference * rate) - 1


def crossed(one: N, other: N) -> N:
    """Return the premium of one market over another, of what each has over a third."""
    return (1 + one) / (1 + other) - 1
