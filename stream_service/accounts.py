"""The books of one venue's stream: what came of its frames and of the events read in them.

See `infrastructure.books` for what each account means and which of them balance.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

import msgspec


class Accounts(msgspec.Struct):
    """Counted where it happens; nothing is derived from the others."""

    frames: int = 0
    frames_read: int = 0
    frames_quarantined: int = 0
    frames_denied: int = 0
    frames_cut_off: int = 0
    frames_in_hand: int = 0
    events_read: int = 0
    events_told: int = 0
    events_published: int = 0
    events_refused: int = 0
    events_heeded: int = 0
    events_cut_off: int = 0
    events_in_hand: int = 0

    def counts(self) -> dict[str, int]:
        """Return all accounts by name."""
        return msgspec.structs.asdict(self)


class FramesInHand:
    """Frames that came together; those that nothing is said of within were cut off."""

    __slots__ = ("_accounts", "_left")

    def __init__(self, accounts: Accounts, number: int) -> None:
        self._accounts = accounts
        self._left = number

    def __enter__(self) -> Self:
        self._accounts.frames += self._left
        self._accounts.frames_in_hand += self._left
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._accounts.frames_cut_off += self._left
        self._accounts.frames_in_hand -= self._left

    def read(self, number: int) -> None:
        """Note that all of so many was passed on."""
        self._accounts.frames_read += number
        self._drop(number)

    def quarantined(self) -> None:
        """Note that one was put aside."""
        self._accounts.frames_quarantined += 1
        self._drop(1)

    def denied(self) -> None:
        """Note that one turns us down."""
        self._accounts.frames_denied += 1
        self._drop(1)

    def _drop(self, number: int) -> None:
        self._accounts.frames_in_hand -= number
        self._left -= number
