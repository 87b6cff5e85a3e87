"""What is known of the markets now: costs, listings, depths and rates in, what a verdict asks out.

A market is listed once its fee is known; one of an unknown fee is counted and not traded. Assets
have ids, which are the codes but where the table of identities knows another coin by that code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analytics.rates import Rates
from analytics.routes.costs import Costs, Fee
from analytics.routes.latest_depths import Place
from analytics.routes.state import Depth, Market, Transfer
from analytics.routes.transfers import TransferTerms
from market import Instrument, Listed
from market.intervals import SECOND_NS

PEGGED = ("USDT", "USDC")
"""Coins that stand for a dollar. Where nothing tells their price they are valued as one; no rate of
a route is ever made so.
"""

BPS = 10_000.0


class LiveState:
    """See `verdict.State`; a depth is there only while it can be used."""

    def __init__(self, costs: Costs, rates: Rates) -> None:
        self.costs = costs
        self.rates = rates
        self.markets: dict[Place, Market[float]] = {}
        self.fees: dict[Place, Fee] = {}
        self.unknown_fees: set[Place] = set()
        self.halted: dict[Place, int] = {}
        """Markets that their venue has halted, and when it said so."""
        self.depths: dict[Place, Depth[float]] = {}
        self._terms: dict[Place, Listed] = {}
        self._transfers: dict[tuple[str, str, str], TransferTerms] = {}
        self._assets: set[str] = set()
        self._usd: dict[str, float | None] = {}
        self._valued_in = -1

    def market(self, venue: str, instrument: Instrument) -> Market[float]:
        """See `State.market`."""
        return self.markets[venue, instrument]

    def depth(self, venue: str, instrument: Instrument) -> Depth[float]:
        """See `State.depth`."""
        return self.depths[venue, instrument]

    def transfer(self, asset: str, source: str, target: str) -> Transfer[float] | None:
        """See `State.transfer`."""
        return self.terms(asset, source, target).of(asset, source, target)

    def usd(self, asset: str) -> float | None:
        """See `State.usd`."""
        return self._usd.get(asset)

    def terms(self, asset: str, source: str, target: str) -> TransferTerms:
        """Return what is known of moving an asset."""
        key = asset, source, target
        terms = self._transfers.get(key)
        if terms is None:
            terms = self._transfers[key] = self.costs.transfer(asset, source, target)
        return terms

    def list_market(self, place: Place) -> Market[float] | None:
        """Take a market in, on the terms that are known; None where its fee is not."""
        venue, instrument = place
        fee = self.costs.taker_fee(venue, instrument)
        if fee is None:
            self.unknown_fees.add(place)
            return None
        terms = self._terms.get(place)
        market = Market(
            venue=venue,
            instrument=instrument,
            base=self.costs.asset_id(venue, instrument.base),
            quote=self.costs.asset_id(venue, instrument.quote_currency),
            taker_fee=fee.bps / BPS,
            lot=None if terms is None else terms.lot_size or None,
            minimum_notional=None if terms is None else terms.minimum_notional or None,
        )
        self.markets[place], self.fees[place] = market, fee
        self._assets |= {market.base, market.quote}
        return market

    def take_terms(self, listed: Listed) -> bool:
        """Keep the terms of a listing; tell whether they are others than before."""
        place = listed.venue, listed.instrument
        before = self._terms.get(place)
        if before is not None and listed.received_ns < before.received_ns:
            return False
        self._terms[place] = listed
        if listed.trading:
            self.halted.pop(place, None)
        else:
            self.halted[place] = listed.received_ns
        return before is None or _terms_of(before) != _terms_of(listed)

    def ways_open(self, asset: str, venue: str, others: Iterable[str]) -> Iterator[Transfer[float]]:
        """Yield the transfers of an asset, from and to a venue, that are known to be open."""
        for other in others:
            for source, target in ((venue, other), (other, venue)):
                transfer = self.transfer(asset, source, target)
                if transfer is not None and transfer.open:
                    yield transfer

    def value(self, now_ns: int) -> bool:
        """Read what each asset is worth in dollars off the rates, each second or for a new one.

        So it may lag behind by a second: it ranks and limits routes and is no rate of any. Tell
        whether one has a worth now that had none, or the other way round.
        """
        second = now_ns // SECOND_NS
        if second == self._valued_in and self._assets == self._usd.keys():
            return False
        before, self._valued_in = self._usd, second
        self._usd = {asset: self._worth(asset, now_ns) for asset in self._assets}
        return any((usd is None) != (before.get(asset) is None) for asset, usd in self._usd.items())

    def _worth(self, asset: str, now_ns: int) -> float | None:
        for currency in ("USD", *PEGGED):
            rate = self.rates.between(asset, currency, now_ns)
            if rate is not None:
                return rate.value
        return None


def _terms_of(listed: Listed) -> tuple[bool, float | None, float | None]:
    return listed.trading, listed.lot_size, listed.minimum_notional
