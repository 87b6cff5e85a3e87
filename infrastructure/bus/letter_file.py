"""Dead letters in a file of JSON lines: appended, bounded, read and revised by several processes.

Once the file is full it becomes ``<name>.1`` in place of the one before, and a new one is begun.
Each line is a `DeadLetter`, its bytes in base64. A line that a crash cut short is skipped. Who
writes holds a lock on ``<name>.lock``, so that no letter comes in between a revision.
"""

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec
import structlog

from infrastructure.bus.port import DeadLetter

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LIMIT_BYTES = 16 * 1024**2

log = structlog.get_logger()

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(DeadLetter)


class LetterFile:
    """Appends. A disk that fails is said once; nobody is held up by it."""

    def __init__(self, path: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit_bytes = limit_bytes
        self._fails = False

    def append(self, letters: Sequence[DeadLetter]) -> None:
        """Write the letters, whole lines at once."""
        try:
            self._write(letters, is_synced=False)
        except OSError as error:
            if not self._fails:
                log.error("dead_letters.not_written", path=str(self.path), why=str(error))  # noqa: TRY400  # said in full
            self._fails = True
        else:
            self._fails = False

    def write(self, letters: Sequence[DeadLetter]) -> None:
        """Append the letters; they are on the disk once this returns.

        Raises:
            OSError: they are not, or not all of them.

        """
        self._write(letters, is_synced=True)

    def _write(self, letters: Sequence[DeadLetter], *, is_synced: bool) -> None:
        text = b"".join(b"%s\n" % _encode(letter) for letter in letters)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(), self.path.open("a+b") as file:
            if file.tell() and not _ends_a_line(file):
                text = b"\n" + text  # the last line was cut short
            file.write(text)
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
            is_full = file.tell() > self._limit_bytes
            if is_full:
                self.path.replace(_old(self.path))

    def newest(self, at_most: int) -> list[DeadLetter]:
        """Return the newest letters, oldest first."""
        lines = deque(self._lines(), maxlen=at_most)
        return [letter for line in lines if (letter := _read(line)) is not None]

    def revise(self, changes: Mapping[str, DeadLetter | None]) -> None:
        """Put the letters that are changed in place of those of the ids; None: of none.

        A crash leaves each of the two files as it was or as it is to be.

        Raises:
            OSError: some or all are as they were.

        """
        if not self.path.parent.exists():
            return
        with self._locked():
            for path in (_old(self.path), self.path):
                if path.exists():
                    _rewrite(path, changes)

    def state(self) -> tuple[object, ...]:
        """Return what is another after each change, by whoever made it."""
        found = []
        for path in (_old(self.path), self.path):
            try:
                stat = path.stat()
                found.append((stat.st_ino, stat.st_size, stat.st_mtime_ns))
            except OSError:
                found.append((0, 0, 0))
        return tuple(found)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self.path.with_name(f"{self.path.name}.lock").open("ab") as lock:
            _lock(lock)
            yield

    def _lines(self) -> Iterator[bytes]:
        for path in (_old(self.path), self.path):
            try:
                with path.open("rb") as file:
                    yield from (line for line in file if line.strip())
            except FileNotFoundError:
                continue
            except OSError as error:
                log.warning("dead_letters.not_read", path=str(path), why=str(error))


def _lock(file: IO[bytes]) -> None:
    """Wait until nobody else has the lock; closing the file gives it back."""
    if sys.platform == "win32":
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
    else:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)


def _ends_a_line(file: IO[bytes]) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _rewrite(path: Path, changes: Mapping[str, DeadLetter | None]) -> None:
    """Write the file anew with the changes; lines that cannot be read stay."""
    beside = path.with_name(f"{path.name}.new")
    is_changed = False
    with path.open("rb") as before, beside.open("wb") as after:
        for line in before:
            letter = _read(line) if line.strip() else None
            if letter is None or letter.id not in changes:
                after.write(line)
                continue
            is_changed = True
            if (changed := changes[letter.id]) is not None:
                after.write(b"%s\n" % _encode(changed))
        after.flush()
        os.fsync(after.fileno())
    if is_changed:
        beside.replace(path)
    else:
        beside.unlink()


def _old(path: Path) -> Path:
    return path.with_name(f"{path.name}.1")


def _read(line: bytes) -> DeadLetter | None:
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError as error:
        log.warning("dead_letter.unreadable", why=str(error))
        return None
