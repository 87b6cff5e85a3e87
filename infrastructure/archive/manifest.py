"""What was verified: a line for each file of a day, and one more once the day is whole.

The lines of a year say what of it was folded. A day is rewritten line by line, a whole file each
time, so that it can be gone on with after a crash.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec

from infrastructure.archive.files import Files
from infrastructure.archive.places import MANIFEST
from market import ArchiveError


class Holes(msgspec.Struct, frozen=True, omit_defaults=True):
    """Minutes of a day that have no candle of ours, of all series of its file.

    ``named`` lie in a gap that was told, ``quiet`` had no trade. Where there are no trades of the
    series that day nobody knows; ``unexplained`` are those that had trades.
    """

    named: int = 0
    quiet: int = 0
    unknown: int = 0
    unexplained: int = 0


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file as it was verified: rows of how many series, when the last of them was received.

    ``told`` is how many rows the store told, which may hold some twice, and fewer later.
    """

    name: str
    rows: int
    told: int = 0
    series: int
    received_ns: int
    size: int
    sha256: str
    holes: Holes | None = None


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """That all files of a day are there; ``files`` counts them."""

    day: str
    files: int


class Record(msgspec.Struct, frozen=True):
    """What is known of a day or year; by name of file."""

    lines: dict[str, Line]
    is_whole: bool = False


def read_record(files: Files, of: date | int) -> Record:
    """Return what is known; nothing: there is no file of it."""
    content = files.read(_name(of))
    lines: dict[str, Line] = {}
    is_whole = False
    for number, text in enumerate((content or b"").splitlines(), 1):
        try:
            if text.startswith(b'{"day"'):
                is_whole = True
            else:
                line = msgspec.json.decode(text, type=Line)
                lines[line.name] = line
        except msgspec.DecodeError as error:
            raise ArchiveError(
                f"line {number} of {_name(of)} in the archive {files.root} cannot be read "
                f"({error}); remove that file: it is made again from what is there"
            ) from error
    return Record(lines, is_whole)


def write_record(files: Files, of: date | int, record: Record) -> None:
    """Have this known from now on; nothing is written where it was known."""
    lines: list[Line | Day] = [record.lines[name] for name in sorted(record.lines)]
    if record.is_whole:
        lines.append(Day(day=str(of), files=len(lines)))
    content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    if files.read(_name(of)) != content:
        files.write(_name(of), content)


def whole_days(files: Files) -> set[date]:
    """Return the days of which all is archived."""
    return {day for day in _days(files.names(MANIFEST)) if read_record(files, day).is_whole}


def _days(names: Iterable[str]) -> Iterable[date]:
    for name in names:
        try:
            yield date.fromisoformat(name.removeprefix(f"{MANIFEST}/").removesuffix(".jsonl"))
        except ValueError:
            continue  # that of a year


def _name(of: date | int) -> str:
    return f"{MANIFEST}/{of if isinstance(of, date) else f'{of:04}'}.jsonl"
