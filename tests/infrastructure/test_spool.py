"""Events on disk: in order, once or more, never less; a fault is told, not guessed at."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from infrastructure.bus.amqp.spool import Spool
from market import Event, SettingsError, SpoolError
from tests.mailboxes import trades_numbered

ROOM = 10**6


def test_records_come_out_in_the_order_they_went_in(tmp_path: Path) -> None:
    trades = trades_numbered(30)

    with _spool(tmp_path) as spool:
        for trade in trades:
            assert spool.append([trade])

        assert _read_all(spool) == trades
        assert not spool.has_unread


def test_what_was_not_deleted_is_there_for_the_next_process(tmp_path: Path) -> None:
    trades = trades_numbered(30)
    with _spool(tmp_path) as spool:
        for trade in trades:
            spool.append([trade])
        _read_all(spool)

    with _spool(tmp_path) as spool:
        records = [spool.read() for _ in range(30)]
        spool.delete(spool.read_whole)

    assert [record.events[0] for record in records if record] == trades
    assert {record.is_ours for record in records if record} == {False}
    assert list(tmp_path.glob("*.spool")) == []


def test_a_record_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    trades = trades_numbered(3)
    with _spool(tmp_path) as spool:
        for trade in trades:
            spool.append([trade])
    [file] = tmp_path.glob("*.spool")
    file.write_bytes(file.read_bytes()[:-7])

    with _spool(tmp_path) as spool:
        spool.append(trades_numbered(4)[3:])

        assert _read_all(spool) == [trades[0], trades[1], trades_numbered(4)[3]]


def test_a_record_that_was_changed_is_told_with_its_folder(tmp_path: Path) -> None:
    with _spool(tmp_path) as spool:
        spool.append(trades_numbered(1))
    [file] = tmp_path.glob("*.spool")
    file.write_bytes(file.read_bytes().replace(b"kraken", b"bitten"))

    with _spool(tmp_path) as spool, pytest.raises(SpoolError, match=str(tmp_path)):
        spool.read()


def test_a_full_spool_takes_no_more_until_some_of_it_is_deleted(tmp_path: Path) -> None:
    with _spool(tmp_path, limit_bytes=600) as spool:
        taken = [spool.append([trade]) for trade in trades_numbered(5)]
        _read_all(spool)
        spool.delete(spool.read_whole)

        assert taken == [True, True, False, False, False]
        assert spool.append(trades_numbered(1))


def test_what_is_put_first_comes_before_all_there_is(tmp_path: Path) -> None:
    trades = trades_numbered(9)
    with _spool(tmp_path) as spool:
        spool.append(trades[5:])
        spool.put_first(trades[2:5])
    with _spool(tmp_path) as spool:
        spool.put_first(trades[:2])

    with _spool(tmp_path) as spool:
        assert _read_all(spool) == trades


def test_a_second_process_is_turned_away_with_the_remedy(tmp_path: Path) -> None:
    with (
        _spool(tmp_path),
        pytest.raises(SettingsError, match="CRYPTOTRACKER_STATE_DIR"),
        _spool(tmp_path),
    ):
        pass


async def test_a_disk_that_fails_is_told_to_who_keeps_the_spool(tmp_path: Path) -> None:
    with _spool(tmp_path / "spool") as spool:
        keeping = asyncio.create_task(spool.kept())
        (tmp_path / "spool").rename(tmp_path / "gone")
        with pytest.raises(SpoolError, match="cannot be written"):
            spool.append(trades_numbered(1))

        with pytest.raises(SpoolError, match="free or mend the disk"):
            async with asyncio.timeout(5):
                await keeping


@contextmanager
def _spool(folder: Path, *, limit_bytes: int = ROOM) -> Iterator[Spool]:
    """Open a spool of short segments."""
    spool = Spool(folder, limit_bytes=limit_bytes, segment_bytes=500)
    with spool.opened():
        yield spool


def _read_all(spool: Spool) -> Sequence[Event]:
    events: list[Event] = []
    while record := spool.read():
        events += record.events
    return events
