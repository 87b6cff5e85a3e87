"""Events in, the fields of the venues' own frames and rows out, for their side of the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import zip_longest
from typing import Final, TypeAlias

import msgspec

from market import Book, Level, Summary, Trade, VenueCandle
from stream_service import wire

Fields: TypeAlias = dict[str, object]

KST: Final = timezone(timedelta(hours=9))
SECOND_NS: Final = 1_000_000_000
NO_LEVEL: Final = Level(0.0, 0.0)


def execution_fields(trade: Trade) -> Fields:
    """Write what a trade has in frames and in rows."""
    return {
        "trade_price": _number(trade.price),
        "trade_volume": _number(trade.size),
        "ask_bid": "ASK" if trade.side == "sell" else "BID",
        "sequential_id": int(trade.trade_id),
    }


def book_fields(book: Book, levels: int, time_ns: int) -> Fields:
    """Write a whole book, the shorter side filled up with zeros."""
    bids, asks = book.bids[:levels], book.asks[:levels]
    ranks = zip_longest(bids, asks, fillvalue=NO_LEVEL)
    return {
        "timestamp": book.event_ns // time_ns,
        "total_ask_size": _number(sum(level.size for level in asks)),
        "total_bid_size": _number(sum(level.size for level in bids)),
        "orderbook_units": [_unit_fields(bid, ask) for bid, ask in ranks],
        "level": 0,
    }


def candle_fields(candle: VenueCandle) -> Fields:
    """Write one candle; the venue says of none that it is closed."""
    start = moment(candle.start_ns)
    return {
        "candle_date_time_utc": f"{start:%Y-%m-%dT%H:%M:%S}",
        "candle_date_time_kst": f"{start.astimezone(KST):%Y-%m-%dT%H:%M:%S}",
        "opening_price": _number(candle.open),
        "high_price": _number(candle.high),
        "low_price": _number(candle.low),
        "trade_price": _number(candle.close),
        "candle_acc_trade_volume": _number(candle.volume),
        "candle_acc_trade_price": _number(candle.volume * candle.close),
        "timestamp": candle.event_ns // wire.MS,
    }


def summary_fields(summary: Summary) -> Fields:
    """Write a ticker; the venue tells no bid and no ask in it."""
    told = {
        "opening_price": summary.open,
        "high_price": summary.high,
        "low_price": summary.low,
        "trade_price": summary.last,
        "acc_trade_volume_24h": summary.volume,
    }
    return {
        **{key: None if value is None else _number(value) for key, value in told.items()},
        "market_state": "ACTIVE",
        "timestamp": summary.event_ns // wire.MS,
    }


def moment(event_ns: int) -> datetime:
    """Return the second of a time."""
    return datetime.fromtimestamp(event_ns // SECOND_NS, tz=UTC)


def _unit_fields(bid: Level, ask: Level) -> Fields:
    return {
        "ask_price": _number(ask.price),
        "bid_price": _number(bid.price),
        "ask_size": _number(ask.size),
        "bid_size": _number(bid.size),
    }


def _number(value: float) -> msgspec.Raw:
    return msgspec.Raw(wire.plain(value).encode())
