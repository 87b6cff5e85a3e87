"""Recordings in, the events or the whole system as it was then out: what `replay` does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from math import inf, nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import msgspec
import typer

from cryptotracker.compose import Role, System
from cryptotracker.decode_command import quietly
from cryptotracker.known import venue_named
from cryptotracker.recorded import complain
from cryptotracker.running import listener_of, run_shown, run_until_stopped
from cryptotracker.settings import Settings, read_settings
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Mailbox, Overflow
from infrastructure.log import configure_logging
from infrastructure.supervisor import Supervised
from market import SettingsError
from stream_service.connection import VenueConnection
from stream_service.polled import PolledVenue
from stream_service.polling import VenuePolling
from stream_service.simulator.recorded_venue import RecordedVenue, recorded_venues
from stream_service.simulator.replay import Replay
from stream_service.simulator.server import simulated, simulated_polled

MAX = "max"
ROLES: frozenset[Role] = frozenset({"stream", "store", "refresh", "serve"})
WAITING_AT_MOST = 10_000
REST_S = 0.5
_encode = msgspec.json.Encoder().encode


def replay(
    files: Annotated[list[Path], typer.Argument(help="Recordings, of one venue or of several.")],
    speed: Annotated[
        str, typer.Option(help="Times as fast as it was, or max: as fast as can be read.")
    ] = "1",
    is_printed: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--print", help="Print the events, one JSON object a line, and end.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Port of API and page; 0: any free one.")] = None,
) -> None:
    """Play recordings through real sockets, as if the venues said it all again.

    Without --print the whole system runs on them, with its page, until Ctrl+C.
    """
    times = _speed(speed)
    try:
        recorded = recorded_venues(files)
    except OSError as error:
        raise SettingsError(f"{error.filename} cannot be read: {error.strerror}.") from error
    for cut in (cut for one in recorded for cut in one.cuts):
        complain(f"{cut}; it is played up to there")
    settings = _settings(recorded, port)
    quiet = "log_level" not in settings.model_fields_set
    configure_logging("error" if quiet else settings.log_level, settings.log_format)
    with TemporaryDirectory() as state:
        settings = settings.model_copy(update={"state_dir": Path(state)})
        work = _print_all(recorded, times) if is_printed else _serve(settings, recorded, times)
        raise typer.Exit(run_until_stopped(work))


def _settings(recorded: Sequence[RecordedVenue], port: int | None) -> Settings:
    """Follow what was followed; nothing is kept, lest it be taken for news."""
    instruments = [listing.instrument for one in recorded for listing in one.listings]
    return read_settings(
        mode="simulated",
        venues=tuple(one.name for one in recorded),
        assets=tuple(dict.fromkeys(one.base for one in instruments)) or None,
        quote_currencies=tuple(dict.fromkeys(one.quote_currency for one in instruments)) or None,
        bus_url="local://",
        store_url="duckdb:",
        port=port,
    )


def _speed(text: str) -> float | None:
    try:
        speed = None if text == MAX else float(text)
    except ValueError:
        speed = nan
    if speed is not None and not 0.0 < speed < inf:
        raise SettingsError(f"--speed is {text!r}: it must be a number above 0, or {MAX}.")
    return speed


async def _serve(
    settings: Settings, recorded: Sequence[RecordedVenue], speed: float | None
) -> None:
    """Run the system on recorded venues, until cancelled."""
    venues = [venue_named(one.name) for one in recorded]
    served = Replay(recorded, venues, speed=speed, tells_time=True)
    async with served.serving(), asyncio.TaskGroup() as tasks:
        settings = settings.model_copy(update={"simulator": served.address})
        system = System(settings, ROLES, listener=listener_of(settings, ROLES), tap=served)
        system.venues = [served.venue(one) for one in system.venues]
        tasks.create_task(run_shown(system))
        await served.ended.wait()
        typer.echo("The recordings are at their end; Ctrl+C stops everything.")


async def _print_all(recorded: Sequence[RecordedVenue], speed: float | None) -> None:
    """Print the events, with the times of receipt of then, until the recordings end."""
    venues = [venue_named(one.name) for one in recorded]
    served = Replay(recorded, venues, speed=speed, tells_time=False)
    bus = LocalBus()
    waiting = bus.mailbox("replay", ["#"], capacity=WAITING_AT_MOST, overflow=Overflow.WAIT)
    async with served.serving(), waiting as mailbox, asyncio.TaskGroup() as tasks:
        printing = tasks.create_task(_print(mailbox))
        ending = tasks.create_task(served.ended.wait())
        running = [tasks.create_task(_part(served, one, bus).run()) for one in recorded]
        await asyncio.wait({printing, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in (*running, ending, printing):
            task.cancel()
        if ending.done():
            await _print_rest(mailbox)


def _part(served: Replay, recorded: RecordedVenue, bus: LocalBus) -> Supervised:
    """Make what connects to a recorded venue, or polls it."""
    name = recorded.name
    venue = venue_named(name)
    wanted = [listing.instrument for listing in recorded.listings]
    clock = partial(served.clock, name)
    if isinstance(venue, PolledVenue):
        service = simulated_polled(venue, served.address)
        return VenuePolling(service, wanted, bus, clock=clock, tap=partial(served.answer, name))
    there = simulated(served.venue(venue), served.address)
    return VenueConnection(there, wanted, bus, clock=clock, steady=clock, tap=served)


async def _print(mailbox: Mailbox) -> None:
    """Print events until cancelled, or until nobody reads any more."""
    out = sys.stdout.buffer
    try:
        while True:
            out.writelines(_encode(event) + b"\n" for event in await mailbox.receive(1_000))
            out.flush()
            await mailbox.done()
    except BrokenPipeError:
        quietly()


async def _print_rest(mailbox: Mailbox) -> None:
    """Print what waits still."""
    with suppress(TimeoutError):
        async with asyncio.timeout(REST_S):
            await _print(mailbox)
