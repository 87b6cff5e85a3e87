"""Days that are over, from the store to the archive: what `archive` does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cryptotracker.adapters import open_store
from cryptotracker.running import run_until_stopped
from cryptotracker.settings import Settings, read_settings
from infrastructure.archive.catching_up import days_to_archive, kept_from
from infrastructure.archive.day import Archived, archive_day
from infrastructure.archive.folding import fold
from infrastructure.archive.places import Place, today
from infrastructure.archive.reading import files_at
from infrastructure.log import configure_logging
from market import SettingsError


def archive(
    day: Annotated[
        list[datetime] | None,
        typer.Option(formats=["%Y-%m-%d"], help="A day that is over (UTC); may be repeated."),
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Folder or s3:// URL. Default: CRYPTOTRACKER_ARCHIVE.")
    ] = None,
    live: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--live", help="The store of the real venues.")
    ] = False,
) -> None:
    """Move days that are over from the store to Parquet files, and verify them.

    Without --day: all that are not archived yet, the last three again for what came late, and then
    months that have settled are folded into their year. A day that is archived does not change.
    """
    settings = read_settings(mode="live" if live else None, archive=to)
    quiet = "log_level" not in settings.model_fields_set
    configure_logging("error" if quiet else settings.log_level, settings.log_format)
    days = None if day is None else sorted({one.date() for one in day})
    raise typer.Exit(run_until_stopped(run_archive(settings, days)))


async def run_archive(settings: Settings, days: Sequence[date] | None) -> None:
    """Archive the days; None: all that are to be archived, and fold what has settled.

    Raises:
        SettingsError: there is no archive, or a day is not over.
        ArchiveError: what was written is not what the store has.
        UnavailableError: store or archive do not answer, or another process has them.

    """
    if not settings.archive:
        raise SettingsError(
            "there is no archive: name a folder or s3://BUCKET/FOLDER in CRYPTOTRACKER_ARCHIVE, "
            "or give one with --to"
        )
    files, now_ns = files_at(settings.archive), time.time_ns()
    async with open_store(settings) as store:
        await store.keep_from(await kept_from(store, files, now_ns=now_ns))
        wanted = await days_to_archive(store, files, now_ns=now_ns) if days is None else days
        with _progress() as shown:
            task = shown.add_task("archive", total=len(wanted), now="")
            for day in wanted:

                def tell(place: Place, _rows: int) -> None:
                    shown.update(task, now=f"{place.day} {place.kind} {place.venue}")

                found = await archive_day(store, files, day, now_ns=now_ns, progress=tell)
                shown.advance(task)
                shown.console.print(_said(found), highlight=False)
    if days is None:
        for folded in await asyncio.to_thread(fold, files, today(now_ns)):
            typer.echo(f"{folded.place.name}: {folded.days} days folded, {folded.rows:,} rows")
    typer.echo(f"{len(wanted)} days are in {files.root}.")


def _progress() -> Progress:
    """Make a bar that is drawn on a terminal only."""
    console = Console(soft_wrap=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _said(found: Archived) -> str:
    what = f"{found.changed} of {found.files} files written" if found.changed else "unchanged"
    holes = f", {found.unexplained} minutes had trades but no candle" if found.unexplained else ""
    return f"{found.day}: {found.rows:,} rows, {what}{holes}"
