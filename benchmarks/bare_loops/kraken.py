"""Frames of Kraken in, the least that they say out."""

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


class Trade(Struct, gc=False):
    """A row of ``trade``."""

    symbol: str
    side: str
    price: float
    qty: float
    trade_id: int
    timestamp: datetime


class Ticker(Struct, gc=False):
    """A row of ``ticker``, as far as it is a quote."""

    symbol: str
    bid: float
    bid_qty: float
    ask: float
    ask_qty: float
    timestamp: datetime


class Day(Struct, gc=False):
    """A row of ``ticker``, as far as it is a summary."""

    symbol: str
    last: float
    volume: float
    low: float
    high: float
    change: float
    bid: float
    ask: float
    timestamp: datetime


class Row(Struct, gc=False):
    """A level."""

    price: float
    qty: float


class Depth(Struct):
    """A row of ``book``."""

    symbol: str
    bids: list[Row]
    asks: list[Row]
    timestamp: datetime


class Ohlc(Struct, gc=False):
    """A row of ``ohlc``."""

    symbol: str
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int
    interval: int
    interval_begin: datetime


class TradesFrame(Struct):
    """Trades."""

    data: list[Trade]


class TickersFrame(Struct):
    """Quotes."""

    data: list[Ticker]


class DaysFrame(Struct):
    """Summaries."""

    data: list[Day]


class DepthFrame(Struct):
    """Changes of books."""

    data: list[Depth]


class OhlcFrame(Struct):
    """Candles."""

    timestamp: datetime
    data: list[Ohlc]


trade = Decoder(TradesFrame, strict=False).decode
ticker = Decoder(TickersFrame, strict=False).decode
day = Decoder(DaysFrame, strict=False).decode
depth = Decoder(DepthFrame, strict=False).decode
ohlc = Decoder(OhlcFrame, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        for row in trade(frame).data:
            BareTrade(
                row.symbol,
                str(row.trade_id),
                row.side,
                row.price,
                row.qty,
                ns_of(row.timestamp),
                received_ns,
            )


def quotes(frames: Frames) -> None:
    """Read quotes."""
    for frame, received_ns in frames:
        for row in ticker(frame).data:
            BareQuote(
                row.symbol,
                row.bid,
                row.bid_qty,
                row.ask,
                row.ask_qty,
                ns_of(row.timestamp),
                received_ns,
            )


def books(frames: Frames) -> None:
    """Read books, without the digits that a checksum needs."""
    kept: defaultdict[str, PlainBook] = defaultdict(PlainBook)
    for frame, received_ns in frames:
        for row in depth(frame).data:
            book = kept[row.symbol]
            bids = [(level.price, level.qty) for level in row.bids]
            asks = [(level.price, level.qty) for level in row.asks]
            book.follow(bids, asks)
            BareBook(row.symbol, *book.best(), ns_of(row.timestamp), received_ns)


def changes(frames: Frames) -> None:
    """Read the changes of books."""
    for frame, received_ns in frames:
        for row in depth(frame).data:
            bids = [(level.price, level.qty) for level in row.bids]
            asks = [(level.price, level.qty) for level in row.asks]
            BareBook(row.symbol, bids, asks, ns_of(row.timestamp), received_ns)


def candles(frames: Frames) -> None:
    """Read candles."""
    for frame, received_ns in frames:
        told = ohlc(frame)
        event_ns = ns_of(told.timestamp)
        for row in told.data:
            BareCandle(
                row.symbol,
                f"{row.interval}m",
                ns_of(row.interval_begin),
                row.open,
                row.high,
                row.low,
                row.close,
                row.volume,
                row.trades,
                None,
                event_ns,
                received_ns,
            )


def summaries(frames: Frames) -> None:
    """Read summaries."""
    for frame, received_ns in frames:
        for row in day(frame).data:
            BareSummary(
                row.symbol,
                row.last,
                row.last - row.change,
                row.high,
                row.low,
                row.volume,
                row.bid,
                row.ask,
                ns_of(row.timestamp),
                received_ns,
            )


LOOPS = {
    "trade": Loop(trade, trades),
    "quote": Loop(ticker, quotes),
    "book": Loop(depth, books, changes),
    "candle": Loop(ohlc, candles),
    "summary": Loop(day, summaries),
}
