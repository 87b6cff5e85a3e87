"""What was known of a market's premium at each close of its candles, from archive and store.

First what was told live and kept. Where that is not, premiums are made of the minutes of the market
and of the reference venue's, and of what rates were then, see `analytics.premiums_past`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import TypeAlias

import msgspec
import numpy as np

from analytics.backtest import Bars
from analytics.indicators.history import Series
from analytics.premiums_known import BASES, LASTS_NS, PremiumsKnown
from analytics.premiums_past import Minutes, Times, Told, known_before, told_of_minutes
from analytics.rates import BRIDGES, bank_rate
from analytics.rates_past import pairs_between
from analytics.routes.identity import rank
from infrastructure.archive.files import Files
from infrastructure.archive.gathered import gathered
from infrastructure.archive.joined import Wanted, joined
from infrastructure.archive.joined_candles import PastCandles
from infrastructure.archive.reading import Archive
from infrastructure.archive.sources import Span
from infrastructure.timeseries.past import Store
from market import Candle, Instrument, Premium, Quote, Summary
from market.intervals import INTERVALS

MINUTE_NS, HOUR_NS = INTERVALS["1m"], INTERVALS["1h"]

Market: TypeAlias = tuple[str, Instrument]


class PremiumTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What premiums are over, and whose rates are a bank's and for how long they hold.

    ``asset_id`` names the coin that a venue means by a code: others are not compared.
    """

    reference_venue: str = ""
    bank_venues: frozenset[str] = frozenset()
    bank_age_ns: int = 0
    asset_id: Callable[[str, str], str] = lambda _, code: code


class Premiums(msgspec.Struct, frozen=True):
    """Basis points at each close, NaN where nobody knows; how many are known, and told live."""

    bps: Series
    known: int
    told: int


def premiums_unknown(market: Market, terms: PremiumTerms) -> str:
    """Say that no premium of a market is known, and what would make one."""
    venue, instrument = market
    return (
        f"no premium of {venue} {instrument} over {terms.reference_venue} is known then: it takes "
        f"minutes of {instrument.base} at both, and of markets of the currencies they are quoted in"
    )


class PastPremiums:
    """Reads premiums of the past, or what they are made of.

    Args:
        store: Where those are that are not archived; None: the archive alone is read.
        files: The archive; None: there is none.
        terms: What premiums are over.
        at_most: More minutes of a market than so many are refused.
        told: Is told how many more candles were read.

    """

    def __init__(
        self,
        store: Store | None,
        files: Files | None,
        terms: PremiumTerms,
        *,
        at_most: int | None = None,
        told: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._files = files
        self._terms = terms
        self._candles = PastCandles(store, files, at_most=at_most, told=told)

    async def at_closes(
        self, bars: Bars, venue: str, instrument: Instrument, *, now_ns: int
    ) -> Premiums:
        """Return what was known at the closes of a market's candles.

        Raises:
            TooManyCandlesError: they would be made of more minutes than are to be read.

        """
        closes_ns = bars.start_ns + bars.length_ns
        market = venue, instrument
        told = known_before(await self._told(market, closes_ns, now_ns), closes_ns)
        bps = told
        if _unknown(told):
            made = await self._made(market, closes_ns, now_ns)
            bps = np.where(np.isnan(told), known_before(made, closes_ns), told)
        return Premiums(bps, len(bps) - _unknown(bps), len(bps) - _unknown(told))

    async def _told(self, market: Market, closes_ns: Times, now_ns: int) -> dict[str, Told]:
        """Return what was told live; of each minute the first, as live."""
        span = _before(closes_ns, LASTS_NS)
        known = PremiumsKnown((span.end_ns - span.start_ns) // MINUTE_NS + 2)
        async for batch in self._kept(market, span, now_ns):
            for one in batch:
                known.take(one)
        rows: dict[str, list[tuple[int, float]]] = {basis: [] for basis in BASES}
        for basis, event_ns, told in known.told():
            rows[basis].append((event_ns, told))
        return {
            basis: Told(
                np.array([at_ns for at_ns, _ in some], dtype=np.int64),
                np.array([told for _, told in some], dtype=np.float64),
            )
            for basis, some in rows.items()
        }

    async def _kept(
        self, market: Market, span: Span, now_ns: int
    ) -> AsyncIterator[Sequence[Premium]]:
        if self._store is not None:
            wanted = Wanted(Premium, *market)
            async for batch in joined(self._store, self._files, wanted, span, now_ns=now_ns):
                yield [one for one in batch if isinstance(one, Premium)]
        else:
            yield await gathered(None, self._files, Premium, [market[0]], [market[1]], span)

    async def _made(self, market: Market, closes_ns: Times, now_ns: int) -> dict[str, Told]:
        """Make premiums of minutes."""
        span = _before(closes_ns, LASTS_NS + MINUTE_NS)
        mine = await self._minutes(market, span, now_ns)
        references = [await self._minutes(one, span, now_ns) for one in self._references(market)]
        references = [one for one in references if len(one.end_ns)]
        bought = market[1].quote_currency
        sold = {one.instrument.quote_currency for one in references} - {bought}
        pairs = list(dict.fromkeys(chain.from_iterable(pairs_between(one, bought) for one in sold)))
        earlier = _before(closes_ns, LASTS_NS + HOUR_NS)
        found = await self._markets(pairs, earlier)
        currencies = [await self._minutes(one, earlier, now_ns) for one in found]
        return await asyncio.to_thread(
            told_of_minutes,
            mine,
            references,
            currencies,
            await self._banks(pairs, _before(closes_ns, LASTS_NS + self._terms.bank_age_ns)),
            bank_age_ns=self._terms.bank_age_ns,
            before_ns=closes_ns,
        )

    def _references(self, market: Market) -> Iterator[Market]:
        """Yield the reference venue's markets of the same asset, first choice first."""
        venue, asset_id = self._terms.reference_venue, self._terms.asset_id
        base = market[1].base
        if asset_id(venue, base) == asset_id(market[0], base):
            currencies = {*BRIDGES, market[1].quote_currency} - {base}
            for currency in sorted(currencies, key=lambda one: rank((venue, one))):
                yield venue, Instrument(base, currency)

    async def _minutes(self, market: Market, span: Span, now_ns: int) -> Minutes:
        found = await self._candles.read(*market, "1m", span, now_ns=now_ns)
        return Minutes(
            venue=market[0],
            instrument=market[1],
            end_ns=found.start_ns + MINUTE_NS,
            close=found.close,
            volume=found.volume,
        )

    async def _markets(self, pairs: Collection[Instrument], span: Span) -> list[Market]:
        """Return the markets of some instruments that there are candles of."""
        found: set[Market] = set()
        if self._files is not None and pairs:
            found |= await asyncio.to_thread(_archived_markets, self._files, pairs, span)
        if self._store is not None and pairs:
            listings = await self._store.listings()
            found |= {(one.venue, one.instrument) for one in listings if one.instrument in pairs}
        return sorted(one for one in found if one[0] not in self._terms.bank_venues)

    async def _banks(self, pairs: Collection[Instrument], span: Span) -> list[Quote]:
        """Return what banks told of some instruments, in order of receipt."""
        venues = sorted(self._terms.bank_venues)
        if not venues or not pairs:
            return []
        quotes = await gathered(self._store, self._files, Quote, venues, pairs, span)
        told = await gathered(self._store, self._files, Summary, venues, pairs, span)
        return sorted([*quotes, *map(bank_rate, told)], key=lambda one: one.received_ns)


def _archived_markets(files: Files, pairs: Collection[Instrument], span: Span) -> set[Market]:
    with closing(Archive(files)) as archive:
        found = archive.markets(Candle, pairs, start_ns=span.start_ns, end_ns=span.end_ns)
        return set(found)


def _before(closes_ns: Times, earlier_ns: int) -> Span:
    """Return the time from so long before the first close to the last."""
    return (
        Span(int(closes_ns[0]) - earlier_ns, int(closes_ns[-1])) if len(closes_ns) else Span(0, 0)
    )


def _unknown(bps: Series) -> int:
    return int(np.isnan(bps).sum())
