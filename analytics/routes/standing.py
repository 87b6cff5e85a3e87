"""What a board knows of the markets now, for whoever carries its routes out, if only on paper."""

from __future__ import annotations

from analytics.latest import Trouble
from analytics.rates import Rate, Rates
from analytics.routes.latest_depths import Held, LatestDepths, Place
from analytics.routes.live_state import LiveState
from analytics.routes.state import Depth, Market
from analytics.routes.transfers import TransferTerms


class Standing:
    """Answers from what the board was told so far, and from nothing that it computed."""

    def __init__(self, state: LiveState, depths: LatestDepths, rates: Rates) -> None:
        self._state = state
        self._depths = depths
        self._rates = rates

    def depth(self, place: Place, now_ns: int) -> Depth[float] | Trouble:
        """Return what can be traded on at a market now, or why nothing can."""
        if (halted_ns := self._state.halted.get(place)) is not None:
            return Trouble("closed_market", halted_ns)
        held = self._depths.of(place, now_ns)
        return held.depth if isinstance(held, Held) else held

    def market(self, place: Place) -> Market[float]:
        """Return the terms of a market that routes go through."""
        return self._state.markets[place]

    def usd(self, asset: str) -> float | None:
        """Return what one unit is worth in dollars; see `LiveState.value`."""
        return self._state.usd(asset)

    def rate(self, sold: str, bought: str, now_ns: int, *, avoiding: str) -> Rate | None:
        """See `Rates.between`."""
        return self._rates.between(sold, bought, now_ns, avoiding=avoiding)

    def transfer(self, asset: str, source: str, target: str) -> TransferTerms:
        """Return what is known of moving an asset from one venue to another."""
        return self._state.terms(asset, source, target)
