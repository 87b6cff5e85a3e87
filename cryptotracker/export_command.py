"""History of one series, from archive and store, as a file: what `export` does."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from api_service.times import read_time
from cryptotracker.adapters import open_store
from cryptotracker.running import run_until_stopped
from cryptotracker.settings import Settings, read_settings
from infrastructure.archive.formats import Format, written
from infrastructure.archive.joined import Wanted, joined
from infrastructure.archive.kinds import exported_intervals, exported_kind
from infrastructure.archive.reading import files_at
from infrastructure.archive.sources import Span
from infrastructure.log import configure_logging
from infrastructure.timeseries.question import columns_of
from market import Instrument, SettingsError


def export(  # noqa: PLR0913, PLR0917  # arguments of the command line
    kind: Annotated[str, typer.Argument(help="candles, trades, quotes, books, gaps, signals …")],
    venue: Annotated[str, typer.Argument(help="Such as kraken.")],
    instrument: Annotated[str, typer.Argument(help="Such as BTC-USD.")],
    start: Annotated[str, typer.Option("--from", help="RFC 3339, a day, or -7d.")] = "-1d",
    end: Annotated[str, typer.Option("--to", help="Until then, exclusive.")] = "now",
    interval: Annotated[str, typer.Option(help="Length of candles.")] = "1m",
    form: Annotated[Format, typer.Option("--format", help="What is written.")] = "csv",
    out: Annotated[
        Path | None, typer.Option(help="File to write; default: standard output.")
    ] = None,
    live: Annotated[  # noqa: FBT002  # a flag of the command line
        bool, typer.Option("--live", help="The store of the real venues.")
    ] = False,
) -> None:
    """Write the history of one instrument at one venue, as CSV, lines of JSON or Parquet.

    Days that are archived come from the archive, the others from the store, each event once.
    """
    settings = read_settings(mode="live" if live else None)
    configure_logging("error", settings.log_format)
    now_ns = time.time_ns()
    try:
        wanted = _wanted(kind, venue, instrument, interval)
        span = Span(read_time(start, now_ns), read_time(end, now_ns))
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if not span:
        raise SettingsError(f"the range is empty: --from {start} must lie before --to {end}")
    raise typer.Exit(run_until_stopped(_export(settings, wanted, span, (form, out), now_ns)))


async def _export(
    settings: Settings, wanted: Wanted, span: Span, to: tuple[Format, Path | None], now_ns: int
) -> None:
    form, path = to
    files = files_at(settings.archive) if settings.archive else None
    async with open_store(settings) as store:
        batches = joined(store, files, wanted, span, now_ns=now_ns)
        if path is None:
            await _write(written(wanted.kind, batches, form), sys.stdout.buffer)
            return
        part = path.with_name(f".{path.name}.part")
        try:
            with part.open("wb") as opened:  # nothing else goes on here
                await _write(written(wanted.kind, batches, form), opened)
            part.replace(path)
        except OSError as error:
            raise SettingsError(f"{path} cannot be written ({error.strerror})") from error
        finally:
            part.unlink(missing_ok=True)


async def _write(parts: AsyncIterator[bytes], to: BinaryIO) -> None:
    """Write all of it; a terminal that does not show it sees how much it is."""
    console = Console(stderr=True)
    with ExitStack() as opened:
        columns = (SpinnerColumn(), TextColumn("{task.fields[size]:.1f} MB"), TimeElapsedColumn())
        is_shown = console.is_terminal and not to.isatty()
        shown = opened.enter_context(
            Progress(*columns, console=console, transient=True, disable=not is_shown)
        )
        task = shown.add_task("", total=None, size=0.0)
        size = 0
        async for part in parts:
            to.write(part)
            size += len(part)
            shown.update(task, size=size / 2**20)
        to.flush()


def _wanted(kind: str, venue: str, instrument: str, interval: str) -> Wanted:
    found = exported_kind(kind)
    if "interval" not in columns_of(found):
        interval = ""
    elif interval not in (known := exported_intervals(found)):
        raise ValueError(f"--interval is one of {', '.join(known)}, not {interval!r}")
    return Wanted(found, venue.lower(), Instrument.parse(instrument), interval)
