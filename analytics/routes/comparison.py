"""Two markets of one asset at two venues: depths and rates in, what buying and selling returns out.

Both pairs that quote in one currency (``direct``) and pairs that need a rate between two (``fx``)
are compared, at the best levels. Of the former those that pay are cycles too and are found by the
search; here they are there whether they pay or not, so that the best spread is always seen. The
latter are comparisons only: the way back from the one currency to the other is no part of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations

import msgspec

from analytics.rates import SAME, Rate, Rates
from analytics.routes.identity import canonical, rank
from analytics.routes.latest_depths import Place
from analytics.routes.state import Cycle, Depth, Leg, Market
from market import Quote

BPS = 10_000.0


class Offer(msgspec.Struct, frozen=True):
    """A market and its depth."""

    market: Market[float]
    depth: Depth[float]

    @property
    def place(self) -> Place:
        """Return where it is."""
        return self.market.venue, self.market.instrument


class Compared(msgspec.Struct, frozen=True):
    """Where to buy, where to sell, and what that returns at the best levels."""

    buy: Offer
    sell: Offer
    rate: Rate
    gross: float
    net: float

    @property
    def is_direct(self) -> bool:
        """Whether nothing is converted."""
        return not self.rate.quotes

    @property
    def net_bps(self) -> float:
        """Return what is earned after both fees."""
        return (self.net - 1.0) * BPS

    @property
    def received_ns(self) -> int:
        """Return when the newer of both depths was received."""
        return max(self.buy.depth.received_ns, self.sell.depth.received_ns)

    @property
    def size(self) -> float:
        """Return how much of the base both best levels hold."""
        return min(self.buy.depth.asks[0][1], self.sell.depth.bids[0][1])

    @property
    def top_profit(self) -> float:
        """Return what that much earns, in the currency that is paid in."""
        market = self.buy.market
        return self.size * self.buy.depth.asks[0][0] * (self.net - 1.0) / (1.0 - market.taker_fee)


class Comparisons:
    """Names each pair of markets once."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._cycles: dict[tuple[Place, Place], Cycle] = {}

    def direct(self, offers: Iterable[Offer]) -> Iterator[Compared]:
        """Yield what every two markets at two venues return that trade the same two assets."""
        for buy, sell in _pairs(offers):
            if buy.market.quote == sell.market.quote and buy.market.base == sell.market.base:
                yield _compared(buy, sell, SAME)

    def converted(self, offers: Iterable[Offer], now_ns: int) -> Iterator[Compared]:
        """Yield what every two markets of one base at two venues return, at a rate in between."""
        for buy, sell in _pairs(offers):
            if buy.market.quote != sell.market.quote:
                rate = self._rate(buy.market, sell.market, now_ns)
                if rate is not None:
                    yield _compared(buy, sell, rate)

    def until_ns(self, quote: Quote) -> int:
        """Return when a quote that a rate is read off will be too old."""
        return self._rates.until_ns(quote)

    def cycle(self, compared: Compared) -> Cycle:
        """Return the way round; that of a comparison ends with a conversion."""
        key = compared.buy.place, compared.sell.place
        cycle = self._cycles.get(key)
        if cycle is None:
            cycle = self._cycles[key] = _cycle(compared.buy.market, compared.sell.market)
        return cycle

    def _rate(self, buy: Market[float], sell: Market[float], now_ns: int) -> Rate | None:
        """Return what the one currency is worth in the other; one code of two coins has none."""
        sold, bought = sell.instrument.quote_currency, buy.instrument.quote_currency
        if sold == bought:
            return None
        return self._rates.between(sold, bought, now_ns, avoiding=buy.instrument.base)


def home_of(market: Market[float]) -> str:
    """Return the asset that a direct route through a market gets first."""
    base_first = rank((market.venue, market.base)) < rank((market.venue, market.quote))
    return market.quote if base_first else market.base


def _pairs(offers: Iterable[Offer]) -> Iterator[tuple[Offer, Offer]]:
    for buy, sell in permutations(offers, 2):
        if buy.market.venue != sell.market.venue and buy.depth.asks and sell.depth.bids:
            yield buy, sell


def _compared(buy: Offer, sell: Offer, rate: Rate) -> Compared:
    gross = sell.depth.bids[0][0] * rate.value / buy.depth.asks[0][0]
    net = gross * (1.0 - buy.market.taker_fee) * (1.0 - sell.market.taker_fee)
    return Compared(buy, sell, rate, gross, net)


def _cycle(buy: Market[float], sell: Market[float]) -> Cycle:
    money, coin = (buy.venue, buy.quote), (buy.venue, buy.base)
    there, brought = (sell.venue, sell.base), (sell.venue, sell.quote)
    legs = (
        Leg("buy", money, coin, buy.instrument),
        Leg("move", coin, there),
        Leg("sell", there, brought, sell.instrument),
    )
    if buy.quote == sell.quote:
        return canonical("inventory", (*legs, Leg("move", brought, money)))
    whole = (*legs, Leg("convert", brought, money))
    return Cycle(f"C|{_nodes(whole)}", "inventory", whole)


def _nodes(legs: Sequence[Leg]) -> str:
    return ">".join(f"{venue}:{asset}" for venue, asset in (leg.source for leg in legs))
