"""A Parquet or CSV file of candles in, their columns as arrays out, oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray

from market import Instrument, SettingsError
from market.intervals import INTERVALS

READERS = {".parquet": "read_parquet", ".csv": "read_csv", ".gz": "read_csv", ".zst": "read_csv"}
TIMES = ("start_ns", "start", "time", "timestamp", "ts", "open_time", "date", "datetime")
"""Names that the column may have which says when a candle starts."""

PRICES = ("open", "high", "low", "close", "volume")
OPTIONAL = "premium_bps"

UNITS_NS = ((10**17, 1), (10**14, 1_000), (10**11, 1_000_000), (0, 1_000_000_000))
"""Numbers at least so large are times in units of so many nanoseconds: those of our century are."""

Columns = Mapping[str, NDArray[Any]]


class Wanted(NamedTuple):
    """Which candles of a file are meant; empty: no matter."""

    venue: str = ""
    instrument: Instrument | None = None
    interval: str = ""
    start_ns: int = 0
    end_ns: int = 2**63 - 1


class CandleColumns(NamedTuple):
    """``start_ns``, the five of a candle and ``premium_bps`` if it is there, by name."""

    interval: str
    columns: Columns


def read_candle_file(path: Path, wanted: Wanted) -> CandleColumns:
    """Read the candles of one instrument and interval.

    Columns are found by name: one of `TIMES` (RFC 3339 or a number since the epoch), open, high,
    low, close and volume; venue, symbol (or base and quote_currency), interval and closed where a
    file has them. Where none says it the interval is the least distance between two candles.

    Raises:
        SettingsError: it cannot be read, or holds no such candles or those of several instruments.

    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise SettingsError(f"{path} is no file of candles: name a .parquet or .csv file.")
    try:
        with duckdb.connect(":memory:") as database:
            found = _read(database, f"{reader}($path)", path, wanted)
    except duckdb.Error as error:
        why = str(error).partition("\n")[0]
        raise SettingsError(f"{path} cannot be read as candles: {why}") from error
    return _of_one(found, path, wanted)


def _read(
    database: duckdb.DuckDBPyConnection, source: str, path: Path, wanted: Wanted
) -> dict[str, Any]:
    described = database.execute(f"DESCRIBE FROM {source}", {"path": str(path)})
    types = {row[0]: str(row[1]) for row in described.fetchall()}
    time = next((name for name in TIMES if name in types), None)
    lacking = [name for name in PRICES if name not in types]
    if time is None or lacking:
        named = ", ".join(lacking if time else [" or ".join(TIMES), *lacking])
        raise SettingsError(f"{path} has no column {named}; it has {', '.join(types)}.")
    given = {name: value for name, value in _conditions(wanted) if value and name in types}
    kept = [name for name in (*PRICES, OPTIONAL) if name in types]
    terms = [f'"{name}" = ${name}' for name in given] + (["closed"] if "closed" in types else [])
    columns = ", ".join(f'CAST("{name}" AS DOUBLE) AS "{name}"' for name in kept)
    columns += ', "interval"' if "interval" in types else ""
    text = (
        f"SELECT * FROM (SELECT {_time_ns(time, types[time])} AS start_ns, {columns} "  # noqa: S608  # names that are ours or there
        f"FROM {source} WHERE {' AND '.join(terms) or 'true'}) "
        "WHERE start_ns >= $from_ns AND start_ns < $to_ns ORDER BY start_ns"
    )
    span = {"from_ns": wanted.start_ns, "to_ns": wanted.end_ns}
    return database.execute(text, {"path": str(path), **given, **span}).fetchnumpy()


def _conditions(wanted: Wanted) -> Iterator[tuple[str, str]]:
    """Yield what each column must hold; empty: no matter."""
    base, quote_currency = (
        (wanted.instrument.base, wanted.instrument.quote_currency)
        if wanted.instrument
        else ("", "")
    )
    yield "venue", wanted.venue
    yield "symbol", str(wanted.instrument or "")
    yield "base", base
    yield "quote_currency", quote_currency
    yield "interval", wanted.interval


def _time_ns(column: str, kind: str) -> str:
    """Return what makes nanoseconds since the epoch of a column."""
    if column.endswith("_ns"):
        return f'CAST("{column}" AS BIGINT)'
    if kind.endswith("INT") or kind in ("INTEGER", "DOUBLE"):
        units = " ".join(f'WHEN "{column}" >= {least} THEN {unit}' for least, unit in UNITS_NS)
        return f'CAST("{column}" AS BIGINT) * CASE {units} END'
    moment = f'CAST("{column}" AS TIMESTAMP)' if kind == "VARCHAR" else f'"{column}"'
    return f"epoch_us({moment}) * 1000"


def _of_one(found: dict[str, Any], path: Path, wanted: Wanted) -> CandleColumns:
    """Check that there are candles, each start once; find their interval.

    Raises:
        SettingsError: it is otherwise.

    """
    starts = found.pop("start_ns")
    told = set(found.pop("interval", ()))
    columns = {name: np.ma.filled(column.astype(float), np.nan) for name, column in found.items()}
    if not len(starts):
        raise SettingsError(f"{path} holds no such candles: name venue, instrument, times it has.")
    steps = np.diff(starts)
    if len(steps) and int(steps.min()) == 0:
        raise SettingsError(
            f"{path} holds several candles of one time: choose by --venue, instrument, --interval."
        )
    shortest = int(steps.min()) if len(steps) else 0
    named = next((name for name, length in INTERVALS.items() if length == shortest), "")
    interval = min(told, default="") or named or wanted.interval
    if not interval:
        known = ", ".join(INTERVALS)
        raise SettingsError(f"What lasts a candle of {path}? Name it by --interval: {known}.")
    return CandleColumns(interval, {"start_ns": starts, **columns})
