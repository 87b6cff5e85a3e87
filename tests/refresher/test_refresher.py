"""Quotes on the bus become routes on the bus."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import NoReturn

import duckdb
import msgspec
import pytest

from analytics.routes.costs import Costs, Facts, Fee
from analytics.routes.terms import BoardTerms
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Episode, Event, Premium, Routes, StoreUnavailableError
from refresher_service.refresher import Refresher
from tests.making import SECOND, a_listed, a_quote, a_status, an_episode
from tests.refresher.listening import HandClock, Heard, hearing, running
from tests.waiting import eventually

NOW = 1_000 * SECOND
SLOT = SECOND // 10


FREE = Costs(
    Facts(fees={(venue,): Fee(bps=0.0, source="a page") for venue in ("binance", "kraken")})
)
TERMS = BoardTerms(max_age_ns=10 * SECOND, kernel="python")


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def heard(bus: LocalBus, clock: HandClock) -> AsyncIterator[Heard]:
    """What is heard of routes while a refresher runs on two live venues."""
    refresher = Refresher(bus, FREE, TERMS, clock=clock)
    async with hearing(bus, "routes.#") as heard, running(refresher):
        await bus.publish([a_status("binance", at_ns=NOW), a_status("kraken", at_ns=NOW)])
        yield heard


LIVE = [a_status("binance", at_ns=NOW), a_status("kraken", at_ns=NOW)]
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
        "I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT",
        "I|kraken:USDT>kraken:BTC>binance:BTC>binance:USDT",
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
        refresher = Refresher(bus, FREE, TERMS, clock=clock)
        async with hearing(bus, "routes.#") as heard, running(refresher):
            await bus.publish(flow)
            await eventually(lambda: last(heard))
            found.append(heard.of(Routes)[-1])

    assert found[0] == found[1]


async def test_restarted_refresher_trusts_nothing_from_before(
    bus: LocalBus, clock: HandClock
) -> None:
    refresher = Refresher(bus, FREE, TERMS, clock=clock)
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
            self,
            name: str,
            patterns: Sequence[str],
            *,
            capacity: int,
            overflow: Overflow,
            partition: int | None = None,
        ) -> NoReturn:
            del name, patterns, capacity, overflow, partition
            raise ConnectionError("no mailbox")

    refresher = Refresher(NoBus(), FREE, TERMS)

    with pytest.raises(ExceptionGroup) as raised:
        async with asyncio.timeout(5):
            await refresher.run()

    assert raised.group_contains(ConnectionError, match="no mailbox")


async def test_life_of_a_route_and_premiums_are_told(
    bus: LocalBus, clock: HandClock, heard: Heard
) -> None:
    async with hearing(bus, "episode.#", "premium.#") as told:
        await bus.publish([CHEAP, DEAR])
        await eventually(lambda: last(heard))
        clock.now_ns = NOW + 2 * SECOND
        await bus.publish([a_quote("kraken", bid=99.0, ask=102.0, at_ns=NOW + SECOND)])
        await eventually(lambda: told.of(Episode))
        await eventually(lambda: told.of(Premium))

    (episode,) = told.of(Episode)
    assert episode.route_id == "I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT"
    assert (episode.opened_ns, episode.closed_ns, episode.reason) == (NOW, NOW + SECOND, "prices")
    assert {(one.venue, one.basis) for one in told.of(Premium)} == {("kraken", "same")}


async def test_only_one_of_two_replicas_publishes_and_the_other_takes_over(
    bus: LocalBus, clock: HandClock
) -> None:
    first, second = (Refresher(bus, FREE, TERMS, clock=clock) for _ in range(2))
    flow: list[Event] = [*LIVE, CHEAP, DEAR]
    async with hearing(bus, "routes.#") as heard, AsyncExitStack() as leader:
        await leader.enter_async_context(running(first))
        async with running(second):
            await bus.publish(flow)
            await eventually(lambda: first.handled == second.handled == len(flow))
            before = len(heard.of(Routes))

            await leader.aclose()
            clock.now_ns = NOW + SLOT
            await eventually(lambda: len(heard.of(Routes)) > before)

    assert before == 1
    assert heard.of(Routes)[-1].routes[0].opened_ns == NOW


async def test_successor_tells_the_endings_that_the_leader_could_not_and_no_others(
    bus: LocalBus, clock: HandClock
) -> None:
    leader, standby = (Refresher(bus, FREE, TERMS, clock=clock) for _ in range(2))
    flow: list[Event] = [
        *LIVE,
        CHEAP,
        DEAR,
        a_quote("binance", "ETH-USDT", bid=9.9, ask=10.0, at_ns=NOW),
        a_quote("kraken", "ETH-USDT", bid=10.5, ask=10.6, at_ns=NOW),
    ]
    async with hearing(bus, "episode.#") as heard, AsyncExitStack() as leading:
        await leading.enter_async_context(running(leader))
        async with running(standby):
            await bus.publish(flow)
            await eventually(lambda: leader.handled == standby.handled == len(flow))
            await bus.publish([a_quote("kraken", bid=99.0, ask=102.0, at_ns=NOW + SECOND // 2)])
            await eventually(lambda: leader.handled == standby.handled == len(flow) + 1)
            clock.now_ns = NOW + SECOND
            await eventually(lambda: standby.handled > len(flow) + 1)
            by_the_leader = {one.route_id for one in heard.of(Episode)}

            await leading.aclose()
            fallen = a_quote("kraken", "ETH-USDT", bid=9.9, ask=10.6, at_ns=NOW + SECOND)
            await bus.publish([fallen])
            await eventually(lambda: standby.handled == len(flow) + 3)
            for passed_s in (2, 3, 4):
                clock.now_ns = NOW + passed_s * SECOND
                await asyncio.sleep(0.1)  # whatever is told twice is told within some ticks

    direct = [one.route_id for one in heard.of(Episode) if one.type == "direct"]
    assert by_the_leader == {"I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT"}
    assert direct == [*by_the_leader, "I|binance:USDT>binance:ETH>kraken:ETH>kraken:USDT"]


async def test_listings_and_lives_of_before_the_start_are_read_from_the_store(
    bus: LocalBus, clock: HandClock
) -> None:
    store = EmbeddedTimeSeries.open(None)
    seen = an_episode(opened_ns=NOW - 9 * SECOND, closed_ns=NOW - 8 * SECOND)
    route_id = "I|binance:USDT>binance:BTC>kraken:BTC>kraken:USDT"
    halted = a_listed("kraken", "ETH-USDT", trading=False, at_ns=1)
    await store.write([msgspec.structs.replace(seen, route_id=route_id), halted])
    refresher = Refresher(bus, FREE, TERMS, store=store, clock=clock)

    async with hearing(bus, "routes.#") as heard, running(refresher):
        await bus.publish([a_status("binance", at_ns=NOW), a_status("kraken", at_ns=NOW)])
        await bus.publish(
            [CHEAP, DEAR, a_quote("kraken", "ETH-USDT", bid=11.0, ask=12.0, at_ns=NOW)]
        )
        await bus.publish([a_quote("binance", "ETH-USDT", bid=9.0, ask=10.0, at_ns=NOW)])
        await eventually(lambda: last(heard, "BTC") and last(heard, "ETH"))
    store.close()

    bitcoin, ether = last(heard, "BTC"), last(heard, "ETH")
    assert bitcoin is not None
    assert ether is not None
    assert bitcoin.routes[0].times_seen == 2
    assert all("market_closed" in route.why_not for route in ether.routes)


async def test_store_that_is_away_holds_no_routes_up(bus: LocalBus, clock: HandClock) -> None:
    class Away(EmbeddedTimeSeries):
        async def listings(self) -> NoReturn:
            raise StoreUnavailableError("no answer")

    store = Away(duckdb.connect(":memory:"))
    refresher = Refresher(bus, FREE, TERMS, store=store, clock=clock)

    async with hearing(bus, "routes.#") as heard, running(refresher):
        await bus.publish([a_status("binance", at_ns=NOW), a_status("kraken", at_ns=NOW)])
        await bus.publish([CHEAP, DEAR])
        await eventually(lambda: last(heard))
    store.close()
