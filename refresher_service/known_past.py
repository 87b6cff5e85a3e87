"""What the store knows of a market's past, for strategies that are to be told of it."""

from collections.abc import Sequence

import msgspec

from analytics.premiums_known import BASES, PremiumsKnown
from infrastructure.timeseries.port import SignalTerms, TimeSeries
from market import Candle, Instrument, Quote, Signal
from market.intervals import INTERVALS

AT_MOST = 1_000
"""Signals of a day that are read."""

PREMIUMS = 50_000
"""Premiums that are read, of each kind of rate."""

_PREMIUM_EVERY_NS = INTERVALS["1m"]
_EVER = 2**62


class Market(msgspec.Struct, frozen=True):
    """A venue's instrument, and the interval of candles; of quotes `choice.QUOTES`."""

    venue: str
    instrument: Instrument
    interval: str


class KnownPast:
    """Reads the store; every method raises `StoreUnavailableError` where it does not answer."""

    def __init__(self, store: TimeSeries) -> None:
        self._store = store

    async def candles(
        self, market: Market, *, limit: int, start_ns: int = 0, end_ns: int = _EVER
    ) -> Sequence[Candle]:
        """Return the newest closed candles, oldest first."""
        return await self._store.candles(
            market.venue,
            market.instrument,
            market.interval,
            start_ns=start_ns,
            end_ns=end_ns,
            limit=limit,
        )

    async def quotes(self, market: Market, *, limit: int, end_ns: int) -> Sequence[Quote]:
        """Return the newest quotes before ``end_ns``, oldest first."""
        return await self._store.quotes(
            market.venue, market.instrument, start_ns=0, end_ns=end_ns, limit=limit
        )

    async def signals(self, market: Market, *, start_ns: int) -> Sequence[Signal]:
        """Return what was said from ``start_ns`` on, oldest first; the newest before that too."""
        terms = SignalTerms(
            venues=[market.venue], instruments=[market.instrument], intervals=[market.interval]
        )
        before = await self._store.signals(terms, start_ns=0, end_ns=start_ns, limit=AT_MOST)
        since = await self._store.signals(terms, start_ns=start_ns, end_ns=_EVER, limit=AT_MOST)
        return [*before, *since]

    async def premiums(self, market: Market, *, start_ns: int, end_ns: int) -> PremiumsKnown:
        """Return the premiums of a time, as they were known."""
        at_most = min(PREMIUMS, (end_ns - start_ns) // _PREMIUM_EVERY_NS + 1)
        known = PremiumsKnown(at_most)
        for premium in await self._store.premiums(
            market.venue,
            market.instrument,
            start_ns=start_ns,
            end_ns=end_ns,
            limit=at_most * len(BASES),
        ):
            known.take(premium)
        return known
