"""Frames that were refused come in; letters go out, oldest first, to be put aside."""

from __future__ import annotations

import asyncio
from collections import deque

import structlog

from infrastructure.bus.port import DeadLetter

log = structlog.get_logger()

LETTERS_WAITING = 1_000
"""Refused frames that wait to be put aside; beyond it the oldest are lost, and counted."""


class Letters:
    """The refused frames of one venue; ``arrived`` is set while some are ``waiting``.

    Of those ``written`` each was ``kept`` or ``lost``, or waits, or is in the hand of who took it.
    """

    def __init__(self, venue: str) -> None:
        self.waiting: deque[DeadLetter] = deque()
        self.written = 0
        self.kept = 0
        self.lost = 0
        self.in_hand = 0
        self.arrived = asyncio.Event()
        self._venue = venue

    def write(self, reason: str, body: bytes, received_ns: int) -> None:
        """Let a frame wait that was refused for ``reason``."""
        self.written += 1
        if len(self.waiting) >= LETTERS_WAITING:
            self.waiting.popleft()
            self.lost += 1
        mailbox = f"stream.{self._venue}"
        self.waiting.append(
            DeadLetter(mailbox=mailbox, reason=reason, body=body, at_ns=received_ns)
        )
        self.arrived.set()
        log.warning("venue.refused", venue=self._venue, why=reason, frame=repr(body[:200]))

    def take(self) -> DeadLetter:
        """Take the oldest; there is one while ``arrived`` is set. Noted kept or given back."""
        letter = self.waiting.popleft()
        self.in_hand += 1
        if not self.waiting:
            self.arrived.clear()
        return letter

    def note_kept(self) -> None:
        """Note that what was taken is safe."""
        self.in_hand -= 1
        self.kept += 1

    def give_back(self, letter: DeadLetter) -> None:
        """Give one back that could not be put aside; it is lost where there is no room."""
        self.in_hand -= 1
        if len(self.waiting) < LETTERS_WAITING:
            self.waiting.appendleft(letter)
            self.arrived.set()
        else:
            self.lost += 1
