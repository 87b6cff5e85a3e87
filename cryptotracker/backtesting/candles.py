"""Where candles are, in; the candles of one instrument as arrays, out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import typer
from msgspec.structs import replace

from analytics.backtest import Bars, bars_of, folded, joined
from analytics.folding import MADE_OF
from api_service.times import read_time
from cryptotracker.adapters import open_store
from cryptotracker.progress import progress
from cryptotracker.settings import Settings
from infrastructure.archive.reading import open_archive
from infrastructure.candle_files import Wanted, read_candle_file
from infrastructure.timeseries.port import TimeSeries
from market import Candle, Instrument, SettingsError, StoreUnavailableError
from market.intervals import INTERVALS

PIECE = 20_000
"""Candles that a store is asked for at a time."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which candles are meant; a file says by itself what is left empty."""

    what: Instrument | Path
    venue: str
    interval: str
    start_ns: int
    end_ns: int


def asked_for(what: str, *, venue: str, interval: str, since: str, until: str) -> Asked:
    """Understand what the command line says.

    Args:
        what: An instrument, or the path of a file of candles.
        venue: Its name; empty: whichever a file holds.
        interval: Of the candles.
        since: The first time, see `read_time`; empty: from the first candle on.
        until: The first time that is meant no more.

    Raises:
        SettingsError: a part of it makes no sense.

    """
    if interval and interval not in INTERVALS:
        raise SettingsError(
            f"--interval is {interval!r}: it must be one of {', '.join(INTERVALS)}."
        )
    now_ns = time.time_ns()
    try:
        start_ns = read_time(since, now_ns) if since else 0
        end_ns = read_time(until, now_ns) if until else now_ns
    except ValueError as error:
        raise SettingsError(f"--from or --to: {error}") from error
    if start_ns >= end_ns:
        raise SettingsError(f"--from {since} is not before --to {until or 'now'}.")
    return Asked(
        what=_named(what), venue=venue, interval=interval, start_ns=start_ns, end_ns=end_ns
    )


def read_bars(asked: Asked, settings: Settings) -> Bars:
    """Read the candles.

    Raises:
        SettingsError: there are none.
        UnavailableError: the store does not answer.

    """
    if isinstance(asked.what, Path):
        return _of_file(asked.what, asked)
    return _of_market(settings, asked, asked.what)


def _named(what: str) -> Instrument | Path:
    if Path(what).suffix:
        return Path(what)
    try:
        return Instrument.parse(what)
    except ValueError as error:
        raise SettingsError(f"{error}; or name a .parquet or .csv file.") from error


def _of_file(file: Path, asked: Asked) -> Bars:
    """Read a file; where it does not hold the interval its candles are folded."""
    wanted = Wanted(asked.venue, None, asked.interval, asked.start_ns, asked.end_ns)
    try:
        found = read_candle_file(file, wanted)
    except SettingsError:
        if not asked.interval:
            raise
        found = read_candle_file(file, wanted._replace(interval=""))
    try:
        bars = Bars(interval=found.interval, **found.columns)
        return folded(bars, asked.interval) if asked.interval else bars
    except ValueError as error:
        raise SettingsError(f"{file}: {error}.") from error


def _of_market(settings: Settings, asked: Asked, instrument: Instrument) -> Bars:
    """Read archive and store; what they do not have of an interval is folded from shorter ones."""
    interval = asked.interval or "1m"
    for shorter in _pieces_of(interval):
        if parts := [part for part in _parts(settings, asked, instrument, shorter) if len(part)]:
            return folded(joined(parts), interval)
    raise SettingsError(
        f"There are no candles of {asked.venue} {instrument} in that time: name another --venue "
        "or --from, or read a file. `cryptotracker symbols` tells what is followed."
    )


def _parts(
    settings: Settings, asked: Asked, instrument: Instrument, interval: str
) -> Iterator[Bars]:
    """Yield what the archive has, then what the store has after it."""
    start_ns = asked.start_ns
    if settings.archive:
        archived = _archived(settings.archive, asked, instrument, interval)
        yield archived
        start_ns = int(archived.start_ns[-1]) + 1 if len(archived) else start_ns
    try:
        candles = asyncio.run(
            _stored(settings, replace(asked, start_ns=start_ns), instrument, interval)
        )
    except StoreUnavailableError as error:
        if start_ns == asked.start_ns:
            raise
        typer.echo(f"The archive alone is read: {error}", err=True)
    else:
        yield bars_of(candles, interval)


def _archived(root: str, asked: Asked, instrument: Instrument, interval: str) -> Bars:
    with closing(open_archive(root)) as archive:
        found = archive.read_candles(
            asked.venue, instrument, interval, start_ns=asked.start_ns, end_ns=asked.end_ns
        )
    columns = ("start_ns", "open", "high", "low", "close", "volume")
    return Bars(interval=interval, **{name: getattr(found, name) for name in columns})


async def _stored(
    settings: Settings, asked: Asked, instrument: Instrument, interval: str
) -> list[Candle]:
    async with open_store(settings) as store:
        return await _all(store, instrument, asked, interval)


def _pieces_of(interval: str) -> Sequence[str]:
    """Return the interval and those that it can be made of, longest first."""
    found = [interval]
    while found[-1] in MADE_OF:
        found.append(MADE_OF[found[-1]])
    return found


async def _all(
    store: TimeSeries, instrument: Instrument, asked: Asked, interval: str
) -> list[Candle]:
    """Read piece by piece from the newest back, until a piece is not full."""
    found: list[list[Candle]] = []
    end_ns = asked.end_ns
    with progress("reading candles", None) as bar:
        while end_ns > asked.start_ns:
            piece = await store.candles(
                asked.venue,
                instrument,
                interval,
                start_ns=asked.start_ns,
                end_ns=end_ns,
                limit=PIECE,
            )
            found.append(list(piece))
            if len(piece) < PIECE:
                break
            bar.advance(len(piece))
            end_ns = piece[0].start_ns
    return [candle for piece in reversed(found) for candle in piece]
