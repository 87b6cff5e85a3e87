"""Dead letters outlive the process where the bus is in it."""

import asyncio
from pathlib import Path

from infrastructure.bus.letter_file import LetterFile
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import DeadLetter
from tests.making import a_trade


async def test_dead_letters_are_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state" / "dead_letters.jsonl"
    letters = [_letter(1), DeadLetter("storage", "no number", event=a_trade(), at_ns=2)]

    await LocalBus(path).put_aside(letters)

    assert await LocalBus(path).dead_letters(10) == letters


async def test_a_letter_without_a_time_gets_that_of_now() -> None:
    bus = LocalBus()

    await bus.put_aside([DeadLetter("stream.kraken", "unreadable", body=b"x")])

    assert (await bus.dead_letters(1))[0].at_ns > 1_700_000_000_000_000_000


def test_a_full_file_makes_room_and_keeps_one_generation(tmp_path: Path) -> None:
    file = LetterFile(tmp_path / "letters.jsonl", limit_bytes=1_000)

    for number in range(1, 101):
        file.append([_letter(number)])

    kept = file.newest(1_000)
    assert kept == [_letter(number) for number in range(101 - len(kept), 101)]
    assert 10 <= len(kept) < 40
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2_500


def test_a_line_that_was_cut_short_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    LetterFile(path).append([_letter(1), _letter(2)])
    path.write_bytes(path.read_bytes()[:-9])

    LetterFile(path).append([_letter(3)])

    assert LetterFile(path).newest(10) == [_letter(1), _letter(3)]


async def test_a_disk_that_fails_costs_nothing_but_the_file(tmp_path: Path) -> None:
    in_the_way = tmp_path / "state"
    in_the_way.write_text("no directory")
    bus = LocalBus(in_the_way / "letters.jsonl")

    await bus.put_aside([_letter(1), _letter(2)])

    assert await bus.dead_letters(10) == [_letter(1), _letter(2)]


async def test_no_letter_is_lost_that_comes_while_others_are_let_go_of(tmp_path: Path) -> None:
    ours, theirs = (LetterFile(tmp_path / "letters.jsonl", limit_bytes=20_000) for _ in range(2))
    ours.append([_letter(number) for number in range(1, 101)])

    async with asyncio.TaskGroup() as tasks:
        for number in range(101, 151):
            tasks.create_task(asyncio.to_thread(ours.append, [_letter(number)]))
            gone = {_letter(number - 100).id: None}
            tasks.create_task(asyncio.to_thread(theirs.revise, gone))

    assert set(theirs.newest(1_000)) == {_letter(number) for number in range(51, 151)}


def _letter(number: int) -> DeadLetter:
    return DeadLetter("stream.kraken", "unreadable", body=b"\xff\x00%d" % number, at_ns=number)
