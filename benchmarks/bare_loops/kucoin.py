"""Frames of KuCoin in, the least that they say out."""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.bare_loops.normal import (
    MS,
    SECOND,
    BareBook,
    BareCandle,
    BareQuote,
    BareSummary,
    BareTrade,
    Frames,
    Level,
    Loop,
    PlainBook,
)


class Match(Struct, gc=False, rename="camel"):
    """``/market/match``."""

    symbol: str
    trade_id: str
    side: str
    price: float
    size: float
    time: int


class Top(Struct, gc=False):
    """``/spotMarket/level1``."""

    asks: tuple[float, float]
    bids: tuple[float, float]
    timestamp: int


class Changes(Struct):
    """Levels that changed, each with its number."""

    asks: list[Level]
    bids: list[Level]


class Update(Struct):
    """``/market/level2``."""

    symbol: str
    changes: Changes
    time: int


class Minute(Struct, gc=False, array_like=True):
    """A candle; mind the order."""

    start: int
    open: float
    close: float
    high: float
    low: float
    volume: float


class Minutes(Struct, gc=False):
    """``/market/candles``."""

    symbol: str
    candles: Minute
    time: int


class Day(Struct, gc=False, rename="camel"):
    """24 hours."""

    symbol: str
    datetime: int
    last_traded_price: float
    open: float
    high: float
    low: float
    vol: float
    buy: float | None
    sell: float | None


class Days(Struct, gc=False):
    """``/market/snapshot``."""

    data: Day


class MatchFrame(Struct, gc=False):
    """A trade."""

    data: Match


class TopFrame(Struct, gc=False):
    """Best levels; the topic ends with the symbol."""

    topic: str
    data: Top


class UpdateFrame(Struct):
    """Changes of a book."""

    data: Update


class MinuteFrame(Struct, gc=False):
    """A candle; the topic ends with the interval."""

    topic: str
    data: Minutes


class DayFrame(Struct, gc=False):
    """A summary."""

    data: Days


match = Decoder(MatchFrame, strict=False).decode
top = Decoder(TopFrame, strict=False).decode
update = Decoder(UpdateFrame, strict=False).decode
minute = Decoder(MinuteFrame, strict=False).decode
day = Decoder(DayFrame, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        row = match(frame).data
        BareTrade(row.symbol, row.trade_id, row.side, row.price, row.size, row.time, received_ns)


def quotes(frames: Frames) -> None:
    """Read best levels."""
    for frame, received_ns in frames:
        told = top(frame)
        row = told.data
        symbol = told.topic.rpartition(":")[2]
        BareQuote(symbol, *row.bids, *row.asks, row.timestamp * MS, received_ns)


def books(frames: Frames) -> None:
    """Read books."""
    kept: defaultdict[str, PlainBook] = defaultdict(PlainBook)
    for frame, received_ns in frames:
        row = update(frame).data
        book = kept[row.symbol]
        bids = [(level.price, level.size) for level in row.changes.bids]
        asks = [(level.price, level.size) for level in row.changes.asks]
        book.follow(bids, asks)
        BareBook(row.symbol, *book.best(), row.time * MS, received_ns)


def changes(frames: Frames) -> None:
    """Read the changes of books."""
    for frame, received_ns in frames:
        row = update(frame).data
        BareBook(row.symbol, row.changes.bids, row.changes.asks, row.time * MS, received_ns)


def candles(frames: Frames) -> None:
    """Read candles."""
    for frame, received_ns in frames:
        named = minute(frame)
        told = named.data
        row = told.candles
        BareCandle(
            told.symbol,
            named.topic.rpartition("_")[2],
            row.start * SECOND,
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            None,
            None,
            told.time,
            received_ns,
        )


def summaries(frames: Frames) -> None:
    """Read summaries."""
    for frame, received_ns in frames:
        row = day(frame).data.data
        BareSummary(
            row.symbol,
            row.last_traded_price,
            row.open,
            row.high,
            row.low,
            row.vol,
            row.buy,
            row.sell,
            row.datetime * MS,
            received_ns,
        )


LOOPS = {
    "trade": Loop(match, trades),
    "quote": Loop(top, quotes),
    "book": Loop(update, books, changes),
    "candle": Loop(minute, candles),
    "summary": Loop(day, summaries),
}
