"""The archive against bare DuckDB on the same files: one instrument-year, and a resample of all.

Four years of one-minute candles of a hundred instruments of one venue (``--quick``: a tenth of the
instruments and two years) are written as files of years. Each way answers in alternating rounds of
one process and its median counts; that both answer the same is checked. One instrument-year is
asked for as `read_candles` and as the SELECT that a person would write; the resample to
hours likewise.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Figure, arguments, report
from infrastructure.archive.candle_arrays import RESAMPLE, read_candles, resample
from infrastructure.archive.places import Place, start_of_year
from infrastructure.archive.reading import Archive, open_archive
from infrastructure.timeseries.embedded_tables import TABLES
from market import Instrument
from market.intervals import INTERVALS

VENUE = "kraken"
FIRST_YEAR = 2022
GOAL = 1.2
MINUTE_NS = INTERVALS["1m"]

Columns = Mapping[str, NDArray[Any]]

MADE = """
COPY (
    SELECT * FROM (SELECT * FROM candle LIMIT 0) UNION ALL BY NAME
    SELECT 'kraken' AS venue, printf('C%03d', coin) AS base, 'USDT' AS quote_currency,
        '1m' AS "interval", $start_ns + minute * $minute_ns AS start_ns,
        price AS open, price + 0.04 AS high, price - 0.05 AS low, price + 0.01 AS close,
        (minute * 7919 + coin) % 1000 / 100 AS volume, 1 + (minute + coin) % 40 AS trades,
        true AS closed, start_ns + $minute_ns - 1 AS event_ns, event_ns + 1000 AS received_ns,
        event_ns AS sequence
    FROM (
        SELECT coin, minute,
            round(100 + coin + 9 * sin(minute / 9000) + hash(minute + coin) % 200 / 100, 2) AS price
        FROM range($coins) AS coins(coin), range($minutes) AS minutes(minute)
    ) ORDER BY base, start_ns
) TO $path (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)
"""

BARE_YEAR = """
SELECT start_ns, open, high, low, close, volume, trades FROM read_parquet($files)
WHERE base = $base AND quote_currency = 'USDT' AND "interval" = '1m'
    AND start_ns >= $start_ns AND start_ns < $end_ns
ORDER BY start_ns
"""


def make_files(root: Path, *, years: int, coins: int) -> list[Path]:
    """Write the files of the years."""
    paths = []
    for year in range(FIRST_YEAR, FIRST_YEAR + years):
        paths.append(root / Place("candle", VENUE, year).name)
        paths[-1].parent.mkdir(parents=True)
        start_ns = start_of_year(year)
        given = {
            "path": str(paths[-1]),
            "coins": coins,
            "start_ns": start_ns,
            "minute_ns": MINUTE_NS,
            "minutes": (start_of_year(year + 1) - start_ns) // MINUTE_NS,
        }
        with closing(duckdb.connect()) as connection:
            connection.execute(TABLES)
            connection.execute(MADE, given)
    return paths


def alternated(
    ours: Callable[[], Columns], bare: Callable[[], Columns], *, rounds: int
) -> tuple[float, float]:
    """Return the median seconds of both; the first round of each is not counted.

    Raises:
        AssertionError: they do not answer the same.

    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        answers = []
        for way, taken in zip((ours, bare), times, strict=True):
            began = time.perf_counter()
            answers.append(way())
            taken.append(time.perf_counter() - began)
        one, other = answers
        for name in ("start_ns", "open", "high", "low", "close", "trades"):
            if not np.array_equal(one[name], other[name]):
                raise AssertionError(f"the two ways differ in {name}")
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def year_of_one(archive: Archive, files: list[Path], *, rounds: int) -> Figure:
    """Measure one instrument-year, of the last year and the instrument in the middle."""
    year = FIRST_YEAR + len(files) - 1
    span = {"start_ns": start_of_year(year), "end_ns": start_of_year(year + 1)}
    coin = Instrument("C004", "USDT")

    def ours() -> Columns:
        found = read_candles(archive, VENUE, coin, "1m", **span)
        return {name: getattr(found, name) for name in found.__struct_fields__}

    with closing(duckdb.connect()) as connection:
        given = {"files": [str(path) for path in files], "base": coin.base, **span}
        mine, bare = alternated(
            ours, lambda: connection.execute(BARE_YEAR, given).fetchnumpy(), rounds=rounds
        )
    print(
        f"one instrument-year: {mine * 1e3:.1f} ms, bare DuckDB {bare * 1e3:.1f} ms",
        file=sys.stderr,
    )
    return Figure(name="one instrument-year", value=mine / bare, unit="x bare DuckDB", goal=GOAL)


def hours_of_all(archive: Archive, files: list[Path], *, rounds: int) -> Figure:
    """Measure hours of all instruments and years."""
    span = {"start_ns": 0, "end_ns": 2**62}
    text = RESAMPLE.format(length_ns=INTERVALS["1h"], candles="SELECT * FROM read_parquet($files)")
    given = {"files": [str(path) for path in files], "interval": "1m", **span}
    with closing(duckdb.connect()) as connection:
        mine, bare = alternated(
            lambda: resample(archive, VENUE, "1h", start_ns=0, end_ns=2**62),
            lambda: connection.execute(text, given).fetchnumpy(),
            rounds=rounds,
        )
    print(f"hours of all: {mine:.2f} s, bare DuckDB {bare:.2f} s", file=sys.stderr)
    return Figure(name="hours of all", value=mine / bare, unit="x bare DuckDB", goal=GOAL)


def main() -> None:
    """Measure, print, exit."""
    given = arguments("the archive against bare DuckDB")
    years, coins = (2, 10) if given.quick else (4, 100)
    with tempfile.TemporaryDirectory(prefix="archive-") as folder:
        began = time.perf_counter()
        files = make_files(Path(folder), years=years, coins=coins)
        size = sum(path.stat().st_size for path in files)
        took_s = time.perf_counter() - began
        print(
            f"{years} years of {coins} instruments: {size / 2**20:,.0f} MB in {took_s:.0f} s",
            file=sys.stderr,
        )
        with closing(open_archive(folder)) as archive:
            figures = [
                year_of_one(archive, files, rounds=5 if given.quick else 15),
                hours_of_all(archive, files, rounds=3),
            ]
    report("archive", figures, as_json=given.json)


if __name__ == "__main__":
    main()
