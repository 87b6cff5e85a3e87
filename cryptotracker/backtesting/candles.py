"""Where candles are, in; the candles of one instrument as arrays, out."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import typer
from msgspec.structs import replace

from analytics.backtest import Bars, folded
from api_service.past_bars import past_bars
from api_service.past_premiums import PastPremiums, Premiums, premiums_unknown
from api_service.times import read_time
from cryptotracker.adapters import open_store
from cryptotracker.premium_terms import premium_terms
from cryptotracker.progress import Bar, progress
from cryptotracker.settings import Settings
from infrastructure.archive.joined_candles import PastCandles
from infrastructure.archive.reading import files_at
from infrastructure.archive.sources import Span
from infrastructure.candle_files import Wanted, read_candle_file
from market import Instrument, SettingsError, StoreUnavailableError
from market.intervals import INTERVALS


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which candles are meant; a file says by itself what is left empty."""

    what: Instrument | Path
    venue: str
    interval: str
    start_ns: int
    end_ns: int
    reads_premium: bool = False


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
    """Read archive and store; what they do not have of an interval is folded from shorter ones.

    Where premiums are looked at and none is known there is nothing to try.
    """
    with progress("reading candles", None) as bar:
        found = asyncio.run(_past(settings, asked, instrument, bar))
    if found is None:
        raise SettingsError(
            f"There are no candles of {asked.venue} {instrument} in that time: name another "
            "--venue or --from, or read a file. `cryptotracker symbols` tells what is followed."
        )
    return found


async def _past(settings: Settings, asked: Asked, instrument: Instrument, bar: Bar) -> Bars | None:
    """Read the archive alone where the store does not answer."""
    files = files_at(settings.archive) if settings.archive else None
    async with AsyncExitStack() as opened:
        store, why = None, None
        try:
            store = await opened.enter_async_context(open_store(settings))
        except StoreUnavailableError as error:
            if files is None:
                raise
            why = error
        past = PastCandles(store, files, told=bar.advance)
        now_ns = time.time_ns()
        span = Span(asked.start_ns, asked.end_ns)
        interval = asked.interval or "1m"
        found = await past_bars(past, asked.venue, instrument, interval, span, now_ns=now_ns)
        if why is not None:
            if found is None:
                raise why
            typer.echo(f"The archive alone is read: {why}", err=True)
        if found is not None and asked.reads_premium:
            terms = premium_terms(settings)
            premiums = PastPremiums(store, files, terms, told=bar.advance)
            known = await premiums.at_closes(found, asked.venue, instrument, now_ns=now_ns)
            _tell(known, premiums_unknown((asked.venue, instrument), terms))
            found = replace(found, premium_bps=known.bps)
    return found


def _tell(premiums: Premiums, why_none: str) -> None:
    if not premiums.known:
        raise SettingsError(f"{why_none[0].upper()}{why_none[1:]}.")
    typer.echo(
        f"Premiums are known at {premiums.known:,} of {len(premiums.bps):,} closes; "
        f"{premiums.told:,} of them were told live, the others are made of candles.",
        err=True,
    )
