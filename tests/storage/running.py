"""What writers of the store are tested with: a store that is watched, and a writer that runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import Stored
from market import Instrument, StoreUnavailableError
from storage_service.book_writer import BookWriter
from storage_service.writer import Writer
from tests.books import assert_kept

BTC = Instrument("BTC", "USDT")
EVER = {"start_ns": 0, "end_ns": 2**63 - 1, "limit": 10_000}


class WatchedStore(EmbeddedTimeSeries):
    """Counts the writes that it is asked for; the first ``away`` of them find nobody."""

    away = 0
    writes = 0

    async def write(self, events: Sequence[Stored]) -> None:
        self.writes += 1
        if self.writes <= self.away:
            raise StoreUnavailableError("away for a moment")
        await super().write(events)


@asynccontextmanager
async def running(writer: Writer | BookWriter) -> AsyncIterator[None]:
    """Run the writer for as long as the context lasts."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(writer.run())
        await writer.listening.wait()
        yield
        assert_kept(writer.counts, "mailbox", "store")
        task.cancel()
