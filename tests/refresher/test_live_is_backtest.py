"""A day of simulated trades live, then the same day as a backtest: the same signals, to the bit."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import asdict, replace

from analytics.backtest import backtest, bars_of
from analytics.signals import signals_of
from analytics.strategies import SHIPPED, parameters_of
from analytics.strategies.choice import Choice
from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import SignalTerms
from market import Candle, Event, Instrument, Signal, Trade
from refresher_service.candle_builder import CandleBuilder
from refresher_service.signaller import Signaller
from storage_service.writer import Writer
from stream_service.simulator.prices import World
from tests.making import MINUTE, SECOND, a_listing, a_status
from tests.refresher.listening import HandClock

START = 1_789_948_800 * SECOND
"""A midnight, UTC."""

DAY = 24 * 60 * MINUTE
EVER = {"start_ns": 0, "end_ns": 2**62, "limit": 100_000}
MARKETS = {"kraken": Instrument("BTC", "USD"), "binance": Instrument("ETH", "USDT")}
LATE = 97
"""One trade of so many comes twenty minutes late."""


def choice(name: str, interval: str, **given: Any) -> Choice:
    return Choice(SHIPPED[name], parameters_of(SHIPPED[name], given), interval)


CHOICES = [
    choice("sma-cross", "1m", fast=5, slow=20),
    choice("macd", "1m"),
    choice("bollinger-breakout", "1m"),
    choice("rsi-reversal", "5m", period=7),
]


def a_day() -> Iterator[Event]:
    """Trades as they come, some of them late, and in the end the venues' time."""
    listings = {venue: [a_listing(str(market))] for venue, market in MARKETS.items()}
    world = World(listings, seed=3, start_ns=START, gap_every_s=600.0)
    late: list[Trade] = []
    count = 0
    for now_ns in range(START, START + DAY, 20 * SECOND):
        for trade in (one for one in world.step(now_ns, 2) if isinstance(one, Trade)):
            count += 1
            if count % LATE:
                yield trade
            else:
                late.append(trade)
        while late and late[0].event_ns < now_ns - 20 * MINUTE:
            yield replace(late.pop(0), received_ns=now_ns)
    for venue in MARKETS:
        yield a_status(venue, at_ns=START + DAY + MINUTE)


async def live(store: EmbeddedTimeSeries, events: Sequence[Event]) -> None:
    """Have the parts work on what happens, and drop them as they stand once it is published."""
    bus, clock = LocalBus(), HandClock(START)
    parts = (
        CandleBuilder(bus, store, intervals=("1m", "5m"), clock=clock),
        Signaller(bus, store, CHOICES),
        Writer(bus, store),
    )
    async with asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(part.run()) for part in parts]
        for part in parts:
            await part.listening.wait()
        for start in range(0, len(events), 50):
            told = events[start : start + 50]
            clock.now_ns = max(clock.now_ns, *(one.received_ns for one in told))
            await bus.publish(told)
            await bus.settle()
        await _until_done(store)
        for task in working:
            task.cancel()


async def _until_done(store: EmbeddedTimeSeries) -> None:
    """Wait until the store has what a backtest says, or for as long as that may take."""
    for _ in range(200):
        if all([await said(store, one) == await backtested(store, one) for one in CHOICES]):
            return
        await asyncio.sleep(0.05)


async def candles(store: EmbeddedTimeSeries, venue: str, interval: str) -> Sequence[Candle]:
    return await store.candles(venue, MARKETS[venue], interval, **EVER)


async def said(store: EmbeddedTimeSeries, chosen: Choice) -> list[Signal]:
    """What was said live and is not taken back."""
    name, parameters, interval = chosen.key
    terms = SignalTerms(
        strategies=[name], parameters=parameters, intervals=[interval], sides=["buy", "sell"]
    )
    found = await store.signals(terms, **EVER)
    return sorted((alike(one) for one in found), key=_by_market)


async def backtested(store: EmbeddedTimeSeries, chosen: Choice) -> list[Signal]:
    """What a backtest says of the stored candles."""
    found: list[Signal] = []
    for venue, market in MARKETS.items():
        past = bars_of(await candles(store, venue, chosen.interval), chosen.interval)
        found += [one for one in signals_of(chosen, venue, market, past) if one.side != "hold"]
    return sorted(map(alike, found), key=_by_market)


def alike(signal: Signal) -> Signal:
    """All of a signal but when its last trade was received, which candles in arrays do not know."""
    return replace(signal, received_ns=0, corrected=False)


def _by_market(signal: Signal) -> tuple[str, int]:
    return signal.venue, signal.start_ns


def undisturbed(events: list[Event]) -> list[list[Event]]:
    return [events]


def killed(events: list[Event]) -> list[list[Event]]:
    """Twice; who begins again is told of the last trades once more, as venues' REST tells them."""
    first, second = len(events) // 3, 2 * len(events) // 3
    return [events[:first], events[first - 60 : second], events[second - 60 :]]


@pytest.mark.parametrize("split", [undisturbed, killed])
async def test_a_day_live_is_the_same_as_its_backtest(
    store: EmbeddedTimeSeries, split: Callable[[list[Event]], list[list[Event]]]
) -> None:
    for events in split(list(a_day())):
        await live(store, events)

    for chosen in CHOICES:
        assert await said(store, chosen) == await backtested(store, chosen)
    corrected = [one for one in await store.signals(SignalTerms(), **EVER) if one.corrected]
    assert len(await said(store, CHOICES[0])) > 50
    assert corrected
    for chosen in CHOICES:
        assert await fills(store, chosen) == await places_of_fills(store, chosen)


async def fills(store: EmbeddedTimeSeries, chosen: Choice) -> list[tuple[str, int]]:
    """Candles at whose open a backtest with money buys or sells."""
    found: list[tuple[str, int]] = []
    for venue in sorted(MARKETS):
        past = bars_of(await candles(store, venue, chosen.interval), chosen.interval)
        result = backtest(SHIPPED[chosen.key[0]], past, **asdict(chosen.parameters))
        found += [(venue, fill.index) for fill in result.account.fills]
    return found


async def places_of_fills(store: EmbeddedTimeSeries, chosen: Choice) -> list[tuple[str, int]]:
    """Candles after those of the signals."""
    found: list[tuple[str, int]] = []
    for venue in sorted(MARKETS):
        starts = [one.start_ns for one in await candles(store, venue, chosen.interval)]
        told = [one.start_ns for one in await said(store, chosen) if one.venue == venue]
        after = np.searchsorted(starts, told, side="right").tolist()
        found += [(venue, place) for place in after if place < len(starts)]
    return found
