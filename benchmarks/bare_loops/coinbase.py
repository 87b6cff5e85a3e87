"""Frames of Coinbase Exchange in, the least that they say out."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.bare_loops.normal import (
    BareBook,
    BareSummary,
    BareTrade,
    Frames,
    Loop,
    PlainBook,
    ns_of,
)


class Match(Struct, gc=False):
    """``match``; the side is the maker's."""

    product_id: str
    trade_id: int
    side: str
    price: float
    size: float
    time: datetime


class Change(Struct, gc=False, array_like=True):
    """A level and its side."""

    side: str
    price: float
    size: float


class Changes(Struct):
    """``l2update``."""

    product_id: str
    changes: list[Change]
    time: datetime


class Day(Struct, gc=False):
    """``ticker``."""

    product_id: str
    price: float
    open_24h: float
    high_24h: float
    low_24h: float
    volume_24h: float
    best_bid: float
    best_ask: float
    time: datetime


match = Decoder(Match, strict=False).decode
update = Decoder(Changes, strict=False).decode
day = Decoder(Day, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        row = match(frame)
        side = "sell" if row.side == "buy" else "buy"
        BareTrade(
            row.product_id,
            str(row.trade_id),
            side,
            row.price,
            row.size,
            ns_of(row.time),
            received_ns,
        )


def books(frames: Frames) -> None:
    """Read books."""
    kept: defaultdict[str, PlainBook] = defaultdict(PlainBook)
    for frame, received_ns in frames:
        row = update(frame)
        bids = [(one.price, one.size) for one in row.changes if one.side == "buy"]
        asks = [(one.price, one.size) for one in row.changes if one.side == "sell"]
        book = kept[row.product_id]
        book.follow(bids, asks)
        BareBook(row.product_id, *book.best(), ns_of(row.time), received_ns)


def changes(frames: Frames) -> None:
    """Read the changes of books."""
    for frame, received_ns in frames:
        row = update(frame)
        bids = [(one.price, one.size) for one in row.changes if one.side == "buy"]
        asks = [(one.price, one.size) for one in row.changes if one.side == "sell"]
        BareBook(row.product_id, bids, asks, ns_of(row.time), received_ns)


def summaries(frames: Frames) -> None:
    """Read summaries."""
    for frame, received_ns in frames:
        row = day(frame)
        BareSummary(
            row.product_id,
            row.price,
            row.open_24h,
            row.high_24h,
            row.low_24h,
            row.volume_24h,
            row.best_bid,
            row.best_ask,
            ns_of(row.time),
            received_ns,
        )


LOOPS = {
    "trade": Loop(match, trades),
    "book": Loop(update, books, changes),
    "summary": Loop(day, summaries),
}
