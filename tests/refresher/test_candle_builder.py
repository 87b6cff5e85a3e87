"""Trades on the bus become candles on the bus, whatever restarts in between."""

import asyncio
from collections.abc import Sequence
from math import fsum

import pytest

from infrastructure.actor import patterns_of
from infrastructure.bus.local import LocalBus
from infrastructure.sharing import Share
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import TimeSeries
from market import Candle, Instrument, StoreUnavailableError, Trade
from refresher_service.candle_builder import CandleBuilder
from tests.making import MINUTE, SECOND, a_candle, a_status
from tests.refresher.listening import (
    NOON,
    HandClock,
    at,
    closed,
    growing,
    hearing,
    running,
)
from tests.waiting import eventually

SLOT = SECOND // 4


def builder(bus: LocalBus, store: TimeSeries, clock: HandClock) -> CandleBuilder:
    return CandleBuilder(bus, store, intervals=("1m",), clock=clock)


async def test_open_candle_is_published_with_its_first_trade(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish([at(1, number=1, price=100.0)])
        await eventually(lambda: growing(heard))

    (candle,) = heard.of(Candle)

    assert (candle.start_ns, candle.close, candle.trades) == (NOON, 100.0, 1)


async def test_open_candle_waits_for_its_slot_and_its_last_state_comes_without_an_event(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    part = builder(bus, store, clock)
    async with hearing(bus, "candle.#") as heard, running(part):
        await bus.publish([at(1, number=1)])
        await eventually(lambda: growing(heard))
        await bus.publish([at(2, number=n) for n in range(2, 10)])
        await eventually(lambda: part.handled == 9)
        before = len(heard.events)

        clock.now_ns += SLOT
        await eventually(lambda: len(heard.events) == 2)

    assert before == 1
    assert [candle.trades for candle in growing(heard)] == [1, 9]
    assert growing(heard)[1].sequence > growing(heard)[0].sequence


async def test_live_venue_carries_time_through_a_quiet_market(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish([at(1, number=1), at(59, number=2, price=101.0)])
        await bus.publish([a_status(state="down", at_ns=NOON + 2 * MINUTE)])
        await bus.publish([a_status("binance", at_ns=NOON + 2 * MINUTE)])
        await eventually(lambda: growing(heard))
        early = closed(heard)
        await bus.publish([a_status(at_ns=NOON + MINUTE + 2 * SECOND)])
        await eventually(lambda: closed(heard))

    (candle,) = closed(heard)

    assert early == []
    assert (candle.open, candle.close, candle.volume, candle.trades) == (100.0, 101.0, 2.0, 2)


async def test_closed_candle_is_published_once(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish([at(1, number=1), a_status(at_ns=NOON + 2 * MINUTE)])
        await eventually(lambda: closed(heard))
        await bus.publish([a_status(at_ns=NOON + 3 * MINUTE), at(181, number=2)])
        await eventually(lambda: growing(heard))

    assert len(closed(heard)) == 1


async def test_late_trade_sends_the_closed_candle_again(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish([at(1, number=1), a_status(at_ns=NOON + 5 * MINUTE)])
        await eventually(lambda: len(closed(heard)) == 1)
        await bus.publish([at(2, number=2)])
        await eventually(lambda: len(closed(heard)) == 2)

    first, corrected = closed(heard)

    assert (first.trades, corrected.trades) == (1, 2)
    assert corrected.sequence > first.sequence


async def test_trade_that_comes_an_hour_late_finds_the_rest_of_its_minute(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    clock.now_ns = NOON - MINUTE
    part = builder(bus, store, clock)
    async with hearing(bus, "candle.#") as heard, running(part):
        await store.write([*TRADES[:58], a_candle(start_ns=NOON, trades=58)])
        await bus.publish([at(3_600, number=1_000)])
        await eventually(lambda: part.handled == 1)

        await bus.publish([TRADES[58]])
        await eventually(lambda: closed(heard))

    (candle,) = closed(heard)

    assert (candle.start_ns, candle.trades) == (NOON, 59)


async def test_store_is_asked_once_for_all_the_late_trades_of_a_series(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    watched = WatchedStore(store)
    part = builder(bus, watched, clock)
    async with hearing(bus, "candle.#") as heard, running(part):
        await bus.publish([at(3_600, number=1_000)])
        await eventually(lambda: part.handled == 1)

        await bus.publish([at(60 * minute, number=minute) for minute in range(10)])
        await eventually(lambda: len(closed(heard)) == 10)

    assert watched.asked == 2


async def test_closed_candles_are_safe_before_their_trades_are_acknowledged(
    store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    class SlowBus(LocalBus):
        safe = asyncio.Event()

        async def flush(self) -> None:
            await self.safe.wait()

    bus = SlowBus()
    part = builder(bus, store, clock)
    async with hearing(bus, "candle.#") as heard, running(part):
        await bus.publish([at(1, number=1), at(70, number=2)])
        await eventually(lambda: closed(heard))
        handled_before = part.handled
        bus.safe.set()
        await eventually(lambda: part.handled == 2)

    assert handled_before == 0


TRADES = [at(n, number=n, size=0.1, price=100.0 + n % 7) for n in range(1, 60)]
END = a_status(at_ns=NOON + MINUTE + 2 * SECOND)


async def final_candle(
    bus: LocalBus, store: TimeSeries, clock: HandClock, flow: Sequence[Trade]
) -> Candle:
    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish(flow)
        await bus.publish([END])
        await eventually(lambda: closed(heard))
    return closed(heard)[-1]


async def build_and_die(
    bus: LocalBus, store: TimeSeries, clock: HandClock, flow: Sequence[Trade]
) -> None:
    """Acknowledge the trades, then be gone with all that was in memory."""
    part = builder(bus, store, clock)
    async with running(part):
        await bus.publish(flow)
        await eventually(lambda: part.handled == len(flow))


@pytest.mark.parametrize("redelivered", [0, 10])
async def test_restart_within_a_minute_loses_nothing_and_doubles_nothing(
    store: EmbeddedTimeSeries, clock: HandClock, redelivered: int
) -> None:
    clock.now_ns = NOON + 30 * SECOND
    await build_and_die(LocalBus(), store, clock, TRADES[:30])
    await store.write(TRADES[:35])

    candle = await final_candle(LocalBus(), store, clock, TRADES[30 - redelivered :])

    assert candle.trades == 59
    assert candle.volume == fsum(trade.size for trade in TRADES)
    assert (candle.open, candle.close) == (TRADES[0].price, TRADES[-1].price)


async def test_of_two_processes_one_builds_and_the_other_goes_on_where_it_ended(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    clock.now_ns = NOON + 30 * SECOND
    await store.write(TRADES[:30])
    first, second = (
        Share(
            bus,
            CandleBuilder.name,
            patterns_of(CandleBuilder.handles),
            lambda _: builder(bus, store, clock),
            me=me,
        )
        for me in ("first", "second")
    )
    async with hearing(bus, "candle.#") as heard, asyncio.TaskGroup() as tasks:
        async with running(first):
            standing_by = tasks.create_task(second.run())
            await bus.publish(TRADES[:30])
            await eventually(lambda: first.handled == 30)
            await eventually(lambda: second.waiting_for)
        await bus.publish([*TRADES[30:], END])
        await eventually(lambda: closed(heard))
        await eventually(lambda: second.handled == 30)
        waiting_for = second.waiting_for
        standing_by.cancel()

    assert waiting_for == ""
    assert [candle.trades for candle in closed(heard)] == [59]


async def test_candle_that_was_open_at_the_end_is_closed_by_the_successor_an_hour_later(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    await store.write([a_candle(start_ns=NOON - 5 * MINUTE), *TRADES[:30]])
    clock.now_ns = NOON + 60 * MINUTE

    async with (
        hearing(bus, "candle.#") as heard,
        running(builder(bus, store, clock)),
    ):
        await bus.publish([at(3_600, number=1_000)])
        await eventually(lambda: closed(heard))

    (candle,) = closed(heard)

    assert (candle.start_ns, candle.trades) == (NOON, 30)


async def test_first_candle_of_all_is_closed_by_the_successor_of_one_that_died_before_its_end(
    store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    clock.now_ns = NOON
    await build_and_die(LocalBus(), store, clock, TRADES[:30])
    await store.write(TRADES[:30])
    clock.now_ns = NOON + 65 * SECOND

    bus = LocalBus()
    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish([at(65, number=1_000)])
        await eventually(lambda: closed(heard))

    (candle,) = closed(heard)

    assert (candle.start_ns, candle.trades, candle.complete) == (NOON, 30, False)


async def test_late_trade_after_a_restart_finds_the_rest_of_its_minute(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    await store.write([*TRADES[:58], a_candle(start_ns=NOON, trades=58)])
    clock.now_ns = NOON + 3 * MINUTE

    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish([at(180, number=1_000), TRADES[58]])
        await eventually(lambda: closed(heard))

    (candle,) = closed(heard)

    assert (candle.start_ns, candle.trades) == (NOON, 59)


async def test_trades_that_the_storage_writer_was_late_with_are_read_a_minute_later(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    clock.now_ns = NOON + 30 * SECOND
    await store.write(TRADES[:20])
    async with hearing(bus, "candle.#") as heard, running(builder(bus, store, clock)):
        await bus.publish(TRADES[30:])
        await bus.publish([END])
        await eventually(lambda: closed(heard))
        await store.write(TRADES[20:30])

        clock.now_ns += MINUTE
        await bus.publish([a_status(at_ns=clock.now_ns)])
        await eventually(lambda: len(closed(heard)) == 2)

    assert [candle.trades for candle in closed(heard)] == [49, 59]


class WatchedStore:
    """A store that counts the questions after trades, and does not answer the first few."""

    def __init__(self, store: EmbeddedTimeSeries, *, unanswered: int = 0) -> None:
        self.write, self.quotes, self.books = store.write, store.quotes, store.books
        self.candles, self.venue_candles = store.candles, store.venue_candles
        self.gaps, self.all_gaps = store.gaps, store.all_gaps
        self.summaries, self.listings = store.summaries, store.listings
        self.statuses = store.statuses
        self.episodes, self.premiums = store.episodes, store.premiums
        self.signals = store.signals
        self.probe, self.expired = store.probe, store.expired
        self.store = store
        self.unanswered = unanswered
        self.asked = 0

    async def trades(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Trade]:
        self.asked += 1
        if self.asked <= self.unanswered:
            raise StoreUnavailableError("no answer")
        return await self.store.trades(
            venue, instrument, start_ns=start_ns, end_ns=end_ns, limit=limit
        )


async def test_nothing_is_lost_while_the_store_is_away(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    away = WatchedStore(store, unanswered=1)
    await store.write(TRADES[:30])

    candle = await final_candle(bus, away, clock, TRADES[30:])

    assert away.asked == 2
    assert candle.trades == 59


async def test_store_is_not_asked_about_intervals_that_were_seen_from_their_start(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    watched = WatchedStore(store)
    part = builder(bus, watched, clock)
    async with running(part):
        await bus.publish([at(60 * minute, number=minute) for minute in range(10)])
        await eventually(lambda: part.handled == 10)

    assert watched.asked == 1


def test_unknown_interval_is_refused_at_the_start(bus: LocalBus, store: EmbeddedTimeSeries) -> None:
    with pytest.raises(ValueError, match="'7m' is no candle interval"):
        CandleBuilder(bus, store, intervals=("1m", "7m"))
