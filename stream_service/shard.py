"""A part of a venue's instruments, kept on a connection; the next is made before it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import structlog

from infrastructure.retry import Pauses
from market import Listing
from stream_service.link import Link
from stream_service.transport import asked_to_wait_s

log = structlog.get_logger()

LASTED_S = 5.0
"""A connection that lasted so long was no failure: the next one is made at once."""

STANDS_WITHIN_S = 30.0
"""How long a new connection may take to say its first word, and then to settle."""

Connect: TypeAlias = Callable[[Sequence[Listing]], Link]
Told: TypeAlias = Callable[["Shard", str], Awaitable[None]]


class Shard:
    """Keeps ``listings`` connected until cancelled.

    Args:
        listings: What one connection is for.
        connect: Makes a link for listings.
        on_up: Told when a first connection stands, or one after a loss.
        on_down: Told, with the reason, when none is left.
        may_overlap: Whether the venue allows the next connection beside the last.

    """

    def __init__(
        self,
        listings: Sequence[Listing],
        connect: Connect,
        *,
        on_up: Told,
        on_down: Told,
        may_overlap: bool = True,
    ) -> None:
        self.listings = listings
        self.link: Link | None = None
        self.is_up = False
        self.reconnects = 0
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
        """Stay connected; ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                link = self._connect(self.listings)
                tasks.create_task(link.run())
                if await self._stands(link):
                    await self._take_over(link)
                    await self._keep(link)
                else:
                    await self._give_up(link)

    async def _stands(self, link: Link) -> bool:
        """Wait for a new link; beside an old one it must be able to do without that."""
        await _first_of(link.up, link.ended, within_s=STANDS_WITHIN_S)
        if self.link and link.up.is_set():
            await _first_of(link.settled, link.ended, within_s=STANDS_WITHIN_S)
        return link.up.is_set() and not link.ended.is_set()

    async def _take_over(self, link: Link) -> None:
        """Let go of the old link, if there is one still."""
        old, self.link = self.link, link
        if old:
            log.info("venue.taken_over", why=old.why_due, instruments=len(self.listings))
            old.close()
        if not self.is_up:
            self.is_up = True
            await self._on_up(self, "")

    async def _keep(self, link: Link) -> None:
        """Wait until the link is lost, or the next one is due."""
        started = time.monotonic()
        await _first_of(link.ended, link.due)
        if not link.ended.is_set() and not self._may_overlap:
            link.close()
            await link.ended.wait()
            self.link = None
        elif link.ended.is_set():
            await self._lose(link)
            if time.monotonic() - started < LASTED_S:
                await asyncio.sleep(self._pauses.failed())
                return
        self._pauses.succeeded()

    async def _give_up(self, link: Link) -> None:
        """Let go of a link that never stood; wait before the next one."""
        link.close()
        await link.ended.wait()
        if self.link is None or self.link.ended.is_set():
            await self._lose(link)
        await asyncio.sleep(max(self._pauses.failed(), asked_to_wait_s(link.lost)))

    async def _lose(self, link: Link) -> None:
        self.link = None
        self.is_up = False
        self.reconnects += 1
        await self._on_down(self, str(link.lost) or type(link.lost).__name__)


async def _first_of(*events: asyncio.Event, within_s: float | None = None) -> None:
    """Wait until one of the events is set, or the time is over."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
