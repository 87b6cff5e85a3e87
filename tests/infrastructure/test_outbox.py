"""What waits to be sent: bounded, conflated where only the latest matters, always in order."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from infrastructure.bus.amqp.outbox import Outbox
from market import Event, Quote, Trade, routing_key
from tests.making import a_quote, a_routes, a_status, a_trade, an_episode

Step = tuple[str, int]
steps = st.lists(
    st.tuples(st.sampled_from(["quote A", "quote B", "trade A", "take"]), st.integers(1, 8)),
    max_size=80,
)


async def test_events_come_out_in_the_order_they_were_put_in() -> None:
    outbox = Outbox(limit=100, conflate_above=100)
    events: list[Event] = [a_quote(at_ns=1), a_trade(number=1), a_quote(at_ns=2)]

    await outbox.add(events)

    assert await _take(outbox, 2) == events[:2]
    assert await _take(outbox, 2) == events[2:]


async def test_newer_quote_takes_the_place_of_the_one_that_waits() -> None:
    outbox = Outbox(limit=100, conflate_above=1)
    await outbox.add([a_trade(number=1), a_quote(at_ns=1), a_trade(number=2)])

    await outbox.add([a_quote(at_ns=2), a_quote(at_ns=3)])

    assert await _take(outbox, 9) == [a_trade(number=1), a_quote(at_ns=3), a_trade(number=2)]
    assert outbox.conflated == 2


async def test_routes_that_wait_are_replaced_however_little_waits_and_what_was_taken_is_not() -> (
    None
):
    """A refresher that is short of time would else send old routes, and candles behind them."""
    outbox = Outbox(limit=100, conflate_above=100)
    await outbox.add([a_routes("BTC", at_ns=1), a_trade(number=1), a_routes("ETH", at_ns=1)])
    taken = await _take(outbox, 1)

    await outbox.add([a_routes("BTC", at_ns=2), a_routes("ETH", at_ns=2), an_episode()])
    await outbox.add([a_routes("BTC", at_ns=3)])

    assert taken == [a_routes("BTC", at_ns=1)]
    assert await _take(outbox, 9) == [
        a_routes("ETH", at_ns=2),
        a_trade(number=1),
        a_routes("BTC", at_ns=3),
        an_episode(),
    ]
    assert (outbox.published, outbox.conflated, outbox.unsettled) == (7, 2, 5)


async def test_routes_that_were_given_back_are_replaced() -> None:
    outbox = Outbox(limit=2, conflate_above=0)
    await outbox.add([a_trade(number=1)])
    await outbox.add([a_routes("BTC", at_ns=1)])
    _give_back(outbox, len(await _take(outbox, 9)))

    await outbox.add([a_routes("BTC", at_ns=2)])

    assert await _take(outbox, 9) == [a_trade(number=1), a_routes("BTC", at_ns=2)]


async def test_no_status_of_a_venue_is_lost_or_overtakes_a_trade() -> None:
    outbox = Outbox(limit=100, conflate_above=0)
    events: list[Event] = [
        a_status(at_ns=1),
        a_status(state="down", at_ns=2),
        a_trade(at_ns=3),
        a_status(at_ns=4),
    ]

    await outbox.add(events)

    assert await _take(outbox, 9) == events


async def test_quotes_of_different_instruments_are_both_kept() -> None:
    outbox = Outbox(limit=100, conflate_above=0)
    quotes = [a_quote(instrument="BTC-EUR"), a_quote(instrument="ETH-EUR")]

    await outbox.add(quotes)

    assert await _take(outbox, 9) == quotes


async def test_full_outbox_holds_trades_back_until_there_is_room() -> None:
    outbox = Outbox(limit=2, conflate_above=0)
    await outbox.add([a_trade(number=1), a_trade(number=2)])

    async with asyncio.TaskGroup() as tasks:
        adding = tasks.create_task(outbox.add([a_trade(number=3)]))
        await _let_everything_run()
        was_held_back = not adding.done()
        await _take(outbox, 1)

    assert was_held_back
    assert await _take(outbox, 9) == [a_trade(number=2), a_trade(number=3)]


async def test_what_is_given_back_comes_first_again() -> None:
    outbox = Outbox(limit=100, conflate_above=100)
    await outbox.add([a_trade(number=number) for number in range(1, 6)])
    await _take(outbox, 3)

    _give_back(outbox, 2)

    assert await _take(outbox, 9) == [a_trade(number=number) for number in range(2, 6)]


async def test_settled_waits_for_what_was_accepted_before() -> None:
    outbox = Outbox(limit=100, conflate_above=100)
    await outbox.add([a_trade(number=1), a_trade(number=2)])

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(outbox.settled())
        await _take(outbox, 2)
        _settle(outbox, 1)
        await _let_everything_run()
        was_waiting = not waiting.done()
        await outbox.add([a_trade(number=3)])
        _settle(outbox, 1)

    assert was_waiting
    assert outbox.unsettled == 1


@given(steps)
def test_nothing_overtakes_trades_are_never_lost_and_the_newest_quote_survives(
    steps: list[Step],
) -> None:
    put, sent = asyncio.run(_played(steps))

    for key in {routing_key(event) for event in put}:
        put_of_key = [event for event in put if routing_key(event) == key]
        sent_of_key = [event for event in sent if routing_key(event) == key]
        assert [e.sequence for e in sent_of_key] == sorted(e.sequence for e in sent_of_key)
        assert sent_of_key[-1] == put_of_key[-1]
    assert _trades(sent) == _trades(put)
    assert len({id(event) for event in sent}) == len(sent)


async def test_a_quote_is_not_moved_to_before_the_status_that_ended_its_life() -> None:
    outbox = Outbox(limit=100, conflate_above=0)
    down, live = a_status(state="down", at_ns=2), a_status(at_ns=4)
    before = [a_quote(at_ns=1), a_quote("upbit", at_ns=1)]

    await outbox.add([*before, down, a_quote(at_ns=3), live])
    await outbox.add([a_quote(at_ns=5), a_quote("upbit", at_ns=5)])

    assert await _take(outbox, 9) == [
        a_quote(at_ns=1),
        a_quote("upbit", at_ns=5),
        down,
        a_quote(at_ns=5),
        live,
    ]


async def _take(outbox: Outbox, at_most: int) -> list[Event]:
    [lane] = outbox.lanes
    return list(await outbox.take(lane, at_most))


def _give_back(outbox: Outbox, number: int) -> None:
    [lane] = outbox.lanes
    outbox.give_back(lane, number)


def _settle(outbox: Outbox, number: int) -> None:
    [lane] = outbox.lanes
    outbox.settle(lane, number)


async def _let_everything_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _played(steps: list[Step]) -> tuple[list[Event], list[Event]]:
    """Play the steps on an outbox; return what was put in and what came out."""
    outbox = Outbox(limit=10_000, conflate_above=4)
    put: list[Event] = []
    sent: list[Event] = []
    for number, (what, count) in enumerate(steps, 1):
        if what != "take":
            event = _event(what, number)
            put.append(event)
            await outbox.add([event])
        elif outbox.unsettled:
            taken = await _take(outbox, count)
            keep = (len(taken) + 1) // 2
            _give_back(outbox, len(taken) - keep)
            sent += taken[:keep]
            _settle(outbox, keep)
    while outbox.unsettled:
        taken = await _take(outbox, 512)
        sent += taken
        _settle(outbox, len(taken))
    return put, sent


def _event(what: str, number: int) -> Quote | Trade:
    if what == "trade A":
        return a_trade(instrument="A-USD", number=number)
    return a_quote(instrument=f"{what[-1]}-USD", at_ns=number)


def _trades(events: list[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, Trade)]
