"""Watches what each asset costs at each venue, in dollars: odd prices and how far they move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from statistics import median

from analytics.routes.comparison import Offer
from analytics.routes.depth import middle
from analytics.routes.live_state import LiveState
from analytics.routes.state import Node
from analytics.routes.suspects import unverified
from analytics.routes.volatility import Volatility
from market.intervals import SECOND_NS


class PriceWatch:
    """Looks once in each second, and when a market comes or goes.

    ``odd`` are the venues and assets whose price may be that of another coin.
    """

    def __init__(self) -> None:
        self.odd: frozenset[Node] = frozenset()
        self.volatility = Volatility()
        self._looked_in = -1
        self._looked_at = 0

    def look(self, offers: Collection[Offer], state: LiveState, now_ns: int) -> bool:
        """Look if it is time to; tell whether others are odd than before."""
        second = now_ns // SECOND_NS
        if (second, len(offers)) == (self._looked_in, self._looked_at):
            return False
        self._looked_in, self._looked_at = second, len(offers)
        prices = {asset: _medians(told) for asset, told in _by_venue(offers, state).items()}
        for asset, by_venue in prices.items():
            self.volatility.note(asset, median(by_venue.values()), now_ns)
        before, self.odd = self.odd, frozenset(unverified(prices))
        return self.odd != before


def _by_venue(offers: Iterable[Offer], state: LiveState) -> dict[str, dict[str, list[float]]]:
    """Return what each asset costs on each market of each venue, in dollars."""
    prices: dict[str, dict[str, list[float]]] = {}
    for offer in offers:
        price, usd = middle(offer.depth), state.usd(offer.market.quote)
        if price is not None and usd is not None:
            by_venue = prices.setdefault(offer.market.base, {})
            by_venue.setdefault(offer.market.venue, []).append(price * usd)
    return prices


def _medians(by_venue: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {venue: median(prices) for venue, prices in by_venue.items()}
