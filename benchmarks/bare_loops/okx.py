"""Frames of OKX in, the least that they say out."""

from __future__ import annotations

from collections import defaultdict
from typing import Literal

from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.bare_loops.normal import (
    MS,
    BareBook,
    BareQuote,
    BareSummary,
    BareTrade,
    Frames,
    Level,
    Loop,
    PlainBook,
)


class Trade(Struct, gc=False):
    """A row of ``trades``."""

    instId: str  # noqa: N815  # theirs
    tradeId: str  # noqa: N815  # theirs
    side: str
    px: float
    sz: float
    ts: int


class Depth(Struct):
    """A row of ``bbo-tbt`` or ``books``."""

    asks: list[Level]
    bids: list[Level]
    ts: int


class Arg(Struct, gc=False):
    """What a frame is about."""

    instId: str  # noqa: N815  # theirs


class Day(Struct, gc=False):
    """A row of ``tickers``; nothing stands for none."""

    instId: str  # noqa: N815  # theirs
    last: float
    open24h: float | Literal[""]
    high24h: float | Literal[""]
    low24h: float | Literal[""]
    vol24h: float | Literal[""]
    bidPx: float | Literal[""]  # noqa: N815  # theirs
    askPx: float | Literal[""]  # noqa: N815  # theirs
    ts: int


class TradesFrame(Struct):
    """Trades."""

    data: list[Trade]


class DepthFrame(Struct):
    """Best levels, or changes of a book."""

    arg: Arg
    data: list[Depth]


class DaysFrame(Struct):
    """Summaries."""

    data: list[Day]


trade = Decoder(TradesFrame, strict=False).decode
depth = Decoder(DepthFrame, strict=False).decode
day = Decoder(DaysFrame, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        for row in trade(frame).data:
            BareTrade(row.instId, row.tradeId, row.side, row.px, row.sz, row.ts * MS, received_ns)


def quotes(frames: Frames) -> None:
    """Read best levels."""
    for frame, received_ns in frames:
        told = depth(frame)
        for row in told.data:
            bid, ask = row.bids[0], row.asks[0]
            BareQuote(
                told.arg.instId,
                bid.price,
                bid.size,
                ask.price,
                ask.size,
                row.ts * MS,
                received_ns,
            )


def books(frames: Frames) -> None:
    """Read books."""
    kept: defaultdict[str, PlainBook] = defaultdict(PlainBook)
    for frame, received_ns in frames:
        told = depth(frame)
        book = kept[told.arg.instId]
        for row in told.data:
            bids = [(level.price, level.size) for level in row.bids]
            asks = [(level.price, level.size) for level in row.asks]
            book.follow(bids, asks)
            BareBook(told.arg.instId, *book.best(), row.ts * MS, received_ns)


def changes(frames: Frames) -> None:
    """Read the changes of books."""
    for frame, received_ns in frames:
        told = depth(frame)
        for row in told.data:
            BareBook(told.arg.instId, row.bids, row.asks, row.ts * MS, received_ns)


def summaries(frames: Frames) -> None:
    """Read summaries."""
    for frame, received_ns in frames:
        for row in day(frame).data:
            BareSummary(
                row.instId,
                row.last,
                row.open24h or None,
                row.high24h or None,
                row.low24h or None,
                row.vol24h or None,
                row.bidPx or None,
                row.askPx or None,
                row.ts * MS,
                received_ns,
            )


LOOPS = {
    "trade": Loop(trade, trades),
    "quote": Loop(depth, quotes),
    "book": Loop(depth, books, changes),
    "summary": Loop(day, summaries),
}
