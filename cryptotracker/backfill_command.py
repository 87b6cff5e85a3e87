"""The venues' candles of the past in, the store out, with a bar: what `backfill` does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, TypeAlias

import typer

from cryptotracker.adapters import open_bus, open_store
from cryptotracker.choice import chosen_venues, with_keys
from cryptotracker.progress import Bar, progress
from cryptotracker.recorded import complain
from cryptotracker.settings import Settings, read_settings
from infrastructure.log import configure_logging
from market import (
    FrameError,
    Instrument,
    SettingsError,
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
)
from stream_service.past_candles import PastCandles, history_of
from stream_service.refusals import in_words
from stream_service.rest import UNANSWERED, VenueRest
from stream_service.simulator.server import simulated
from stream_service.venue import HttpRequest, Options, Session, Venue

BUSY_AT_MOST = 10
"""Times in a row that a venue may ask us to wait for longer than its REST client does."""

Keep: TypeAlias = Callable[[Sequence[VenueCandle]], Awaitable[None]]


def backfill(
    venues: Annotated[
        list[str] | None, typer.Argument(help="Venues; default: the settings'.")
    ] = None,
    days: Annotated[
        float, typer.Option(min=0.05, max=30.0, help="Of minutes; longer candles go further back.")
    ] = 1.0,
    live: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--live", help="The real venues instead of simulated ones.")
    ] = False,
) -> None:
    """Read the venues' own candles of the past, within their limits, into the store.

    What is there already is replaced by the same. Exit status 1: a venue did not tell all of it.
    """
    names = tuple(venues) if venues else None
    settings = read_settings(mode="live" if live else None, venues=names)
    configure_logging("error", settings.log_format)
    told, troubles = asyncio.run(_fill(settings, _asked(settings), days))
    typer.echo(f"{told:,} candles are in the store.")
    for trouble in troubles:
        complain(trouble)
    raise typer.Exit(1 if troubles else 0)


def _asked(settings: Settings) -> Sequence[Venue]:
    venues = with_keys(settings, chosen_venues(settings))
    if settings.mode == "live":
        return venues
    if not settings.simulator:
        raise SettingsError(
            "Simulated venues have no past; add --live, or name a running simulator in "
            "CRYPTOTRACKER_SIMULATOR."
        )
    return [simulated(venue, settings.simulator) for venue in venues]


async def _fill(
    settings: Settings, venues: Sequence[Venue], days: float
) -> tuple[int, Sequence[str]]:
    """Ask all venues at once; return how many candles were kept, and what is wrong."""
    troubles: list[str] = []
    with progress("reading past candles", 0.0) as bar:
        async with _keeper(settings) as keep:
            parts = [_Part(venue, keep, bar, troubles) for venue in venues]
            told = await asyncio.gather(*(one.fill(settings.instruments, days) for one in parts))
    return sum(told), troubles


@asynccontextmanager
async def _keeper(settings: Settings) -> AsyncIterator[Keep]:
    """Give what keeps candles: the bus, whose writer stores them, or the store itself."""
    if settings.is_distributed:
        async with open_bus(settings) as bus:

            async def publish(candles: Sequence[VenueCandle]) -> None:
                await bus.publish(candles)
                await bus.flush()

            yield publish
        return
    async with open_store(settings) as store:
        yield store.write


class _Part:
    """What is asked of one venue."""

    def __init__(self, venue: Venue, keep: Keep, bar: Bar, troubles: list[str]) -> None:
        self._venue = venue
        self._keep = keep
        self._bar = bar
        self._troubles = troubles
        self._told = 0

    async def fill(self, wanted: Sequence[Instrument], days: float) -> int:
        """Ask for all of it; what a venue does not tell is among the troubles."""
        try:
            async with VenueRest(self._venue) as rest:
                await self._fill(rest, frozenset(wanted), days)
        except (*UNANSWERED, OSError, VenueRefusedError, VenueBusyError) as error:
            self._troubles.append(f"{self._venue.name}: {in_words(error)}")
        return self._told

    async def _fill(self, rest: VenueRest, wanted: frozenset[Instrument], days: float) -> None:
        venue, now_ns = self._venue, time.time_ns()
        listings = await rest.dialogue(venue.list_instruments(venue))
        listings = [row for row in listings if row.instrument in wanted and row.trading]
        session = venue.session(listings, Options(keys=venue.keys))
        every = [
            PastCandles(
                venue, session, row.instrument, history_of(days), now_ns=now_ns, known_ns={}
            )
            for row in listings
        ]
        self._bar.expect(sum(pages.left for pages in every))
        for pages in every:
            await self._follow(rest, session, pages)

    async def _follow(self, rest: VenueRest, session: Session, pages: PastCandles) -> None:
        left = pages.left
        while request := pages.following():
            try:
                body = await _patiently(rest, request)
                events = session.answered(request, body, time.time_ns())
            except (VenueRefusedError, FrameError) as error:
                self._troubles.append(f"{self._venue.name}: {str(error)[:200]}")
                pages.give_up()
            else:
                pages.came(events)
                candles = [one for one in events if isinstance(one, VenueCandle) and one.closed]
                if candles:
                    await self._keep(candles)
                self._told += len(candles)
            self._bar.advance(left - pages.left)
            left = pages.left
        self._bar.advance(left)


async def _patiently(rest: VenueRest, request: HttpRequest) -> bytes:
    """Ask, and again after as long a wait as the venue wants."""
    for _ in range(BUSY_AT_MOST):
        try:
            return await rest.body(request)
        except VenueBusyError as error:
            await asyncio.sleep(error.wait_s)
    return await rest.body(request)
