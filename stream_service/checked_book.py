"""Books of a fixed depth that the venue proves with a checksum after each change.

The checksum is the CRC32 of the digits of the best ten asks, then bids: each price and size as it
was sent, without its point and its leading zeros. So levels come in as text. A recorder may have
taken the zeros off the ends of the numbers; then the same digits with the zeros given back do.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias
from zlib import crc32

from market import Level
from stream_service.books import BEST, crossing
from stream_service.wire import LARGEST, decimals_of, plain

Row: TypeAlias = tuple[float, Level | None, bytes]
"""A price, the level there, None where it is removed, and its digits for the checksum."""

Places: TypeAlias = tuple[int, int]
"""Decimals of prices and of sizes."""


def row_of(price: bytes, size: bytes) -> Row:
    """Read a level from the texts of its price and size.

    Raises:
        ValueError: a text is no price or size.

    """
    at, held = float(price), float(size)
    if not (0.0 < at < LARGEST and 0.0 <= held < LARGEST):
        raise ValueError(f"there is no level of {size[:40]!r} at {price[:40]!r}")
    if not held:
        return at, None, b""
    digits = price.replace(b".", b"").lstrip(b"0") + size.replace(b".", b"").lstrip(b"0")
    return at, Level(at, held), digits if digits.isdigit() else _digits(price) + _digits(size)


class CheckedBook:
    """The best levels of both sides.

    Args:
        depth: Levels a side; what is pushed out of it is gone without being named.
        places: Those of the instrument, where they are known; raw texts have them anyway.

    """

    def __init__(self, depth: int = BEST, places: Places = (0, 0)) -> None:
        self._depth = depth
        self._places = places
        self._bids = _Side(-1.0)
        self._asks = _Side(1.0)

    def best(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return bids and asks, best first."""
        return self._bids.best, self._asks.best

    def change(self, bids: Sequence[Row], asks: Sequence[Row]) -> None:
        """Apply changes."""
        if bids:
            self._bids.change(bids, self._depth)
        if asks:
            self._asks.change(asks, self._depth)

    def fault(self, checksum: int) -> str:
        """Say what is wrong with the book, or nothing."""
        ours = crc32(self._asks.digits + self._bids.digits)
        if ours != checksum and self._padded() != checksum:
            return f"the checksum is {checksum}, ours {ours}"
        return crossing(self._bids.best, self._asks.best)

    def crossing(self) -> str:
        """Say how the sides meet, or nothing."""
        return crossing(self._bids.best, self._asks.best)

    def _padded(self) -> int:
        """Return the checksum with as many decimals everywhere as were seen anywhere."""
        levels = [*self._asks.best, *self._bids.best]
        price_places = _most_decimals((level.price for level in levels), self._places[0])
        size_places = _most_decimals((level.size for level in levels), self._places[1])
        self._places = price_places, size_places
        texts = [
            _digits(plain(value, places).encode())
            for level in levels
            for value, places in ((level.price, price_places), (level.size, size_places))
        ]
        return crc32(b"".join(texts))


class _Side:
    """One side of a book, best level first; ``best`` and ``digits`` are of the best ten."""

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._keys: list[float] = []
        self._levels: list[Level] = []
        self._digits: list[bytes] = []
        self.best: tuple[Level, ...] = ()
        self.digits = b""

    def change(self, rows: Sequence[Row], depth: int) -> None:
        """Set and remove levels, then keep the best ``depth``."""
        keys, levels, all_digits = self._keys, self._levels, self._digits
        for price, level, digits in rows:
            key = self._sign * price
            place = bisect_left(keys, key)
            is_there = place < len(keys) and keys[place] == key
            if level is None:
                if is_there:
                    del keys[place], levels[place], all_digits[place]
            elif is_there:
                levels[place] = level
                all_digits[place] = digits
            else:
                keys.insert(place, key)
                levels.insert(place, level)
                all_digits.insert(place, digits)
        if len(keys) > depth:
            del keys[depth:], levels[depth:], all_digits[depth:]
        self.best = tuple(levels[:BEST])
        self.digits = b"".join(all_digits[:BEST])


def _most_decimals(values: Iterable[float], known: int) -> int:
    return max([known, *map(decimals_of, values)])


def _digits(text: bytes) -> bytes:
    if b"e" in text or b"E" in text:
        text = format(Decimal(text.decode()), "f").encode()
    return text.replace(b".", b"").lstrip(b"0")
