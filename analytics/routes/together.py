"""What direct routes of one currency earn together, each unit of depth used once, in dollars."""

from __future__ import annotations

from collections.abc import Iterable

from analytics.routes.comparison import Offer
from analytics.routes.live_state import LiveState
from analytics.routes.portfolio import portfolio


def together_usd(offers: Iterable[Offer], state: LiveState) -> float | None:
    """Return the sum over all pairs of assets; None where a worth is not known.

    Markets that are halted are left out, and so are capital, lots and minima.
    """
    by_pair: dict[tuple[str, str], list[Offer]] = {}
    for offer in offers:
        if offer.place not in state.halted:
            by_pair.setdefault((offer.market.base, offer.market.quote), []).append(offer)
    total = 0.0
    for (_, quote), of_pair in by_pair.items():
        profit = portfolio(((one.market, one.depth) for one in of_pair), nothing=0.0).profit
        usd = state.usd(quote) if profit else 0.0
        if usd is None:
            return None
        total += profit * usd
    return total
