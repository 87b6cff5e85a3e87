"""The past as a whole: days that are archived from the archive, the others from the store.

Of the last few days both are read, as something may have come late; each event counts once, the
one that a store would keep. A day that is not archived whole is only in the store, from which
nothing expires until it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator
from contextlib import closing
from datetime import timedelta

import msgspec

from infrastructure.archive.catching_up import LOOKED_AT_AGAIN
from infrastructure.archive.files import Files
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, day_of, start_of_day, today
from infrastructure.archive.reading import Archive
from infrastructure.archive.rows import maker
from infrastructure.archive.sources import Span
from infrastructure.timeseries.batch import identity_of, rank_of
from infrastructure.timeseries.line_protocol import ROOM_NS
from infrastructure.timeseries.past import Past
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import SecondCandle, columns_of, kept_as, time_field
from market import Book, Instrument, Quote, Trade
from market.intervals import INTERVALS

STEPS: dict[type[Stored], int] = {
    Quote: INTERVALS["1h"],
    Trade: INTERVALS["1h"],
    Book: INTERVALS["4h"],
    SecondCandle: INTERVALS["1d"],
}
"""How much time of a series is in memory at once, where that is not a month."""


class Wanted(msgspec.Struct, frozen=True):
    """One series; of candles an interval, else empty."""

    kind: type[Stored]
    venue: str
    instrument: Instrument
    interval: str = ""

    @property
    def kept(self) -> type[Stored]:
        """The kind that names where they are kept."""
        return kept_as(self.kind, self.interval)


async def joined(
    past: Past, files: Files | None, wanted: Wanted, span: Span, *, now_ns: int
) -> AsyncIterator[list[Stored]]:
    """Yield the events of a series in order of time, in batches, each once; see the module.

    Args:
        past: The store.
        files: The archive; None: there is none.
        wanted: The series.
        span: The range of time.
        now_ns: The time now.

    """
    if files is None:
        held = await _held(past, wanted, span, now_ns)
        async for batch in _from_store(past, None, wanted, held):
            yield batch
        return
    with closing(await asyncio.to_thread(Archive, files)) as archive:
        for part, is_archived, is_stored in await parted(past, archive, wanted, span, now_ns):
            if is_stored:
                both = archive if is_archived else None
                async for batch in _from_store(past, both, wanted, part):
                    yield batch
            else:
                told = _from_archive(archive, wanted, part)
                while batch := await asyncio.to_thread(_next, told):
                    yield batch


def take(known: dict[Hashable, Stored], events: Iterable[Stored]) -> None:
    """Take events in, by identity; of two with the same the greater rank stays, else the later."""
    for event in events:
        key = identity_of(event)
        other = known.get(key)
        if other is None or rank_of(event) >= rank_of(other):
            known[key] = event


def order_of(event: Stored) -> tuple[int, int, str]:
    """Return what the events of a series are in order of."""
    return getattr(event, time_field(type(event))), event.sequence, str(identity_of(event))


async def parted(
    past: Past, archive: Archive, wanted: Wanted, span: Span, now_ns: int
) -> list[tuple[Span, bool, bool]]:
    """Part the range by where it is read; each part says: is archived, is stored."""
    there = await asyncio.to_thread(archive.span_of, wanted.kept, [wanted.venue])
    held = await _held(past, wanted, span, now_ns)
    starts = [one.start_ns for one in (there, held) if one]
    ends = [one.end_ns for one in (there, held) if one]
    if not starts:
        return []
    start_ns, end_ns = max(span.start_ns, min(starts)), min(span.end_ns, max(ends))
    whole = await asyncio.to_thread(whole_days, archive.files)
    late = today(now_ns) - timedelta(days=LOOKED_AT_AGAIN)
    parts: list[tuple[Span, bool, bool]] = []
    while start_ns < end_ns:
        day = day_of(start_ns)
        ends_ns = min(start_of_day(day + timedelta(days=1)), end_ns)
        where = (day in whole, day not in whole or day >= late)
        if parts and parts[-1][1:] == where:
            parts[-1] = (Span(parts[-1][0].start_ns, ends_ns), *where)
        else:
            parts.append((Span(start_ns, ends_ns), *where))
        start_ns = ends_ns
    return parts


async def _held(past: Past, wanted: Wanted, span: Span, now_ns: int) -> Span:
    """Return the part of the range that the store may have something of."""
    oldest_ns = await past.oldest(wanted.kept, since_ns=max(0, span.start_ns))
    ends_ns = min(span.end_ns, now_ns + DAY_NS)
    return Span(0, 0) if oldest_ns is None else Span(max(oldest_ns, span.start_ns), ends_ns)


async def _from_store(
    past: Past, archive: Archive | None, wanted: Wanted, span: Span
) -> AsyncIterator[list[Stored]]:
    """Yield what the store has, and the archive where that is read too, an hour at a time."""
    make = maker(wanted.kept, columns_of(wanted.kept))
    async for part in _steps(past, archive, wanted, span):
        known: dict[Hashable, Stored] = {}
        if archive is not None:
            told = await asyncio.to_thread(list, _from_archive(archive, wanted, part))
            take(known, (event for batch in told for event in batch))
        first_ns, last_ns = (ns // ROOM_NS * ROOM_NS for ns in (part.start_ns, part.end_ns - 1))
        async for rows in past.rows(
            wanted.kept,
            wanted.venue,
            wanted.instrument,
            start_ns=first_ns,
            end_ns=last_ns + ROOM_NS,
        ):
            events = map(make, rows)
            take(known, (one for one in events if _is_meant(one, wanted, part)))
        if known:
            yield sorted(known.values(), key=order_of)


def _next(batches: Iterator[list[Stored]]) -> list[Stored]:
    return next(batches, [])


def _from_archive(archive: Archive, wanted: Wanted, span: Span) -> Iterator[list[Stored]]:
    return archive.read(
        wanted.kept,
        [wanted.venue],
        [wanted.instrument],
        interval=wanted.interval or None,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
    )


async def _steps(
    past: Past, archive: Archive | None, wanted: Wanted, span: Span
) -> AsyncIterator[Span]:
    """Part a range so that what is in each fits into memory.

    Where only the store is read, times in which it has nothing of the kind are left out.
    """
    step_ns = STEPS.get(wanted.kept, 30 * DAY_NS)
    start_ns = span.start_ns
    while start_ns < span.end_ns:
        yield Span(start_ns, min(start_ns + step_ns, span.end_ns))
        start_ns += step_ns
        if archive is None:
            oldest_ns = await past.oldest(wanted.kept, since_ns=start_ns)
            start_ns = max(start_ns, span.end_ns if oldest_ns is None else oldest_ns)


def _is_meant(event: Stored, wanted: Wanted, span: Span) -> bool:
    in_range = span.start_ns <= getattr(event, time_field(wanted.kept)) < span.end_ns
    return in_range and getattr(event, "interval", "") == wanted.interval
