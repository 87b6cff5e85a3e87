"""A lead within one process."""

import asyncio


class LocalLead:
    """The lead of one of those that stand for it."""

    def __init__(self) -> None:
        self._held = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def is_held(self) -> bool:
        """See `Lead.is_held`."""
        return self._held.is_set()

    async def held(self) -> None:
        """See `Lead.held`."""
        await self._held.wait()

    async def lost(self) -> None:
        """See `Lead.lost`."""
        await self._lost.wait()

    def grant(self) -> None:
        """Make it ours."""
        self._held.set()
        self._lost.clear()

    def take_away(self) -> None:
        """Make it ours no more."""
        self._held.clear()
        self._lost.set()
