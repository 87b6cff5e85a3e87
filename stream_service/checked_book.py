"""Books of a fixed depth that the venue proves with a checksum after each change.

The checksum is the CRC32 of the digits of the best ten asks, then bids: each price and size as it
was sent, without its point and its leading zeros. So levels come in as text.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias
from zlib import crc32

from market import Level
from stream_service.books import BEST, Ladder, crossing
from stream_service.wire import LARGEST

Texts: TypeAlias = Sequence[tuple[str, str]]
"""Price and size of levels as they were sent; a size of zero removes the level."""


class CheckedBook:
    """The best ten levels a side."""

    def __init__(self) -> None:
        self._bids: Ladder[_Row] = Ladder(falling=True)
        self._asks: Ladder[_Row] = Ladder(falling=False)

    def best(self) -> tuple[list[Level], list[Level]]:
        """Return bids and asks, best first."""
        bids = [row.level for row in self._bids.best(BEST)]
        return bids, [row.level for row in self._asks.best(BEST)]

    def change(self, bids: Texts, asks: Texts) -> None:
        """Apply changes; what they push out of the depth is gone without being named.

        Raises:
            ValueError: a text is no price or size; nothing was applied.

        """
        changed = [_row(*texts) for texts in bids], [_row(*texts) for texts in asks]
        for ladder, rows in zip((self._bids, self._asks), changed, strict=True):
            for row in rows:
                if row.level.size:
                    ladder.put(row.level.price, row)
                else:
                    ladder.drop(row.level.price)
            ladder.shorten(BEST)

    def fault(self, checksum: int) -> str:
        """Say what is wrong with the book, or nothing."""
        bids, asks = self._bids.best(BEST), self._asks.best(BEST)
        ours = crc32("".join([row.digits for row in (*asks, *bids)]).encode())
        if ours != checksum:
            return f"the checksum is {checksum}, ours {ours}"
        return crossing([row.level for row in bids[:1]], [row.level for row in asks[:1]])


class _Row(NamedTuple):
    level: Level
    digits: str


def _row(price: str, size: str) -> _Row:
    level = Level(float(price), float(size))
    if not (0 < level.price < LARGEST and 0 <= level.size < LARGEST):
        raise ValueError(f"there is no level of {size[:40]} at {price[:40]}")
    return _Row(level, _digits(price) + _digits(size))


def _digits(text: str) -> str:
    if "e" in text or "E" in text:
        text = format(Decimal(text), "f")
    return text.replace(".", "").lstrip("0")
