"""Which trades were counted, by their ids; at many venues these are numbers one after the other."""

from __future__ import annotations

LONGEST = 32
"""Digits from which on an id is taken for a word: reading very long numbers takes long."""


class TradeIds:
    """Remembers every id; of a run of numbers it keeps the first and the last alone."""

    __slots__ = ("_first", "_last", "_others")

    def __init__(self) -> None:
        self._first, self._last = 0, -1
        self._others: dict[str, None] = {}  # as a set, in less memory

    def __len__(self) -> int:
        return self._last - self._first + 1 + len(self._others)

    def add(self, trade_id: str) -> bool:
        """Note an id; False where it is known."""
        number = _number(trade_id)
        if self._first <= number <= self._last or trade_id in self._others:
            return False
        if number == self._last + 1 and len(self) > len(self._others):
            self._last = number
        elif number >= 0 and not len(self):
            self._first = self._last = number
        else:
            self._others[trade_id] = None
        return True


def _number(trade_id: str) -> int:
    """Return the number that an id is; -1 where it is none, or could be written otherwise."""
    is_plain = trade_id.isdecimal() and trade_id.isascii() and trade_id[0] != "0"
    return int(trade_id) if is_plain and len(trade_id) < LONGEST else -1
