"""Frames of Bitstamp in, the least that they say out."""

from __future__ import annotations

from msgspec import Struct
from msgspec.json import Decoder

from benchmarks.bare_loops.normal import BEST, BareBook, BareTrade, Frames, Loop

US = 1_000
TRADES, BOOKS = len("live_trades_"), len("order_book_")


class Trade(Struct, gc=False):
    """``live_trades``."""

    id: int
    amount_str: float
    price_str: float
    type: int
    microtimestamp: int


class Depth(Struct):
    """``order_book``."""

    microtimestamp: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class TradeFrame(Struct, gc=False):
    """A trade."""

    data: Trade
    channel: str


class DepthFrame(Struct):
    """A whole book."""

    data: Depth
    channel: str


trade = Decoder(TradeFrame, strict=False).decode
depth = Decoder(DepthFrame, strict=False).decode


def trades(frames: Frames) -> None:
    """Read trades."""
    for frame, received_ns in frames:
        told = trade(frame)
        row = told.data
        BareTrade(
            told.channel[TRADES:],
            str(row.id),
            "sell" if row.type else "buy",
            row.price_str,
            row.amount_str,
            row.microtimestamp * US,
            received_ns,
        )


def books(frames: Frames) -> None:
    """Read books, which come whole."""
    for frame, received_ns in frames:
        told = depth(frame)
        row = told.data
        BareBook(
            told.channel[BOOKS:],
            row.bids[:BEST],
            row.asks[:BEST],
            row.microtimestamp * US,
            received_ns,
        )


LOOPS = {"trade": Loop(trade, trades), "book": Loop(depth, books)}
