"""Quotes of two venues live, then the stored past as a backtest: the same signals of premiums."""

from math import sin

from msgspec.structs import replace

from analytics.backtest import bars_of
from analytics.routes.costs import Costs, Facts, Fee
from analytics.routes.terms import BoardTerms
from analytics.signals import signals_of
from analytics.strategies import SHIPPED, parameters_of
from analytics.strategies.choice import Choice
from api_service.past_premiums import PastPremiums, PremiumTerms
from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import SignalTerms
from market import Event, Instrument, Premium, Signal
from refresher_service.refresher import Refresher
from refresher_service.signaller import Signaller
from storage_service.writer import Writer
from tests.making import MINUTE, SECOND, a_candle, a_quote, a_status
from tests.refresher.listening import HandClock, Heard, hearing, running
from tests.waiting import eventually

NOON = 1_790_035_200 * SECOND
BTC = Instrument("BTC", "USDT")
MINUTES = 14
EVER = {"start_ns": 0, "end_ns": 2**62, "limit": 10_000}
FREE = Costs(Facts(fees={(one,): Fee(bps=0.0, source="a page") for one in ("binance", "kraken")}))
TERMS = BoardTerms(max_age_ns=10 * SECOND, reference_venue="binance", kernel="python")
STRATEGY = SHIPPED["premium-reversion"]
CHOSEN = Choice(STRATEGY, parameters_of(STRATEGY, {"period": 3, "enter": -0.5}), "1m")


def quoted(number: int) -> list[Event]:
    """What two venues tell in a minute; the one is dearer, now more, now less."""
    at_ns = NOON + number * MINUTE + SECOND
    price = 101.0 + sin(number / 2.0)
    return [
        a_status("binance", at_ns=at_ns - 1),
        a_status("kraken", at_ns=at_ns - 1),
        a_quote("binance", bid=99.9, ask=100.1, at_ns=at_ns),
        a_quote("kraken", bid=price, ask=price + 0.1, at_ns=at_ns),
    ]


async def test_signals_of_premiums_are_those_of_a_backtest(store: EmbeddedTimeSeries) -> None:
    bus, clock = LocalBus(), HandClock(NOON)
    refresher = Refresher(bus, FREE, TERMS, publish_hz=100.0, clock=clock)
    writer, signaller = Writer(bus, store), Signaller(bus, store, [CHOSEN])

    async with (
        hearing(bus, "premium.#", "signal.#") as heard,
        running(writer),
        running(signaller),
        running(refresher),
    ):
        for number in range(MINUTES):
            told, before = quoted(number), len(heard.of(Premium))
            clock.now_ns = NOON + number * MINUTE + SECOND
            await bus.publish(told)
            await bus.settle()
            clock.now_ns += 3 * SECOND  # for the part that looks every two seconds
            await more_premiums(heard, before)
            await bus.publish([a_candle(start_ns=NOON + number * MINUTE, close=100.0 + number)])
            await bus.settle()

    past = bars_of(await store.candles("kraken", BTC, "1m", **EVER), "1m")
    terms = PremiumTerms(reference_venue="binance")
    found = await PastPremiums(store, None, terms).at_closes(
        past, "kraken", BTC, now_ns=clock.now_ns
    )
    backtested = list(signals_of(CHOSEN, "kraken", BTC, replace(past, premium_bps=found.bps)))
    stored = await store.signals(SignalTerms(), **EVER)
    assert (len(past), found.told) == (MINUTES, MINUTES)
    assert [alike(one) for one in heard.of(Signal)] == list(map(alike, backtested))
    assert [alike(one) for one in stored] == [
        alike(one) for one in backtested if one.side != "hold"
    ]
    assert {one.side for one in backtested} == {"buy", "sell", "hold"}


async def more_premiums(heard: Heard, than: int) -> None:
    await eventually(lambda: len(heard.of(Premium)) > than)


def alike(signal: Signal) -> Signal:
    """All of a signal but when its last trade was received, which candles in arrays do not know."""
    return replace(signal, received_ns=0)
