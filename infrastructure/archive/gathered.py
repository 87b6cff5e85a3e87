"""Events of a few markets at some venues, from archive and store together, each once.

For what is rare, such as the rates that banks tell: all of it is read into memory, and what the
archive has is looked for in the store too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable
from contextlib import closing
from typing import TypeVar

from infrastructure.archive.files import Files
from infrastructure.archive.joined import order_of, take
from infrastructure.archive.reading import Archive
from infrastructure.archive.rows import maker
from infrastructure.archive.sources import Span
from infrastructure.timeseries.line_protocol import ROOM_NS
from infrastructure.timeseries.past import Past
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import columns_of, time_field
from market import Instrument, Premium, Quote, Summary

E = TypeVar("E", Premium, Quote, Summary)


async def gathered(
    past: Past | None,
    files: Files | None,
    kind: type[E],
    venues: Collection[str],
    instruments: Collection[Instrument],
    span: Span,
) -> list[E]:
    """Return events of a kind in order of time.

    Args:
        past: The store; None: it is not read.
        files: The archive; None: there is none.
        kind: Of the events.
        venues: Whose.
        instruments: Of which.
        span: The range of time.

    """
    known: dict[Hashable, Stored] = {}
    if files is not None:
        take(known, await asyncio.to_thread(_archived, files, kind, venues, instruments, span))
    if past is not None:
        for venue in venues:
            take(known, await _stored(past, kind, venue, instruments, span))
    return sorted((one for one in known.values() if isinstance(one, kind)), key=order_of)


def _archived(
    files: Files,
    kind: type[E],
    venues: Collection[str],
    instruments: Collection[Instrument],
    span: Span,
) -> list[E]:
    with closing(Archive(files)) as archive:
        batches = archive.read(
            kind, venues, instruments, start_ns=span.start_ns, end_ns=span.end_ns
        )
        return [one for batch in batches for one in batch]


async def _stored(
    past: Past, kind: type[E], venue: str, instruments: Collection[Instrument], span: Span
) -> list[E]:
    make, found = maker(kind, columns_of(kind)), list[E]()
    first_ns, last_ns = (ns // ROOM_NS * ROOM_NS for ns in (span.start_ns, span.end_ns - 1))
    async for rows in past.rows(kind, venue, start_ns=first_ns, end_ns=last_ns + ROOM_NS):
        told = (make(row) for row in rows)
        found += [
            one
            for one in told
            if one.instrument in instruments
            and span.start_ns <= getattr(one, time_field(kind)) < span.end_ns
        ]
    return found
