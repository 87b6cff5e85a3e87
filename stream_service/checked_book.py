"""Books of a fixed depth that the venue proves with a checksum after each change.

The checksum is the CRC32 of the digits of the best ten asks, then bids: each price and size as it
was sent, without its point and its leading zeros. So levels come in as text. A recorder may have
taken the zeros off the ends of the numbers; then the same digits with the zeros given back do.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import inf
from typing import TypeAlias
from zlib import crc32

import msgspec

from market import Level
from stream_service.books import BEST, crossing
from stream_service.wire import LARGEST, OrZero, Price, decimals_of, plain

NO_DIGITS = b'"pricqty.,[{'
"""What is in a level as usual, but for its digits and what parts them: ``e:05:1250}``."""

USUAL = b"0123456789:e}]"

Places: TypeAlias = tuple[int, int]
"""Decimals of prices and of sizes."""


class LevelRow(msgspec.Struct, frozen=True, gc=False, rename={"size": "qty"}):
    """One level as its venue writes it; a size of zero removes it."""

    price: Price
    size: OrZero


Rows: TypeAlias = tuple[Sequence[LevelRow], Sequence[bytes]]
"""Levels and, for the checksum, the digits of each: ``:05:1250`` or ``51250``."""


class RawRow(msgspec.Struct, frozen=True, gc=False):
    """One level, as text."""

    price: msgspec.Raw
    qty: msgspec.Raw


_rows = msgspec.json.Decoder(list[LevelRow])
_raw_rows = msgspec.json.Decoder(list[RawRow])


def rows_of(levels: msgspec.Raw) -> Rows:
    """Read an array of levels such as ``{"price":0.5,"qty":12.50}``.

    Raises:
        msgspec.DecodeError: there is no such price or size.

    """
    rows = _rows.decode(levels)
    return rows, _digits_of(bytes(levels), len(rows)) if rows else ()


def _digits_of(levels: bytes, count: int) -> list[bytes]:
    """Return the digits of each level: of all in one go, where they are written as usual."""
    text = levels.translate(None, NO_DIGITS)
    digits = text[1:-2].split(b"}e")
    is_usual = (
        len(digits) == text.count(b"e") == count
        and text.count(b":") == 2 * count
        and text.startswith(b"e:")
        and not text.translate(None, USUAL)
    )
    if is_usual:
        return digits
    raw = [(str(row.price, "ascii"), str(row.qty, "ascii")) for row in _raw_rows.decode(levels)]
    return [_digits(price) + _digits(size) for price, size in raw]


def rows_of_texts(levels: Sequence[Sequence[str]]) -> Rows:
    """Read levels from texts: their prices, their sizes, and what may follow.

    Raises:
        ValueError: a text is no price or size.

    """
    rows = [_row_of(level[0], level[1]) for level in levels]
    return rows, [_digits(level[0]) + _digits(level[1]) for level in levels]


def _row_of(price: str, size: str) -> LevelRow:
    at, held = float(price), float(size)
    if not (0.0 < at < LARGEST and 0.0 <= held < LARGEST):
        raise ValueError(f"there is no level of {size[:40]!r} at {price[:40]!r}")
    return LevelRow(at, held)


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

    def change(self, bids: Rows, asks: Rows) -> None:
        """Apply changes."""
        if bids[0]:
            self._bids.change(bids, self._depth)
        if asks[0]:
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
            _digits(plain(value, places))
            for level in levels
            for value, places in ((level.price, price_places), (level.size, size_places))
        ]
        return crc32(b"".join(texts))


class _Side:
    """One side of a book, best level first; ``best`` and ``digits`` are of the best ten."""

    def __init__(self, sign: float) -> None:
        self._sign = sign
        self._keys = [inf]  # ends with what is never reached, so that each place has a key
        self._levels: list[Level] = []
        self._digits: list[bytes] = []
        self.best: tuple[Level, ...] = ()
        self.digits = b""

    def change(self, rows: Rows, depth: int) -> None:
        """Set and remove levels, then keep the best ``depth``."""
        keys, levels, all_digits, sign = self._keys, self._levels, self._digits, self._sign
        for row, digits in zip(*rows, strict=True):
            price, size = row.price, row.size
            key = sign * price
            place = bisect_left(keys, key)
            if keys[place] == key:
                if size:
                    levels[place] = Level(price, size)
                    all_digits[place] = digits
                else:
                    del keys[place], levels[place], all_digits[place]
            elif size:
                keys.insert(place, key)
                levels.insert(place, Level(price, size))
                all_digits.insert(place, digits)
        if len(levels) > depth:
            del keys[depth:-1], levels[depth:], all_digits[depth:]
        self.best = tuple(levels[:BEST])
        self.digits = _without_zeros(b"".join(all_digits[:BEST]))


def _without_zeros(digits: bytes) -> bytes:
    """Leave the zeros out that numbers begin with, and the colons before them."""
    while b":0" in digits:
        digits = digits.replace(b":0", b":")
    return digits.replace(b":", b"")


def _most_decimals(values: Iterable[float], known: int) -> int:
    return max([known, *map(decimals_of, values)])


def _digits(text: str) -> bytes:
    if "e" in text or "E" in text:
        text = format(Decimal(text), "f")
    return text.replace(".", "").lstrip("0").encode()
