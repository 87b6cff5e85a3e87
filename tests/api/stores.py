"""Stores that fail: one says so, one says nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

from infrastructure.timeseries.past import Row
from infrastructure.timeseries.port import GapTerms, SignalTerms, Stored
from market import Instrument, StoreUnavailableError


class AwayStore:
    """Refuses everything, as a store does that cannot be reached."""

    expired = 0

    async def write(self, events: Sequence[Stored]) -> NoReturn:
        del events
        await self._answer()

    async def trades(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del venue, instrument, start_ns, end_ns, limit
        await self._answer()

    async def quotes(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del venue, instrument, start_ns, end_ns, limit
        await self._answer()

    async def books(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del venue, instrument, start_ns, end_ns, limit
        await self._answer()

    async def candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> NoReturn:
        del venue, instrument, interval, start_ns, end_ns, limit
        await self._answer()

    async def gaps(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del venue, instrument, start_ns, end_ns, limit
        await self._answer()

    async def all_gaps(
        self, terms: GapTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del terms, start_ns, end_ns, limit
        await self._answer()

    async def venue_candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> NoReturn:
        del venue, instrument, interval, start_ns, end_ns, limit
        await self._answer()

    async def summaries(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del venue, instrument, start_ns, end_ns, limit
        await self._answer()

    async def statuses(self, venue: str, *, start_ns: int, end_ns: int, limit: int) -> NoReturn:
        del venue, start_ns, end_ns, limit
        await self._answer()

    async def episodes(
        self, base: str | None, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del base, start_ns, end_ns, limit
        await self._answer()

    async def premiums(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del venue, instrument, start_ns, end_ns, limit
        await self._answer()

    async def signals(
        self, terms: SignalTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> NoReturn:
        del terms, start_ns, end_ns, limit
        await self._answer()

    async def listings(self) -> NoReturn:
        await self._answer()

    async def probe(self) -> NoReturn:
        await self._answer()

    async def oldest(self, kind: type[Stored], *, since_ns: int = 0) -> NoReturn:
        del kind, since_ns
        await self._answer()

    async def held(self, kind: type[Stored], *, start_ns: int, end_ns: int) -> NoReturn:
        del kind, start_ns, end_ns
        await self._answer()

    async def rows(
        self,
        kind: type[Stored],
        venue: str,
        instrument: Instrument | None = None,
        *,
        start_ns: int,
        end_ns: int,
    ) -> AsyncIterator[Sequence[Row]]:
        del kind, venue, instrument, start_ns, end_ns
        await self._answer()
        yield ()

    async def keep_from(self, time_ns: int) -> NoReturn:
        del time_ns
        await self._answer()

    async def _answer(self) -> NoReturn:
        raise StoreUnavailableError("it is away")


class SilentStore(AwayStore):
    """Never answers, as a store does behind a dead link."""

    async def _answer(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")
