"""Longer candles are made of the minutes, whatever restarts or comes late in between."""

from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from typing import TypeAlias

import msgspec
import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Candle, Instrument, Trade, VenueStatus
from refresher_service.candle_builder import CandleBuilder
from tests.making import MINUTE, SECOND, a_gap, a_status
from tests.refresher.listening import NOON, HandClock, at, closed, growing, hearing, running
from tests.waiting import eventually

LONG = ("1m", "5m", "15m", "1h", "4h", "1d")

Flow: TypeAlias = Sequence[Trade | VenueStatus]


async def test_every_interval_is_told_and_the_long_ones_are_of_the_minutes(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    part = CandleBuilder(bus, store, clock=clock)
    async with hearing(bus, "candle.#") as heard, running(part):
        await bus.publish([at(1, number=1), at(61, number=2, size=2.0), at(302, number=3)])
        await bus.publish([a_status(at_ns=NOON + 86_400 * SECOND)])
        await eventually(lambda: "1d" in {candle.interval for candle in closed(heard)})

    assert [
        (c.interval, c.start_ns - NOON, c.trades, c.volume)
        for c in sorted(closed(heard), key=_place)
    ] == [
        ("15m", 0, 3, 4.0),
        ("1d", -12 * 60 * MINUTE, 3, 4.0),
        ("1h", 0, 3, 4.0),
        ("1m", 0, 1, 1.0),
        ("1m", MINUTE, 1, 2.0),
        ("1m", 5 * MINUTE, 1, 1.0),
        ("1s", SECOND, 1, 1.0),
        ("1s", 61 * SECOND, 1, 2.0),
        ("1s", 302 * SECOND, 1, 1.0),
        ("4h", 0, 3, 4.0),
        ("5m", 0, 2, 3.0),
        ("5m", 5 * MINUTE, 1, 1.0),
    ]


async def test_long_candles_are_told_while_they_grow(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    async with hearing(bus, "candle.#") as heard, running(CandleBuilder(bus, store, clock=clock)):
        await bus.publish([at(1, number=1)])
        await eventually(lambda: len(growing(heard)) >= 6)

    assert {candle.interval for candle in growing(heard)} == {"1m", "5m", "15m", "1h", "4h", "1d"}


async def stored_day(
    store: EmbeddedTimeSeries, clock: HandClock, flows: Sequence[Flow], *, until: str = "1d"
) -> Sequence[Candle]:
    """What is stored at the end of a day of which each flow was handled by another process."""
    for number, flow in enumerate(flows):
        bus = LocalBus()
        part = CandleBuilder(bus, store, intervals=LONG, clock=clock)
        async with hearing(bus, "candle.#") as heard, running(part):
            for event in flow:
                clock.now_ns = max(clock.now_ns, event.received_ns)
                await bus.publish([event])
            await eventually(lambda: part.handled == len(flow))  # noqa: B023  # of this round
            if number == len(flows) - 1:
                await eventually(lambda: until in {one.interval for one in closed(heard)})
        trades = [event for event in flow if isinstance(event, Trade)]
        await store.write([*trades, *closed(heard)])
    kraken = "kraken", Instrument("BTC", "USDT")
    return [
        msgspec.structs.replace(one, sequence=0)
        for interval in LONG
        for one in await store.candles(*kraken, interval, start_ns=0, end_ns=2**62, limit=10_000)
    ]


def a_long_day() -> list[Trade | VenueStatus]:
    """Six hours with a trade about every seven minutes, and the end of the day."""
    trades = [at(n * 433, number=n, size=0.1 * n, price=100.0 + n % 7) for n in range(1, 50)]
    return [*trades, a_status(at_ns=NOON + 13 * 60 * MINUTE)]


@pytest.mark.parametrize("killed_after", [[20], [7, 8, 31], [48]])
async def test_processes_that_die_leave_the_same_long_candles(
    store: EmbeddedTimeSeries, clock: HandClock, killed_after: Sequence[int]
) -> None:
    day, ends = a_long_day(), [0, *killed_after, len(a_long_day())]
    with closing(EmbeddedTimeSeries.open(None)) as other:
        whole = await stored_day(other, HandClock(NOON), [day])

    found = await stored_day(store, clock, [day[a:b] for a, b in pairwise(ends)])

    assert found == whole


async def test_late_trade_corrects_candles_of_every_length_hours_later(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    early = [trade for trade in a_long_day() if isinstance(trade, Trade) and trade.trade_id != "2"]
    await stored_day(store, clock, [early[:30]], until="1h")

    async with (
        hearing(bus, "candle.#") as heard,
        running(CandleBuilder(bus, store, intervals=LONG, clock=clock)),
    ):
        await bus.publish([early[30], at(2 * 433, number=2, size=0.2, price=101.0)])
        await eventually(lambda: {"1h"} <= {one.interval for one in closed(heard)})

    corrected = {one.interval: one for one in closed(heard) if one.start_ns <= NOON + 866 * SECOND}
    assert {name: one.trades for name, one in corrected.items()} == {
        "1m": 1,
        "5m": 1,
        "15m": 2,
        "1h": 8,
    }


async def test_gap_marks_the_candles_that_it_lies_in_however_late_it_is_told(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    trades = [event for event in a_long_day() if isinstance(event, Trade)]
    await stored_day(store, clock, [trades[:40]], until="4h")
    gap = a_gap(start_ns=trades[20].event_ns + 1, end_ns=trades[21].event_ns - 1)

    async with (
        hearing(bus, "candle.#") as heard,
        running(CandleBuilder(bus, store, intervals=LONG, clock=clock)),
    ):
        await bus.publish([gap, trades[40]])
        await eventually(lambda: "1h" in {one.interval for one in closed(heard)})

    lacking = {(c.interval, c.start_ns) for c in heard.of(Candle) if not c.complete}
    assert ("1h", NOON + 120 * MINUTE) in lacking
    assert ("5m", NOON + 150 * MINUTE) in lacking
    assert not {start for name, start in lacking if name == "1h"} - {NOON + 120 * MINUTE}


def _place(candle: Candle) -> tuple[str, int]:
    return candle.interval, candle.start_ns
