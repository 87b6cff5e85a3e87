"""Which days are still to be archived, and from when on nothing may expire because of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from datetime import date, timedelta

from infrastructure.archive.files import Files
from infrastructure.archive.kinds import KINDS
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, day_of, start_of_day, today
from infrastructure.timeseries.past import Past

LOOKED_AT_AGAIN = 3
"""Days that are archived again each day, for what came late."""


async def days_to_archive(past: Past, files: Files, *, now_ns: int) -> list[date]:
    """Return the days that the store has rows of and that are over: new ones, and the last few."""
    ends = today(now_ns)
    whole = whole_days(files)
    late = {ends - timedelta(days=number) for number in range(1, LOOKED_AT_AGAIN + 1)}
    return [day async for day in _days(past, whole - late, ends)]


async def kept_from(past: Past, files: Files, *, now_ns: int) -> int:
    """Return the time from which on nothing may expire.

    That is the first day that is not archived; and yesterday is kept until what comes late of it
    was archived too, a day later.
    """
    ends = today(now_ns)
    yesterday = ends - timedelta(days=1)
    async for day in _days(past, whole_days(files), yesterday):
        return start_of_day(day)
    return start_of_day(yesterday)


async def _days(past: Past, done: Collection[date], ends: date) -> AsyncIterator[date]:
    """Yield the days before the end that there are rows of, but for those that are done."""
    since_ns = 0
    while True:
        found = [await past.oldest(kind, since_ns=since_ns) for kind in KINDS]
        day = min((day_of(time_ns) for time_ns in found if time_ns is not None), default=ends)
        if day >= ends:
            return
        if day not in done:
            yield day
        since_ns = start_of_day(day) + DAY_NS
        while day_of(since_ns) in done:
            since_ns += DAY_NS
