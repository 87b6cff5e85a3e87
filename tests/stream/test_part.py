"""Streams share the parts of the instruments out among themselves: one each, and some stand by."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from infrastructure.health import STANDS_BY
from market import SettingsError
from stream_service.part import Part


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Closes what a test opened."""
    with ExitStack() as stack:
        yield stack


def a_part(count: int, folder: Path, opened: ExitStack) -> Part:
    """Make what takes one of ``count`` parts."""
    return opened.enter_context(closing(Part(count, folder)))


def test_each_takes_a_part_that_nobody_has(tmp_path: Path, opened: ExitStack) -> None:
    streams = [a_part(3, tmp_path, opened) for _ in range(4)]

    has_one = [stream.take() for stream in streams]

    assert has_one == [True, True, True, False]
    assert [stream.shard for stream in streams] == ["1/3", "2/3", "3/3", ""]


def test_who_has_a_part_takes_no_other(tmp_path: Path, opened: ExitStack) -> None:
    stream = a_part(2, tmp_path, opened)
    stream.take()

    assert stream.take()
    assert stream.shard == "1/2"
    assert stream.remark == "follows part 1/2"


def test_who_finds_none_tells_that_it_stands_by(tmp_path: Path, opened: ExitStack) -> None:
    stream, other = a_part(1, tmp_path, opened), a_part(1, tmp_path, opened)
    stream.take()

    other.take()

    assert (stream.waiting_for, stream.remark) == ("", "follows everything")
    assert other.waiting_for == f"{STANDS_BY}others follow everything"


async def test_who_stands_by_takes_the_part_of_one_that_ended(
    tmp_path: Path, opened: ExitStack
) -> None:
    streams = [a_part(2, tmp_path, opened) for _ in range(3)]
    for stream in streams:
        stream.take()

    async with asyncio.TaskGroup() as tasks:
        standing = tasks.create_task(streams[2].run())
        streams[0].close()
        await streams[2].taken.wait()
        standing.cancel()

    assert streams[2].shard == "1/2"
    assert not streams[2].listening.is_set()


def test_the_only_part_is_everything_with_the_state_that_was_there_before(
    tmp_path: Path, opened: ExitStack
) -> None:
    stream = a_part(1, tmp_path, opened)
    stream.take()

    assert stream.shard == ""
    assert [file.name for file in tmp_path.iterdir()] == ["part.lock"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, opened: ExitStack) -> None:
    (tmp_path / "state").touch()
    stream = a_part(1, tmp_path / "state", opened)

    with pytest.raises(SettingsError, match="CRYPTOTRACKER_STATE_DIR"):
        stream.take()
