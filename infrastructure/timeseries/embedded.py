"""The store in one DuckDB file, or in memory: no server, the same promises.

Two threads work on it, one that writes and one that reads, each on a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias, TypeVar

import duckdb
import msgspec

from infrastructure.timeseries.batch import Refused, sift
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import S, Series, Span, other_fields, time_field
from market import (
    Candle,
    Gap,
    Instrument,
    PoisonousError,
    Quote,
    SettingsError,
    StoreUnavailableError,
    Trade,
)

Row: TypeAlias = tuple[object, ...]
R = TypeVar("R")

_TABLES = """
CREATE TABLE IF NOT EXISTS trade (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, trade_id VARCHAR,
    side VARCHAR, price DOUBLE, size DOUBLE, backfilled BOOLEAN,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, trade_id)
);
CREATE TABLE IF NOT EXISTS quote (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR,
    bid DOUBLE, bid_size DOUBLE, ask DOUBLE, ask_size DOUBLE,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, sequence)
);
CREATE TABLE IF NOT EXISTS candle (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, "interval" VARCHAR, start_ns BIGINT,
    open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE,
    trades BIGINT, closed BOOLEAN, event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, "interval", start_ns)
);
CREATE TABLE IF NOT EXISTS gap (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, channel VARCHAR, start_ns BIGINT,
    end_ns BIGINT, reason VARCHAR, missing BIGINT,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, channel, start_ns)
);
CREATE TEMP TABLE arriving AS FROM candle LIMIT 0;
"""
_MERGE_CANDLES = """
INSERT INTO candle FROM arriving ON CONFLICT DO UPDATE SET
    open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
    volume = excluded.volume, trades = excluded.trades, closed = excluded.closed,
    event_ns = excluded.event_ns, received_ns = excluded.received_ns,
    sequence = excluded.sequence
WHERE excluded.trades >= candle.trades;
DELETE FROM arriving;
"""


def _newest_text(kind: type[Stored]) -> str:
    table, time = kind.__name__.lower(), time_field(kind)
    columns = ", ".join(f'"{name}"' for name in other_fields(kind))
    only = """ AND "interval" = $interval AND closed""" if kind is Candle else ""
    return (
        f"SELECT {columns} FROM {table} "  # noqa: S608  # nothing in it is from outside
        f"WHERE venue = $venue AND base = $base AND quote_currency = $quote_currency{only} "
        f"AND {time} >= $start_ns AND {time} < $end_ns "
        f"ORDER BY {time} DESC, sequence DESC LIMIT $at_most"
    )


_NEWEST = {kind: _newest_text(kind) for kind in (Trade, Quote, Candle, Gap)}


class EmbeddedTimeSeries:
    """See `TimeSeries`."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._reading = _Desk(database.cursor(), "reading")
        self._writing = _Desk(database, "writing")
        database.execute(_TABLES)

    @classmethod
    def open(cls, path: Path | None) -> EmbeddedTimeSeries:
        """Open the file, made if there is none yet; None is a store that lives in memory.

        Raises:
            SettingsError: there can be no such file, or it is something else.
            StoreUnavailableError: another process has it open.

        """
        if path is None:
            return cls(duckdb.connect(":memory:"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return cls(duckdb.connect(path))
        except OSError as error:
            raise SettingsError(
                f"the directory of the store {path} cannot be made: {error}; name another path"
            ) from error
        except duckdb.IOException as error:
            raise _why_not_opened(path, error) from error

    async def write(self, events: Sequence[Stored]) -> None:
        """See `TimeSeries.write`."""
        refused = await self._writing.do(lambda connection: _write(connection, events))
        if refused:
            raise PoisonousError(refused)

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

    def close(self) -> None:
        """Finish what is under way and close the file."""
        self._reading.close()
        self._writing.close()

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


def _write(connection: duckdb.DuckDBPyConnection, events: Sequence[Stored]) -> Refused:
    """Store all events but those that are refused; none, should an error be raised."""
    kept, refused = sift(events)
    rows: dict[type[Stored], list[Row]] = {}
    for event in kept:
        rows.setdefault(type(event), []).append(_row(event))
    connection.begin()
    try:
        for kind, of_kind in rows.items():
            _append(connection, kind, of_kind)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return refused


def _append(connection: duckdb.DuckDBPyConnection, kind: type[Stored], rows: Sequence[Row]) -> None:
    if kind is Candle:
        with connection.appender("arriving") as arriving:
            arriving.append_rows(rows)
        connection.execute(_MERGE_CANDLES)
    else:
        with connection.appender(kind.__name__.lower(), action="upsert") as table:
            table.append_rows(rows)


def _row(event: Stored) -> Row:
    """Return the columns of the event in the order of its table: that of its fields."""
    venue, instrument, *others = msgspec.structs.astuple(event)
    return venue, instrument.base, instrument.quote_currency, *others


def _read(connection: duckdb.DuckDBPyConnection, series: Series[S], span: Span) -> list[S]:
    given = {
        "venue": series.venue,
        "base": series.instrument.base,
        "quote_currency": series.instrument.quote_currency,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "at_most": span.limit,
    }
    if series.kind is Candle:
        given["interval"] = series.interval
    rows = connection.execute(_NEWEST[series.kind], given).fetchall()
    names = other_fields(series.kind)
    return [series.event(dict(zip(names, row, strict=True))) for row in reversed(rows)]


def _why_not_opened(path: Path, error: duckdb.IOException) -> SettingsError | StoreUnavailableError:
    if "Could not set lock" in str(error):
        return StoreUnavailableError(
            f"the store {path} is open in another process; end that one, name another file "
            f"(duckdb:FILE), or let several processes meet on InfluxDB: {error}"
        )
    return SettingsError(f"the store {path} cannot be opened: {error}; name another file")
