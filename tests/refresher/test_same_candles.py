"""One day live, replayed and back-filled: the same candles of every length, to the last bit."""

import struct
from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import count
from random import Random
from typing import TypeAlias, TypeVar

from msgspec.structs import replace

from analytics.ladder import Ladder
from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Candle, Event, Gap, Instrument, Trade
from market.intervals import INTERVALS
from refresher_service.candle_builder import CandleBuilder
from tests.making import MINUTE, SECOND, a_candle, a_gap, a_status, a_trade
from tests.refresher.listening import HandClock, hearing, running
from tests.waiting import eventually

MIDNIGHT = 1_790_035_200 * SECOND
HOUR = 60 * MINUTE
END = MIDNIGHT + 25 * HOUR
TRADES = 3_000
PAGE = 500

E = TypeVar("E")

Bits: TypeAlias = tuple[str, int, bytes, int, bool, int]


def a_day() -> tuple[list[Trade], list[Gap]]:
    """Trades in the order of their time, in bursts and lulls, and what is missing of them."""
    random = Random(11)  # noqa: S311  # reproducible, guards nothing
    times = sorted(round(24 * HOUR * random.random() ** 1.3) for _ in range(TRADES))
    price, trades = 100.0, []
    for number, after_ns in enumerate(times, start=1):
        price *= 1.0 + random.gauss(0.0, 3e-4)
        at_ns = MIDNIGHT + after_ns
        trades.append(a_trade(number=number, price=price, size=random.random(), at_ns=at_ns))
    ends = [(trades[n].event_ns, trades[n + 1].event_ns) for n in (700, 1_900)]
    return trades, [a_gap(start_ns=start_ns, end_ns=end_ns) for start_ns, end_ns in ends]


def batched(events: Sequence[E], size: int) -> list[Sequence[E]]:
    return [events[start : start + size] for start in range(0, len(events), size)]


async def live(trades: Sequence[Trade], gaps: Sequence[Gap]) -> set[Bits]:
    """As a venue tells it: a little out of order, gaps some minutes after they began."""
    random = Random(12)  # noqa: S311  # as above
    told: list[tuple[int, Event]] = [
        *((trade.event_ns + random.randrange(2 * SECOND), trade) for trade in trades),
        *((gap.end_ns + 4 * MINUTE, gap) for gap in gaps),
    ]
    flow = [event for _, event in sorted(told, key=lambda each: each[0])]
    return await built([*flow, a_status(at_ns=END)])


async def back_filled(trades: Sequence[Trade], gaps: Sequence[Gap]) -> set[Bits]:
    """As REST tells it once the day is over: newest page first, after the last live trade."""
    past = [replace(one, backfilled=True, received_ns=END + SECOND) for one in trades[:-1]]
    flow = [one for page in batched(past[::-1], PAGE) for one in page[::-1]]
    return await built([trades[-1], a_status(at_ns=END), *gaps, *flow])


def replayed(trades: Sequence[Trade], gaps: Sequence[Gap]) -> set[Bits]:
    """As a computation over the past does it, without bus or store."""
    ladder, numbers = Ladder("kraken"), count(1)
    for book in ladder.of_trades:
        book.begins(trades[0].instrument)
    for gap in gaps:
        ladder.miss(gap)
    candles: list[Candle] = []
    for trade in trades:
        ladder.take(trade)
        candles += ladder.finished(lambda: next(numbers))
    ladder.advance(END, END)
    return last_bits([*candles, *ladder.finished(lambda: next(numbers))])


async def built(flow: Sequence[Event]) -> set[Bits]:
    """Let the candle builder and a store have the flow; return the closed candles that are told."""
    bus, clock = LocalBus(), HandClock(MIDNIGHT)
    with closing(EmbeddedTimeSeries.open(None)) as store:
        part = CandleBuilder(bus, store, clock=clock)
        async with hearing(bus, "candle.#") as heard, running(part):
            for number, batch in enumerate(batched(flow, PAGE), start=1):
                clock.now_ns = max(clock.now_ns, *(event.received_ns for event in batch))
                await store.write([one for one in batch if isinstance(one, Trade | Gap)])
                await bus.publish(batch)
                await eventually(lambda: part.handled == min(number * PAGE, len(flow)))  # noqa: B023
                await bus.publish([mark := a_candle("mark", start_ns=number, closed=False)])
                await eventually(lambda: mark in heard.events[-100:])  # as above
                await store.write([one for one in heard.of(Candle) if one.closed])
        return await stored(store)


async def stored(store: EmbeddedTimeSeries) -> set[Bits]:
    found: list[Candle] = []
    for name in INTERVALS:
        found += await store.candles(
            "kraken", Instrument("BTC", "USDT"), name, start_ns=0, end_ns=2**62, limit=100_000
        )
    return last_bits(found)


def last_bits(candles: Iterable[Candle]) -> set[Bits]:
    """Every bit of the last state of each candle, but when it was received and told."""
    last = {(one.interval, one.start_ns): one for one in candles if one.closed}
    return {
        (
            one.interval,
            one.start_ns,
            struct.pack("5d", one.open, one.high, one.low, one.close, one.volume),
            one.trades,
            one.complete,
            one.event_ns,
        )
        for one in last.values()
    }


async def test_a_day_makes_the_same_candles_live_replayed_and_back_filled() -> None:
    trades, gaps = a_day()

    by_replay = replayed(trades, gaps)

    assert {name for name, *_ in by_replay} == set(INTERVALS)
    assert sum(not is_complete for *_, is_complete, _ in by_replay) > len(INTERVALS)
    assert await live(trades, gaps) == by_replay
    assert await back_filled(trades, gaps) == by_replay
