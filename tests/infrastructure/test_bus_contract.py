"""What every bus promises (`infrastructure.bus.port`), held against each adapter."""

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import pytest

from infrastructure.bus.port import Bus, DeadLetter, Mailbox, Overflow
from market import Event, Trade
from tests.making import a_quote, a_status, a_trade
from tests.servers.rabbitmq import MakeBus
from tests.waiting import eventually

WITHIN_S = 10.0


@pytest.fixture
def name() -> str:
    return f"mailbox-{secrets.token_hex(4)}"


async def test_mailbox_gets_only_what_its_patterns_cover(bus: Bus, name: str) -> None:
    quote, trade = a_quote("kraken", "BTC-EUR"), a_trade("kraken", "BTC-EUR")
    elsewhere, status = a_quote("kraken", "ETH-EUR"), a_status("kraken")

    async with _mailbox(bus, name, "quote.*.BTC.*", "status.#") as mailbox:
        await bus.publish([quote, trade, elsewhere, status])

        assert await _read(mailbox, 2) == [quote, status]
        await _assert_nothing_else(bus, mailbox)


async def test_every_mailbox_that_wants_an_event_gets_it(bus: Bus, name: str) -> None:
    trade = a_trade()

    async with (
        _mailbox(bus, name, "trade.#") as one,
        _mailbox(bus, f"{name}-2", "trade.kraken.#") as another,
    ):
        await bus.publish([trade])

        assert await _read(one, 1) == [trade]
        assert await _read(another, 1) == [trade]


async def test_two_patterns_that_cover_one_event_give_it_once(bus: Bus, name: str) -> None:
    async with _mailbox(bus, name, "trade.#", "#") as mailbox:
        await bus.publish([a_trade(number=1), a_quote()])

        assert await _read(mailbox, 2) == [a_trade(number=1), a_quote()]
        await _assert_nothing_else(bus, mailbox)


async def test_events_of_one_publisher_stay_in_order(bus: Bus, name: str) -> None:
    trades = _trades(500)

    async with _mailbox(bus, name, "trade.#") as mailbox:
        for start in range(0, 500, 7):
            await bus.publish(trades[start : start + 7])

        assert await _read(mailbox, 500) == trades


async def test_receive_returns_no_more_than_asked_for(bus: Bus, name: str) -> None:
    trades = _trades(10)

    async with _mailbox(bus, name, "trade.#") as mailbox:
        await bus.publish(trades)
        async with asyncio.timeout(WITHIN_S):
            slices = [await _next(mailbox, at_most=4) for _ in range(3)]

        assert [event for part in slices for event in part] == trades
        assert max(map(len, slices)) <= 4


async def test_failed_events_come_again_in_order_before_newer_ones(bus: Bus, name: str) -> None:
    trades = _trades(6)

    async with _mailbox(bus, name, "trade.#") as mailbox:
        for trade in trades:
            await bus.publish([trade])
            await bus.flush()
        async with asyncio.timeout(WITHIN_S):
            first = await mailbox.receive(2)
            await mailbox.failed()

        assert list(first) == trades[: len(first)]
        assert await _read(mailbox, 6) == trades


async def test_drop_oldest_mailbox_with_room_gives_all_failed_events_again(
    bus: Bus, name: str
) -> None:
    trades = _trades(9)

    async with bus.mailbox(
        name, ["trade.#"], capacity=10, overflow=Overflow.DROP_OLDEST
    ) as mailbox:
        await bus.publish(trades[:2])
        async with asyncio.timeout(WITHIN_S):
            await mailbox.receive(2)
        await bus.publish(trades[2:])
        await mailbox.failed()

        assert await _read(mailbox, 9) == trades


async def test_done_events_do_not_come_again(bus: Bus, name: str) -> None:
    async with _mailbox(bus, name, "trade.#", "status.#") as mailbox:
        await bus.publish(_trades(3))
        await _read(mailbox, 3)

    async with _mailbox(bus, name, "trade.#", "status.#") as mailbox:
        await _assert_nothing_else(bus, mailbox)


async def test_events_that_were_not_done_come_again_to_the_next_reader(bus: Bus, name: str) -> None:
    trades = _trades(20)
    async with _mailbox(bus, name, "trade.#") as mailbox:
        for trade in trades:
            await bus.publish([trade])
            await bus.flush()
        await _read(mailbox, 2)
        async with asyncio.timeout(WITHIN_S):
            await mailbox.receive(10)

    async with _mailbox(bus, name, "trade.#") as mailbox:
        assert await _read(mailbox, 18) == trades[2:]


async def test_wait_mailbox_keeps_what_comes_while_its_reader_is_away(
    make_bus: MakeBus, name: str
) -> None:
    trades = _trades(20)

    async with make_bus() as bus:
        async with _mailbox(bus, name, "trade.#"):
            pass
        await bus.publish(trades)
        await bus.flush()
    async with make_bus() as bus, _mailbox(bus, name, "trade.#") as mailbox:
        assert await _read(mailbox, 20) == trades


async def test_two_readers_of_a_wait_mailbox_share_its_events(make_bus: MakeBus, name: str) -> None:
    trades = _trades(40)
    read: list[Event] = []

    async with (
        make_bus() as bus,
        make_bus() as other,
        _mailbox(bus, name, "trade.#") as one,
        _mailbox(other, name, "trade.#") as another,
        asyncio.timeout(WITHIN_S),
        asyncio.TaskGroup() as tasks,
    ):
        readers = [tasks.create_task(_read_on(mailbox, read)) for mailbox in (one, another)]
        for trade in trades:
            await bus.publish([trade])
        await eventually(lambda: len(read) == 40)
        for reader in readers:
            reader.cancel()

    assert sorted(read, key=_number) == trades


async def test_drop_oldest_mailbox_keeps_the_newest(bus: Bus, name: str) -> None:
    trades = _trades(50)

    async with bus.mailbox(name, ["trade.#"], capacity=3, overflow=Overflow.DROP_OLDEST) as mailbox:
        for trade in trades:
            await bus.publish([trade])
            await bus.flush()
        read = await _read_until(mailbox, trades[-1])

    assert read[-3:] == trades[-3:]
    assert read == sorted(read, key=_number)
    assert len(read) <= 6


async def test_drop_oldest_mailbox_ends_with_its_reader(bus: Bus, name: str) -> None:
    view = bus.mailbox(name, ["trade.#"], capacity=10, overflow=Overflow.DROP_OLDEST)
    async with view:
        pass
    await bus.publish(_trades(1))
    await bus.flush()

    async with bus.mailbox(
        name, ["trade.#"], capacity=10, overflow=Overflow.DROP_OLDEST
    ) as mailbox:
        await bus.publish([a_trade(number=2)])

        assert await _read(mailbox, 1) == [a_trade(number=2)]


async def test_a_kept_mailbox_gathers_before_it_is_opened(make_bus: MakeBus, name: str) -> None:
    async with make_bus() as bus:
        await bus.keep(name, ["trade.#"])
        await bus.keep(name, ["trade.#"])
        await bus.publish([a_trade(number=1)])
        await bus.flush()

        async with _mailbox(bus, name, "trade.#") as mailbox:
            assert await _read(mailbox, 1) == [a_trade(number=1)]


async def test_full_wait_mailbox_holds_the_publisher_back_but_no_other_mailbox(
    make_bus: MakeBus, name: str
) -> None:
    trades = _trades(2_000)

    async with (
        make_bus(small=True) as bus,
        bus.mailbox(name, ["trade.#"], capacity=10, overflow=Overflow.WAIT) as full,
        bus.mailbox(
            f"{name}-view", ["trade.#"], capacity=1_000, overflow=Overflow.DROP_OLDEST
        ) as view,
        asyncio.timeout(3 * WITHIN_S),
        asyncio.TaskGroup() as tasks,
    ):
        publishing = tasks.create_task(_publish_each(bus, trades))
        seen = await _read(view, 10)
        finished, _ = await asyncio.wait({publishing}, timeout=0.3)  # it must not: absence
        read = await _read_until(full, trades[-1])
        await publishing

    assert seen == trades[:10]
    assert not finished
    assert read == trades


async def test_what_is_published_again_after_a_cancellation_is_lost_by_nobody(
    make_bus: MakeBus, name: str
) -> None:
    trades = _trades(2_000)

    async with (
        make_bus(small=True) as bus,
        bus.mailbox(name, ["trade.#"], capacity=10, overflow=Overflow.WAIT) as mailbox,
        asyncio.timeout(3 * WITHIN_S),
        asyncio.TaskGroup() as tasks,
    ):
        publishing = tasks.create_task(_publish_each(bus, trades))
        await asyncio.wait({publishing}, timeout=0.3)  # it must not end: absence
        publishing.cancel()
        await asyncio.wait({publishing})
        again = tasks.create_task(bus.publish([*trades, a_trade(number=2_001)]))
        read = await _read_until(mailbox, a_trade(number=2_001))
        await again

    assert publishing.cancelled()
    assert list(dict.fromkeys(read)) == [*trades, a_trade(number=2_001)]


async def test_dead_letters_keep_event_mailbox_and_reason(bus: Bus, name: str) -> None:
    trades = _trades(2)

    async with _mailbox(bus, name, "trade.#") as mailbox:
        await bus.publish(trades)
        async with asyncio.timeout(WITHIN_S):
            received = await mailbox.receive(2)
        for trade in received:
            await mailbox.dead_letter(trade, f"does not like {trade.sequence}")
        await mailbox.done()
        first, again = await bus.dead_letters(10), await bus.dead_letters(1)

    assert [letter.event for letter in first] == trades
    assert [letter.reason for letter in first] == ["does not like 1", "does not like 2"]
    assert {letter.mailbox for letter in first} == {name}
    assert list(again) == list(first[:1])


async def test_bytes_that_no_event_came_of_are_kept_with_reason_and_time(bus: Bus) -> None:
    frames = [b'{"unknown": 1}', b"\xff\xfe\x00", b""]
    letters = [
        DeadLetter(
            "stream.kraken", f"unreadable: {number}", body=frame, at_ns=1_800_000_000 + number
        )
        for number, frame in enumerate(frames)
    ]

    await bus.put_aside(letters)

    assert await _letters(bus, 3) == letters


async def test_what_is_put_aside_without_a_time_is_of_now(bus: Bus) -> None:
    before_ns = time.time_ns()

    await bus.put_aside([DeadLetter("stream.kraken", "unreadable", body=b"x")])

    [letter] = await _letters(bus, 1)
    assert before_ns <= letter.at_ns <= time.time_ns()


async def test_many_dead_letters_are_read_in_order_and_stay(bus: Bus) -> None:
    letters = [
        DeadLetter("stream.kraken", "unreadable", body=b"%d" % number, at_ns=number)
        for number in range(1, 301)
    ]
    await bus.put_aside(letters)

    assert await _letters(bus, 300) == letters
    assert await _letters(bus, 300) == letters


async def test_what_is_flushed_is_there_for_whoever_comes_later(
    make_bus: MakeBus, name: str
) -> None:
    quotes = [a_quote(at_ns=number) for number in range(1, 6)]

    async with make_bus() as bus, make_bus() as other:
        async with _mailbox(other, name, "quote.#"):
            pass
        await bus.publish(quotes)
        await bus.flush()
        async with _mailbox(other, name, "quote.#") as mailbox:
            assert await _read(mailbox, 5) == quotes


async def test_event_that_nobody_wants_is_no_error(bus: Bus) -> None:
    await bus.publish([a_quote()])

    await bus.flush()


async def test_lead_is_had_by_one_at_a_time_and_passes_on(make_bus: MakeBus, name: str) -> None:
    async with make_bus() as bus, make_bus() as other, asyncio.timeout(WITHIN_S):
        async with bus.lead(name) as first:
            await first.held()
            async with other.lead(name) as second:
                _, waiting = await asyncio.wait(
                    {asyncio.create_task(second.held())}, timeout=0.3
                )  # it must not: absence
                both = first.is_held, second.is_held
                for one in waiting:
                    one.cancel()
        async with other.lead(name) as third:
            await third.held()
            after = first.is_held, second.is_held, third.is_held

    assert both == (True, False)
    assert after == (False, False, True)


async def test_lead_passes_to_who_stands_already(make_bus: MakeBus, name: str) -> None:
    async with (
        make_bus() as bus,
        make_bus() as other,
        AsyncExitStack() as first_stands,
        asyncio.timeout(WITHIN_S),
    ):
        first = await first_stands.enter_async_context(bus.lead(name))
        await first.held()
        async with other.lead(name) as second:
            await second.lost()

            await first_stands.aclose()
            await second.held()
            await first.lost()


async def test_leads_of_two_names_are_apart(bus: Bus, name: str) -> None:
    async with (
        bus.lead(name) as one,
        bus.lead(f"{name}-2") as another,
        asyncio.timeout(WITHIN_S),
    ):
        await one.held()
        await another.held()

        assert one.is_held
        assert another.is_held


def _mailbox(bus: Bus, name: str, *patterns: str) -> AbstractAsyncContextManager[Mailbox]:
    return bus.mailbox(name, patterns, capacity=10_000, overflow=Overflow.WAIT)


async def _letters(bus: Bus, count: int) -> Sequence[DeadLetter]:
    """Return the dead letters once there are so many; a broker counts them a moment later."""
    async with asyncio.timeout(WITHIN_S):
        while len(letters := await bus.dead_letters(1_000)) < count:
            continue
    return letters


def _trades(count: int) -> list[Trade]:
    return [a_trade(number=number) for number in range(1, count + 1)]


def _number(event: Event) -> int:
    return event.sequence


async def _publish_each(bus: Bus, events: Sequence[Event]) -> None:
    for event in events:
        await bus.publish([event])


async def _next(mailbox: Mailbox, *, at_most: int = 1_000) -> list[Event]:
    events = list(await mailbox.receive(at_most))
    await mailbox.done()
    return events


async def _read(mailbox: Mailbox, count: int) -> list[Event]:
    """Return the next ``count`` events, done."""
    events: list[Event] = []
    async with asyncio.timeout(WITHIN_S):
        while len(events) < count:
            events += await _next(mailbox, at_most=count - len(events))
    return events


async def _read_until(mailbox: Mailbox, last: Event) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(WITHIN_S):
        while not events or events[-1] != last:
            events += await _next(mailbox)
    return events


async def _read_on(mailbox: Mailbox, into: list[Event]) -> None:
    while True:
        into += await _next(mailbox, at_most=1)


async def _assert_nothing_else(bus: Bus, mailbox: Mailbox) -> None:
    """Publish one more event that the mailbox wants; it is the next to come."""
    last = a_status("the-last")
    await bus.publish([last])
    assert await _read(mailbox, 1) == [last]


async def test_who_begins_is_told_the_newest_of_each_key(bus: Bus) -> None:
    older, newer = a_quote(at_ns=1), a_quote(at_ns=2)
    other, trade = a_quote(venue="upbit", at_ns=1), a_trade()

    await bus.publish([older, trade, other, newer])
    await bus.flush()
    async with asyncio.timeout(WITHIN_S):
        while not (found := await bus.recent(["quote.#", "trade.#"])):
            pass

    assert found == [other, newer]
    assert await bus.recent(["quote.upbit.#"]) == [other]
