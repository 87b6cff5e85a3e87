"""Quotes on the bus become routes on the bus."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import NoReturn

import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from market import Event, Instrument, Routes
from refresher_service.refresher import Refresher
from tests.making import SECOND, a_quote, a_status
from tests.refresher.listening import HandClock, Heard, hearing, running
from tests.waiting import eventually

NOW = 1_000 * SECOND
SLOT = SECOND // 10


def no_fee(_venue: str, _instrument: Instrument) -> float:
    return 0.0


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
async def heard(bus: LocalBus, clock: HandClock) -> AsyncIterator[Heard]:
    """What is heard of routes while a refresher runs on two live venues."""
    refresher = Refresher(bus, no_fee, max_quote_age_s=10.0, publish_hz=10.0, clock=clock)
    async with hearing(bus, "routes.#") as heard, running(refresher):
        await bus.publish([a_status("binance", at_ns=NOW), a_status("kraken", at_ns=NOW)])
        yield heard


CHEAP = a_quote("binance", bid=99.0, ask=100.0, at_ns=NOW)
DEAR = a_quote("kraken", bid=101.0, ask=102.0, at_ns=NOW)


def last(heard: Heard, base: str = "BTC") -> Routes | None:
    return next((r for r in reversed(heard.of(Routes)) if r.base == base), None)


async def test_routes_are_published_as_soon_as_quotes_come(bus: LocalBus, heard: Heard) -> None:
    await bus.publish([CHEAP, DEAR])
    await eventually(lambda: last(heard))

    (routes,) = heard.of(Routes)

    assert routes.received_ns == NOW
    assert [route.id for route in routes.routes] == [
        "BTC:binance.USDT>kraken.USDT",
        "BTC:kraken.USDT>binance.USDT",
    ]


async def test_batch_publishes_each_base_currency_once(bus: LocalBus, heard: Heard) -> None:
    quotes = [a_quote("kraken", f"{base}-USDT", at_ns=NOW) for base in ("BTC", "ETH", "XRP")]
    newer = [a_quote("kraken", "BTC-USDT", at_ns=NOW + n) for n in range(1, 50)]

    await bus.publish([*quotes, *newer])
    await eventually(lambda: last(heard, "XRP"))

    assert [routes.base for routes in heard.of(Routes)] == ["BTC", "ETH", "XRP"]


async def test_changes_wait_for_their_slot_and_the_last_one_comes_without_a_further_event(
    bus: LocalBus, heard: Heard, clock: HandClock
) -> None:
    await bus.publish([CHEAP, DEAR])
    await eventually(lambda: last(heard))
    for n in range(1, 20):
        await bus.publish([a_quote("kraken", bid=101.0 + n, ask=200.0, at_ns=NOW + n)])
    await bus.publish([a_quote("kraken", "ETH-USDT", at_ns=NOW)])
    await eventually(lambda: last(heard, "ETH"))
    held_back = [routes for routes in heard.of(Routes) if routes.base == "BTC"]

    clock.now_ns = NOW + SLOT
    await eventually(lambda: len(heard.of(Routes)) == 3)
    newest = last(heard)

    assert len(held_back) == 1
    assert newest is not None
    assert newest.routes[0].sell_price == 120.0
    assert newest.sequence > held_back[0].sequence


async def test_routes_of_a_dead_venue_vanish_at_once(
    bus: LocalBus, heard: Heard, clock: HandClock
) -> None:
    await bus.publish([CHEAP, DEAR])
    await eventually(lambda: last(heard))

    clock.now_ns = NOW + SLOT
    await bus.publish([a_status("kraken", "down", at_ns=NOW + SLOT)])
    await eventually(lambda: len(heard.of(Routes)) == 2)

    assert heard.of(Routes)[-1].routes == ()


async def test_routes_of_a_venue_that_falls_silent_vanish_without_an_event(
    bus: LocalBus, heard: Heard, clock: HandClock
) -> None:
    await bus.publish([CHEAP, DEAR])
    await eventually(lambda: last(heard))

    clock.now_ns = NOW + 5 * SECOND + 1
    await eventually(lambda: len(heard.of(Routes)) == 2)

    assert heard.of(Routes)[-1].routes == ()


async def test_routes_of_quotes_that_grew_too_old_vanish_without_an_event(
    bus: LocalBus, heard: Heard, clock: HandClock
) -> None:
    await bus.publish([CHEAP, DEAR])
    later = NOW + 10 * SECOND
    await bus.publish([a_status("binance", at_ns=later), a_status("kraken", at_ns=later)])
    await eventually(lambda: last(heard))

    clock.now_ns = later + 1
    await eventually(lambda: len(heard.of(Routes)) == 2)

    assert heard.of(Routes)[-1].routes == ()


async def test_routes_come_back_with_the_venue(
    bus: LocalBus, heard: Heard, clock: HandClock
) -> None:
    await bus.publish([CHEAP, DEAR, a_status("kraken", "down", at_ns=NOW + 1)])
    await eventually(lambda: last(heard))

    clock.now_ns = NOW + SLOT
    again = a_quote("kraken", bid=101.0, ask=102.0, at_ns=NOW + 3)
    await bus.publish([a_status("kraken", at_ns=NOW + 2), again])
    await eventually(lambda: len(heard.of(Routes)) == 2)

    assert [len(routes.routes) for routes in heard.of(Routes)] == [0, 2]


async def test_successor_is_right_from_the_flow_alone(bus: LocalBus, clock: HandClock) -> None:
    flow: list[Event] = [a_status("binance", at_ns=NOW), a_status("kraken", at_ns=NOW), CHEAP, DEAR]
    found = []
    for _ in range(2):
        refresher = Refresher(bus, no_fee, max_quote_age_s=10.0, clock=clock)
        async with hearing(bus, "routes.#") as heard, running(refresher):
            await bus.publish(flow)
            await eventually(lambda: last(heard))
            found.append(heard.of(Routes)[-1])

    assert found[0] == found[1]


async def test_restarted_refresher_trusts_nothing_from_before(
    bus: LocalBus, clock: HandClock
) -> None:
    refresher = Refresher(bus, no_fee, max_quote_age_s=10.0, clock=clock)
    async with hearing(bus, "routes.#") as heard:
        async with running(refresher):
            await bus.publish([a_status("binance", at_ns=NOW), a_status("kraken", at_ns=NOW)])
            await bus.publish([CHEAP, DEAR])
            await eventually(lambda: last(heard))
        clock.now_ns = NOW + SLOT
        async with running(refresher):
            await eventually(lambda: len(heard.of(Routes)) == 2)

    assert [len(routes.routes) for routes in heard.of(Routes)] == [2, 0]


async def test_refresher_fails_as_a_whole_when_its_mailbox_does() -> None:
    class NoBus(LocalBus):
        def mailbox(
            self, name: str, patterns: Sequence[str], *, capacity: int, overflow: Overflow
        ) -> NoReturn:
            del name, patterns, capacity, overflow
            raise ConnectionError("no mailbox")

    refresher = Refresher(NoBus(), no_fee, max_quote_age_s=10.0)

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(5):
            await refresher.run()

    assert raised.group_contains(ConnectionError, match="no mailbox")
