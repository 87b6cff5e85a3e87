"""Arbitrage routes between venues: quotes and statuses in, ranked routes out.

A route buys a base currency at one venue's ask and sells it at another venue's bid, if need be for
another currency; `analytics.routes.pricing` has the formula.

A quote touches the routes of its own base currency alone. A rate that moved is seen when a base
currency is next refreshed; but a rate whose quote grew too old, or whose venue or instrument is in
trouble, has the routes that rest on it refreshed at once.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import TypeAlias

import msgspec

from analytics.latest import LatestQuotes
from analytics.rates import Rate, Rates
from analytics.routes.pricing import Leg, price, rank
from market import Instrument, Quote, Route, Routes, VenueStatus
from market.intervals import SECOND_NS

FeeBps: TypeAlias = Callable[[str, Instrument], float | None]
"""The taker fee at a venue for an instrument; None where it is not known."""

_Way: TypeAlias = tuple[Leg, Leg, Rate]
"""Where to buy, where to sell, the rate between their quote currencies."""


class RouteBook:
    """Keeps the latest quotes and knows which base currencies' routes they changed.

    Args:
        fee_bps: An instrument without a known fee is not traded; its quotes still give rates.
        max_age_ns: Older quotes are not used.
        max_silence_ns: A venue that has not said for so long that it is live is taken for down.

    """

    def __init__(
        self, fee_bps: FeeBps, *, max_age_ns: int, max_silence_ns: int = 5 * SECOND_NS
    ) -> None:
        self._fee_bps = fee_bps
        self._latest = LatestQuotes(max_age_ns=max_age_ns, max_silence_ns=max_silence_ns)
        self._rates = Rates(self._latest)
        self._changed: set[str] = set()
        self._silent: frozenset[str] = frozenset()
        self._last: dict[str, _Refreshed] = {}
        self._sequence = 0
        self._now_ns = 0

    def take(self, event: Quote | VenueStatus) -> None:
        """Take in a quote, or how a venue or an instrument there does."""
        if isinstance(event, Quote):
            if self._latest.take_quote(event):
                self._changed.add(event.instrument.base)
        elif self._latest.take_status(event):
            self._changed |= self._touched_by(event)

    def forget(self) -> None:
        """Let go of every quote and status, as some were missed; the routes of all have changed."""
        self._changed |= self._latest.bases()
        self._latest.forget()

    def changed(self, now_ns: int) -> set[str]:
        """Return the base currencies whose routes may differ from their last refresh.

        A quote came or grew too old, or its venue or instrument went or came back. When the clock
        was set back all is forgotten: by it, what is held would be new for as long as that was.
        """
        if now_ns < self._now_ns - SECOND_NS:
            self.forget()
        self._now_ns = now_ns
        silent = self._latest.silent(now_ns)
        if silent != self._silent:
            self._silent = silent
            self._changed |= self._latest.bases()
        self._changed.update(base for base, last in self._last.items() if last.expires_ns < now_ns)
        return set(self._changed)

    def refresh(self, base: str, now_ns: int) -> Routes:
        """Compute every route of a base currency, best first, suspicious ones last.

        A route's ``opened_ns`` is the first refresh of the unbroken row that saw it above zero.
        """
        legs = self._legs(base, now_ns)
        ways = list(self._ways(base, legs, now_ns))
        opened_ns = self._last[base].opened_ns if base in self._last else {}
        priced = (price(*way, now_ns=now_ns, opened_ns=opened_ns) for way in ways)
        routes = sorted((route for route in priced if route is not None), key=rank)
        self._last[base] = _refreshed(legs, ways, routes, self._latest.max_age_ns)
        self._changed.discard(base)
        self._sequence = max(self._sequence + 1, now_ns)
        return Routes(
            base=base,
            routes=tuple(routes),
            event_ns=max((leg.quote.event_ns for leg in legs), default=now_ns),
            received_ns=now_ns,
            sequence=self._sequence,
        )

    def _legs(self, base: str, now_ns: int) -> list[Leg]:
        quotes = self._latest.of_base(base, now_ns)
        priced = ((quote, self._fee_bps(quote.venue, quote.instrument)) for quote in quotes)
        return [Leg(quote, fee_bps) for quote, fee_bps in priced if fee_bps is not None]

    def _ways(self, base: str, legs: Sequence[Leg], now_ns: int) -> Iterator[_Way]:
        for buy, sell in permutations(legs, 2):
            if buy.quote.venue != sell.quote.venue:
                rate = self._rates.between(sell.currency, buy.currency, now_ns, avoiding=base)
                if rate is not None:
                    yield buy, sell, rate

    def _touched_by(self, status: VenueStatus) -> set[str]:
        if status.instrument is None:
            return self._latest.bases()
        market = status.venue, status.instrument
        resting = {base for base, last in self._last.items() if market in last.rate_markets}
        return (resting | {status.instrument.base}) & self._latest.bases()


class _Refreshed(msgspec.Struct, frozen=True):
    """What is remembered of a refresh: open routes, the markets of its rates, how long it holds."""

    opened_ns: dict[str, int]
    rate_markets: set[tuple[str, Instrument]]
    expires_ns: float


def _refreshed(
    legs: Sequence[Leg], ways: Sequence[_Way], routes: Sequence[Route], max_age_ns: int
) -> _Refreshed:
    rates = {rate.source: rate for _, _, rate in ways}
    rated = [quote for rate in rates.values() for quote in rate.quotes]
    received = [quote.received_ns for quote in (*rated, *(leg.quote for leg in legs))]
    return _Refreshed(
        opened_ns={route.id: route.opened_ns for route in routes if route.net_bps > 0.0},
        rate_markets={(quote.venue, quote.instrument) for quote in rated},
        expires_ns=min(received) + max_age_ns if received else float("inf"),
    )
