"""What becomes of events on their way from the bus to the store."""

import math
from collections.abc import Sequence
from contextlib import closing

import duckdb
from msgspec.structs import replace

from infrastructure.books import differences
from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import SignalTerms, Stored
from market import Instrument
from storage_service.writer import Writer
from tests.making import (
    MINUTE,
    SECOND,
    a_book,
    a_candle,
    a_gap,
    a_listed,
    a_premium,
    a_quote,
    a_signal,
    a_status,
    a_summary,
    a_trade,
    a_venue_candle,
    an_episode,
)
from tests.storage.running import BTC, EVER, WatchedStore, running
from tests.waiting import eventually


async def test_all_that_is_kept_is_stored(local_bus: LocalBus, embedded: WatchedStore) -> None:
    writer = Writer(local_bus, embedded)

    async with running(writer):
        await local_bus.publish([a_trade(), a_quote(), a_candle(), a_gap(), a_book()])
        await local_bus.publish([a_venue_candle(closed=True), a_listed()])
        await eventually(lambda: writer.handled == 6)

    assert await embedded.trades("kraken", BTC, **EVER) == [a_trade()]
    assert await embedded.quotes("kraken", BTC, **EVER) == [a_quote()]
    assert await embedded.candles("kraken", BTC, "1m", **EVER) == [a_candle()]
    assert await embedded.venue_candles("kraken", BTC, "1m", **EVER) == [
        a_venue_candle(closed=True)
    ]
    assert await embedded.gaps("kraken", BTC, **EVER) == [a_gap()]
    assert await embedded.listings() == [a_listed()]


async def test_candle_is_stored_once_it_is_closed(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    ticking, final = a_candle(trades=5, closed=False), a_candle(trades=4)

    async with running(writer):
        await local_bus.publish([final, ticking])
        await eventually(lambda: writer.handled == 2)

    assert await embedded.candles("kraken", BTC, "1m", **EVER) == [final]


async def test_open_candles_of_the_venue_are_not_stored(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)

    async with running(writer):
        await local_bus.publish([a_venue_candle(closed=False)])
        await eventually(lambda: writer.handled == 1)

    assert await embedded.venue_candles("kraken", BTC, "1m", **EVER) == []


async def test_one_summary_a_minute_is_stored_of_each_instrument(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    times = (5 * SECOND, 6 * SECOND, 59 * SECOND, MINUTE, MINUTE + SECOND)
    summaries = [a_summary(at_ns=at_ns) for at_ns in times]
    other = a_summary(instrument="ETH-USDT", at_ns=7 * SECOND)

    async with running(writer):
        for summary in (*summaries, other):
            await local_bus.publish([summary])
        await eventually(lambda: writer.handled == 6)

    assert await embedded.summaries("kraken", BTC, **EVER) == [summaries[0], summaries[3]]
    assert await embedded.summaries("kraken", other.instrument, **EVER) == [other]


async def test_late_summary_stores_neither_its_minute_again_nor_the_one_after_it(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    times = (SECOND, MINUTE, 59 * SECOND, MINUTE + SECOND, 2 * MINUTE)
    summaries = [a_summary(at_ns=at_ns) for at_ns in times]

    async with running(writer):
        await local_bus.publish(summaries)
        await eventually(lambda: writer.handled == 5)

    kept = await embedded.summaries("kraken", BTC, **EVER)
    assert kept == [summaries[0], summaries[1], summaries[4]]


async def test_how_a_venue_does_is_stored_once_a_minute_and_on_each_change(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    told = [
        a_status(at_ns=SECOND),
        a_status(at_ns=2 * SECOND),
        a_status(state="down", at_ns=3 * SECOND),
        a_status(instrument="BTC-USDT", at_ns=4 * SECOND),
        a_status(at_ns=MINUTE),
    ]

    async with running(writer):
        await local_bus.publish(told)
        await eventually(lambda: writer.handled == 5)

    assert await embedded.statuses("kraken", **EVER) == [told[0], told[2], told[4]]


async def test_premium_is_stored_once_a_minute_a_comparison_and_every_episode(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    premiums = [
        a_premium(at_ns=SECOND),
        a_premium(at_ns=2 * SECOND),
        a_premium(basis="bank", at_ns=3 * SECOND),
        a_premium(at_ns=MINUTE),
    ]
    episodes = [an_episode(closed_ns=n * SECOND) for n in (3, 4)]

    async with running(writer):
        await local_bus.publish([*premiums, *episodes])
        await eventually(lambda: writer.handled == 6)

    kept = await embedded.premiums("upbit", Instrument("BTC", "KRW"), **EVER)
    assert kept == [premiums[0], premiums[2], premiums[3]]
    assert await embedded.episodes(None, **EVER) == episodes


async def test_signal_that_changes_nothing_is_not_stored_unless_it_takes_one_back(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    told = [a_signal(side="buy"), a_signal(side="hold", start_ns=MINUTE)]
    taken_back = replace(told[0], side="hold", corrected=True)

    async with running(writer):
        await local_bus.publish(told)
        await eventually(lambda: writer.handled == 2)
        before = await embedded.signals(SignalTerms(), **EVER)
        await local_bus.publish([taken_back])
        await eventually(lambda: writer.handled == 3)

    assert before == told[:1]
    assert await embedded.signals(SignalTerms(), **EVER) == [taken_back]


async def test_poisonous_event_is_put_aside_and_its_neighbours_stored_in_one_write(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    executions = [a_trade(number=n, at_ns=n) for n in range(1_000)]
    poison = a_trade(number=5_000, price=math.nan)

    async with running(writer):
        await local_bus.publish([*executions[:617], poison, *executions[617:]])
        await eventually(lambda: writer.handled == 1_000)

    assert await embedded.trades("kraken", BTC, **EVER) == executions
    (dead,) = await local_bus.dead_letters(10)
    assert dead.event is poison
    assert "price cannot be nan" in dead.reason
    assert (writer.dead, embedded.writes) == (1, 1)


async def test_events_wait_until_the_store_is_back(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    writer = Writer(local_bus, embedded)
    embedded.away = 2

    async with running(writer):
        await local_bus.publish([a_trade()])
        await eventually(lambda: writer.handled == 1)

    assert await embedded.trades("kraken", BTC, **EVER) == [a_trade()]
    assert embedded.writes == 3


async def test_what_comes_too_late_for_the_store_is_on_the_books(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    class Forgetful(EmbeddedTimeSeries):
        expired = 0

        async def write(self, events: Sequence[Stored]) -> None:
            self.expired += sum(event.event_ns < MINUTE for event in events)
            await embedded.write(events)

    with closing(Forgetful(duckdb.connect(":memory:"))) as store:
        writer = Writer(local_bus, store)
        poison = a_trade(number=3, price=math.nan, at_ns=MINUTE)
        async with running(writer):
            await local_bus.publish([a_trade(), a_trade(number=2, at_ns=MINUTE), poison, a_quote()])
            await eventually(lambda: writer.handled == 3)

    counts = writer.counts
    assert (counts["stored"], counts["expired"], counts["dead"]) == (1, 2, 1)
    assert differences(counts)["store"] == 0


async def test_events_that_come_while_nobody_writes_are_stored_on_return(
    local_bus: LocalBus, embedded: WatchedStore
) -> None:
    async with running(Writer(local_bus, embedded)):
        pass
    await local_bus.publish([a_trade()])
    writer = Writer(local_bus, embedded)

    async with running(writer):
        await eventually(lambda: writer.handled == 1)

    assert await embedded.trades("kraken", BTC, **EVER) == [a_trade()]
