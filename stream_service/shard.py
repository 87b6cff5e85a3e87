"""A part of a venue's instruments, kept on a connection; the next is made before it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import structlog

from infrastructure.retry import Pauses
from market import Instrument, Listing
from stream_service.link import Link
from stream_service.transport import asked_to_wait_s, why_lost

log = structlog.get_logger()

LASTED_S = 5.0
"""A connection that lasted so long was no failure: the next one is made at once."""

Connect: TypeAlias = Callable[["Shard"], Link]
Up: TypeAlias = Callable[["Shard"], Awaitable[None]]
Down: TypeAlias = Callable[["Shard", str], Awaitable[None]]


class Shard:
    """Keeps ``listings`` connected until cancelled, or until there are none.

    ``link`` is the connection that counts, None while something may be missed; ``newcomers`` are
    instruments that the one from which it took over did not follow, ``moved`` all that are its own
    now because it took over.

    Args:
        listings: What one connection is for.
        connect: Makes a link for what the shard follows now.
        on_up: Told when a connection stands, also one that takes over from another.
        on_down: Told, with the reason, when none is left.
        may_overlap: Whether the venue allows the next connection beside the last.

    """

    def __init__(
        self,
        listings: Sequence[Listing],
        connect: Connect,
        *,
        on_up: Up,
        on_down: Down,
        may_overlap: bool = True,
    ) -> None:
        self.listings = listings
        self.link: Link | None = None
        self.newcomers: frozenset[Instrument] = frozenset()
        self.moved: frozenset[Instrument] = frozenset()
        self.is_up = False
        self._connect = connect
        self._on_up = on_up
        self._on_down = on_down
        self._may_overlap = may_overlap
        self._pauses = Pauses()

    def follow(self, listings: Sequence[Listing]) -> None:
        """Follow other listings, on a new connection that takes over from this one."""
        self.listings = listings
        if self.link:
            self.link.renew("the listing changed")

    async def run(self) -> None:
        """Stay connected while there is something to follow."""
        async with asyncio.TaskGroup() as tasks:
            while self.listings:
                link = self._connect(self)
                tasks.create_task(self._see_through(link))
                await asyncio.sleep(await self._stay_with(link))
            self._let_go()

    async def _see_through(self, link: Link) -> None:
        """Let a link live; when the one that counts is lost that is told at once."""
        await link.run()
        if link is self.link:
            await self._lose(link)

    async def _stay_with(self, link: Link) -> float:
        """Wait until the next link is due; return the seconds to wait before it is made."""
        if not await self._stands(link):
            if self.link is None:
                await self._lose(link)
            return max(self._pauses.failed(), asked_to_wait_s(link.lost))
        await self._take_over(link)
        started = time.monotonic()
        await _first_of(link.ended, link.due)
        if not link.ended.is_set() and not self._may_overlap:
            self._let_go()
            await link.ended.wait()
        elif link.ended.is_set() and time.monotonic() - started < LASTED_S:
            return self._pauses.failed()
        self._pauses.succeeded()
        return 0.0

    async def _stands(self, link: Link) -> bool:
        """Wait for a new link; while there is an old one it must be able to do without that."""
        await _first_of(link.up, link.ended)
        if self.link:
            await _first_of(link.settled, link.ended, self.link.ended)
        return link.up.is_set() and not link.ended.is_set()

    async def _take_over(self, link: Link) -> None:
        old, self.link = self.link, link
        self.moved = link.instruments if old else frozenset()
        self.newcomers = self.moved - old.instruments if old else frozenset()
        if old:
            log.info("venue.taken_over", why=old.why_due, instruments=len(self.listings))
            old.close()
        if link.listings != self.listings:
            link.renew("the listing changed")
        self.is_up = True
        await self._on_up(self)

    async def _lose(self, link: Link) -> None:
        self.link = None
        self.is_up = False
        await self._on_down(self, why_lost(link.lost))

    def _let_go(self) -> None:
        """Close the link that counts; nothing is told of it."""
        old, self.link = self.link, None
        if old:
            old.close()


async def _first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
