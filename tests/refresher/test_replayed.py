"""What is told and taken of quotes as they come is told and taken in a replay, to the last bit."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest

from analytics.backtest.arbitrage.replay import Replay
from analytics.backtest.arbitrage.tape import Tape, tape_of
from analytics.route_signals import signals_of
from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs, Facts, Fee
from analytics.routes.terms import BoardTerms
from analytics.strategies.route_taker import RouteTaker, Take, TakeTerms
from infrastructure.bus.local import LocalBus
from market import Event, Routes, Signal
from refresher_service import refresher as refreshing
from refresher_service.pace import Pace
from refresher_service.refresher import Refresher
from refresher_service.route_signaller import RouteSignaller
from tests.making import SECOND, a_book, a_quote, a_status
from tests.refresher.listening import HandClock, hearing, running
from tests.waiting import eventually

NOW = 1_000 * SECOND
HZ = 10.0
VENUES = ("binance", "kraken", "upbit")
COSTS = Costs(Facts(fees={(venue,): Fee(bps=5.0, source="a page") for venue in VENUES}))
TERMS = BoardTerms(max_age_ns=10 * SECOND, kernel="python")
LEAST = TakeTerms(min_profit_usd=0.1, despite="transfer_unknown")
MARKETS = {"BTC-USDT": 100.0, "ETH-USDT": 10.0, "ETH-BTC": 0.1}


def half_a_minute() -> Tape:
    """Return statuses each second, and a quote or a book of some market each tenth between."""
    draw = Random(3)  # noqa: S311  # prices, not secrets
    events: list[Event] = []
    for number in range(150):
        at_ns = NOW + number * SECOND // 10 + SECOND // 20
        if number % 10 == 0:
            events += [a_status(venue, at_ns=at_ns - SECOND // 20) for venue in VENUES]
        venue, (market, price) = draw.choice(VENUES), draw.choice(list(MARKETS.items()))
        middle = price * (1.0 + draw.gauss(0.0, 0.003))
        bid, ask = middle * 0.999, middle * 1.001
        if draw.random() < 0.2:
            levels = [(bid, 1.0), (bid * 0.999, 2.0)], [(ask, 1.0), (ask * 1.001, 2.0)]
            events.append(a_book(venue, market, bids=levels[0], asks=levels[1], at_ns=at_ns))
        else:
            events.append(a_quote(venue, market, bid=bid, ask=ask, at_ns=at_ns))
    return tape_of(events)


class HearsNoEcho(Refresher):
    """Hears nothing of its own on the bus: that would have it look once more in between."""

    @property
    def patterns(self) -> list[str]:
        return ["quote.nobody.#"]


async def never(interval_s: float, action: Callable[[], Awaitable[None]]) -> None:
    """Stand in for a clock that strikes between events: here time passes with them alone."""
    del interval_s, action
    await asyncio.Event().wait()


def replayed(tape: Tape) -> tuple[list[Routes], list[Take]]:
    told: list[Routes] = []
    board, taker = RouteBoard(COSTS, TERMS), RouteTaker(LEAST)
    replay = Replay(board, taker, [], pace=Pace(HZ), hear=told.append)
    replay.play(tape)
    return told, replay.taken


async def test_replayed_routes_and_takes_are_those_of_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refreshing, "every", never)
    expected, taken = replayed(half_a_minute())
    tape, bus, clock = half_a_minute(), LocalBus(), HandClock(NOW)
    refresher = HearsNoEcho(bus, COSTS, TERMS, publish_hz=HZ, clock=clock)

    taking = RouteSignaller(bus, LEAST)

    async with (
        hearing(bus, "routes.#", "signal.#") as heard,
        running(taking),
        running(refresher),
    ):
        for now_ns, events in tape.moments():
            clock.now_ns = now_ns
            await refresher.receive(events)
        signals = [signal for take in taken for signal in signals_of(take, LEAST)]
        await eventually(lambda: len(heard.of(Routes)) >= len(expected))
        await eventually(lambda: len(heard.of(Signal)) >= len(signals))

    live = heard.of(Routes)
    assert sum(route.profit > 0 for routes in live for route in routes.routes) > 50
    assert live == expected
    assert len(taken) > 5
    assert heard.of(Signal) == signals
