"""Minutes of markets on the bus become candles of an asset across them, whatever restarts."""

import pytest
from msgspec.structs import replace

from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Candle, Instrument
from refresher_service.across_venues import AcrossVenues
from tests.making import MINUTE, SECOND, a_candle, a_listed, a_status
from tests.refresher.listening import NOON, HandClock, Heard, hearing, running
from tests.waiting import eventually

BTC = Instrument("BTC", "USD")


def a_minute(venue: str, instrument: str, close: float, *, number: int = 0) -> Candle:
    """A minute of one trade, of size 1."""
    minute = a_candle(venue, instrument, start_ns=NOON + number * MINUTE)
    return replace(minute, open=close, high=close, low=close, close=close)


def of_noon(number: int = 0) -> list[Candle]:
    return [
        a_minute("kraken", "BTC-USD", 100.0, number=number),
        a_minute("binance", "BTC-USDT", 110.0, number=number),
        a_minute("kraken", "USDT-USD", 1.0, number=number),
    ]


def across(heard: Heard, interval: str = "1m") -> list[Candle]:
    """The closed candles of BTC across venues."""
    found = [one for one in heard.of(Candle) if (one.venue, one.instrument) == ("all", BTC)]
    return [one for one in found if one.closed and one.interval == interval]


async def test_minutes_of_all_venues_are_one_once_all_had_their_time(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    part = AcrossVenues(bus, store, clock=clock)
    async with hearing(bus, "candle.#") as heard, running(part):
        await bus.publish(of_noon())
        await bus.publish([a_status(at_ns=NOON + MINUTE + 4 * SECOND)])
        await eventually(lambda: part.handled == 4)
        early = across(heard)
        await bus.publish([a_status(at_ns=NOON + MINUTE + 5 * SECOND)])
        await eventually(lambda: across(heard))

    (candle,) = across(heard)
    assert early == []
    assert candle.close == pytest.approx(105.0)
    assert candle.volume == 2.0


async def test_late_minute_corrects_it_and_what_is_folded_of_it(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    first, *others = of_noon()
    async with hearing(bus, "candle.#") as heard, running(AcrossVenues(bus, store, clock=clock)):
        await bus.publish([*others, a_status(at_ns=NOON + 6 * MINUTE)])
        await eventually(lambda: across(heard, "5m"))
        await bus.publish([first])
        await eventually(lambda: len(across(heard, "5m")) == 2)

    assert [one.volume for one in across(heard, "5m")] == [1.0, 2.0]
    assert [one.close for one in across(heard)] == [pytest.approx(110.0), pytest.approx(105.0)]


async def test_successor_closes_what_was_open_and_brings_what_is_long_over(
    bus: LocalBus, store: EmbeddedTimeSeries, clock: HandClock
) -> None:
    known = [a_listed(one.venue, str(one.instrument)) for one in of_noon()]
    await store.write([*known, *of_noon(1), *of_noon(2)[1:]])
    told = replace(of_noon()[0], venue="all", start_ns=NOON)
    await store.write([told])
    clock.now_ns = NOON + 4 * MINUTE

    async with hearing(bus, "candle.#") as heard, running(AcrossVenues(bus, store, clock=clock)):
        await bus.publish([a_status(at_ns=NOON + 90 * MINUTE)])
        await eventually(lambda: len(across(heard)) == 2)
        await bus.publish([of_noon(2)[0]])
        await eventually(lambda: len(across(heard)) == 3)

    assert [(one.start_ns, one.volume) for one in across(heard)] == [
        (NOON + MINUTE, 2.0),
        (NOON + 2 * MINUTE, 1.0),
        (NOON + 2 * MINUTE, 2.0),
    ]
