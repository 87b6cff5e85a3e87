"""Premiums of the past, of candles: minutes of two venues in, what would have been told live out.

Where both markets traded in a minute, its closes are held against each other at its end, as live
quotes are (`analytics.routes.premiums`): over the first market of the reference venue that traded,
at a bank's rate and at the rate of coins that stand for dollars, both as they were at that time.
What is told at the end of a minute is known from the next moment on, for as long as what was told
live (`premiums_known`): so a candle's close sees what was told a minute before it at the latest.

Rates are made as in `analytics.across`: of the last minutes of the currencies' own markets, none
older than an hour, the one that traded most before others; and of what banks had told by then. Of
two ways over a third currency that are as good it may take the other one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.across import RATE_AGE_NS, WIDTH
from analytics.indicators.history import Series
from analytics.indicators.spreads import spread_bps
from analytics.premiums_known import BASES, LASTS_NS
from analytics.rates_past import PastRates, Source, ranked
from market import Instrument, Quote

Times = NDArray[np.int64]


class Minutes(msgspec.Struct, frozen=True, kw_only=True):
    """Closed minutes of a market: when each ended, which rises, its close and its volume."""

    venue: str
    instrument: Instrument
    end_ns: Times
    close: Series
    volume: Series

    def last(self, at_ns: Times, within_ns: int) -> tuple[Series, Series]:
        """Return close and volume of the last minute by each moment; NaN: none, or too old."""
        if not len(self.end_ns):
            return np.full(len(at_ns), np.nan), np.full(len(at_ns), np.nan)
        place = np.searchsorted(self.end_ns, at_ns, side="right") - 1
        is_known = (place >= 0) & (at_ns - self.end_ns[place] < within_ns)
        return (
            np.where(is_known, self.close[place], np.nan),
            np.where(is_known, self.volume[place], np.nan),
        )


class Told(msgspec.Struct, frozen=True):
    """Premiums of one kind of rate: times, which rise, and basis points."""

    at_ns: Times
    bps: Series


def told_of_minutes(
    market: Minutes,
    references: Sequence[Minutes],
    currencies: Sequence[Minutes],
    banks: Sequence[Quote],
    *,
    bank_age_ns: int,
    before_ns: Times,
) -> dict[str, Told]:
    """Return the premiums of a market by kind of rate, as far as they matter.

    Args:
        market: Whose premiums.
        references: Markets of the same asset at the reference venue, first choice first; where it
            is the market itself, there is none.
        currencies: Markets of currencies in one another.
        banks: What banks told, in order of receipt.
        bank_age_ns: How long that holds.
        before_ns: The moments, rising, before which they are to be known.

    """
    at_ns = _needed(market.end_ns, before_ns)
    price, _ = market.last(at_ns, 1)
    rates = PastRates(
        [*_markets(currencies, at_ns), *_banks(banks, at_ns, bank_age_ns)], len(at_ns)
    )
    found = {basis: np.full(len(at_ns), np.nan) for basis in BASES}
    is_open = np.ones(len(at_ns), dtype=bool)
    for reference in references:
        other, _ = reference.last(at_ns, 1)
        is_here = is_open & ~np.isnan(other)
        is_open = is_open & ~is_here
        if (reference.venue, reference.instrument) != (market.venue, market.instrument):
            for basis, rate in _rates(market.instrument, reference.instrument, rates):
                bps = spread_bps(price, other * rate)
                found[basis] = np.where(is_here, bps, found[basis])
    return {basis: Told(at_ns[~np.isnan(bps)], bps[~np.isnan(bps)]) for basis, bps in found.items()}


def known_before(told: Mapping[str, Told], before_ns: Times) -> Series:
    """Return what is known at each moment, in basis points; see `PremiumsKnown.before`."""
    known = np.full(len(before_ns), np.nan)
    for basis in BASES:
        one = told.get(basis)
        if one is not None and len(one.at_ns):
            place = np.searchsorted(one.at_ns, before_ns, side="left") - 1
            is_known = (place >= 0) & (before_ns - one.at_ns[place] <= LASTS_NS)
            known = np.where(np.isnan(known) & is_known, one.bps[place], known)
    return known


def _needed(end_ns: Times, before_ns: Times) -> Times:
    """Return the ends of minutes that are known at one of the moments."""
    place = np.searchsorted(before_ns, end_ns, side="right")
    is_known = place < len(before_ns)
    next_ns = before_ns[np.where(is_known, place, 0)] if len(before_ns) else end_ns
    return end_ns[is_known & (next_ns - end_ns <= LASTS_NS)]


def _rates(
    mine: Instrument, other: Instrument, rates: PastRates
) -> Iterator[tuple[str, Series | float]]:
    """Yield kinds of rate and how many of my quote currency one of the other's is worth."""
    sold, bought = other.quote_currency, mine.quote_currency
    if sold == bought:
        yield "same", 1.0
        return
    yield "stable", rates.between(sold, bought, avoiding=mine.base, by="market")
    yield "bank", rates.between(sold, bought, avoiding=mine.base, by="bank")


def _markets(currencies: Sequence[Minutes], at_ns: Times) -> Iterator[Source]:
    if not currencies:
        return
    ordered = sorted(currencies, key=lambda one: (one.venue, one.instrument))
    last = [one.last(at_ns, RATE_AGE_NS) for one in ordered]
    widths = ranked([volume for _, volume in last], WIDTH)
    for one, (close, _), width in zip(ordered, last, widths, strict=True):
        yield Source(venue=one.venue, instrument=one.instrument, value=close, width=width)


def _banks(banks: Sequence[Quote], at_ns: Times, age_ns: int) -> Iterator[Source]:
    by_market: dict[tuple[str, Instrument], list[Quote]] = {}
    for quote in banks:
        by_market.setdefault((quote.venue, quote.instrument), []).append(quote)
    for (venue, instrument), quotes in by_market.items():
        received = np.array([one.received_ns for one in quotes], dtype=np.int64)
        place = np.searchsorted(received, at_ns, side="right") - 1
        is_known = (place >= 0) & (at_ns - received[place] <= age_ns)
        bids, asks = (np.array([getattr(one, side) for one in quotes]) for side in ("bid", "ask"))
        widths = (asks - bids) / (asks + bids)
        yield Source(
            venue=venue,
            instrument=instrument,
            value=((bids + asks) / 2.0)[place],
            width=np.where(is_known, widths[place], np.inf),
            is_bank=True,
        )
