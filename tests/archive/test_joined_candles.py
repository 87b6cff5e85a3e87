"""Years of candles as arrays are what `joined` tells event by event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date

import pytest
from msgspec.structs import replace

from infrastructure.archive.day import archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.joined import Wanted, joined
from infrastructure.archive.joined_candles import PastCandles, TooManyCandlesError
from infrastructure.archive.places import DAY_NS, day_of, start_of_day
from infrastructure.archive.sources import Span
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Candle, Instrument
from tests.making import SECOND, a_candle

START = start_of_day(date(2026, 3, 4))
NOW = START + 6 * DAY_NS + SECOND
BTC = Instrument("BTC", "USDT")
EVER = Span(0, 2**62)
HOURS = [
    a_candle(interval="1h", start_ns=START + n * 3_600 * SECOND, close=100.0 + n, trades=2)
    for n in range(6 * 24)
]
OF_A_SECOND = [
    a_candle(interval="1s", start_ns=at_ns, close=float(n)) for n, at_ns in enumerate((START, NOW))
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> LocalFiles:
    """An archive of the first five days."""
    files = LocalFiles(tmp_path_factory.mktemp("archive"))
    asyncio.run(archive(files))
    return files


async def archive(files: LocalFiles) -> None:
    with closing(EmbeddedTimeSeries.open(None)) as whole:
        await whole.write([*HOURS, *OF_A_SECOND])
        for number in range(5):
            await archive_day(whole, files, day_of(START + number * DAY_NS), now_ns=NOW)


@pytest.fixture
async def store() -> AsyncIterator[EmbeddedTimeSeries]:
    """A store of the last three days."""
    with closing(EmbeddedTimeSeries.open(None)) as opened:
        await opened.write(HOURS[3 * 24 :])
        yield opened


async def closes(past: PastCandles, interval: str = "1h") -> list[float]:
    found = await past.read("kraken", BTC, interval, EVER, now_ns=NOW)
    return [float(close) for close in found.close]


async def test_each_candle_comes_once_that_of_most_trades(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    late = replace(HOURS[90], close=1.0, trades=3)
    await store.write([late])

    found = await closes(PastCandles(store, files))

    wanted = Wanted(Candle, "kraken", BTC, "1h")
    told = [one async for batch in joined(store, files, wanted, EVER, now_ns=NOW) for one in batch]
    assert found == [one.close for one in told if isinstance(one, Candle)]
    assert (len(found), found[90]) == (len(HOURS), 1.0)


async def test_either_may_be_read_alone(store: EmbeddedTimeSeries, files: LocalFiles) -> None:
    assert await closes(PastCandles(None, files)) == [one.close for one in HOURS[: 5 * 24]]
    assert await closes(PastCandles(store, None)) == [one.close for one in HOURS[3 * 24 :]]


async def test_candles_of_a_second_go_on_from_the_archive_into_the_store(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    await store.write(OF_A_SECOND[1:])

    found = await closes(PastCandles(store, files), "1s")

    assert found == [one.close for one in OF_A_SECOND]


async def test_more_than_may_be_read_are_refused(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    for past in (PastCandles(store, None, at_most=71), PastCandles(None, files, at_most=119)):
        with pytest.raises(TooManyCandlesError, match="there are more than"):
            await closes(past)

    assert len(await closes(PastCandles(store, None, at_most=72))) == 72


async def test_more_than_may_be_read_are_refused_of_archive_and_store_together(
    store: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    with pytest.raises(TooManyCandlesError, match="there are more than 143"):
        await closes(PastCandles(store, files, at_most=143))

    assert len(await closes(PastCandles(store, files, at_most=144))) == 144
