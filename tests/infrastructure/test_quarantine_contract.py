"""What every bus promises of dead letters that are given back or let go of."""

import secrets

import pytest

from infrastructure.bus.port import Bus, DeadLetter, Mailbox, Overflow
from market import Event
from tests.making import SECOND, a_quote, a_trade

OF_A_FRAME = DeadLetter("stream.kraken", "not JSON", body=b"\xff{", at_ns=SECOND)
OF_AN_EVENT = DeadLetter("storage.writer", "no number", event=a_trade(), at_ns=2 * SECOND)
OF_ANOTHER = DeadLetter("storage.writer", "no number", event=a_quote(), at_ns=3 * SECOND)
LETTERS = [OF_A_FRAME, OF_AN_EVENT, OF_ANOTHER]


async def test_letters_come_back_as_they_were_and_with_the_same_ids(bus: Bus) -> None:
    await bus.put_aside(LETTERS)

    first, again = await bus.dead_letters(9), await bus.dead_letters(9)

    assert first == again == LETTERS
    assert len({letter.id for letter in first}) == 3


async def test_one_that_is_decided_on_is_taken_away_and_no_other(bus: Bus) -> None:
    await bus.put_aside(LETTERS)
    asked: list[DeadLetter] = []

    async def gone(letter: DeadLetter) -> None:
        asked.append(letter)

    await bus.revise({OF_AN_EVENT.id}, gone)

    assert asked == [OF_AN_EVENT]
    assert await bus.dead_letters(9) == [OF_A_FRAME, OF_ANOTHER]


async def test_one_that_stays_has_its_new_reason_and_its_old_id(bus: Bus) -> None:
    await bus.put_aside(LETTERS)
    renamed = DeadLetter("stream.kraken", "too short", body=b"\xff{", at_ns=SECOND)

    async def say(_letter: DeadLetter) -> DeadLetter:
        return renamed

    await bus.revise({OF_A_FRAME.id}, say)

    assert await bus.dead_letters(9) == [renamed, OF_AN_EVENT, OF_ANOTHER]
    assert renamed.id == OF_A_FRAME.id


async def test_nothing_is_lost_when_who_decides_fails_midway(bus: Bus) -> None:
    await bus.put_aside(LETTERS)

    async def fail_at_the_last(letter: DeadLetter) -> None:
        if letter == OF_ANOTHER:
            raise RuntimeError("the process dies")

    with pytest.raises(RuntimeError):
        await bus.revise({letter.id for letter in LETTERS}, fail_at_the_last)

    assert await bus.dead_letters(9) == [OF_ANOTHER]


async def test_an_event_is_given_to_its_mailbox_alone(bus: Bus) -> None:
    name = f"mailbox-{secrets.token_hex(4)}"
    trade = a_trade()

    async with (
        bus.mailbox(name, ["trade.#"], capacity=9, overflow=Overflow.WAIT) as mailbox,
        bus.mailbox(f"{name}-2", ["trade.#"], capacity=9, overflow=Overflow.WAIT) as another,
    ):
        is_there = await bus.give_back(DeadLetter(name, "no number", event=trade))
        await bus.publish([a_trade(number=2)])

        assert is_there
        assert set(await _read(mailbox, 2)) == {trade, a_trade(number=2)}
        assert await _read(another, 1) == [a_trade(number=2)]


async def test_what_names_no_mailbox_is_given_to_all_that_want_it(bus: Bus) -> None:
    name = f"mailbox-{secrets.token_hex(4)}"

    async with bus.mailbox(name, ["trade.#"], capacity=9, overflow=Overflow.WAIT) as mailbox:
        await bus.give_back(DeadLetter("", "read again", event=a_trade()))

        assert await _read(mailbox, 1) == [a_trade()]


async def test_a_mailbox_that_nobody_has_is_told(bus: Bus) -> None:
    assert not await bus.give_back(DeadLetter("no.such", "no number", event=a_trade()))


async def _read(mailbox: Mailbox, count: int) -> list[Event]:
    read: list[Event] = []
    while len(read) < count:
        read += await mailbox.receive(count)
        await mailbox.done()
    return read
