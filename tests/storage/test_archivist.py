"""Days are archived once they are over, those missed at start; nothing expires before."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from datetime import date, timedelta
from pathlib import Path

import pytest

from infrastructure.archive.files import LocalFiles
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Instrument, Trade
from storage_service.archivist import AT_S, Archivist
from tests.making import MINUTE, SECOND, a_candle, a_trade
from tests.waiting import eventually

DAY = date(2026, 3, 4)
START = start_of_day(DAY)
BTC = Instrument("BTC", "USDT")


class HandClock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now_ns = START + DAY_NS + 20 * MINUTE

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(clock: HandClock) -> AsyncIterator[EmbeddedTimeSeries]:
    opening = EmbeddedTimeSeries.open(None, raw_retention_s=86_400, keep_from_ns=0, clock=clock)
    with closing(opening) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path)


@pytest.fixture
def archivist(store: EmbeddedTimeSeries, files: LocalFiles, clock: HandClock) -> Archivist:
    return Archivist(store, files, clock=clock, again_s=0.01, look_every_s=0.01)


async def kept(store: EmbeddedTimeSeries, clock: HandClock) -> list[int]:
    """Let the store remove what it may; return the days of its trades, counted from the first."""
    clock.now_ns += 2 * MINUTE
    await store.write([])
    trades = await store.trades("kraken", BTC, start_ns=0, end_ns=2**62, limit=100)
    return [(trade.event_ns - START) // DAY_NS for trade in trades]


def a_trade_of(number: int) -> Trade:
    return a_trade(number=10 + number, at_ns=START + number * DAY_NS)


async def test_days_that_were_missed_are_archived_at_start(
    store: EmbeddedTimeSeries, files: LocalFiles, archivist: Archivist, clock: HandClock
) -> None:
    await store.write([a_trade_of(0), a_trade_of(1), a_trade_of(4), a_candle(start_ns=MINUTE)])
    clock.now_ns = START + 4 * DAY_NS + MINUTE

    await archivist.catch_up()

    assert whole_days(files) == {date(1970, 1, 1), DAY, DAY + timedelta(days=1)}
    assert archivist.counts == {"days": 3, "rows": 3}


async def test_nothing_expires_before_it_is_archived(
    store: EmbeddedTimeSeries, archivist: Archivist, clock: HandClock
) -> None:
    await store.write([a_trade_of(number) for number in range(4)])
    clock.now_ns = START + 3 * DAY_NS + MINUTE

    before = await kept(store, clock)
    await archivist.catch_up()

    assert before == [0, 1, 2, 3]
    assert await kept(store, clock) == [2, 3]


async def test_day_that_cannot_be_archived_holds_up_what_expires(
    store: EmbeddedTimeSeries, files: LocalFiles, archivist: Archivist, clock: HandClock
) -> None:
    await store.write([a_trade_of(number) for number in range(3)])
    clock.now_ns = START + 3 * DAY_NS + MINUTE
    with files.desk():
        running = asyncio.create_task(archivist.run())
        await eventually(lambda: "another process writes" in archivist.waiting_for)
        assert await kept(store, clock) == [0, 1, 2]

    await eventually(lambda: archivist.handled == 3 and not archivist.waiting_for)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_each_day_is_archived_ten_minutes_after_its_end(
    store: EmbeddedTimeSeries, files: LocalFiles, archivist: Archivist, clock: HandClock
) -> None:
    await store.write([a_trade_of(0), a_trade_of(1)])
    running = asyncio.create_task(archivist.run())
    await eventually(lambda: whole_days(files) == {DAY})

    clock.now_ns = START + 2 * DAY_NS + AT_S * SECOND - 1
    await asyncio.sleep(0.05)  # the time in which nothing must happen
    assert whole_days(files) == {DAY}
    clock.now_ns += 1
    await eventually(lambda: whole_days(files) == {DAY, DAY + timedelta(days=1)})

    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
