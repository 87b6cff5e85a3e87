"""What the archive's files are kept in: a folder or a bucket, the same to all that use it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import duckdb

from market import ArchiveUnavailableError, SettingsError

WRITING = ".writing"
"""Folder of files that are not whole yet."""

LOCK = "lock"


class Files(Protocol):
    """Whole files by name; a name is what comes after the root, such as ``manifest/a.jsonl``.

    What fails on the outside is an ArchiveUnavailableError.
    """

    @property
    def root(self) -> str:
        """Where they are, as an operator writes it."""

    def names(self, folder: str) -> Sequence[str]:
        """Return the names of all files in a folder and in those within; none: no such folder."""

    def address(self, name: str) -> str:
        """Return what DuckDB, on a connection made by `connect`, reads the file by."""

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Make a connection that can read the files."""

    def read(self, name: str) -> bytes | None:
        """Return what is in a file; None: there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Have a file with this content, in place of one that is there; whole or not at all."""

    def take(self, name: str, written: Path) -> None:
        """Have the file that was written below `desk`, in place of one that is there; as above.

        When this returns it survives a loss of power.
        """

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; one that is not there is no matter."""

    def desk(self) -> AbstractContextManager[Path]:
        """Return an empty folder to write in, for one writer at a time; it is removed in the end.

        Raises:
            ArchiveUnavailableError: another process writes to this archive.

        """


class LocalFiles:
    """See `Files`: a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def root(self) -> str:
        """See `Files.root`."""
        return str(self._folder)

    def names(self, folder: str) -> Sequence[str]:
        """See `Files.names`."""
        within = self._folder / folder
        found = within.rglob("*") if within.is_dir() else ()
        return sorted(
            name
            for one in found
            if not (name := one.relative_to(self._folder).as_posix()).startswith(WRITING)
            and one.is_file()
        )

    def address(self, name: str) -> str:
        """See `Files.address`."""
        return str(self._folder / name)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """See `Files.connect`."""
        return duckdb.connect()

    def read(self, name: str) -> bytes | None:
        """See `Files.read`."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._fails(error) from error

    def write(self, name: str, content: bytes) -> None:
        """See `Files.write`."""
        try:
            written = self._folder / WRITING / f"{os.getpid()}.part"
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_bytes(content)
        except OSError as error:
            raise self._fails(error) from error
        self.take(name, written)

    def take(self, name: str, written: Path) -> None:
        """See `Files.take`."""
        place = self._folder / name
        try:
            _sync(written)
            place.parent.mkdir(parents=True, exist_ok=True)
            written.replace(place)
            for folder in (place.parent, *place.parent.relative_to(self._folder).parents):
                _sync(self._folder / folder)
        except OSError as error:
            raise self._fails(error) from error

    def remove(self, names: Sequence[str]) -> None:
        """See `Files.remove`."""
        try:
            for name in names:
                (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise self._fails(error) from error

    @contextmanager
    def desk(self) -> Iterator[Path]:
        """See `Files.desk`; what a process left that was killed is removed."""
        folder = self._folder / WRITING
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / LOCK).open("w")
        except OSError as error:
            raise SettingsError(
                f"the archive {self._folder} cannot be written ({error.strerror}): name another "
                "folder in CRYPTOTRACKER_ARCHIVE, or give this user the right to"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ArchiveUnavailableError(
                    f"another process writes to the archive {self._folder}; wait for its end"
                ) from None
            _clear(folder)
            try:
                yield folder
            finally:
                _clear(folder)

    def _fails(self, error: OSError) -> ArchiveUnavailableError:
        return ArchiveUnavailableError(
            f"the archive {self._folder} cannot be used: {error}; look at its disk"
        )


def _clear(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        elif left.name != LOCK:
            left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the file, or the entries of the folder, on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
