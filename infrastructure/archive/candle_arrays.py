"""The candles of the archive as arrays: those of one market, or longer ones of all of a venue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from infrastructure.archive.reading import Archive
from infrastructure.archive.sources import Given, Sources, Span, conditions
from infrastructure.timeseries.question import codes_of, kept_as, table_of
from market import Candle, Instrument
from market.intervals import INTERVALS

T = TypeVar("T", bound=np.generic)

COLUMNS = ("start_ns", "open", "high", "low", "close", "volume", "trades")

RESAMPLE = """
SELECT base, quote_currency, start_ns - start_ns % {length_ns} AS start_ns,
    arg_min(open, candle.start_ns) AS open, max(high) AS high, min(low) AS low,
    arg_max(close, candle.start_ns) AS close, sum(volume) AS volume, sum(trades) AS trades
FROM ({candles}) AS candle
WHERE "interval" = $interval AND candle.start_ns >= $start_ns AND candle.start_ns < $end_ns
GROUP BY ALL ORDER BY ALL
"""
"""Longer candles of shorter ones, by instrument and start."""


class CandleArrays(msgspec.Struct, frozen=True, kw_only=True):
    """Candles of one instrument and interval, an array a field, in order of time."""

    interval: str
    start_ns: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]
    trades: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start_ns)


def read_candles(
    archive: Archive,
    venue: str,
    instrument: Instrument,
    interval: str,
    *,
    start_ns: int,
    end_ns: int,
) -> CandleArrays:
    """Return the candles that start in the range."""
    columns = ", ".join(COLUMNS)
    found = _of_series(archive, columns, venue, instrument, interval, Span(start_ns, end_ns))
    none: dict[str, NDArray[Any]] = {name: np.empty(0) for name in COLUMNS}
    return _in_order(interval, found or none)


def count_candles(
    archive: Archive,
    venue: str,
    instrument: Instrument,
    interval: str,
    *,
    start_ns: int,
    end_ns: int,
) -> int:
    """Return how many candles start in the range."""
    span = Span(start_ns, end_ns)
    found = _of_series(archive, "count(*) AS rows", venue, instrument, interval, span)
    return int(found["rows"][0]) if found else 0


def resample(
    archive: Archive,
    venue: str,
    interval: str,
    *,
    start_ns: int,
    end_ns: int,
    source: str = "1m",
) -> dict[str, NDArray[Any]]:
    """Return candles of all instruments, made of shorter ones, as columns in order of both.

    Volumes are sums of floats in whatever order, so their last bits may differ from run to run.
    """
    span = Span(start_ns, end_ns)
    given: Given = {"start_ns": start_ns, "end_ns": end_ns, "interval": source}

    def ask(held: Sources) -> dict[str, NDArray[Any]]:
        text, files = held.text(archive.files, "start_ns")
        return archive.connection.execute(
            RESAMPLE.format(length_ns=INTERVALS[interval], candles=text), {**files, **given}
        ).fetchnumpy()

    return archive.asked(_folder_of(source), (venue,), span, ask) or {}


def _of_series(
    archive: Archive, what: str, venue: str, instrument: Instrument, interval: str, span: Span
) -> dict[str, NDArray[Any]] | None:
    """Return some columns of a series of candles; None: there are no files."""
    base, quote_currency = codes_of(instrument)
    series = {"base": base, "quote_currency": quote_currency, "interval": interval}

    def ask(held: Sources) -> dict[str, NDArray[Any]]:
        text, given = held.text(archive.files, "start_ns")
        return archive.connection.execute(
            f"SELECT {what} FROM ({text}) "  # noqa: S608  # constants and our own
            f"WHERE start_ns >= $start_ns AND start_ns < $end_ns{conditions(series)}",
            {**given, **series, "start_ns": span.start_ns, "end_ns": span.end_ns},
        ).fetchnumpy()

    return archive.asked(_folder_of(interval), (venue,), span, ask)


def _folder_of(interval: str) -> str:
    """Return what the files of candles of an interval are among."""
    return table_of(kept_as(Candle, interval))


def _in_order(interval: str, columns: Mapping[str, NDArray[Any]]) -> CandleArrays:
    """Return the candles in order of time, which rows of one file are in already."""
    starts = columns["start_ns"]
    if len(starts) and not bool(np.all(starts[1:] > starts[:-1])):
        order = np.argsort(starts, kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
    return CandleArrays(
        interval=interval,
        start_ns=_plain(columns["start_ns"], np.int64),
        open=_plain(columns["open"], np.float64),
        high=_plain(columns["high"], np.float64),
        low=_plain(columns["low"], np.float64),
        close=_plain(columns["close"], np.float64),
        volume=_plain(columns["volume"], np.float64),
        trades=_plain(columns["trades"], np.int64),
    )


def _plain(column: NDArray[Any], of: type[T]) -> NDArray[T]:
    return np.ascontiguousarray(column, dtype=of)
