"""Events on disk while neither the broker nor memory has room: appended, read in order, deleted.

A folder of segments of some megabytes, one process at a time. A record is a line, ``<crc32>
<bytes> <JSON of events>``. It is handed to the operating system before `Spool.append` returns, so
that it outlives the process, and brought to the disk within `SYNC_EVERY_S`: a power cut costs what
came since. A segment is deleted once all of it is safe elsewhere; what an earlier process left is
read again whole, so that it arrives once or more, never less. A record that a crash cut short ends
its segment. Any other fault ends the process rather than that we guess: `SpoolError`.
"""

import asyncio
import fcntl
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec
import structlog

from market import Event, SettingsError, SpoolError, codec

SEGMENT_BYTES = 8 * 1024**2
SYNC_EVERY_S = 1.0
RECORD_EVENTS = 4_096
"""Events of a record, where there are many at once."""

FIRST = 10**9
"""Number of the first segment of an empty folder; what is put before it has lower ones."""

log = structlog.get_logger()


class Record(NamedTuple):
    """Events that were appended together; ``is_ours``: by this process, not by one before."""

    events: Sequence[Event]
    is_ours: bool


class _Segment:
    """One file: records are appended to the newest, and read from the oldest."""

    def __init__(self, path: Path, *, is_ours: bool) -> None:
        self.path = path
        self.is_ours = is_ours
        self.size = 0 if is_ours else path.stat().st_size
        self._writing: int | None = None
        self._reading: BufferedReader | None = None
        if is_ours:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._writing = os.open(path, flags, 0o644)

    def append(self, line: bytes) -> None:
        if self._writing is None or os.write(self._writing, line) < len(line):
            raise OSError(f"{self.path} did not take the whole of a record")
        self.size += len(line)

    def next_line(self) -> bytes:
        """Return the next record; empty: there is none yet."""
        if self._reading is None:
            self._reading = self.path.open("rb")
        return self._reading.readline()

    @property
    def is_read(self) -> bool:
        return self._reading is not None and self._reading.tell() >= self.size

    def close(self) -> None:
        if self._writing is not None:
            os.close(self._writing)
        if self._reading is not None:
            self._reading.close()
        self._writing = self._reading = None


class Spool:
    """What is on disk, oldest first; ``spooled`` and ``unspooled`` count events."""

    def __init__(
        self, folder: Path, *, limit_bytes: int, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self.spooled = 0
        self.unspooled = 0
        self.bytes = 0
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._segment_bytes = segment_bytes
        self._unread: deque[_Segment] = deque()
        self._read: deque[_Segment] = deque()
        self._fault: SpoolError | None = None
        self._unsynced: set[Path] = set()
        self._was_written = asyncio.Event()

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Have the folder for as long as the context lasts, with what is in it.

        Raises:
            SettingsError: another process has it.
            SpoolError: the disk does not let us.

        """
        with ExitStack() as opened:
            with self._told("opened"):
                self._folder.mkdir(parents=True, exist_ok=True)
                lock = opened.enter_context((self._folder / "lock").open("ab"))
                self._take(lock.fileno())
                for path in sorted(self._folder.glob("*.spool")):
                    self._unread.append(_Segment(path, is_ours=False))
            self.bytes = sum(segment.size for segment in self._unread)
            if self._unread:
                log.warning("spool.found", folder=str(self._folder), bytes=self.bytes)
            try:
                yield
            finally:
                for segment in self._unread:
                    segment.close()

    @property
    def has_unread(self) -> bool:
        """Whether there is something to read."""
        return bool(self._unread)

    @property
    def read_whole(self) -> int:
        """How many segments were read to their end and are there still."""
        return len(self._read)

    def append(self, events: Sequence[Event]) -> bool:
        """Write the events as one record; return whether there was room.

        Raises:
            SpoolError: they could not be written.

        """
        line = _line_of(events)
        if self.bytes and self.bytes + len(line) > self._limit_bytes:
            return False
        with self._told("written"):
            segment = self._newest()
            segment.append(line)
        self._unsynced.add(segment.path)
        self.bytes += len(line)
        self.spooled += len(events)
        self._was_written.set()
        return True

    def read(self) -> Record | None:
        """Return the next record; None: there is none.

        Raises:
            SpoolError: it is not what was written.

        """
        while self._unread:
            segment = self._unread[0]
            with self._told("read"):
                line = segment.next_line()
                events = _events_of(line) if line.endswith(b"\n") else None
            if events is None and line:
                log.warning("spool.cut_short", path=str(segment.path), bytes=len(line))
            if events is None or segment.is_read:
                segment.close()
                self._read.append(self._unread.popleft())
            if events is not None:
                self.unspooled += len(events)
                return Record(events, segment.is_ours)
        return None

    def delete(self, number: int) -> None:
        """Delete the oldest segments that were read to their end: all of them is safe.

        Raises:
            SpoolError: they cannot be deleted.

        """
        with self._told("deleted"):
            for _ in range(number):
                segment = self._read.popleft()
                self.bytes -= segment.size
                segment.path.unlink()

    def put_first(self, events: Sequence[Event]) -> None:
        """Write events before all there are.

        Raises:
            SpoolError: they could not be written.

        """
        first = min((_number(each) for each in (*self._read, *self._unread)), default=FIRST)
        path = self._folder / f"{first - 1:012}.spool"
        unfinished = path.with_suffix(".part")
        with self._told("written"), unfinished.open("wb") as file:
            for start in range(0, len(events), RECORD_EVENTS):
                file.write(_line_of(events[start : start + RECORD_EVENTS]))
            file.flush()
            os.fsync(file.fileno())
            unfinished.replace(path)
        self.spooled += len(events)

    async def kept(self) -> None:
        """Bring what is written to the disk again and again, until cancelled.

        Raises:
            SpoolError: something about the spool failed.

        """
        while True:
            await self._was_written.wait()
            self._was_written.clear()
            if self._fault is not None:
                raise self._fault
            unsynced, self._unsynced = self._unsynced, set()
            with self._told("synchronised"):
                await asyncio.to_thread(_sync, {*unsynced, self._folder})
            await asyncio.sleep(SYNC_EVERY_S)

    def _newest(self) -> _Segment:
        """Return the segment that is written to, a new one where the last is read or long."""
        if not self._unread or not self._unread[-1].is_ours or self._is_long(self._unread[-1]):
            last = max((_number(each) for each in (*self._read, *self._unread)), default=FIRST - 1)
            path = self._folder / f"{last + 1:012}.spool"
            self._unread.append(_Segment(path, is_ours=True))
        return self._unread[-1]

    def _is_long(self, segment: _Segment) -> bool:
        return segment.size >= self._segment_bytes

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingsError(
                f"{self._folder} belongs to another process that runs: "
                "give each process a CRYPTOTRACKER_STATE_DIR of its own"
            ) from error

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Make a `SpoolError` of what the disk says, and have `kept` raise it too."""
        try:
            yield
        except (OSError, ValueError, msgspec.DecodeError) as error:
            self._fault = SpoolError(
                f"the spool in {self._folder} cannot be {what} ({error}): free or mend the disk, "
                "or move the file aside, and start again; what it holds is sent then"
            )
            self._was_written.set()
            raise self._fault from error


def _line_of(events: Sequence[Event]) -> bytes:
    body = codec.encode(events)
    return b"%08x %d %b\n" % (crc32(body), len(body), body)


def _events_of(line: bytes) -> Sequence[Event]:
    """Return the events of a record.

    Raises:
        ValueError: it is not what was written.

    """
    checksum, length, body = line[:-1].split(b" ", 2)
    if int(length) != len(body) or int(checksum, 16) != crc32(body):
        raise ValueError(f"a record of {len(body)} bytes is not what was written")
    return codec.decode(body)


def _number(segment: _Segment) -> int:
    return int(segment.path.stem)


def _sync(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):  # it was sent and deleted meanwhile
            number = os.open(path, os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)
