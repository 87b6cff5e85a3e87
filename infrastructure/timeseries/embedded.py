"""The store in one DuckDB file, or in memory: no server, the same promises.

Two threads work on it, one that writes and one that reads, each on a connection of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import duckdb
import msgspec

from infrastructure.timeseries.batch import Refused
from infrastructure.timeseries.embedded_past import (
    held_of,
    held_text,
    next_rows,
    oldest_text,
    rows_text,
)
from infrastructure.timeseries.embedded_tables import (
    ALL_GAPS,
    EPISODES,
    KEYED,
    LISTINGS,
    MARK,
    MARKED,
    NEWEST,
    SECONDS_APART,
    SIGNALS,
    TABLES,
    without_key,
)
from infrastructure.timeseries.embedded_writing import Inflow
from infrastructure.timeseries.past import Held, Row
from infrastructure.timeseries.port import PROBE_WITHIN_S, GapTerms, SignalTerms, Stored
from infrastructure.timeseries.question import (
    S,
    Series,
    Span,
    codes_of,
    of_any_series,
    signal_of,
)
from infrastructure.timeseries.turns import TURN, in_turns, let_others
from market import (
    Book,
    Candle,
    Episode,
    Gap,
    Instrument,
    Listed,
    PoisonousError,
    Premium,
    Quote,
    SettingsError,
    Signal,
    StoreUnavailableError,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)

R = TypeVar("R")


class EmbeddedTimeSeries:
    """See `TimeSeries`."""

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        *,
        raw_retention_s: int = 0,
        keep_from_ns: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._reading = _Desk(database.cursor(), "reading")
        self._writing = _Desk(database, "writing")
        database.execute(TABLES)
        database.execute(SECONDS_APART)
        for (table,) in database.execute(KEYED).fetchall():
            database.execute(without_key(table))
        self._inflow = Inflow(database, raw_retention_s=raw_retention_s, clock=clock)
        if keep_from_ns is not None:
            self._inflow.keep_from_ns = keep_from_ns

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        raw_retention_s: int = 0,
        keep_from_ns: int | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> EmbeddedTimeSeries:
        """Open the file, made if there is none yet; None is a store that lives in memory.

        Args:
            path: The file.
            raw_retention_s: How long trades, quotes, books, summaries and statuses are kept; zero
                is for ever.
            keep_from_ns: What is as new never expires, until `keep_from` says otherwise; None:
                nothing is kept for longer.
            clock: The time now, in nanoseconds.

        Raises:
            SettingsError: there can be no such file, or it is something else.
            StoreUnavailableError: another process has it open.

        """
        keeping = partial(
            cls, raw_retention_s=raw_retention_s, keep_from_ns=keep_from_ns, clock=clock
        )
        if path is None:
            return keeping(duckdb.connect(":memory:"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return keeping(duckdb.connect(path))
        except OSError as error:
            raise SettingsError(
                f"the directory of the store {path} cannot be made: {error}; name another path"
            ) from error
        except duckdb.IOException as error:
            raise _why_not_opened(path, error) from error

    async def write(self, events: Sequence[Stored]) -> None:
        """See `TimeSeries.write`."""
        refused = await self._writing.do(lambda connection: self._write(connection, events))
        if refused:
            raise PoisonousError(refused)

    @property
    def expired(self) -> int:
        """See `TimeSeries.expired`; here it is stored, and removed with what is as old."""
        return 0

    async def trades(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Trade]:
        """See `TimeSeries.trades`."""
        series = Series(Trade, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def quotes(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Quote]:
        """See `TimeSeries.quotes`."""
        series = Series(Quote, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def books(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Book]:
        """See `TimeSeries.books`."""
        return await self._newest(Series(Book, venue, instrument), Span(start_ns, end_ns, limit))

    async def candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[Candle]:
        """See `TimeSeries.candles`."""
        series = Series(Candle, venue, instrument, interval)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def gaps(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Gap]:
        """See `TimeSeries.gaps`."""
        series = Series(Gap, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def all_gaps(
        self, terms: GapTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Gap]:
        """See `TimeSeries.all_gaps`."""
        span = Span(start_ns, end_ns, limit)
        given = {
            "venues": _sorted(terms.venues),
            "instruments": _sorted(terms.instruments),
            "channel": terms.channel,
            "start_ns": span.start_ns,
            "end_ns": span.end_ns,
            "at_most": span.limit,
        }
        found = await self._reading.do(lambda connection: _rows(connection, ALL_GAPS, given))
        return [of_any_series(Gap, row) for row in reversed(found)]

    async def venue_candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[VenueCandle]:
        """See `TimeSeries.venue_candles`."""
        series = Series(VenueCandle, venue, instrument, interval)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def summaries(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Summary]:
        """See `TimeSeries.summaries`."""
        series = Series(Summary, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def statuses(
        self, venue: str, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[VenueStatus]:
        """See `TimeSeries.statuses`."""
        return await self._newest(Series(VenueStatus, venue, None), Span(start_ns, end_ns, limit))

    async def episodes(
        self, base: str | None, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Episode]:
        """See `TimeSeries.episodes`."""
        span = Span(start_ns, end_ns, limit)
        given = {
            "base": base,
            "start_ns": span.start_ns,
            "end_ns": span.end_ns,
            "at_most": span.limit,
        }
        found = await self._reading.do(lambda connection: _rows(connection, EPISODES, given))
        return [msgspec.convert(row, Episode) for row in reversed(found)]

    async def premiums(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Premium]:
        """See `TimeSeries.premiums`."""
        series = Series(Premium, venue, instrument)
        return await self._newest(series, Span(start_ns, end_ns, limit))

    async def signals(
        self, terms: SignalTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Signal]:
        """See `TimeSeries.signals`."""
        span = Span(start_ns, end_ns, limit)
        given = {
            "venues": _sorted(terms.venues),
            "instruments": _sorted(terms.instruments),
            "strategies": _sorted(terms.strategies),
            "intervals": _sorted(terms.intervals),
            "sides": _sorted(terms.sides),
            "parameters": terms.parameters,
            "start_ns": span.start_ns,
            "end_ns": span.end_ns,
            "at_most": span.limit,
        }
        found = await self._reading.do(lambda connection: _rows(connection, SIGNALS, given))
        return [signal_of(row) for row in reversed(found)]

    async def listings(self) -> Sequence[Listed]:
        """See `TimeSeries.listings`."""
        found = await self._reading.do(lambda connection: _rows(connection, LISTINGS, {}))
        return [of_any_series(Listed, row) for row in found]

    async def oldest(self, kind: type[Stored], *, since_ns: int = 0) -> int | None:
        """See `Past.oldest`."""
        text, given = oldest_text(kind), {"since_ns": since_ns}
        ((time_ns,),) = await self._reading.do(lambda found: found.execute(text, given).fetchall())
        return None if time_ns is None else int(time_ns)

    async def held(self, kind: type[Stored], *, start_ns: int, end_ns: int) -> Sequence[Held]:
        """See `Past.held`."""
        text, given = held_text(kind), {"start_ns": start_ns, "end_ns": end_ns}
        return held_of(await self._reading.do(lambda found: found.execute(text, given).fetchall()))

    async def rows(
        self,
        kind: type[Stored],
        venue: str,
        instrument: Instrument | None = None,
        *,
        start_ns: int,
        end_ns: int,
    ) -> AsyncIterator[Sequence[Row]]:
        """See `Past.rows`; it is told at a desk of its own, as that takes long."""
        text = rows_text(kind, of_instrument=instrument is not None)
        given = {"venue": venue, "start_ns": start_ns, "end_ns": end_ns}
        if instrument is not None:
            base, quote_currency = codes_of(instrument)
            given |= {"base": base, "quote_currency": quote_currency}
        desk = await self._reading.do(lambda connection: _Desk(connection.cursor(), "past"))
        try:
            await desk.do(lambda connection: connection.execute(text, given))
            while rows := await desk.do(next_rows):
                yield rows
        finally:
            desk.close()

    async def keep_from(self, time_ns: int) -> None:
        """See `Past.keep_from`."""
        self._inflow.keep_from_ns = time_ns

    async def probe(self) -> None:
        """See `TimeSeries.probe`; it waits its turn among writes and reads."""
        mark = {"at_ns": time.time_ns()}
        try:
            async with asyncio.timeout(PROBE_WITHIN_S):
                await self._writing.do(lambda connection: _rows(connection, MARK, mark))
                found = await self._reading.do(lambda connection: _rows(connection, MARKED, mark))
        except TimeoutError as error:
            raise StoreUnavailableError(
                f"the embedded store did not write and read within {PROBE_WITHIN_S:g} s: its disk "
                "is slow or it is asked too much; put the file on a faster disk, or use InfluxDB"
            ) from error
        if not found:
            raise StoreUnavailableError(
                "the embedded store did not keep what it was told; stop, and check its disk"
            )

    def close(self) -> None:
        """Finish what is under way and close the file."""
        self._reading.close()
        self._writing.close()

    def _write(self, connection: duckdb.DuckDBPyConnection, events: Sequence[Stored]) -> Refused:
        refused = self._inflow.write(connection, events)
        self._inflow.expire(connection)
        return refused

    async def _newest(self, series: Series[S], span: Span) -> list[S]:
        return await self._reading.do(lambda connection: _read(connection, series, span))


class _Desk:
    """A connection and the one thread that may use it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"store.{name}")

    async def do(self, work: Callable[[duckdb.DuckDBPyConnection], R]) -> R:
        """Do the work on the thread, after what waits already."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work, self._connection)
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise StoreUnavailableError(
                f"the embedded store has no room or its disk fails: {error}"
            ) from error

    def close(self) -> None:
        """Finish what waits, then close the connection."""
        self._thread.shutdown()
        self._connection.close()


def _sorted(names: Iterable[object] | None) -> list[str] | None:
    return None if names is None else sorted(map(str, names))


def _read(connection: duckdb.DuckDBPyConnection, series: Series[S], span: Span) -> list[S]:
    given: dict[str, object] = {
        **series.codes,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "at_most": span.limit,
    }
    if series.interval:
        given["interval"] = series.interval
    rows = _rows(connection, NEWEST[series.kept], given)
    return [series.event(row) for row in in_turns(reversed(rows))]


def _rows(
    connection: duckdb.DuckDBPyConnection, text: str, given: Mapping[str, object]
) -> list[dict[str, object]]:
    answer = connection.execute(text, given)
    names = [column[0] for column in answer.description or ()]
    rows: list[dict[str, object]] = []
    while part := answer.fetchmany(TURN):
        rows += [dict(zip(names, row, strict=True)) for row in part]
        let_others()
    return rows


def _why_not_opened(path: Path, error: duckdb.IOException) -> SettingsError | StoreUnavailableError:
    if "Could not set lock" in str(error):
        return StoreUnavailableError(
            f"the store {path} is open in another process; end that one, name another file "
            f"(duckdb:FILE), or let several processes meet on InfluxDB: {error}"
        )
    return SettingsError(f"the store {path} cannot be opened: {error}; name another file")
