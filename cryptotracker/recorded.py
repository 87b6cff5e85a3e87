"""Where frames come from: a file, a pipe or a recording of ours in, what it holds out."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TextIO

from cryptotracker.decoding import Reader, Recorded
from market import SettingsError
from stream_service import recording, wire
from stream_service.recording import Answer, Connection, Entry, Frame, Lacking, Start

STANDARD_INPUT = "-"
COLUMNS = ["line", "recv_ts", "key"]
"""What a file begins with that tells of each frame when it came, and its symbol or channel."""


def complain(text: str) -> None:
    """Say on standard error what is wrong, after what was printed before it."""
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")


@contextmanager
def recorded(
    path: str, meta: Path | None, symbol: str, venue: str, reader: Reader
) -> Iterator[Iterator[Recorded]]:
    """Open a file for as long as the context lasts; give what is in it, one after the other.

    Args:
        path: Frames, one a line, or a recording; ``-``: standard input.
        meta: Tells of each line when it came. None: the ``….meta.tsv`` beside it, if there is one.
        symbol: Of the lines that nothing else says it of.
        venue: Whose frames they are.
        reader: Told what a recording says of what follows.

    Raises:
        SettingsError: there is no such file, or it is not what it should be.

    """
    with ExitStack() as opened:
        file = opened.enter_context(_opened(path))
        if file.peek(2)[:2] == recording.GZIP:
            found = _of_recording(file, path, venue, reader)
        else:
            stamps = _stamps_of(path, meta)
            found = _of_lines(file, opened.enter_context(stamps) if stamps else None, symbol)
        yield opened.enter_context(closing(found))


def _opened(path: str) -> BufferedReader:
    try:
        if path == STANDARD_INPUT:
            return open(sys.stdin.fileno(), "rb", closefd=False)
        return Path(path).open("rb")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from error


def _stamps_of(path: str, meta: Path | None) -> TextIO | None:
    if meta is None:
        beside = Path(path).with_suffix(".meta.tsv")
        if path == STANDARD_INPUT or not beside.is_file():
            return None
        meta = beside
    try:
        return meta.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"{meta} cannot be read: {error.strerror}.") from error


def _of_lines(file: BufferedReader, stamps: TextIO | None, symbol: str) -> Generator[Recorded]:
    told = None if stamps is None else _told(stamps)
    for number, line in enumerate(file, start=1):
        received_ns, hint = (0, "") if told is None else next(told, (0, ""))
        body = line.rstrip(b"\r\n")
        if body:
            yield Recorded(f"line {number}", body, received_ns or time.time_ns(), hint or symbol)


def _told(stamps: TextIO) -> Iterator[tuple[int, str]]:
    """Yield for one line after the other when it came, 0 where that is not known, and its hint."""
    first = stamps.readline().rstrip("\r\n").split("\t")
    if first != COLUMNS:
        raise SettingsError(
            f"{stamps.name} begins with {first}: its first line must hold {COLUMNS}, with tabs "
            "between them."
        )
    for number, row in enumerate(stamps, start=1):
        try:
            yield _stamp(row.rstrip("\r\n"), number)
        except ValueError as error:
            raise SettingsError(
                f"{stamps.name} says {row.rstrip()!r} of line {number} ({error}): it should say "
                f"{number}, Unix seconds or nothing, and a symbol or nothing, with tabs between."
            ) from error


def _stamp(row: str, number: int) -> tuple[int, str]:
    line, at, hint = row.split("\t")
    if int(line) != number:
        raise ValueError(f"{line} is not {number}")
    return wire.ns_of_seconds(at) if at else 0, hint


def _of_recording(
    file: BufferedReader, path: str, venue: str, reader: Reader
) -> Generator[Recorded]:
    whole = recording.Reader(file, path)
    for number, (entry, body) in enumerate(whole.entries(), start=1):
        one = _recorded(f"entry {number}", entry, body)
        if one:
            yield one
        elif isinstance(entry, Lacking):
            complain(f"entry {number}: {entry.records} frames and answers are not there")
        elif isinstance(entry, Start | Connection):
            _check_venue(entry, path, venue)
            reader.heed(entry)
    if whole.cut:
        complain(f"{path}: {whole.cut}; it was read up to there")


def _recorded(place: str, entry: Entry, body: bytes) -> Recorded | None:
    if isinstance(entry, Frame):
        return Recorded(place, body, entry.at_ns, link=entry.link)
    if isinstance(entry, Answer):
        return Recorded(place, body, entry.at_ns, request=entry.request)
    return None


def _check_venue(entry: Start | Connection, path: str, venue: str) -> None:
    if isinstance(entry, Start) and entry.venue != venue:
        raise SettingsError(
            f"{path} is a recording of {entry.venue}, not of {venue}: "
            f"`cryptotracker decode {entry.venue} {path}` reads it."
        )
