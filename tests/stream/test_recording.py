"""Recordings: what is written reads back, whatever it is and wherever the file is cut."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Instrument
from stream_service.recorder import Recorder
from stream_service.recording import (
    FORMAT,
    Answer,
    Compressor,
    Connection,
    Entry,
    Frame,
    Lacking,
    Reader,
    Start,
    UnreadableError,
    written,
)
from stream_service.venue import HttpRequest
from tests.making import a_listing

START = Start(format=FORMAT, version="1", venue="kraken", started_ns=1, listings=(a_listing(),))
BTC = Instrument("BTC", "USDT")
HOUR_NS = 3_600 * 10**9
MANY_BYTES = 10**9


def a_frame(body: bytes, at_ns: int = 2) -> tuple[Frame, bytes]:
    return Frame(link=1, at_ns=at_ns, bytes=len(body)), body


def a_file(*entries: tuple[Entry, bytes]) -> bytes:
    """Return a file in which everything up to its end was flushed."""
    compressor = Compressor()
    packed = [compressor.add(written(START)), compressor.flush()]
    for entry, body in entries:
        packed += [compressor.add(written(entry, body)), compressor.flush()]
    return b"".join([*packed, compressor.end()])


def read(content: bytes) -> tuple[list[tuple[Entry, bytes]], str]:
    reader = Reader(io.BytesIO(content), "a.rec.gz")
    return list(reader.entries()), reader.cut


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_every_byte_comes_back(bodies: list[bytes]) -> None:
    frames = [a_frame(body) for body in bodies]

    entries, cut = read(a_file(*frames))

    assert entries == [(START, b""), *frames]
    assert not cut


def test_every_kind_of_entry_comes_back() -> None:
    body = b'{"a":1}'
    entries: list[tuple[Entry, bytes]] = [
        (Connection(link=1, symbols=("BTC/USD",), at_ns=2), b""),
        (Answer(path="/x?y=1", about=("book", BTC), method="POST", at_ns=3, bytes=7), body),
        (Lacking(records=4, at_ns=5), b""),
    ]

    found, _ = read(a_file(*entries))

    assert found == [(START, b""), *entries]


@given(st.integers(min_value=0))
def test_a_file_that_is_cut_reads_up_to_the_cut(at: int) -> None:
    frames = [a_frame(f"frame {number}".encode()) for number in range(30)]
    whole = a_file(*frames)
    at_least = len(a_file())

    entries, cut = read(whole[: at_least + at % (len(whole) - at_least)])

    assert entries == [(START, b""), *frames][: len(entries)]
    assert not cut or len(entries) <= len(frames) + 1


def test_what_was_flushed_is_all_there_although_the_file_has_no_end() -> None:
    frames = [a_frame(b"one"), a_frame(b"two")]
    compressor = Compressor()
    plain = written(START) + b"".join(written(*frame) for frame in frames)

    entries, _ = read(compressor.add(plain) + compressor.flush())

    assert entries[1:] == frames


def test_damage_costs_what_comes_after_it() -> None:
    frames = [a_frame(Random(number).randbytes(900)) for number in range(200)]  # noqa: S311  # noise
    whole = bytearray(a_file(*frames))
    whole[len(whole) // 2 : len(whole) // 2 + 40] = b"\xff" * 40

    entries, cut = read(bytes(whole))

    assert 0 < len(entries) < len(frames)
    assert "damaged" in cut


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no gzip at all",
        gzip.compress(b""),
        gzip.compress(b"[]\n"),
        gzip.compress(b'{"kind":"frame","link":1,"at_ns":1,"bytes":-1}\n'),
        gzip.compress(written(*a_frame(b"before the start"))),
    ],
    ids=["empty", "text", "nothing", "no-entry", "below-zero", "no-start"],
)
def test_what_is_no_recording_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableError, match=r"a\.rec\.gz"):
        read(content)


def a_recorder(folder: Path, **settings: int) -> Recorder:
    rotate_bytes = settings.pop("rotate_bytes", MANY_BYTES)
    return Recorder(
        folder,
        version="1",
        rotate_bytes=rotate_bytes,
        clock=lambda: 1,
        secrets=lambda _venue: ["canary+key"],
        **settings,
    )


def files_of(folder: Path) -> list[list[tuple[Entry, bytes]]]:
    return [read(path.read_bytes())[0] for path in sorted(folder.iterdir())]


def test_a_key_is_never_written(tmp_path: Path) -> None:
    request = HttpRequest("/x?key=canary%2Bkey", headers=(("X-KEY", "canary+key"),))
    with a_recorder(tmp_path) as recorder:
        recorder.begin("kraken", [a_listing()])
        recorder.frame("kraken", 1, b'{"echo":"canary+key"}', 2)
        recorder.answer("kraken", request, b"{}", 3)

    [entries] = files_of(tmp_path)
    assert len(entries) == 3
    assert b"canary" not in b"".join(written(*entry) for entry in entries)


def test_a_file_that_is_too_large_is_followed_by_one_that_reads_alone(tmp_path: Path) -> None:
    with a_recorder(tmp_path, rotate_bytes=1) as recorder:
        recorder.begin("kraken", [a_listing()])
        for number in range(3):
            recorder.frame("kraken", 1, bytes(range(256)) * 300, number + 2)

    files = files_of(tmp_path)
    assert recorder.files == len(files) > 1
    assert all(isinstance(entries[0][0], Start) for entries in files)
    assert sum(isinstance(entry, Frame) for entries in files for entry, _ in entries) == 3


def test_each_hour_has_a_file_of_its_own(tmp_path: Path) -> None:
    with a_recorder(tmp_path) as recorder:
        recorder.begin("kraken", [a_listing()])
        for hour in (1, 2):
            recorder.frame("kraken", 1, b"{}", hour * HOUR_NS)

    assert [len(entries) for entries in files_of(tmp_path)] == [1, 2, 2]
    assert {path.name for path in tmp_path.iterdir()} == {
        f"kraken-19700101T{hour:02}0000Z.rec.gz" for hour in (0, 1, 2)
    }


def test_what_comes_faster_than_it_is_written_is_left_out_and_counted(tmp_path: Path) -> None:
    recorder = a_recorder(tmp_path, at_most=1_000)
    recorder.begin("kraken", [a_listing()])
    for _ in range(5):
        recorder.frame("kraken", 1, b"x" * 300, 2)  # nobody writes yet

    with recorder:
        pass

    [entries] = files_of(tmp_path)
    kinds = [type(entry) for entry, _ in entries]
    assert kinds == [Start, Frame, Frame, Lacking]
    assert recorder.lacking == entries[-1][0].records == 3  # type: ignore[union-attr]  # see kinds


def test_a_disk_that_takes_nothing_ends_the_recording_and_not_the_stream(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    recorder = a_recorder(tmp_path / "taken" / "below")

    with recorder:
        recorder.begin("kraken", [a_listing()])
    recorder.frame("kraken", 1, b"{}", 2)

    assert isinstance(recorder.failure, OSError)
    assert recorder.lacking == 1
