"""Checks all that the system stands on, one line each: what `cryptotracker doctor` does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, TypeAlias

import typer
from msgspec.structs import replace

from cryptotracker.choice import chosen_polled, chosen_venues, keyed
from cryptotracker.findings import Finding
from cryptotracker.machine_checks import machine_findings
from cryptotracker.settings import Settings, read_settings
from cryptotracker.venue_checks import venue_findings
from infrastructure.log import configure_logging
from market import SettingsError
from stream_service.polled import PolledVenue
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues, Simulator, simulated, simulated_polled
from stream_service.venue import Venue

AnyVenue: TypeAlias = Venue | PolledVenue


def doctor(
    live: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--live", help="The real venues instead of simulated ones.")
    ] = False,
) -> None:
    """Check machine, settings, broker, store and venues; say of each what to do.

    Exit status 1: something failed.
    """
    configure_logging("critical")
    try:
        settings = read_settings(mode="live" if live else None)
        chosen_venues(settings)
    except SettingsError as error:
        typer.echo(Finding("settings", "failed", str(error)))
        raise typer.Exit(1) from None
    has_failed = asyncio.run(_examine(settings))
    raise typer.Exit(1 if has_failed else 0)


async def _examine(settings: Settings) -> bool:
    """Print each finding as soon as it is there; tell whether one is bad."""
    has_failed = False
    async for finding in _findings(settings):
        typer.echo(finding)
        has_failed = has_failed or finding.state == "failed"
    typer.echo("Something failed, see above." if has_failed else "All is well.")
    return has_failed


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    async for finding in machine_findings(settings):
        yield finding
    async with _venues(settings) as venues:
        checks = [asyncio.create_task(venue_findings(one, settings.instruments)) for one in venues]
        for check in checks:
            for finding in await check:
                yield _weighed(finding, settings)


def _weighed(finding: Finding, settings: Settings) -> Finding:
    """Let a missing key be no failure where its venue is only meant if it is there."""
    venue, _, what = finding.name.partition(" ")
    if what == "key" and venue not in settings.venues:
        return replace(finding, state="warning", text=f"{finding.text}, so it is left out")
    return finding


@asynccontextmanager
async def _venues(settings: Settings) -> AsyncIterator[Sequence[AnyVenue]]:
    """Give the venues with keys and addresses; simulated ones play for as long as this lasts."""
    streamed, polled = chosen_venues(settings), chosen_polled(settings)
    if settings.mode == "live":
        yield [*keyed(settings, streamed), *keyed(settings, polled)]
    elif settings.simulator:
        address = settings.simulator
        yield [
            *(simulated(one, address) for one in streamed),
            *(simulated_polled(one, address) for one in polled),
        ]
    else:
        async with _simulators(settings, streamed, polled) as served:
            yield [
                *(served.venue(one.name) for one in streamed),
                *(served.polled_venue(one.name) for one in polled),
            ]


@asynccontextmanager
async def _simulators(
    settings: Settings, streamed: Sequence[Venue], polled: Sequence[PolledVenue]
) -> AsyncIterator[SimulatedVenues]:
    every: list[AnyVenue] = [*streamed, *polled]
    listings = {one.name: simulated_listings(one, settings.instruments) for one in every}
    world = World(listings, seed=settings.simulator_seed, start_ns=time.time_ns())
    async with SimulatedVenues(streamed, world.markets, polled=polled).serving() as served:
        playing = asyncio.create_task(Simulator(served, world).run())
        try:
            yield served
        finally:
            playing.cancel()
