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
NOTHING: Final = (NO_LEVEL, NO_LEVEL)


def execution_fields(trade: Trade) -> Fields:
    """Write what a trade has in frames and in rows."""
    return {
        "trade_price": _number(trade.price),
        "trade_volume": _number(trade.size),
        "ask_bid": "ASK" if trade.side == "sell" else "BID",
        "sequential_id": int(trade.trade_id),
    }


def circumstance_fields(trade: Trade, book: Book) -> Fields:
    """Write what a trade tells of the market around it; the day before is not known here."""
    bid, ask = next(zip_longest(book.bids[:1], book.asks[:1], fillvalue=NO_LEVEL), NOTHING)
    return {
        "prev_closing_price": _number(trade.price),
        "change": "EVEN",
        "change_price": _number(0.0),
        "best_ask_price": _number(ask.price),
        "best_ask_size": _number(ask.size),
        "best_bid_price": _number(bid.price),
        "best_bid_size": _number(bid.size),
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
    """Write a ticker whole, though little of it is read; it tells no bid and no ask.

    The day before, the last year and the sides of the takers are not known here, and made up.
    """
    last, volume = summary.last, summary.volume
    opened = last if summary.open is None else summary.open
    notional = None if volume is None else volume * last
    half = None if volume is None else volume / 2
    when, time = moment(summary.event_ns), summary.event_ns // wire.MS
    return {
        "opening_price": _told(summary.open),
        "high_price": _told(summary.high),
        "low_price": _told(summary.low),
        "trade_price": _told(last),
        "prev_closing_price": _told(summary.open),
        **_change_fields(opened, last),
        "trade_volume": _told(half),
        "acc_trade_volume": _told(volume),
        "acc_trade_volume_24h": _told(volume),
        "acc_trade_price": _told(notional),
        "acc_trade_price_24h": _told(notional),
        "trade_date": f"{when:%Y%m%d}",
        "trade_time": f"{when:%H%M%S}",
        "trade_timestamp": time,
        "ask_bid": "BID",
        "acc_ask_volume": _told(half),
        "acc_bid_volume": _told(half),
        "highest_52_week_price": _told(summary.high),
        "highest_52_week_date": f"{when:%Y-%m-%d}",
        "lowest_52_week_price": _told(summary.low),
        "lowest_52_week_date": f"{when:%Y-%m-%d}",
        "market_state": "ACTIVE",
        "is_trading_suspended": False,
        "delisting_date": None,
        "market_warning": "NONE",
        "timestamp": time,
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


def _change_fields(opened: float, last: float) -> Fields:
    change = round(last - opened, 8)
    rate = round(change / opened, 10) if opened else 0.0
    return {
        "change": "RISE" if change > 0 else "FALL" if change < 0 else "EVEN",
        "change_price": _number(abs(change)),
        "signed_change_price": _number(change),
        "change_rate": _number(abs(rate)),
        "signed_change_rate": _number(rate),
    }


def _told(value: float | None) -> msgspec.Raw | None:
    return None if value is None else _number(value)


def _number(value: float) -> msgspec.Raw:
    return msgspec.Raw(wire.plain(value).encode())
