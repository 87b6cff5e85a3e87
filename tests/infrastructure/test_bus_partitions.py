"""What every bus promises of a mailbox that is split, held against each adapter."""

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from infrastructure.bus.port import Bus, Mailbox, Overflow
from market import Event, Trade
from market.routing import partition_of
from tests.making import a_status, a_trade
from tests.servers.rabbitmq import MakeBus

WITHIN_S = 20.0
COUNT = 4
INSTRUMENTS = tuple(f"COIN{number}-USD" for number in range(24))
PATTERNS = ("trade.#", "status.#")
LAST = a_status("the-last")


@pytest.fixture
def name() -> str:
    return f"mailbox-{secrets.token_hex(4)}"


async def test_each_event_is_in_one_partition_and_in_order(make_bus: MakeBus, name: str) -> None:
    trades = _trades(each=20)

    async with make_bus(partitions=COUNT) as bus, _partitions(bus, name) as mailboxes:
        for start in range(0, len(trades), 7):
            await bus.publish(trades[start : start + 7])
        read = await _read_all(bus, mailboxes)

    assert sorted(map(_id, (one for part in read for one in part))) == sorted(map(_id, trades))
    for number, part in enumerate(read):
        assert {partition_of(one, COUNT) for one in part} == {number}
        for sequences in _by_instrument(part).values():
            assert sequences == sorted(sequences)


async def test_what_is_for_all_comes_to_each_partition_between_the_trades_around_it(
    make_bus: MakeBus, name: str
) -> None:
    before, after = _trades(each=3), _trades(each=3, first=4)

    async with make_bus(partitions=COUNT) as bus, _partitions(bus, name) as mailboxes:
        await bus.publish([*before, a_status("kraken", at_ns=7), *after])
        read = await _read_all(bus, mailboxes)

    for part in read:
        at = part.index(a_status("kraken", at_ns=7))
        assert {one.sequence for one in part[:at]} == {1, 2, 3}
        assert {one.sequence for one in part[at + 1 :]} == {4, 5, 6}


async def test_partitions_gather_before_anybody_opens_them(make_bus: MakeBus, name: str) -> None:
    trades = _trades(each=1)

    async with make_bus(partitions=COUNT) as bus:
        await bus.keep(name, PATTERNS)
        await bus.publish(trades)
        await bus.flush()
        async with _partitions(bus, name) as mailboxes:
            read = await _read_all(bus, mailboxes)

    assert sum(map(len, read)) == len(trades)


async def test_partition_keeps_what_comes_while_its_reader_is_away(
    make_bus: MakeBus, name: str
) -> None:
    async with make_bus(partitions=COUNT) as bus:
        async with _partitions(bus, name):
            pass
        await bus.publish(_trades(each=1))
        await bus.flush()
    async with make_bus(partitions=COUNT) as bus, _partitions(bus, name) as mailboxes:
        read = await _read_all(bus, mailboxes)

    assert sum(map(len, read)) == len(INSTRUMENTS)


async def test_mailbox_that_is_not_split_gets_everything_beside_one_that_is(
    make_bus: MakeBus, name: str
) -> None:
    trades = _trades(each=2)

    async with (
        make_bus(partitions=COUNT) as bus,
        _partitions(bus, name) as mailboxes,
        bus.mailbox(
            f"{name}-view", PATTERNS, capacity=1_000, overflow=Overflow.DROP_OLDEST
        ) as view,
    ):
        await bus.publish(trades)
        read = await _read_all(bus, mailboxes)
        whole = await _read_to_last(view)

    assert sorted(map(_id, whole)) == sorted(map(_id, trades))
    assert sum(map(len, read)) == len(trades)


async def test_dead_letter_of_a_partition_names_the_mailbox(make_bus: MakeBus, name: str) -> None:
    trade = a_trade()

    async with make_bus(partitions=COUNT) as bus, _partitions(bus, name) as mailboxes:
        await bus.publish([trade])
        mailbox = mailboxes[partition_of(trade, COUNT) or 0]
        async with asyncio.timeout(WITHIN_S):
            await mailbox.receive(1)
            await mailbox.dead_letter(trade, "does not like it")
            await mailbox.done()
            while not (letters := await bus.dead_letters(10)):
                continue

    assert [(letter.mailbox, letter.event) for letter in letters] == [(name, trade)]


@asynccontextmanager
async def _partitions(bus: Bus, name: str) -> AsyncIterator[list[Mailbox]]:
    async with AsyncExitStack() as opened:
        yield [
            await opened.enter_async_context(
                bus.mailbox(
                    name, PATTERNS, capacity=10_000, overflow=Overflow.WAIT, partition=number
                )
            )
            for number in range(bus.partitions)
        ]


async def _read_all(bus: Bus, mailboxes: Sequence[Mailbox]) -> list[list[Event]]:
    """Return what each mailbox holds, up to one more event that is for all."""
    await bus.publish([LAST])
    return [await _read_to_last(mailbox) for mailbox in mailboxes]


async def _read_to_last(mailbox: Mailbox) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(WITHIN_S):
        while LAST not in events:
            events += await mailbox.receive(1_000)
            await mailbox.done()
    assert events.pop() == LAST
    return events


def _trades(*, each: int, first: int = 1) -> list[Trade]:
    return [
        a_trade("kraken", instrument, number=number)
        for number in range(first, first + each)
        for instrument in INSTRUMENTS
    ]


def _id(event: Event) -> tuple[str, int]:
    assert isinstance(event, Trade)
    return str(event.instrument), event.sequence


def _by_instrument(events: Sequence[Event]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for event in events:
        instrument, sequence = _id(event)
        found[instrument].append(sequence)
    return found
