"""The files of recordings: entries of all venues in, one file after the other for each venue out.

A file is named after its venue and the time it was begun, ``kraken-20260921T143000Z.rec.gz``. It is
followed by the next one when it has grown too large, and at each full hour.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO

import msgspec

from stream_service.recording import Compressor, Connection, Entry, Start, written

HOUR_NS = 3_600 * 10**9
AT_ONCE = 64 * 1024
SUFFIX = ".rec.gz"


class RecordedFiles:
    """Writes entries to the file of their venue; OSError where that fails.

    Args:
        folder: Where the files go; it is made.
        rotate_bytes: A file that is larger is not gone on with.

    """

    def __init__(self, folder: Path, rotate_bytes: int) -> None:
        self.size = 0
        self.begun = 0
        self._folder = folder
        self._rotate_bytes = rotate_bytes
        self._open: dict[str, _File] = {}
        self._starts: dict[str, Start] = {}
        self._connections: dict[str, dict[tuple[str, ...], Connection]] = {}

    def write(self, venue: str, entry: Entry, body: bytes) -> None:
        """Add an entry to the file of a venue."""
        file = self._file(venue, entry)
        if isinstance(entry, Start):
            self._starts[venue] = entry
        elif isinstance(entry, Connection):
            self._connections.setdefault(venue, {})[entry.symbols] = entry
        self.size += file.add(written(entry, body))

    def flush(self) -> None:
        """Make readable on disk what was added."""
        for file in self._open.values():
            self.size += file.flush()

    def close(self) -> None:
        """End every file."""
        for file in self._open.values():
            self.size += file.close()
        self._open.clear()

    def _file(self, venue: str, entry: Entry) -> _File:
        """Return the file that an entry belongs in, begun with what its reader must know."""
        at_ns = entry.started_ns if isinstance(entry, Start) else entry.at_ns
        file = self._open.get(venue)
        if file and file.size < self._rotate_bytes and at_ns // HOUR_NS <= file.hour:
            return file
        if file:
            self.size += file.close()
        file = self._open[venue] = _File(self._folder, venue, at_ns)
        self.begun += 1
        if not isinstance(entry, Start) and (start := self._starts.get(venue)):
            start = msgspec.structs.replace(start, started_ns=at_ns)
            again: list[Entry] = [start, *self._connections.get(venue, {}).values()]
            for one in again:
                self.size += file.add(written(one))
        return file


class _File:
    """One file, open for writing; each method returns the bytes that it added on disk."""

    def __init__(self, folder: Path, venue: str, at_ns: int) -> None:
        self.size = 0
        self.hour = at_ns // HOUR_NS
        self._compressor = Compressor()
        self._plain = bytearray()  # small pieces cost more to compress than one large one
        self._file = _new_file(folder, venue, at_ns)

    def add(self, plain: bytes) -> int:
        self._plain += plain
        return self._compress() if len(self._plain) >= AT_ONCE else 0

    def flush(self) -> int:
        if not self._plain:
            return 0
        size = self._compress() + self._write(self._compressor.flush())
        self._file.flush()
        return size

    def close(self) -> int:
        with self._file:
            return self._compress() + self._write(self._compressor.end())

    def _compress(self) -> int:
        plain, self._plain = self._plain, bytearray()
        return self._write(self._compressor.add(plain))

    def _write(self, packed: bytes) -> int:
        self._file.write(packed)
        self.size += len(packed)
        return len(packed)


def _new_file(folder: Path, venue: str, at_ns: int) -> BinaryIO:
    folder.mkdir(parents=True, exist_ok=True)
    begun = datetime.fromtimestamp(at_ns // 10**9, tz=UTC)
    for number in count(1):
        again = "" if number == 1 else f"-{number}"
        try:
            return (folder / f"{venue}-{begun:%Y%m%dT%H%M%SZ}{again}{SUFFIX}").open("xb")
        except FileExistsError:
            continue  # another one was begun within this second
    raise AssertionError  # the numbers have no end
