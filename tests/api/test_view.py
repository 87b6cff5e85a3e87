"""The view: what is latest, what is known already, what must not be relied on."""

import asyncio

from msgspec import structs

from api_service.view import LatestView
from infrastructure.bus.local import LocalBus
from market import ActorStatus, Event, Instrument, VenueStatus
from market.events import VenueState
from market.spread import is_in_shard
from tests.api.serving import Api
from tests.making import (
    MINUTE,
    SECOND,
    a_book,
    a_candle,
    a_listed,
    a_quote,
    a_route,
    a_routes,
    a_status,
    a_trade,
)
from tests.waiting import eventually

BTC = Instrument("BTC", "USD")
COINS = tuple(Instrument(f"C{number}", "USD") for number in range(9))


def counted(venue: str, *, events: int, at_ns: int) -> VenueStatus:
    return VenueStatus(
        venue=venue, state="live", events=events, event_ns=at_ns, received_ns=at_ns, sequence=at_ns
    )


def running(process: str) -> ActorStatus:
    return ActorStatus(
        actor="storage.writer",
        process=process,
        state="running",
        event_ns=1,
        received_ns=1,
        sequence=1,
    )


async def test_what_is_published_is_seen(api: Api) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(api.view.run())
        await eventually(api.view.listening.is_set)
        await api.view.bus.publish([a_quote(), a_candle(), a_routes("BTC", a_route(), at_ns=1)])
        await eventually(lambda: api.view.routes)
        running.cancel()

    assert len(api.view.quotes) == len(api.view.candles) == len(api.view.routes) == 1


async def test_view_that_begins_later_knows_what_was_told_before() -> None:
    bus = LocalBus()
    await bus.publish([a_listed(), a_quote(at_ns=1), a_quote(at_ns=2), a_book()])
    await bus.publish([a_routes("BTC", a_route(), at_ns=1)])
    view = LatestView(bus)

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(view.run())
        await eventually(view.listening.is_set)
        running.cancel()

    assert list(view.quotes.values()) == [a_quote(at_ns=2)]
    assert len(view.listings) == len(view.routes) == 1
    assert view.books == {}


async def test_an_older_quote_does_not_replace_a_newer_one(api: Api) -> None:
    await api.feed(a_quote(bid=2.0, at_ns=20), a_quote(bid=1.0, at_ns=10))

    [quote] = api.view.quotes.values()
    assert quote.bid == 2.0


def of_shard(shard: str, state: VenueState = "live", *, at_ns: int = 1) -> VenueStatus:
    """How kraken does by the process that follows a part of it, with three instruments."""
    status = a_status("kraken", state, at_ns=at_ns)
    return structs.replace(status, shard=shard, instruments=3, frames=10, events=7, reason="why")


async def test_parts_of_a_venue_are_told_as_one_with_the_sums_of_what_they_count(api: Api) -> None:
    now_ns = api.clock.now_ns
    await api.feed(of_shard("1/2", at_ns=now_ns), of_shard("2/2", at_ns=now_ns))

    row = api.view.venues.row("kraken", now_ns)

    assert (row["state"], row["instruments"], row["frames"]) == ("live", 6, 20)
    assert api.view.venues.names == ["kraken"]


async def test_a_part_that_falls_silent_ends_its_own_quotes_and_no_others(api: Api) -> None:
    now_ns = api.clock.now_ns
    later_ns = now_ns + 6 * SECOND
    first, second = (
        next(one for one in COINS if is_in_shard(one, shard)) for shard in ("1/2", "2/2")
    )
    await api.feed(of_shard("1/2", at_ns=now_ns), of_shard("2/2", at_ns=now_ns))
    api.clock.now_ns = later_ns
    await api.feed(of_shard("1/2", at_ns=later_ns))

    row = api.view.venues.row("kraken", later_ns)

    assert (row["state"], row["instruments"]) == ("stale", 6)
    assert row["reason"].startswith("part 2/2: no status")
    assert api.view.venues.why_not_live("kraken", first, later_ns) is None
    assert api.view.venues.why_not_live("kraken", second, later_ns)
    assert api.view.venues.any_live(later_ns)


async def test_the_worst_part_says_how_a_venue_does(api: Api) -> None:
    now_ns = api.clock.now_ns
    await api.feed(of_shard("1/2", at_ns=now_ns), of_shard("2/2", "down", at_ns=now_ns))

    row = api.view.venues.row("kraken", now_ns)

    assert (row["state"], row["reason"]) == ("down", "part 2/2: why")


async def test_parts_of_an_earlier_division_are_forgotten_once_they_are_silent(api: Api) -> None:
    now_ns = api.clock.now_ns
    later_ns = now_ns + 6 * SECOND
    await api.feed(of_shard("", at_ns=now_ns))
    api.clock.now_ns = later_ns
    await api.feed(of_shard("1/2", at_ns=later_ns), of_shard("2/2", at_ns=later_ns))

    row = api.view.venues.row("kraken", later_ns)

    assert (row["state"], row["instruments"]) == ("live", 6)


async def test_a_venue_whose_clock_was_an_hour_ahead_is_heard_once_it_is_right(api: Api) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status("kraken", at_ns=now_ns + 60 * MINUTE))

    await api.feed(a_status("kraken", "down", at_ns=now_ns))

    assert api.view.venues.why_not_live("kraken", BTC, now_ns) == "kraken is down"


async def test_what_came_before_the_clock_was_set_back_is_replaced(api: Api) -> None:
    now_ns = api.view.clock()
    later_ns = now_ns + 3_600 * SECOND
    api.clock.now_ns = later_ns
    await api.feed(a_status(at_ns=later_ns), a_quote(bid=1.0, at_ns=later_ns))

    api.clock.now_ns = now_ns
    [quote] = api.view.quotes.values()
    assert api.view.why_stale(quote, now_ns)
    await api.feed(a_status(state="down", at_ns=now_ns), a_quote(bid=2.0, at_ns=now_ns))

    [quote] = api.view.quotes.values()
    assert quote.bid == 2.0
    assert api.view.venues.why_not_live("kraken", BTC, now_ns)


async def test_a_trade_that_was_seen_is_no_news(api: Api) -> None:
    told: list[Event] = []
    api.view.tell(told.extend)

    await api.feed(a_trade(number=1), a_trade(number=2))
    await api.feed(a_trade(number=2), a_trade(number=3))

    assert [event.sequence for event in told] == [1, 2, 3]


async def test_a_closed_candle_is_not_opened_again_but_a_late_trade_counts(api: Api) -> None:
    await api.feed(a_candle(trades=5), a_candle(trades=4, closed=False), a_candle(trades=6))

    [kept] = api.view.candles.values()
    assert [(candle.closed, candle.trades) for candle in kept.values()] == [(True, 6)]


async def test_only_the_last_candles_are_kept(api: Api) -> None:
    await api.feed(*(a_candle(start_ns=n * MINUTE) for n in range(30)))

    [kept] = api.view.candles.values()
    assert list(kept) == [n * MINUTE for n in range(10, 30)]


async def test_a_book_that_is_rebuilt_is_dropped_and_no_other(api: Api) -> None:
    await api.feed(a_book(), a_book(instrument="ETH-USDT"))

    await api.feed(a_status(state="resyncing", instrument="BTC-USDT"))

    assert [str(instrument) for _, instrument in api.view.books] == ["ETH-USDT"]


async def test_a_quote_is_stale_for_the_first_reason_there_is(api: Api) -> None:
    now_ns = api.clock.now_ns
    quote = a_quote("upbit", at_ns=now_ns)

    def why() -> str | None:
        return api.view.why_stale(quote, api.clock.now_ns)

    reasons = [why()]
    await api.feed(a_status("upbit", at_ns=now_ns))
    reasons.append(why())
    await api.feed(a_status("upbit", "resyncing", instrument="BTC-USDT", at_ns=now_ns))
    reasons.append(why())
    await api.feed(a_status("upbit", instrument="BTC-USDT", at_ns=now_ns))
    api.clock.pass_s(6)
    reasons.append(why())
    api.clock.pass_s(10)
    await api.feed(a_status("upbit", at_ns=api.clock.now_ns))
    reasons.append(why())

    assert reasons == [
        "upbit has not told its state yet",
        None,
        "BTC-USDT at upbit is resyncing",
        "upbit is stale: no status for more than 5 s",
        "no quote for more than 15 s",
    ]


async def test_a_venue_that_is_lost_forgets_the_trouble_of_its_instruments(api: Api) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status("upbit", "resyncing", instrument="BTC-KRW", at_ns=now_ns))

    await api.feed(a_status("upbit", "connecting", at_ns=now_ns), a_status("upbit", at_ns=now_ns))

    assert api.view.venues.row("upbit", now_ns)["troubled"] == []


async def test_events_a_second_are_the_difference_of_two_statuses(api: Api) -> None:
    rates = []
    for events, at_s in ((100, 1.0), (150, 1.1), (400, 2.0), (10, 3.0), (30, 4.0)):
        await api.feed(counted("kraken", events=events, at_ns=int(at_s * SECOND)))
        rates.append(api.view.venues.row("kraken", api.clock.now_ns)["events_per_s"])

    assert rates == [0.0, 0.0, 300.0, 300.0, 20.0]


async def test_an_older_status_changes_nothing(api: Api) -> None:
    await api.feed(a_status(at_ns=20), a_status(state="down", at_ns=10))

    assert api.view.venues.row("kraken", api.clock.now_ns)["state"] == "live"


async def test_a_quote_of_a_service_that_is_polled_lasts_longer(api: Api) -> None:
    quote = a_quote("coingecko", at_ns=api.clock.now_ns)
    reasons = []
    for seconds in (3_599, 2):
        api.clock.pass_s(seconds)
        await api.feed(a_status("coingecko", at_ns=api.clock.now_ns))
        reasons.append(api.view.why_stale(quote, api.clock.now_ns))

    row = api.view.venues.row("coingecko", api.clock.now_ns)

    assert reasons == [None, "no quote for more than 3600 s"]
    assert (row["polled"], row["lasts_s"]) == (True, 3_600.0)


async def test_routes_that_a_quote_outlived_are_stale(api: Api) -> None:
    now_ns = api.clock.now_ns
    route = a_route()
    computed = a_routes("BTC", route, at_ns=now_ns)
    await api.feed(a_status("kraken", at_ns=now_ns), a_status("upbit", at_ns=now_ns), computed)
    doubts = []

    for passed_s in (1.9, 2.1):
        await api.feed(a_quote("upbit", at_ns=now_ns + int(passed_s * SECOND)))
        doubts.append(api.view.why_not(route, computed.received_ns, now_ns))

    assert doubts == [(), ("stale",)]


async def test_an_actor_that_fell_silent_is_lost_until_a_new_process_speaks(api: Api) -> None:
    await api.feed(running("vm:999"))
    told: list[ActorStatus] = []

    api.clock.pass_s(9)
    told.extend(status for status, _ in api.view.current_actors(api.clock.now_ns))
    await api.feed(running("vm:1000"))
    told.extend(status for status, _ in api.view.current_actors(api.clock.now_ns))

    assert [(status.process, status.state) for status in told] == [
        ("vm:999", "lost"),
        ("vm:1000", "running"),
    ]
    assert told[0].reason == "vm:999 fell silent"
