"""Archive and store in, the quotes of a time in the order that they were received out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing
from heapq import merge
from itertools import chain

import msgspec

from cryptotracker.adapters import open_store
from cryptotracker.settings import Settings
from infrastructure.archive.reading import open_archive
from infrastructure.timeseries.port import TimeSeries
from market import Instrument, Listed, Quote, VenueStatus
from market.intervals import INTERVALS, SECOND_NS

PIECE = 100_000
"""Quotes of a market that a store is asked for at once; of more its time is halved."""

HOUR_NS = INTERVALS["1h"]
LATE_NS = 60 * SECOND_NS
"""By how much the times of venues and ours may differ: so much later a quote still comes."""

Market = tuple[str, Instrument]


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """Which quotes are meant; empty: of all venues, of all instruments."""

    venues: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    start_ns: int
    end_ns: int

    def covers(self, venue: str, instrument: Instrument) -> bool:
        """Tell whether the quotes of a market are meant."""
        return (not self.venues or venue in self.venues) and (
            not self.instruments or instrument in self.instruments
        )


def stored_events(settings: Settings, meant: Meant) -> Iterator[Quote | VenueStatus | Listed]:
    """Yield listings, then quotes and statuses by time of receipt.

    Days that are archived are read from there, those behind them from the store.

    Raises:
        UnavailableError: one of them does not answer.

    """
    archived_ns = meant.start_ns
    if settings.archive:
        with closing(open_archive(settings.archive)) as archive:
            span = archive.span_of(Quote, meant.venues or None)
            archived_ns = min(max(meant.start_ns, span.end_ns), meant.end_ns)
            reading = archive.read(
                Quote,
                meant.venues or None,
                meant.instruments or None,
                start_ns=meant.start_ns,
                end_ns=archived_ns,
                order="received_ns",
            )
            yield from chain.from_iterable(reading)
    if archived_ns < meant.end_ns:
        yield from _of_store(settings, msgspec.structs.replace(meant, start_ns=archived_ns))


def _of_store(settings: Settings, meant: Meant) -> Iterator[Quote | VenueStatus | Listed]:
    with asyncio.Runner() as runner:
        opening = open_store(settings)
        store = runner.run(opening.__aenter__())
        try:
            listings = [
                one
                for one in runner.run(_listings(store))
                if meant.covers(one.venue, one.instrument)
            ]
            yield from listings
            statuses = runner.run(_statuses(store, meant, {one.venue for one in listings}))
            markets = [(one.venue, one.instrument) for one in listings]
            quotes: Iterator[Quote | VenueStatus] = _quotes(runner, store, markets, meant)
            yield from merge(quotes, statuses, key=_received_ns)
        finally:
            runner.run(opening.__aexit__(None, None, None))


async def _listings(store: TimeSeries) -> Sequence[Listed]:
    return await store.listings()


async def _statuses(store: TimeSeries, meant: Meant, venues: set[str]) -> list[VenueStatus]:
    found: list[VenueStatus] = []
    for venue in sorted(venues):
        found += await store.statuses(
            venue, start_ns=meant.start_ns, end_ns=meant.end_ns, limit=PIECE
        )
    return sorted(found, key=_received_ns)


def _quotes(
    runner: asyncio.Runner, store: TimeSeries, markets: Sequence[Market], meant: Meant
) -> Iterator[Quote]:
    """Read hour by hour; what came late waits for what came before it."""
    waiting: list[Quote] = []
    for start_ns in range(meant.start_ns, meant.end_ns, HOUR_NS):
        end_ns = min(start_ns + HOUR_NS, meant.end_ns)
        for market in markets:
            waiting += runner.run(_of_market(store, market, start_ns, end_ns))
        waiting.sort(key=_received_ns)
        ready = [one for one in waiting if one.received_ns < end_ns - LATE_NS]
        yield from ready
        waiting = waiting[len(ready) :]
    yield from waiting


async def _of_market(
    store: TimeSeries, market: Market, start_ns: int, end_ns: int
) -> Sequence[Quote]:
    found = await store.quotes(*market, start_ns=start_ns, end_ns=end_ns, limit=PIECE)
    if len(found) < PIECE or end_ns - start_ns <= SECOND_NS:
        return found
    middle_ns = (start_ns + end_ns) // 2
    early = await _of_market(store, market, start_ns, middle_ns)
    return [*early, *await _of_market(store, market, middle_ns, end_ns)]


def _received_ns(event: Quote | VenueStatus) -> int:
    return event.received_ns
