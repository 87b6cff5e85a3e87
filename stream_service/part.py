"""Which part of the instruments a stream follows where several share them out among themselves.

``any/4``: each takes the first of four parts that nobody has, and who finds none stands by. Who has
a part holds a lock on a file in the folder of that part's state. The system gives the lock back
however its process ends, so who stood by goes on with what the other knew.
"""

import asyncio
import fcntl
from pathlib import Path
from typing import IO

import structlog

from infrastructure.health import STANDS_BY
from market import SettingsError
from market.spread import shard_name

LOCK = "part.lock"
LOOK_EVERY_S = 0.5

log = structlog.get_logger()


class Part:
    """One of ``count`` parts, once it is taken; a part of the process for the supervisor.

    Args:
        count: Into how many parts the instruments are split.
        folder: Holds the state of all of them; every stream that shares them sees this folder.

    """

    name = "stream.part"
    handled = 0
    dead = 0

    def __init__(self, count: int, folder: Path) -> None:
        self.listening = asyncio.Event()
        self.taken = asyncio.Event()
        self.shard = ""
        """Such as ``2/4`` once it is taken; of one part alone it stays empty: it is everything."""
        self._count = count
        self._folder = folder
        self._lock: IO[bytes] | None = None

    @property
    def waiting_for(self) -> str:
        """Who does the work that there is; empty once we do."""
        if self.taken.is_set():
            return ""
        whole = f"all {self._count} parts" if self._count > 1 else "everything"
        return f"{STANDS_BY}others follow {whole}"

    @property
    def remark(self) -> str:
        """Which part is followed."""
        return f"follows part {self.shard}" if self.shard else "follows everything"

    async def run(self) -> None:
        """Take a part as soon as one is free, and keep it."""
        self.listening.set()
        try:
            while True:
                self.take()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self.listening.clear()

    def take(self) -> bool:
        """Take a part that nobody has, unless we have one; tell whether we have.

        Raises:
            SettingsError: the folder cannot be written.

        """
        for number in range(1, self._count + 1):
            if self._lock is not None:
                return True
            self._try(f"{number}/{self._count}" if self._count > 1 else "")
        return self._lock is not None

    def close(self) -> None:
        """Leave the part to others."""
        if self._lock is not None:
            self._lock.close()

    def _try(self, shard: str) -> None:
        self._lock = _locked(self._folder / shard_name(shard) / LOCK)
        if self._lock is not None:
            self.shard = shard
            self.taken.set()
            log.info("stream.part_taken", part=shard or "all")


def _locked(file: Path) -> IO[bytes] | None:
    """Open and lock a file; None: another process has it."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("ab")
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written ({error.strerror}): name another folder in "
            "CRYPTOTRACKER_STATE_DIR, or give this user the right to"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
