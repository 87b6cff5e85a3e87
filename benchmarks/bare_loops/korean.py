"""Frames of Upbit and Bithumb in, the least that they say out."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.bare_loops.normal import (
    BEST,
    MS,
    SECOND,
    BareBook,
    BareCandle,
    BareSummary,
    BareTrade,
    Frames,
    Loop,
)

START = datetime(1970, 1, 1)  # noqa: DTZ001  # of times that name no zone


class Trade(Struct, gc=False):
    """``trade``."""

    code: str
    sequential_id: int
    ask_bid: str
    trade_price: float
    trade_volume: float
    trade_timestamp: int


class Unit(Struct, gc=False):
    """The bid and the ask of one rank."""

    ask_price: float
    bid_price: float
    ask_size: float
    bid_size: float


class Depth(Struct):
    """``orderbook``."""

    code: str
    timestamp: int
    orderbook_units: list[Unit]


class Candle(Struct, gc=False):
    """``candle.1m``; its start names no zone, which is UTC."""

    code: str
    candle_date_time_utc: datetime
    opening_price: float
    high_price: float
    low_price: float
    trade_price: float
    candle_acc_trade_volume: float
    timestamp: int


class Day(Struct, gc=False):
    """``ticker``."""

    code: str
    trade_price: float
    opening_price: float
    high_price: float
    low_price: float
    acc_trade_volume_24h: float
    timestamp: int


trade = Decoder(Trade, strict=False).decode
depth = Decoder(Depth, strict=False).decode
candle = Decoder(Candle, strict=False).decode
day = Decoder(Day, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        row = trade(frame)
        BareTrade(
            row.code,
            str(row.sequential_id),
            "sell" if row.ask_bid == "ASK" else "buy",
            row.trade_price,
            row.trade_volume,
            row.trade_timestamp * MS,
            received_ns,
        )


def books(frames: Frames, time_ns: int) -> None:
    """Read books, which come whole; their times count ``time_ns`` nanoseconds."""
    for frame, received_ns in frames:
        row = depth(frame)
        units = row.orderbook_units[:BEST]
        bids = [(unit.bid_price, unit.bid_size) for unit in units]
        asks = [(unit.ask_price, unit.ask_size) for unit in units]
        BareBook(row.code, bids, asks, row.timestamp * time_ns, received_ns)


def candles(frames: Frames) -> None:
    """Read candles."""
    for frame, received_ns in frames:
        row = candle(frame)
        BareCandle(
            row.code,
            "1m",
            round((row.candle_date_time_utc - START).total_seconds()) * SECOND,
            row.opening_price,
            row.high_price,
            row.low_price,
            row.trade_price,
            row.candle_acc_trade_volume,
            None,
            None,
            row.timestamp * MS,
            received_ns,
        )


def summaries(frames: Frames) -> None:
    """Read summaries."""
    for frame, received_ns in frames:
        row = day(frame)
        BareSummary(
            row.code,
            row.trade_price,
            row.opening_price,
            row.high_price,
            row.low_price,
            row.acc_trade_volume_24h,
            None,
            None,
            row.timestamp * MS,
            received_ns,
        )


UPBIT = {
    "trade": Loop(trade, trades),
    "book": Loop(depth, partial(books, time_ns=MS)),
    "candle": Loop(candle, candles),
    "summary": Loop(day, summaries),
}
BITHUMB = {
    "trade": Loop(trade, trades),
    "book": Loop(depth, partial(books, time_ns=1_000)),
    "summary": Loop(day, summaries),
}
