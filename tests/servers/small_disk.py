"""A disk that is small enough to be filled: a tmpfs on a folder, which takes root to mount."""

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

BLOCK_BYTES = 1024**2


class SmallDisk:
    """A mounted disk; what it is filled with can be taken away again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filling = folder / "filling"

    @staticmethod
    def why_not() -> str:
        """Return why no disk can be mounted on this machine; empty if one can."""
        if os.geteuid():
            return "only root can mount a disk to fill"
        if missing := [name for name in ("mount", "umount") if not shutil.which(name)]:
            return f"{' and '.join(missing)} missing: apt-get install mount"
        return ""

    @classmethod
    @contextmanager
    def mounted(cls, folder: Path, *, megabytes: int) -> Iterator[Self]:
        """Mount a disk while the context lasts; what uses it must have ended by then.

        Raises:
            PermissionError: this machine lets nobody mount anything, as most containers do.

        """
        folder.mkdir(parents=True, exist_ok=True)
        size = f"size={megabytes}m,mode=0700"
        mounting = _run("mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder))
        if mounting.returncode:
            raise PermissionError(f"no disk to fill: {mounting.stderr.strip()}")
        try:
            yield cls(folder)
        finally:
            _run("umount", "--lazy", str(folder))

    def fill(self) -> None:
        """Leave not a byte."""
        block = bytes(BLOCK_BYTES)
        with self._filling.open("ab", buffering=0) as filling:
            while block:
                try:
                    filling.write(block)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    block = block[: len(block) // 2]

    def free(self) -> None:
        """Take away what it was filled with."""
        self._filling.unlink()


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603  # commands of our own
