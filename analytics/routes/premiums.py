"""How much dearer an asset is here than there: markets and rates in, `Premium` events out.

Each market of an asset is held against one reference market; that of any market a over any market b
is then ``(1 + premium of a) / (1 + premium of b) - 1``. Where the two are quoted in different
currencies it is told on two bases, as far as there are rates: at a bank's exchange rate of money,
and at the price that coins which stand for dollars have on the markets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from analytics.rates import SAME, Rate, Rates
from analytics.routes.comparison import Offer
from analytics.routes.depth import middle
from analytics.routes.identity import rank
from analytics.routes.premium import premium
from market import Premium

_RATES_OF: tuple[tuple[Literal["stable", "bank"], Literal["market", "bank"]], ...] = (
    ("stable", "market"),
    ("bank", "bank"),
)


class Premiums:
    """Tells premiums over one venue's market, or over another where that has none.

    Args:
        rates: Between quote currencies.
        reference_venue: Whose markets are held against, where there are any.

    """

    def __init__(self, rates: Rates, *, reference_venue: str) -> None:
        self._rates = rates
        self._reference_venue = reference_venue
        self._sequence = 0

    def of(self, offers: Iterable[Offer], now_ns: int) -> Iterator[Premium]:
        """Yield the premiums of one asset's markets.

        Args:
            offers: Of one base, those with both a bid and an ask.
            now_ns: The moment, by our clock.

        """
        ordered = sorted(offers, key=self._order)
        if ordered:
            reference, *others = ordered
            for offer in others:
                yield from self._over(offer, reference, now_ns)

    def _order(self, offer: Offer) -> tuple[bool, tuple[int, str, str]]:
        market = offer.market
        return market.venue != self._reference_venue, rank((market.venue, market.quote))

    def _over(self, offer: Offer, reference: Offer, now_ns: int) -> Iterator[Premium]:
        sold = reference.market.instrument.quote_currency
        bought = offer.market.instrument.quote_currency
        if offer.market.quote == reference.market.quote:
            yield from self._told(offer, reference, "same", SAME, now_ns)
            return
        for basis, by in _RATES_OF:
            asset = offer.market.instrument.base
            rate = self._rates.between(sold, bought, now_ns, avoiding=asset, by=by)
            if rate is not None:
                yield from self._told(offer, reference, basis, rate, now_ns)

    def _told(
        self,
        offer: Offer,
        reference: Offer,
        basis: Literal["bank", "stable", "same"],
        rate: Rate,
        now_ns: int,
    ) -> Iterator[Premium]:
        price, other = middle(offer.depth), middle(reference.depth)
        if price is None or other is None:
            return
        self._sequence = max(self._sequence + 1, now_ns)
        received = [one.depth.received_ns for one in (offer, reference)]
        yield Premium(
            venue=offer.market.venue,
            instrument=offer.market.instrument,
            reference_venue=reference.market.venue,
            reference=reference.market.instrument,
            basis=basis,
            premium=premium(price, reference=other, rate=rate.value),
            rate=rate.value,
            rate_source=rate.source,
            rate_age_ns=max(rate.age_ns(now_ns), 0),
            age_ns=max(now_ns - min(received), 0),
            event_ns=max(received),
            received_ns=now_ns,
            sequence=self._sequence,
        )
