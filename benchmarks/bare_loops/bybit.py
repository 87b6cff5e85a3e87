"""Frames of Bybit in, the least that they say out."""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.bare_loops.normal import (
    MS,
    BareBook,
    BareCandle,
    BareQuote,
    BareSummary,
    BareTrade,
    Frames,
    Loop,
    PlainBook,
)


class Trade(Struct, gc=False):
    """A row of ``publicTrade``."""

    s: str
    i: str
    S: str
    p: float
    v: float
    T: int


class Depth(Struct):
    """``orderbook``."""

    s: str
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


class Kline(Struct, gc=False):
    """A row of ``kline``."""

    start: int
    interval: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    confirm: bool
    timestamp: int


class Day(
    Struct,
    gc=False,
    rename={
        "last": "lastPrice",
        "open": "prevPrice24h",
        "high": "highPrice24h",
        "low": "lowPrice24h",
        "volume": "volume24h",
    },
):
    """``tickers``."""

    symbol: str
    last: float
    open: float
    high: float
    low: float
    volume: float


class TradesFrame(Struct):
    """Trades."""

    data: list[Trade]


class DepthFrame(Struct):
    """Best levels, or changes of a book."""

    ts: int
    data: Depth


class KlinesFrame(Struct):
    """Candles; the topic ends with the symbol."""

    topic: str
    data: list[Kline]


class DayFrame(Struct, gc=False):
    """A summary."""

    ts: int
    data: Day


trade = Decoder(TradesFrame, strict=False).decode
depth = Decoder(DepthFrame, strict=False).decode
kline = Decoder(KlinesFrame, strict=False).decode
day = Decoder(DayFrame, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        for row in trade(frame).data:
            side = "buy" if row.S == "Buy" else "sell"
            BareTrade(row.s, row.i, side, row.p, row.v, row.T * MS, received_ns)


def quotes(frames: Frames) -> None:
    """Read best levels."""
    for frame, received_ns in frames:
        told = depth(frame)
        row = told.data
        BareQuote(row.s, *row.b[0], *row.a[0], told.ts * MS, received_ns)


def books(frames: Frames) -> None:
    """Read books."""
    kept: defaultdict[str, PlainBook] = defaultdict(PlainBook)
    for frame, received_ns in frames:
        told = depth(frame)
        row = told.data
        book = kept[row.s]
        book.follow(row.b, row.a)
        BareBook(row.s, *book.best(), told.ts * MS, received_ns)


def changes(frames: Frames) -> None:
    """Read the changes of books."""
    for frame, received_ns in frames:
        told = depth(frame)
        row = told.data
        BareBook(row.s, row.b, row.a, told.ts * MS, received_ns)


def candles(frames: Frames) -> None:
    """Read candles."""
    for frame, received_ns in frames:
        told = kline(frame)
        symbol = told.topic.rpartition(".")[2]
        for row in told.data:
            BareCandle(
                symbol,
                row.interval,
                row.start * MS,
                row.open,
                row.high,
                row.low,
                row.close,
                row.volume,
                None,
                row.confirm,
                row.timestamp * MS,
                received_ns,
            )


def summaries(frames: Frames) -> None:
    """Read summaries."""
    for frame, received_ns in frames:
        told = day(frame)
        row = told.data
        BareSummary(
            row.symbol,
            row.last,
            row.open,
            row.high,
            row.low,
            row.volume,
            None,
            None,
            told.ts * MS,
            received_ns,
        )


LOOPS = {
    "trade": Loop(trade, trades),
    "quote": Loop(depth, quotes),
    "book": Loop(depth, books, changes),
    "candle": Loop(kline, candles),
    "summary": Loop(day, summaries),
}
