"""Pages of history go on from the store into the archive: no hole and no double at the seam."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from random import Random

import duckdb
import pytest
from msgspec.structs import replace

from infrastructure.archive.files import LocalFiles
from infrastructure.archive.history import AT_ONCE, History
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import ArchiveUnavailableError, Instrument, Trade
from tests.archive.making import keep_days, keep_years
from tests.making import MINUTE, a_candle, a_trade, a_venue_candle
from tests.waiting import eventually

BTC = Instrument("BTC", "USDT")
DAY = start_of_day(date(2026, 1, 3))
NOW = DAY + DAY_NS + MINUTE
EVER = 2**62


@pytest.fixture
async def store() -> AsyncIterator[EmbeddedTimeSeries]:
    with closing(EmbeddedTimeSeries.open(None)) as opened:
        yield opened


@pytest.fixture
def history(store: EmbeddedTimeSeries, tmp_path: Path) -> History:
    return History(store, LocalFiles(tmp_path), clock=lambda: NOW)


async def trades(
    history: History, limit: int = 100, *, start_ns: int = 0, end_ns: int = EVER
) -> list[int]:
    """Return the numbers of the newest trades of a range."""
    found = await history.trades("kraken", BTC, start_ns=start_ns, end_ns=end_ns, limit=limit)
    return [int(trade.trade_id) for trade in found]


async def closes(history: History, limit: int = 100) -> list[float]:
    found = await history.candles("kraken", BTC, "1m", start_ns=0, end_ns=EVER, limit=limit)
    return [candle.close for candle in found]


def numbered(*numbers: int) -> list[Trade]:
    """Return trades of an hour each; those of a day end with 24, 48 …, today begins with 72."""
    return [a_trade(number=number, at_ns=DAY + (number - 48) * DAY_NS // 24) for number in numbers]


async def test_page_goes_on_from_the_store_into_the_archive(
    store: EmbeddedTimeSeries, history: History, tmp_path: Path
) -> None:
    keep_days(tmp_path, numbered(*range(72)))
    await store.write(numbered(72, 73))

    assert await trades(history, 5) == [69, 70, 71, 72, 73]
    assert await trades(history, 74) == list(range(74))


async def test_row_that_both_hold_is_told_once(
    store: EmbeddedTimeSeries, history: History, tmp_path: Path
) -> None:
    keep_days(tmp_path, numbered(46, 47, 48, 49))
    await store.write(numbered(47, 48, 49, 72))

    assert await trades(history) == [46, 47, 48, 49, 72]
    assert await trades(history, 4) == [47, 48, 49, 72]


async def test_hole_in_the_store_is_filled_though_the_page_would_be_full_without(
    store: EmbeddedTimeSeries, history: History, tmp_path: Path
) -> None:
    """The store has lost what lies between two of its rows; the newest four are of the archive."""
    keep_days(tmp_path, numbered(*range(72)))
    await store.write(numbered(1, 2, 3, 72))

    assert await trades(history, 4) == [69, 70, 71, 72]


async def test_time_that_neither_knows_stays_a_hole(
    store: EmbeddedTimeSeries, history: History, tmp_path: Path
) -> None:
    keep_days(tmp_path, numbered(0, 1))
    await store.write(numbered(70, 72))

    assert await trades(history, 3) == [1, 70, 72]


async def test_correction_in_the_store_wins(
    store: EmbeddedTimeSeries, history: History, tmp_path: Path
) -> None:
    first, second = a_candle(start_ns=DAY, close=90.0), a_candle(start_ns=DAY + MINUTE, trades=5)
    keep_days(tmp_path, [first, second])
    await store.write([replace(first, close=95.0), replace(second, close=80.0, trades=4)])

    assert await closes(history) == [95.0, 100.0]  # of the second the archive's has more trades


async def test_range_is_cut_to_the_nanosecond_on_both_sides(
    store: EmbeddedTimeSeries, history: History, tmp_path: Path
) -> None:
    keep_days(tmp_path, numbered(*range(72)))
    await store.write(numbered(72, 73))
    first_ns, last_ns = (trade.event_ns for trade in numbered(70, 73))

    assert await trades(history, start_ns=first_ns, end_ns=last_ns) == [70, 71, 72]
    assert await trades(history, start_ns=first_ns + 1, end_ns=last_ns + 1) == [71, 72, 73]


async def test_years_back_are_reached_where_little_was_traded(
    history: History, tmp_path: Path
) -> None:
    starts = [start_of_day(date(year, 6, 1)) for year in (2019, 2022, 2025)]
    keep_years(tmp_path, [a_trade(number=n, at_ns=at_ns) for n, at_ns in enumerate(starts)])

    assert await trades(history, 2) == [1, 2]
    assert await trades(history) == [0, 1, 2]


async def test_whatever_lies_where_a_page_holds_the_newest_of_all(
    store: EmbeddedTimeSeries, history: History, tmp_path: Path
) -> None:
    """Several trades are of one moment; half of the year's are in a file of their day as well."""
    draw = Random(4)  # noqa: S311  # trades, not secrets
    times = sorted(DAY - draw.randrange(400) * DAY_NS // 24 for _ in range(200))
    every = [a_trade(number=n, at_ns=at_ns) for n, at_ns in enumerate(times)]
    keep_years(tmp_path, every[:150])
    days = {trade.event_ns // DAY_NS for trade in every[75:150]}
    keep_days(tmp_path, (one for one in every[:150] if one.event_ns // DAY_NS in days))
    await store.write([trade for trade in every if int(trade.trade_id) >= 120])

    for _ in range(10):
        limit, (first, last) = draw.randrange(1, 90), sorted(draw.choices(times, k=2))
        meant = [n for n, at_ns in enumerate(times) if first <= at_ns < last]
        assert await trades(history, limit, start_ns=first, end_ns=last) == meant[-limit:]


async def test_intervals_and_kinds_of_candles_are_kept_apart(
    history: History, tmp_path: Path
) -> None:
    hour = a_candle(start_ns=DAY, interval="1h", close=3.0)
    theirs = a_venue_candle(start_ns=DAY, close=4.0, closed=True)
    other = a_candle(instrument="BTC-USD", start_ns=DAY, close=5.0)
    keep_days(tmp_path, [a_candle(start_ns=DAY, close=2.0), hour, theirs, other])

    told = await history.venue_candles("kraken", BTC, "1m", start_ns=0, end_ns=EVER, limit=9)

    assert await closes(history) == [2.0]
    assert [candle.close for candle in told] == [4.0]


async def test_archive_is_not_asked_for_what_cannot_be_in_it(
    store: EmbeddedTimeSeries, tmp_path: Path
) -> None:
    """It does not answer, and nobody notices as long as all is of today."""
    history = History(store, _Broken(tmp_path), clock=lambda: NOW)
    await store.write(numbered(71, 72, 73))

    assert await trades(history, 2) == [72, 73]
    assert await trades(history, start_ns=DAY + DAY_NS) == [72, 73]
    with pytest.raises(ArchiveUnavailableError):
        await trades(history, 3)


async def test_who_gives_up_waiting_holds_up_nobody(
    store: EmbeddedTimeSeries, tmp_path: Path
) -> None:
    keep_days(tmp_path, numbered(0))
    files = _Stuck(tmp_path)
    history = History(store, files, clock=lambda: NOW)
    waiting = [asyncio.create_task(trades(history)) for _ in range(AT_ONCE)]
    await eventually(lambda: files.asked == AT_ONCE)

    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    files.released.set()
    answers = await asyncio.gather(*(trades(history) for _ in range(AT_ONCE)))

    assert answers == [[0]] * AT_ONCE
    assert files.opened == AT_ONCE


class _Broken(LocalFiles):
    """An archive that does not answer."""

    def names(self, folder: str) -> Sequence[str]:
        raise ArchiveUnavailableError(f"{folder} is away")


class _Stuck(LocalFiles):
    """An archive that does not answer for a while; all threads begin a question together."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.released = threading.Event()
        self.asked = 0
        self.opened = 0
        self._meeting = threading.Barrier(AT_ONCE)

    def connect(self) -> duckdb.DuckDBPyConnection:
        self._meeting.wait(30.0)
        return super().connect()

    def address(self, name: str) -> str:
        self.opened += 1
        return super().address(name)

    def names(self, folder: str) -> Sequence[str]:
        self.asked += 1
        self.released.wait(30.0)
        return super().names(folder)
