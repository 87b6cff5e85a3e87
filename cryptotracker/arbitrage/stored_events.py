"""Archive and store in, what a board listens to out, in the order that it was received.

Days that are archived whole come from the archive, all others from the store. Books are
there where they were asked for (``CRYPTOTRACKER_BOOK_EVERY_S``). Of how a venue does the first word
of each minute is kept: `KEPT_EVERY_NS` is how much longer than live it may be silent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from heapq import merge
from itertools import chain
from typing import TypeAlias

import msgspec

from analytics.backtest.arbitrage.tape import Told
from cryptotracker.adapters import open_store
from cryptotracker.choice import chosen_polled
from cryptotracker.settings import Settings
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.archive.reading import Archive, open_archive
from infrastructure.archive.rows import maker
from infrastructure.archive.sources import Span
from infrastructure.timeseries.line_protocol import ROOM_NS, millisecond_of
from infrastructure.timeseries.past import Store
from infrastructure.timeseries.question import columns_of
from market import Book, Instrument, Listed, Quote, Summary, VenueStatus
from market.intervals import INTERVALS, SECOND_NS

Kept: TypeAlias = Quote | Book | Summary | VenueStatus

KEPT_EVERY_NS = INTERVALS["1m"]
"""Of what is told again and again, such as that a venue lives, so seldom one is kept."""

PIECES_NS = {Quote: INTERVALS["15m"], Book: INTERVALS["15m"]}
"""How much time of a kind is read from the store at once, where that is not a day."""

LATE_NS = 60 * SECOND_NS
"""By how much the times of venues and ours may differ: so much later an event still comes."""


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """Which markets are meant; empty: of all venues, of all instruments."""

    venues: tuple[str, ...]
    instruments: tuple[Instrument, ...]
    start_ns: int
    end_ns: int

    def covers(self, venue: str, instrument: Instrument) -> bool:
        """Tell whether a market is meant."""
        return (not self.venues or venue in self.venues) and (
            not self.instruments or instrument in self.instruments
        )


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of one kind; ``venues``: None is all that are listed."""

    kind: type[Kept]
    venues: tuple[str, ...] | None
    instruments: tuple[Instrument, ...] | None
    start_ns: int
    end_ns: int


def stored_events(settings: Settings, meant: Meant) -> Iterator[Told]:
    """Yield listings, then quotes, books, rates of banks and statuses by time of receipt.

    The terms of listings are the last that the store has. Where all days that are meant are
    archived it is not opened: then there are none, and of the day before only what is archived.

    Raises:
        UnavailableError: archive or store does not answer.

    """
    with ExitStack() as opened:
        archived, archive = frozenset[int](), None
        if settings.archive:
            archive = opened.enter_context(closing(open_archive(settings.archive)))
            archived = _archived(archive)
        store = None
        if not archived.issuperset(_days(Span(meant.start_ns, meant.end_ns))):
            store = opened.enter_context(_opened(settings))
            yield from store.listings(meant)
        told: list[Iterator[Kept]] = []
        for part in _parts(settings, meant):
            if archive is not None:
                told.append(_from_archive(archive, part, archived))
            if store is not None:
                told.append(store.events(part, archived))
        yield from merge(*told, key=_received_ns)


def _parts(settings: Settings, meant: Meant) -> Iterator[_Part]:
    """Yield what is read; what was told before the first quote and still counts is read too."""
    venues, instruments = meant.venues or None, meant.instruments or None
    banks = _banks(settings)
    rate_age_ns = round(settings.max_bank_rate_age_s * SECOND_NS)
    for kind, of, only, earlier_ns in (
        (Book, venues, instruments, 0),
        (Quote, venues, instruments, 0),
        (Summary, banks, None, rate_age_ns),
        (VenueStatus, venues and (*venues, *banks), None, KEPT_EVERY_NS),
    ):
        yield _Part(
            kind=kind,
            venues=of,
            instruments=only,
            start_ns=meant.start_ns - earlier_ns,
            end_ns=meant.end_ns,
        )


def _banks(settings: Settings) -> tuple[str, ...]:
    """Return the services that tell rates of money; they list nothing."""
    return tuple(sorted(polled.name for polled in chosen_polled(settings)))


def _archived(archive: Archive) -> frozenset[int]:
    """Return the days (since the epoch) that are archived whole, else those with quotes."""
    whole = whole_days(archive.files)
    if not whole:
        return frozenset(_days(archive.span_of(Quote)))
    return frozenset(start_of_day(day) // DAY_NS for day in whole)


def _days(span: Span) -> range:
    """Return the days (since the epoch) that a range touches."""
    return range(span.start_ns // DAY_NS, -(-span.end_ns // DAY_NS))


def _from_archive(archive: Archive, part: _Part, archived: Collection[int]) -> Iterator[Kept]:
    """Yield what happened on days that are archived."""
    told = archive.read(
        part.kind,
        part.venues,
        part.instruments,
        start_ns=part.start_ns,
        end_ns=part.end_ns,
        order="received_ns",
    )
    return (one for one in chain.from_iterable(told) if one.event_ns // DAY_NS in archived)


@contextmanager
def _opened(settings: Settings) -> Iterator[_Stored]:
    with asyncio.Runner() as runner:
        opening = open_store(settings)
        store = runner.run(opening.__aenter__())
        try:
            yield _Stored(runner, store, banks=_banks(settings))
        finally:
            runner.run(opening.__aexit__(None, None, None))


class _Stored:
    """A store that is read piece by piece."""

    def __init__(self, runner: asyncio.Runner, store: Store, *, banks: Collection[str]) -> None:
        self._runner = runner
        self._store = store
        self._venues = set(banks)
        """Those that events may be of, as far as listings say."""

    def listings(self, meant: Meant) -> list[Listed]:
        """Return the terms of the markets that are meant, as if they had been told before."""
        listed = self._runner.run(_listings(self._store))
        self._venues.update(one.venue for one in listed)
        return [
            msgspec.structs.replace(one, received_ns=min(one.received_ns, meant.start_ns - 1))
            for one in listed
            if meant.covers(one.venue, one.instrument)
        ]

    def events(self, part: _Part, archived: Collection[int]) -> Iterator[Kept]:
        """Yield what is stored of other days; what came late waits for what came before it."""
        waiting: list[Kept] = []
        for piece in self._pieces(part, archived):
            for venue in sorted(self._venues) if part.venues is None else part.venues:
                waiting += self._runner.run(_piece(self._store, part, venue, piece))
            waiting.sort(key=_received_ns)
            ready = [one for one in waiting if one.received_ns < piece.end_ns - LATE_NS]
            yield from ready
            waiting = waiting[len(ready) :]
        yield from waiting

    def _pieces(self, part: _Part, archived: Collection[int]) -> Iterator[Span]:
        """Part the range; archived days, and times with nothing of the kind, are left out."""
        piece_ns, start_ns = PIECES_NS.get(part.kind, DAY_NS), part.start_ns
        while (start_ns := _first_after(archived, start_ns)) < part.end_ns:
            oldest_ns = self._runner.run(self._store.oldest(part.kind, since_ns=start_ns))
            if oldest_ns is None or oldest_ns >= part.end_ns:
                return
            first_ns = max(start_ns, millisecond_of(oldest_ns))
            start_ns = min(first_ns + piece_ns, _midnight_after(first_ns), part.end_ns)
            if first_ns // DAY_NS not in archived:
                yield Span(first_ns, start_ns)


def _first_after(archived: Collection[int], time_ns: int) -> int:
    """Return the first time from then on that lies in no archived day."""
    while time_ns // DAY_NS in archived:
        time_ns = _midnight_after(time_ns)
    return time_ns


def _midnight_after(time_ns: int) -> int:
    return time_ns // DAY_NS * DAY_NS + DAY_NS


async def _listings(store: Store) -> Collection[Listed]:
    return await store.listings()


async def _piece(store: Store, part: _Part, venue: str, span: Span) -> list[Kept]:
    """Return what is meant of a venue and happened in a range."""
    make = maker(part.kind, columns_of(part.kind))
    first_ns, end_ns = millisecond_of(span.start_ns), millisecond_of(span.end_ns - 1) + ROOM_NS
    events: list[Kept] = []
    async for rows in store.rows(part.kind, venue, start_ns=first_ns, end_ns=end_ns):
        events += map(make, rows)
    return [
        one
        for one in events
        if span.start_ns <= one.event_ns < span.end_ns
        and (part.instruments is None or one.instrument in part.instruments)
    ]


def _received_ns(event: Kept) -> int:
    return event.received_ns
