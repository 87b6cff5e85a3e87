"""What the bare loops make of frames, and the plainest fast way to keep a book.

Nothing here is checked, and nothing is kept but what the next book needs.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

import msgspec

Frames: TypeAlias = Iterable[tuple[bytes, int]]
"""Frames and when they were received, in nanoseconds."""

Rows: TypeAlias = Sequence[tuple[float, float]]
"""Prices and sizes."""

BEST = 10
MS = 1_000_000
SECOND = 1_000_000_000


class Loop(NamedTuple):
    """Ways to read the frames of one kind from one venue.

    ``decode`` gives typed rows of one frame and no more, ``read`` the normalised struct of each
    frame. ``changes``, where there is one, gives the levels that a frame names, and keeps no book.
    """

    decode: Callable[[bytes], object]
    read: Callable[[Frames], None]
    changes: Callable[[Frames], None] | None = None


class Level(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A price and a size, where more follows in the row."""

    price: float
    size: float


class BareTrade(msgspec.Struct, frozen=True, gc=False):
    """The least that a trade can be."""

    symbol: str
    trade_id: str
    side: str
    price: float
    size: float
    event_ns: int
    received_ns: int


class BareQuote(msgspec.Struct, frozen=True, gc=False):
    """The least that a quote can be."""

    symbol: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    event_ns: int
    received_ns: int


class BareBook(msgspec.Struct, frozen=True, gc=False):
    """The least that a book can be, or the levels of it that changed."""

    symbol: str
    bids: Sequence[tuple[float, float]] | Sequence[Level]
    asks: Sequence[tuple[float, float]] | Sequence[Level]
    event_ns: int
    received_ns: int


class BareCandle(msgspec.Struct, frozen=True, gc=False):
    """The least that a candle can be; None is what the venue does not say."""

    symbol: str
    interval: str
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None
    closed: bool | None
    event_ns: int
    received_ns: int


class BareSummary(msgspec.Struct, frozen=True, gc=False):
    """The least that the last 24 hours can be; None is what the venue does not say."""

    symbol: str
    last: float
    open: float | None
    high: float | None
    low: float | None
    volume: float | None
    bid: float | None
    ask: float | None
    event_ns: int
    received_ns: int


class PlainBook:
    """Sizes by price, and the prices in order, for each side."""

    def __init__(self) -> None:
        self._bids: dict[float, float] = {}
        self._asks: dict[float, float] = {}
        self._bid_prices: list[float] = []
        self._ask_prices: list[float] = []

    def follow(
        self, bids: Iterable[tuple[float, float]], asks: Iterable[tuple[float, float]]
    ) -> None:
        """Set the levels that changed; size zero removes one."""
        _follow(self._bids, self._bid_prices, bids)
        _follow(self._asks, self._ask_prices, asks)

    def best(self) -> tuple[Rows, Rows]:
        """Return the best ten levels of both sides."""
        bids, asks = self._bids, self._asks
        return (
            [(price, bids[price]) for price in self._bid_prices[: -BEST - 1 : -1]],
            [(price, asks[price]) for price in self._ask_prices[:BEST]],
        )


def _follow(
    sizes: dict[float, float], prices: list[float], changes: Iterable[tuple[float, float]]
) -> None:
    for price, size in changes:
        if size:
            if price not in sizes:
                insort(prices, price)
            sizes[price] = size
        elif sizes.pop(price, None) is not None:
            del prices[bisect_left(prices, price)]


def ns_of(time: datetime) -> int:
    """Return nanoseconds since 1970; nobody who checks nothing needs more than microseconds."""
    return round(time.timestamp() * 1e6) * 1_000
