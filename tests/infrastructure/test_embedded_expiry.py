"""What the store in a file lets go of, and that it knows what it has without an index of it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from msgspec.structs import replace

from infrastructure.timeseries import embedded_writing
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import Stored
from market import Instrument, Quote, Trade
from tests.making import (
    MINUTE,
    SECOND,
    a_candle,
    a_gap,
    a_quote,
    a_status,
    a_summary,
    a_trade,
    a_venue_candle,
)

BTC = Instrument("BTC", "USDT")
DAY = 86_400 * SECOND
NOON = 1_790_000_000 * SECOND
EVER = {"start_ns": 0, "end_ns": 2**63 - 1, "limit": 100_000}

KEYED_TRADES = """
CREATE TABLE trade (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, trade_id VARCHAR,
    side VARCHAR, price DOUBLE, size DOUBLE, backfilled BOOLEAN,
    event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, trade_id)
);
INSERT INTO trade VALUES ('kraken', 'BTC', 'USDT', '1', 'buy', 100.0, 1.0, false, 1, 1, 1);
"""


class HandClock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now_ns = NOON

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(clock: HandClock) -> AsyncIterator[EmbeddedTimeSeries]:
    """A store that keeps what expires for a day."""
    with closing(EmbeddedTimeSeries.open(None, raw_retention_s=86_400, clock=clock)) as opened:
        yield opened


async def trades(store: EmbeddedTimeSeries) -> Sequence[Trade]:
    return await store.trades("kraken", BTC, **EVER)


async def test_raw_events_go_after_their_day_and_all_else_stays(
    store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    candle, gap, fresh = a_candle(start_ns=NOON), a_gap(start_ns=NOON), a_trade(at_ns=NOON + DAY)
    old: list[Stored] = [a_trade(at_ns=NOON), a_quote(at_ns=NOON), a_summary(at_ns=NOON)]
    await store.write([*old, a_status(at_ns=NOON), candle, gap])

    clock.now_ns = NOON + DAY + MINUTE
    await store.write([replace(fresh, trade_id="2")])

    assert await trades(store) == [replace(fresh, trade_id="2")]
    assert await store.quotes("kraken", BTC, **EVER) == []
    assert await store.summaries("kraken", BTC, **EVER) == []
    assert await store.statuses("kraken", **EVER) == []
    assert await store.candles("kraken", BTC, "1m", **EVER) == [candle]
    assert await store.gaps("kraken", BTC, **EVER) == [gap]


async def test_candles_of_a_second_go_with_the_trades_that_they_are_made_of(
    store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    old = a_candle(start_ns=NOON, interval="1s")
    fresh = a_candle(start_ns=NOON + DAY, interval="1s")
    await store.write([old])

    clock.now_ns = NOON + DAY + SECOND
    await store.write([fresh])

    assert await store.candles("kraken", BTC, "1s", **EVER) == [fresh]


async def test_candles_of_a_second_that_venues_made_go_after_four_hours(
    store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    old = replace(a_venue_candle(start_ns=NOON, closed=True), interval="1s")
    fresh = replace(old, start_ns=NOON + 4 * 60 * MINUTE)
    await store.write([old])

    clock.now_ns = NOON + 4 * 60 * MINUTE + SECOND
    await store.write([fresh])

    assert await store.venue_candles("kraken", BTC, "1s", **EVER) == [fresh]


async def test_candles_of_a_second_that_an_earlier_version_kept_are_found(tmp_path: Path) -> None:
    path, candle = tmp_path / "market.duckdb", a_candle(start_ns=NOON, interval="1s")
    with closing(EmbeddedTimeSeries.open(path)) as store:
        await store.write([candle])
    with closing(duckdb.connect(path)) as file:
        file.execute("INSERT INTO candle BY NAME FROM candle_second; DELETE FROM candle_second")

    with closing(EmbeddedTimeSeries.open(path)) as store:
        await store.write([replace(candle, trades=0), a_candle(start_ns=NOON)])

        assert await store.candles("kraken", BTC, "1s", **EVER) == [candle]
        assert await store.candles("kraken", BTC, "1m", **EVER) == [a_candle(start_ns=NOON)]


async def test_what_is_to_be_kept_stays_however_old_it_is(clock: HandClock) -> None:
    opening = EmbeddedTimeSeries.open(None, raw_retention_s=86_400, keep_from_ns=0, clock=clock)
    with closing(opening) as store:
        older, old = a_trade(number=1, at_ns=NOON), a_trade(number=2, at_ns=NOON + SECOND)
        await store.write([older, old])

        clock.now_ns = NOON + 3 * DAY
        await store.write([])
        assert await trades(store) == [older, old]

        await store.keep_from(NOON + SECOND)
        clock.now_ns += MINUTE
        await store.write([])
        assert await trades(store) == [old]


async def test_old_rows_go_slice_by_slice(
    store: EmbeddedTimeSeries, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_writing, "ROWS_A_SLICE", 100)
    await store.write([a_trade(number=n, at_ns=NOON + n) for n in range(250)])
    clock.now_ns = NOON + DAY + MINUTE
    left = []

    for _ in range(4):
        await store.write([])
        left.append(len(await trades(store)))

    assert left == [150, 50, 0, 0]


async def test_file_of_many_days_is_hardly_larger_than_that_of_one(
    tmp_path: Path, clock: HandClock
) -> None:
    sizes = [await size_after(tmp_path / f"{days}.duckdb", clock, days=days) for days in (1, 6)]

    assert sizes[1] <= 2 * sizes[0]


async def size_after(path: Path, clock: HandClock, *, days: int) -> int:
    """Write for some days, of which one is kept; return the size of the file once it is closed."""
    with closing(EmbeddedTimeSeries.open(path, raw_retention_s=86_400, clock=clock)) as store:
        for day in range(days):
            clock.now_ns = NOON + (day + 1) * DAY
            await store.write(a_day_of_quotes(NOON + day * DAY))
    return path.stat().st_size  # noqa: ASYNC240  # nothing else goes on


def a_day_of_quotes(start_ns: int) -> list[Quote]:
    step_ns = DAY // 10_000
    times = range(start_ns, start_ns + 10_000 * step_ns, step_ns)
    one = a_quote("venue")
    return [
        replace(one, bid=at_ns / 7, event_ns=at_ns, received_ns=at_ns, sequence=at_ns)
        for at_ns in times
    ]


async def test_trade_that_comes_again_after_a_restart_is_stored_once(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    executions = [a_trade(number=n, at_ns=NOON + n) for n in range(10)]
    with closing(EmbeddedTimeSeries.open(path)) as store:
        await store.write(executions[:7])

    with closing(EmbeddedTimeSeries.open(path)) as store:
        await store.write(executions[3:])

        assert await trades(store) == executions


async def test_trades_of_one_frame_that_were_parted_are_all_stored(
    store: EmbeddedTimeSeries,
) -> None:
    executions = [replace(a_trade(number=n, at_ns=NOON + n), received_ns=NOON) for n in range(4)]

    await store.write(executions[:2])
    await store.write(executions[2:])

    assert await trades(store) == executions


async def test_back_filled_trade_takes_the_place_of_the_live_one(store: EmbeddedTimeSeries) -> None:
    live = [a_trade(number=n, at_ns=NOON + n) for n in range(3)]
    again = replace(live[1], backfilled=True, received_ns=NOON + DAY, price=7.0)

    await store.write(live)
    await store.write([again])

    assert await trades(store) == [live[0], again, live[2]]


async def test_trade_id_that_comes_again_another_day_is_another_trade(
    store: EmbeddedTimeSeries,
) -> None:
    first, second = a_trade(at_ns=NOON - DAY), a_trade(at_ns=NOON)

    await store.write([first])
    await store.write([second])

    assert await trades(store) == [first, second]


async def test_what_cannot_be_stored_leaves_no_trace(
    store: EmbeddedTimeSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise duckdb.IOException("no room")

    with monkeypatch.context() as broken:
        broken.setattr(embedded_writing, "_merge", fail)
        with pytest.raises(Exception, match="no room"):
            await store.write([a_trade(at_ns=NOON), a_candle()])
    await store.write([a_trade(at_ns=NOON)])

    assert await trades(store) == [a_trade(at_ns=NOON)]


async def test_file_whose_trades_have_a_key_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with duckdb.connect(path) as old:
        old.execute(KEYED_TRADES)

    with closing(EmbeddedTimeSeries.open(path)) as store:
        await store.write([a_trade(), a_trade(number=2, at_ns=2)])
        found = await trades(store)

    assert found == [a_trade(), a_trade(number=2, at_ns=2)]
    with duckdb.connect(path) as now:
        keys = now.execute(
            "SELECT count(*) FROM duckdb_constraints() "
            "WHERE table_name = 'trade' AND constraint_type = 'PRIMARY KEY'"
        ).fetchall()
    assert keys == [(0,)]
