"""Real or simulated venues in, recordings of what they send out: what `record` does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cryptotracker import __version__
from cryptotracker.compose import Role, System
from cryptotracker.preflight import require_a_venue
from cryptotracker.running import run_until_stopped
from cryptotracker.settings import Settings, read_settings
from infrastructure.log import configure_logging
from market import Listing, SettingsError
from stream_service.polled import PolledVenue
from stream_service.recorder import Recorder

REPORT_EVERY_S = 60.0
LOOK_EVERY_S = 1.0


def record(
    to: Annotated[Path, typer.Option(help="Folder for the files; it is made.")],
    venues: Annotated[
        list[str] | None, typer.Argument(help="Venues; default: the settings'.")
    ] = None,
    live: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--live", help="The real venues instead of simulated ones.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="End after so long. Default: at Ctrl+C.")
    ] = None,
    rotate_mb: Annotated[
        float, typer.Option(min=0.001, help="A file that is larger is followed by the next.")
    ] = 256.0,
) -> None:
    """Keep every frame and answer of venues as it came, for `replay` and `decode`.

    There is a file for each venue and hour. Keys are never written; a crash costs a second at most.
    """
    _make(to)
    settings = read_settings(
        mode="live" if live else None,
        venues=tuple(venues) if venues else None,
        bus_url="local://",
        state_dir=to / "state",
    )
    quiet = "log_level" not in settings.model_fields_set
    configure_logging("error" if quiet else settings.log_level, settings.log_format)
    recorder = Recorder(
        to,
        version=__version__,
        rotate_bytes=int(rotate_mb * 2**20),
        secrets=lambda venue: _secrets(settings, venue),
    )
    raise typer.Exit(run_until_stopped(_record(settings, recorder, to, minutes)))


async def _record(settings: Settings, recorder: Recorder, to: Path, minutes: float | None) -> None:
    if settings.mode == "live":
        await require_a_venue(settings)
    is_simulating = settings.mode == "simulated" and not settings.simulator
    roles: frozenset[Role] = frozenset({"stream", "simulate"} if is_simulating else {"stream"})
    system = System(settings, roles, tap=recorder)
    system.venues = [recorder.heard(one, settings.instruments) for one in system.venues]
    names = ", ".join([*(one.name for one in system.venues), *(one.name for one in system.polled)])
    typer.echo(f"Recording {names} ({settings.mode}); Ctrl+C ends it.")
    for polled in system.polled:
        recorder.begin(polled.name, _asked_for(polled, settings))
    with suppress(TimeoutError):
        async with (
            asyncio.timeout(None if minutes is None else minutes * 60),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(_write(recorder, to), name="recorder")
            tasks.create_task(_report(recorder))
            tasks.create_task(system.run())


async def _write(recorder: Recorder, to: Path) -> None:
    """Write until cancelled; all is on disk, and said, before connections have taken their leave.

    Raises:
        SettingsError: it cannot be written any more; the text says why.

    """
    try:
        with recorder:
            await _watch(recorder)
    finally:
        if recorder.failure is None:
            typer.echo(f"Recorded {_summary(recorder)} in {to}.")


async def _report(recorder: Recorder) -> None:
    """Print a line a minute."""
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        typer.echo(f"{datetime.now(UTC):%H:%M:%S} UTC  {_summary(recorder)}")


async def _watch(recorder: Recorder) -> None:
    """Look whether it is still written.

    Raises:
        SettingsError: it is not; the text says why.

    """
    while (failure := recorder.failure) is None:  # noqa: ASYNC110  # it fails in a thread
        await asyncio.sleep(LOOK_EVERY_S)
    raise SettingsError(
        f"The recording cannot be written: {failure.strerror}. What was written before can be read."
    )


def _summary(recorder: Recorder) -> str:
    lacking = f", lacking {recorder.lacking:,} that came too fast" if recorder.lacking else ""
    return (
        f"{recorder.frames:,} frames and {recorder.answers:,} answers{lacking}, "
        f"{recorder.size / 2**20:,.1f} MB, {recorder.files} files"
    )


def _secrets(settings: Settings, venue: str) -> Iterable[str]:
    """Return the keys that a venue might echo; simulated ones know none."""
    if settings.mode == "simulated":
        return ()
    return [key.get_secret_value() for key in settings.credentials.get(venue, {}).values()]


def _asked_for(venue: PolledVenue, settings: Settings) -> list[Listing]:
    """Return what a service is polled for; it lists nothing itself."""
    return [
        Listing(instrument=one, symbol=venue.symbol(one))
        for one in settings.instruments
        if venue.covers(one)
    ]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be made ({error.strerror}): name another.") from error
