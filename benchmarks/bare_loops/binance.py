"""Frames of Binance's combined streams in, the least that they say out."""

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
    """``trade``."""

    s: str
    t: int
    p: float
    q: float
    T: int
    m: bool


class Quote(Struct, gc=False):
    """``bookTicker``."""

    s: str
    b: float
    B: float
    a: float
    A: float


class Depth(Struct):
    """``depth@100ms``."""

    E: int
    s: str
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


class Kline(Struct, gc=False):
    """The candle of ``kline_1m``."""

    t: int
    i: str
    o: float
    c: float
    h: float
    l: float  # noqa: E741  # theirs
    v: float
    n: int
    x: bool


class KlineRow(Struct, gc=False):
    """``kline_1m``."""

    E: int
    s: str
    k: Kline


class Day(Struct, gc=False):
    """``ticker``."""

    E: int
    s: str
    c: float
    o: float
    h: float
    l: float  # noqa: E741  # theirs
    v: float
    b: float
    a: float


class TradeFrame(Struct, gc=False):
    """A trade."""

    data: Trade


class QuoteFrame(Struct, gc=False):
    """A quote."""

    data: Quote


class DepthFrame(Struct):
    """Changes of a book."""

    data: Depth


class KlineFrame(Struct, gc=False):
    """A candle."""

    data: KlineRow


class DayFrame(Struct, gc=False):
    """A summary."""

    data: Day


trade = Decoder(TradeFrame, strict=False).decode
quote = Decoder(QuoteFrame, strict=False).decode
depth = Decoder(DepthFrame, strict=False).decode
kline = Decoder(KlineFrame, strict=False).decode
day = Decoder(DayFrame, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        row = trade(frame).data
        side = "sell" if row.m else "buy"
        BareTrade(row.s, str(row.t), side, row.p, row.q, row.T * MS, received_ns)


def quotes(frames: Frames) -> None:
    """Read quotes, which bear no time."""
    for frame, received_ns in frames:
        row = quote(frame).data
        BareQuote(row.s, row.b, row.B, row.a, row.A, received_ns, received_ns)


def books(frames: Frames) -> None:
    """Read books."""
    kept: defaultdict[str, PlainBook] = defaultdict(PlainBook)
    for frame, received_ns in frames:
        row = depth(frame).data
        book = kept[row.s]
        book.follow(row.b, row.a)
        BareBook(row.s, *book.best(), row.E * MS, received_ns)


def changes(frames: Frames) -> None:
    """Read the changes of books."""
    for frame, received_ns in frames:
        row = depth(frame).data
        BareBook(row.s, row.b, row.a, row.E * MS, received_ns)


def candles(frames: Frames) -> None:
    """Read candles."""
    for frame, received_ns in frames:
        told = kline(frame).data
        row = told.k
        BareCandle(
            told.s,
            row.i,
            row.t * MS,
            row.o,
            row.h,
            row.l,
            row.c,
            row.v,
            row.n,
            row.x,
            told.E * MS,
            received_ns,
        )


def summaries(frames: Frames) -> None:
    """Read summaries."""
    for frame, received_ns in frames:
        row = day(frame).data
        BareSummary(row.s, row.c, row.o, row.h, row.l, row.v, row.b, row.a, row.E * MS, received_ns)


LOOPS = {
    "trade": Loop(trade, trades),
    "quote": Loop(quote, quotes),
    "book": Loop(depth, books, changes),
    "candle": Loop(kline, candles),
    "summary": Loop(day, summaries),
}
