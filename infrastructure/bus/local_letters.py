"""Dead letters of a bus within one process, and what people of another process give back to it.

Both are files of the state folder. What is given back lies in one of its own until the process that
has the mailboxes took it and dealt with it, so a crash on the way loses nothing.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from infrastructure.bus.letter_file import LetterFile
from infrastructure.bus.port import DeadLetter, Decide
from market import BusUnavailableError

KEPT = 10_000
LOOK_EVERY_S = 1.0
RETURNED = "returned.jsonl"


class LocalLetters:
    """The newest dead letters; where there is a file, those of other processes are among them."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else LetterFile(path)
        self._kept: deque[DeadLetter] = deque(maxlen=KEPT)
        self._state: tuple[object, ...] = ()

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Keep the letters, dated."""
        self._look()
        now_ns = time.time_ns()
        dated = [one if one.at_ns else replace(one, at_ns=now_ns) for one in letters]
        self._kept.extend(dated)
        if self._file:
            self._file.append(dated)
            self._state = self._file.state()

    def oldest(self, at_most: int) -> list[DeadLetter]:
        """Return the oldest of those that are kept."""
        self._look()
        return list(self._kept)[:at_most]

    async def revise(self, ids: Collection[str], decide: Decide) -> None:
        """See `Bus.revise`."""
        self._look()
        for letter in [one for one in self._kept if one.id in ids]:
            changed = await decide(letter)
            if changed == letter:
                continue
            if self._file:
                try:
                    await asyncio.to_thread(self._file.revise, {letter.id: changed})
                except OSError as error:
                    raise BusUnavailableError(
                        f"{self._file.path} is not written: {error}"
                    ) from error
            kept = ((changed if one.id == letter.id else one) for one in self._kept)
            self._kept = deque((one for one in kept if one is not None), maxlen=KEPT)

    def _look(self) -> None:
        """Read the file again if another process, or an earlier one, changed it."""
        if self._file and (state := self._file.state()) != self._state:
            if any(map(any, state)):  # type: ignore[arg-type]  # rows of numbers
                self._kept = deque(self._file.newest(KEPT), maxlen=KEPT)
            elif self._state:
                self._kept.clear()
            self._state = state


class Returned:
    """What was given back and waits for the process that has the mailboxes."""

    def __init__(self, path: Path) -> None:
        self._file = LetterFile(path)

    async def add(self, letter: DeadLetter) -> None:
        """Have a letter wait; it is safe once this returns.

        Raises:
            BusUnavailableError: the disk did not take it.

        """
        try:
            await asyncio.to_thread(self._file.write, [replace(letter, at_ns=time.time_ns())])
        except OSError as error:
            raise BusUnavailableError(f"{self._file.path} is not written: {error}") from error

    def waiting(self) -> list[DeadLetter]:
        """Return what waits, oldest first."""
        return self._file.newest(KEPT)

    async def take(self, deal: Callable[[Sequence[DeadLetter]], Awaitable[None]]) -> None:
        """Have ``deal`` deal with all that waits, then let go of it."""
        if letters := self.waiting():
            await deal(letters)
            gone = dict.fromkeys((letter.id for letter in letters), None)
            await asyncio.to_thread(self._file.revise, gone)


class TakesReturned(Protocol):
    """A bus that others give back to by a file."""

    async def take_returned(self) -> None:
        """Deliver what was given back since the last time."""


class ReturnedMail:
    """Looks once a second for what was given back; a part for the supervisor."""

    name = "quarantine.returned"
    dead = 0

    def __init__(self, bus: TakesReturned) -> None:
        self.listening = asyncio.Event()
        self.handled = 0
        self._bus = bus

    async def run(self) -> None:
        """Look until cancelled."""
        self.listening.set()
        while True:
            await self._bus.take_returned()
            self.handled += 1
            await asyncio.sleep(LOOK_EVERY_S)
