"""Archive and store are one history: no hole and no double where they meet."""

import csv
import io
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import msgspec
import pytest
from msgspec.structs import replace

from infrastructure.archive.candle_arrays import read_candles, resample
from infrastructure.archive.day import archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.formats import Format, written
from infrastructure.archive.joined import Wanted, joined
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.archive.reading import Archive
from infrastructure.archive.sources import Span
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import Stored
from market import Candle, Instrument, Trade
from tests.making import MINUTE, SECOND, a_candle, a_trade

START = start_of_day(date(2026, 3, 4))
NOW = START + 6 * DAY_NS + MINUTE
BTC = Instrument("BTC", "USDT")
TRADES = Wanted(Trade, "kraken", BTC)
EVER = Span(0, 2**62)


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


@pytest.fixture
async def store() -> AsyncIterator[EmbeddedTimeSeries]:
    with closing(EmbeddedTimeSeries.open(None)) as opened:
        yield opened


def a_day(number: int) -> list[Trade]:
    """Make trades at both ends of a day and within it."""
    times = (0, 1, DAY_NS // 2, DAY_NS - 1)
    return [
        a_trade(number=10 * number + n, at_ns=START + number * DAY_NS + at_ns)
        for n, at_ns in enumerate(times)
    ]


async def read(
    store: EmbeddedTimeSeries,
    files: LocalFiles | None,
    wanted: Wanted = TRADES,
    span: Span = EVER,
) -> list[Stored]:
    told = joined(store, files, wanted, span, now_ns=NOW)
    return [event async for batch in told for event in batch]


async def archived(store: EmbeddedTimeSeries, files: LocalFiles, *numbers: int) -> None:
    for number in numbers:
        day = date.fromordinal(date(2026, 3, 4).toordinal() + number)
        await archive_day(store, files, day, now_ns=NOW)


async def test_days_come_once_whether_archived_stored_or_both(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    days = [a_day(number) for number in range(7)]
    with closing(EmbeddedTimeSeries.open(None)) as whole:
        await whole.write([trade for day in days for trade in day])
        await archived(whole, files, 0, 1, 2, 3, 4)
    await store.write([trade for day in days[4:] for trade in day])  # the others have expired

    assert await read(store, files) == [trade for day in days for trade in day]


async def test_range_within_the_seam_is_cut_to_the_nanosecond(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    days = [a_day(number) for number in range(7)]
    await store.write([trade for day in days for trade in day])
    await archived(store, files, 0, 1, 2, 3, 4)

    found = await read(store, files, span=Span(START + 2 * DAY_NS + 1, START + 5 * DAY_NS + 1))

    assert found == [*days[2][1:], *days[3], *days[4], days[5][0]]


async def test_what_came_late_is_there_before_it_is_archived(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    candle = a_candle(start_ns=START + 5 * DAY_NS)
    await store.write([candle])
    await archived(store, files, 5)
    corrected = replace(candle, trades=2, volume=2.0)
    await store.write([corrected])

    assert await read(store, files, Wanted(Candle, "kraken", BTC, "1m")) == [corrected]


async def test_candles_of_a_second_are_archived_apart_and_told_with_those_of_the_store(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    starts = (START, START + DAY_NS - SECOND, START + DAY_NS, START + 5 * DAY_NS)
    candles = [a_candle(start_ns=at_ns, interval="1s") for at_ns in starts]
    minute = a_candle(start_ns=START)
    with closing(EmbeddedTimeSeries.open(None)) as whole:
        await whole.write([*candles, minute])
        await archived(whole, files, 0, 1, 2, 3, 4)
    await store.write(candles[3:])

    assert await read(store, files, Wanted(Candle, "kraken", BTC, "1s")) == candles
    assert await read(store, files, Wanted(Candle, "kraken", BTC, "1m")) == [minute]
    with closing(Archive(files)) as archive:
        arrays = read_candles(archive, "kraken", BTC, "1s", start_ns=0, end_ns=2**62)
        resampled = resample(archive, "kraken", "1d", start_ns=0, end_ns=2**62, source="1s")
    assert list(arrays.start_ns) == [one.start_ns for one in candles[:3]]
    assert list(resampled["trades"]) == [2, 1]


async def test_without_an_archive_the_store_tells_all(store: EmbeddedTimeSeries) -> None:
    await store.write([*a_day(0), *a_day(5), a_trade("upbit", at_ns=START)])

    assert await read(store, None) == [*a_day(0), *a_day(5)]


async def test_series_that_nobody_has_is_empty(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    assert await read(store, files) == []


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
async def test_every_format_holds_the_same(form: Format, tmp_path: Path) -> None:
    trades = [replace(one, price=0.1 + 0.2) for one in a_day(0)]

    async def told() -> AsyncIterator[list[Stored]]:
        yield [*trades[:2]]
        yield [*trades[2:]]

    content = b"".join([part async for part in written(Trade, told(), form)])

    assert _prices(form, content, tmp_path / "rows") == [0.1 + 0.2] * 4


def _prices(form: Format, content: bytes, path: Path) -> list[float]:
    if form == "csv":
        return [float(row["price"]) for row in csv.DictReader(io.StringIO(content.decode()))]
    if form == "ndjson":
        return [msgspec.json.decode(line)["price"] for line in content.splitlines()]
    path.write_bytes(content)
    found = duckdb.execute("SELECT price FROM read_parquet($path)", {"path": str(path)})
    return [price for (price,) in found.fetchall()]
