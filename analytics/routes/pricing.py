"""One route: a quote to buy on, one to sell on, fees and a rate in; its figures out.

With ``rate`` units of the buying quote currency for one of the selling one, and fees as fractions::

    gross_bps = (bid * rate / ask - 1) * 10_000
    net_bps   = (bid * (1 - sell_fee) * rate / (ask * (1 + buy_fee)) - 1) * 10_000
    profit    = size * (bid * (1 - sell_fee) * rate - ask * (1 + buy_fee))
"""

from collections.abc import Mapping
from functools import cache
from math import isfinite

from analytics.rates import Rate
from market import Quote, Route

BPS = 10_000.0

CAPITAL_CONTROLS = frozenset({"KRW"})
"""Currencies that may not leave their country freely."""

SUSPICIOUS_BPS = 1_000.0
"""A gross return beyond this, either way, is a false quote or another coin of the same code."""


class Leg:
    """A quote that may be traded on: what a unit costs and brings there after the taker fee."""

    __slots__ = ("cost", "currency", "fee_bps", "place", "proceeds", "quote")

    def __init__(self, quote: Quote, fee_bps: float) -> None:
        self.quote = quote
        self.fee_bps = fee_bps
        self.cost = quote.ask * (1.0 + fee_bps / BPS)
        self.proceeds = quote.bid * (1.0 - fee_bps / BPS)
        self.currency = quote.instrument.quote_currency
        self.place = f"{quote.venue}.{self.currency}"


def price(
    buy: Leg, sell: Leg, rate: Rate, *, now_ns: int, opened_ns: Mapping[str, int]
) -> Route | None:
    """Return the route; None where a level is empty or the figures leave the range of floats.

    Args:
        buy: Where the ask is taken.
        sell: Where the bid is taken, at another venue, of the same base currency.
        rate: What one unit of the selling quote currency is worth in the buying one.
        now_ns: The moment, by our clock.
        opened_ns: When routes that are open by now became so, by id.

    """
    ask, bid = buy.quote, sell.quote
    size = min(ask.ask_size, bid.bid_size)
    proceeds = sell.proceeds * rate.value
    gross_bps = (bid.bid * rate.value / ask.ask - 1.0) * BPS
    net_bps = (proceeds / buy.cost - 1.0) * BPS
    profit = size * (proceeds - buy.cost)
    if size <= 0.0 or not isfinite(gross_bps + net_bps + profit):
        return None
    name = f"{ask.instrument.base}:{buy.place}>{sell.place}"
    received = [ask.received_ns, bid.received_ns, *[quote.received_ns for quote in rate.quotes]]
    oldest_ns = min(received)
    return Route(
        id=name,
        base=ask.instrument.base,
        type="fx" if rate.quotes else "direct",
        buy_venue=ask.venue,
        buy_instrument=ask.instrument,
        buy_price=ask.ask,
        buy_fee_bps=buy.fee_bps,
        sell_venue=bid.venue,
        sell_instrument=bid.instrument,
        sell_price=bid.bid,
        sell_fee_bps=sell.fee_bps,
        rate=rate.value,
        rate_source=rate.source,
        size=size,
        gross_bps=gross_bps,
        net_bps=net_bps,
        profit=profit,
        age_ns=max(now_ns - oldest_ns, 0),
        skew_ns=max(received) - oldest_ns,
        opened_ns=opened_ns.get(name, now_ns) if net_bps > 0.0 else 0,
        buy_sequence=ask.sequence,
        sell_sequence=bid.sequence,
        why_not=_why_not(buy.currency, sell.currency, abs(gross_bps) > SUSPICIOUS_BPS),
    )


def rank(route: Route) -> tuple[bool, float, str]:
    """Return the key that sorts best first by net return, suspicious ones last."""
    return "suspicious" in route.why_not, -route.net_bps, route.id


@cache
def _why_not(bought: str, sold: str, is_suspicious: bool) -> tuple[str, ...]:  # noqa: FBT001  # cached
    doubts = {
        "fx_comparison": bought != sold,  # the way back is not part of the route
        "capital_controls": bought in CAPITAL_CONTROLS or sold in CAPITAL_CONTROLS,
        "transfer_unknown": True,  # no venue has been asked whether it pays out
        "suspicious": is_suspicious,
    }
    return tuple(doubt for doubt, holds in doubts.items() if holds)
