"""Frames of Alpaca in, the least that they say out."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.bare_loops.normal import (
    BareBook,
    BareCandle,
    BareQuote,
    BareSummary,
    BareTrade,
    Frames,
    Loop,
    PlainBook,
    ns_of,
)

CLOSED = True  # a bar is told once its minute is over


class Trade(Struct, gc=False):
    """``t``."""

    S: str
    i: int
    p: float
    s: float
    t: datetime
    tks: str


class Quote(Struct, gc=False, rename={"ask_size": "as"}):
    """``q``."""

    S: str
    bp: float
    bs: float
    ap: float
    ask_size: float
    t: datetime


class Row(Struct, gc=False):
    """A level."""

    p: float
    s: float


class Depth(Struct):
    """``o``."""

    S: str
    t: datetime
    b: list[Row]
    a: list[Row]


class Bar(Struct, gc=False):
    """``b`` and ``d``."""

    S: str
    o: float
    h: float
    l: float  # noqa: E741  # theirs
    c: float
    v: float
    t: datetime
    n: int | None = None


trade = Decoder(list[Trade], strict=False).decode
quote = Decoder(list[Quote], strict=False).decode
depth = Decoder(list[Depth], strict=False).decode
bar = Decoder(list[Bar], strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        for row in trade(frame):
            side = "buy" if row.tks == "B" else "sell"
            BareTrade(row.S, str(row.i), side, row.p, row.s, ns_of(row.t), received_ns)


def quotes(frames: Frames) -> None:
    """Read quotes."""
    for frame, received_ns in frames:
        for row in quote(frame):
            BareQuote(row.S, row.bp, row.bs, row.ap, row.ask_size, ns_of(row.t), received_ns)


def books(frames: Frames) -> None:
    """Read books."""
    kept: defaultdict[str, PlainBook] = defaultdict(PlainBook)
    for frame, received_ns in frames:
        for row in depth(frame):
            book = kept[row.S]
            book.follow([(one.p, one.s) for one in row.b], [(one.p, one.s) for one in row.a])
            BareBook(row.S, *book.best(), ns_of(row.t), received_ns)


def changes(frames: Frames) -> None:
    """Read the changes of books."""
    for frame, received_ns in frames:
        for row in depth(frame):
            bids = [(one.p, one.s) for one in row.b]
            asks = [(one.p, one.s) for one in row.a]
            BareBook(row.S, bids, asks, ns_of(row.t), received_ns)


def candles(frames: Frames) -> None:
    """Read the bars of minutes."""
    for frame, received_ns in frames:
        for row in bar(frame):
            BareCandle(
                row.S,
                "1m",
                ns_of(row.t),
                row.o,
                row.h,
                row.l,
                row.c,
                row.v,
                row.n,
                CLOSED,
                received_ns,
                received_ns,
            )


def summaries(frames: Frames) -> None:
    """Read the bars of days."""
    for frame, received_ns in frames:
        for row in bar(frame):
            BareSummary(
                row.S,
                row.c,
                row.o,
                row.h,
                row.l,
                row.v,
                None,
                None,
                received_ns,
                received_ns,
            )


LOOPS = {
    "trade": Loop(trade, trades),
    "quote": Loop(quote, quotes),
    "book": Loop(depth, books, changes),
    "candle": Loop(bar, candles),
    "summary": Loop(bar, summaries),
}
