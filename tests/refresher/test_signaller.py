"""Candles, quotes and premiums on the bus become signals on the bus, the same whatever restarts."""

from collections.abc import Iterable, Sequence
from math import sin
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from analytics.signals import signals_of
from analytics.strategies import SHIPPED, Bar, Reason, parameters_of
from analytics.strategies.choice import QUOTES, Choice
from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import SignalTerms
from market import Candle, Instrument, Premium, Quote, Signal
from refresher_service import signaller
from refresher_service.signaller import Signaller
from storage_service.writer import Writer
from tests.making import MINUTE, SECOND, a_candle, a_premium, a_quote
from tests.refresher.listening import Heard, hearing, running
from tests.waiting import eventually

NOON = 1_790_000_000 * SECOND - 1_790_000_000 * SECOND % MINUTE
BTC = Instrument("BTC", "USDT")
EVER = {"start_ns": 0, "end_ns": 2**62, "limit": 10_000}


def choice(name: str = "sma-cross", interval: str = "1m", **given: Any) -> Choice:
    strategy = SHIPPED[name]
    return Choice(strategy, parameters_of(strategy, given), interval)


CROSS = choice(fast=2, slow=4)
WAVE = [
    a_candle(start_ns=NOON + n * MINUTE, close=100.0 + 5.0 * sin(n / 3.0), trades=3)
    for n in range(120)
]


def bars(candles: Iterable[Candle]) -> list[Bar]:
    return [Bar(c.start_ns, c.open, c.high, c.low, c.close, c.volume) for c in candles]


def of_the_past(candles: Iterable[Candle], chosen: Choice = CROSS) -> list[Signal]:
    """What a backtest says of these candles, but for the time of receipt."""
    return [told_alike(one) for one in signals_of(chosen, "kraken", BTC, bars(candles))]


def told_alike(signal: Signal) -> Signal:
    return replace(signal, received_ns=0, corrected=False)


def news(signals: Iterable[Signal]) -> list[Signal]:
    return [one for one in signals if one.side != "hold"]


async def stored(store: EmbeddedTimeSeries) -> list[Signal]:
    return [told_alike(one) for one in await store.signals(SignalTerms(), **EVER)]


async def told(
    bus: LocalBus, part: Signaller, heard: Heard, candles: Sequence[Candle], count: int
) -> list[Signal]:
    """Publish the candles; return all signals once there are so many."""
    await bus.publish(candles)
    await eventually(lambda: len(heard.of(Signal)) >= count)
    await eventually(lambda: part.received == part.handled)
    return heard.of(Signal)


async def test_every_closed_candle_is_answered_as_in_a_backtest(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    expected = of_the_past(WAVE)
    growing = replace(WAVE[50], closed=False, close=500.0)
    part = Signaller(bus, store, [CROSS])

    async with hearing(bus, "signal.#") as heard, running(part):
        await bus.publish(WAVE[:1])
        await eventually(lambda: part.handled == 1)
        signals = await told(bus, part, heard, [*WAVE[1:50], growing, *WAVE[50:]], len(expected))

    assert [told_alike(one) for one in signals] == expected
    assert {one.side for one in expected} == {"buy", "sell", "hold"}
    assert signals[0].values == {
        "fast": signals[0].values["fast"],
        "slow": expected[0].values["slow"],
    }
    assert signals[0].parameters == "fast=2 slow=4"
    assert signals[0].received_ns == WAVE[3].received_ns


async def test_candles_across_venues_are_no_market_to_trade_on(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    part = Signaller(bus, store, [CROSS])

    async with hearing(bus, "signal.#") as heard, running(part):
        await bus.publish([replace(one, venue="all") for one in WAVE])
        signals = await told(bus, part, heard, WAVE, len(of_the_past(WAVE)))

    assert {one.venue for one in signals} == {"kraken"}


async def test_a_start_goes_on_as_if_there_had_been_no_end(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    await store.write(WAVE[:70])
    await store.write(news(of_the_past(WAVE[:70])))

    async with hearing(bus, "signal.#") as heard, running(Signaller(bus, store, [CROSS])):
        await bus.publish([replace(WAVE[70], closed=False)])
        await bus.publish(WAVE[70:])
        await eventually(lambda: len(heard.of(Signal)) == 50)

    assert [told_alike(one) for one in heard.of(Signal)] == of_the_past(WAVE)[-50:]


@pytest.mark.parametrize("stored_up_to", [0, 40, 60])
async def test_what_was_not_said_before_the_end_is_said_after_the_start(
    bus: LocalBus, store: EmbeddedTimeSeries, stored_up_to: int
) -> None:
    everything = news(of_the_past(WAVE))
    await store.write(WAVE[:100])
    await store.write([one for one in everything if one.start_ns < WAVE[stored_up_to].start_ns])
    writer = Writer(bus, store)

    async with running(writer), running(Signaller(bus, store, [CROSS])):
        await bus.publish(WAVE[100:])
        await eventually(lambda: writer.handled >= 20 + len(everything[-3:]))
        kept = await stored(store)
        while len(kept) < len(everything):
            kept = await stored(store)

    assert kept == everything


async def test_candle_that_was_missed_is_read_from_the_store(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    part = Signaller(bus, store, [CROSS])
    expected = of_the_past(WAVE[:40])

    async with hearing(bus, "signal.#") as heard, running(part):
        await told(bus, part, heard, WAVE[:20], 1)
        await store.write(WAVE[20:25])
        signals = await told(bus, part, heard, WAVE[25:40], 20 + 15)

    assert [told_alike(one) for one in signals][-20:] == expected[-20:]


async def test_corrected_candle_takes_back_what_was_said_of_it(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    turn = next(n for n, one in enumerate(of_the_past(WAVE)) if n > 20 and one.side == "buy") + 3
    other = replace(WAVE[turn], close=WAVE[turn].close - 9.0, trades=4, sequence=10**18)
    after = [*WAVE[:turn], other, *WAVE[turn + 1 : turn + 3]]
    writer, part = Writer(bus, store), Signaller(bus, store, [CROSS])

    async with hearing(bus, "signal.#") as heard, running(writer), running(part):
        await told(bus, part, heard, WAVE[: turn + 3], 1)
        await bus.publish([other])
        await eventually(lambda: any(one.corrected for one in heard.of(Signal)))
        await eventually(lambda: writer.handled == turn + 4 + len(heard.of(Signal)))

    kept = await store.signals(SignalTerms(), **EVER)
    taken_back = [one for one in kept if one.start_ns == WAVE[turn].start_ns]
    assert [(one.side, one.corrected) for one in taken_back] == [("hold", True)]
    assert news(map(told_alike, kept)) == news(of_the_past(after))


async def test_the_same_candle_again_changes_nothing(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    part = Signaller(bus, store, [CROSS])

    async with hearing(bus, "signal.#") as heard, running(part):
        await told(bus, part, heard, WAVE[:20], 1)
        before = len(heard.of(Signal))
        await bus.publish([replace(WAVE[10], sequence=10**18), WAVE[19]])
        await eventually(lambda: part.handled == 22)

    assert len(heard.of(Signal)) == before


class Term(msgspec.Struct, frozen=True):
    """Nothing can be chosen."""


class Faulty:
    """Fails at the tenth candle."""

    name: ClassVar[str] = "faulty"
    Parameters: ClassVar[type[msgspec.Struct]] = Term
    warm_up = 1

    def __init__(self, _: Term, /) -> None:
        self.told = 0

    def on_candle(self, bar: Bar, /) -> float | None:
        self.told += 1
        if self.told == 10:
            raise ZeroDivisionError(bar.close)
        return 0.0

    def why(self) -> Reason:
        return Reason("so", {})


async def test_strategy_that_fails_is_named_and_the_others_go_on(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    part = Signaller(bus, store, [Choice(Faulty, Term(), "1m"), CROSS])

    async with hearing(bus, "signal.#") as heard, running(part):
        await bus.publish(WAVE[:1])
        await eventually(lambda: part.handled == 1)
        await told(bus, part, heard, WAVE[1:40], 9 + 37)

    assert len([one for one in heard.of(Signal) if one.strategy == "faulty"]) == 9
    assert [told_alike(one) for one in heard.of(Signal) if one.strategy == "sma-cross"] == (
        of_the_past(WAVE[:40])
    )
    assert "faulty()@1m failed: ZeroDivisionError" in part.remark
    assert part.dead == 0


async def test_past_is_read_further_back_until_it_explains_what_was_said_last(
    bus: LocalBus, store: EmbeddedTimeSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    reversal = choice("rsi-reversal", period=2, oversold=10, overbought=90)
    fall = [a_candle(start_ns=NOON + n * MINUTE, close=100.0 - n) for n in range(10)]
    flat = [
        a_candle(start_ns=NOON + n * MINUTE, close=90.0 + (0.5 if n % 2 else 0.0))
        for n in range(10, 300)
    ]
    rise = [a_candle(start_ns=NOON + n * MINUTE, close=95.0 + n) for n in range(300, 303)]
    everything = news(of_the_past([*fall, *flat, *rise], reversal))
    monkeypatch.setattr(signaller, "PAST", 20)
    monkeypatch.setattr(signaller, "CATCH_UP_NS", 5 * MINUTE)
    await store.write([*fall, *flat, *everything[:1]])

    async with hearing(bus, "signal.#") as heard, running(Signaller(bus, store, [reversal])):
        await bus.publish(rise)
        await eventually(lambda: news(heard.of(Signal)))

    assert [one.side for one in everything] == ["buy", "sell"]
    assert [told_alike(one) for one in news(heard.of(Signal))] == everything[1:]


REVERSION: dict[str, Any] = {"period": 4, "enter": -1.0, "leave": 0.0}


def premiums() -> list[Premium]:
    """Two a minute, of which the stores keep the first."""
    return [
        a_premium(
            "BTC-USDT", venue="kraken", premium=0.01 * sin(n / 5.0), at_ns=NOON + n * 30 * SECOND
        )
        for n in range(240)
    ]


async def test_premiums_are_those_that_the_store_keeps(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    chosen = choice("premium-reversion", **REVERSION)
    writer, part = Writer(bus, store), Signaller(bus, store, [chosen])

    async with running(writer):
        async with hearing(bus, "signal.#") as heard, running(part):
            for n, candle in enumerate(WAVE):
                await bus.publish([*premiums()[2 * n : 2 * n + 2], candle])
            await eventually(lambda: len(heard.of(Signal)) >= 117)
            live = [told_alike(one) for one in heard.of(Signal)]
        await eventually(lambda: writer.handled == 360 + 117)
    again = Signaller(bus, store, [chosen])
    for_ever = replace(WAVE[-1], start_ns=NOON + 120 * MINUTE, event_ns=NOON + 121 * MINUTE)
    await store.write(WAVE)
    async with hearing(bus, "signal.#") as heard, running(again):
        await bus.publish([for_ever])
        await eventually(lambda: heard.of(Signal))

    assert {one.side for one in live} == {"buy", "sell", "hold"}
    assert live[0].values["premium_bps"] == premiums()[6].premium * 10_000.0
    assert news(map(told_alike, heard.of(Signal))) == []
    assert await stored(store) == news(live)


async def test_quotes_make_signals_when_what_is_wanted_changes(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    chosen = choice("premium-reversion", QUOTES, **REVERSION)
    part = Signaller(bus, store, [chosen])
    quotes: list[Quote] = []

    async with hearing(bus, "signal.#") as heard, running(part):
        for n, premium in enumerate(premiums()[::2]):
            quotes.append(a_quote(at_ns=premium.event_ns + SECOND, sequence=n))
            await bus.publish([premium, quotes[-1]])
        await eventually(lambda: part.handled == 240)
        await eventually(lambda: len(heard.of(Signal)) >= 4)

    signals = heard.of(Signal)
    assert {one.interval for one in signals} == {QUOTES}
    assert [one.side for one in signals[:4]] == ["buy", "sell", "buy", "sell"]
    assert signals[0].event_ns in {quote.event_ns for quote in quotes}


async def test_who_does_not_lead_says_nothing_and_goes_on_once_he_leads(
    bus: LocalBus, store: EmbeddedTimeSeries
) -> None:
    part = Signaller(bus, store, [CROSS])
    writer = Writer(bus, store)

    async with hearing(bus, "signal.#") as heard, running(writer):
        async with bus.lead(Signaller.name), running(part):
            await bus.publish(WAVE[:60])
            await eventually(lambda: part.handled == 60)
            await eventually(lambda: writer.handled == 60)
            silent = heard.of(Signal)
        async with running(Signaller(bus, store, [CROSS])):
            await bus.publish(WAVE[60:])
            await eventually(lambda: len(heard.of(Signal)) >= 60)

    assert silent == []
    assert news(map(told_alike, heard.of(Signal))) == news(of_the_past(WAVE))
