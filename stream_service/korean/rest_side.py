"""The venues' REST interface: a path in, the body out; written from the documents, as `side`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Final

import msgspec

from market import Trade, VenueCandle
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.korean.side import Dialect
from stream_service.korean.written import (
    Fields,
    book_fields,
    candle_fields,
    execution_fields,
    moment,
    summary_fields,
)
from stream_service.longer import of_interval
from stream_service.venue import Market

DAY_NS: Final = 86_400 * 10**9
CANDLES_AT: Final = {
    "/v1/candles/minutes/1": "1m",
    "/v1/candles/minutes/5": "5m",
    "/v1/candles/minutes/15": "15m",
    "/v1/candles/minutes/60": "1h",
    "/v1/candles/minutes/240": "4h",
    "/v1/candles/days": "1d",
}
"""Where candles of each interval are served."""


def answer_of(dialect: Dialect, path: str, market: Market) -> bytes:
    """Play the REST interface: the listing, books, tickers, past trades and minutes.

    Raises:
        LookupError: it does not serve ``path``, or does not list the market.

    """
    route, query = wire.route_of(path)
    instruments = {listing.symbol: listing.instrument for listing in market.listings}
    rows: list[Fields]
    match route:
        case "/v1/market/all":
            rows = [_market_fields(symbol) for symbol in instruments]
        case "/v1/orderbook":
            books = [(code, market.book(instruments[code])) for code in _codes(query)]
            rows = [{"market": code, **book_fields(book, 30, wire.MS)} for code, book in books]
        case "/v1/ticker":
            told = [(code, market.summary(instruments[code])) for code in _codes(query)]
            rows = [{"market": code, **summary_fields(one)} for code, one in told if one]
        case "/v1/trades/ticks":
            code = query["market"]
            trades = _page(market.trades(instruments[code]), query, dialect.days_ago)
            rows = [{"market": code, **_past_trade_fields(trade)} for trade in trades]
        case _ if route in CANDLES_AT:
            code, interval = query["market"], CANDLES_AT[route]
            whole = of_interval(market.candles(instruments[code]), interval)
            unit = INTERVALS[interval] // INTERVALS["1m"]
            candles = _page_of_candles(whole, query, dialect.clock)
            rows = [{"market": code, **candle_fields(one), "unit": unit} for one in candles]
        case _:
            raise LookupError(f"{dialect.name} does not serve {path}")
    return msgspec.json.encode(rows)


def _codes(query: dict[str, str]) -> list[str]:
    return query["markets"].split(",")


def _page(trades: Sequence[Trade], query: dict[str, str], days_ago: str) -> list[Trade]:
    """Return the trades of one day before the cursor, newest first; the last trade is of today."""
    if not trades:
        return []
    day = trades[-1].event_ns // DAY_NS - int(query.get(days_ago, "0"))
    cursor = int(query.get("cursor", 2**63))
    told = [
        trade
        for trade in trades
        if trade.event_ns // DAY_NS == day and int(trade.trade_id) < cursor
    ]
    return told[-int(query.get("count", "1")) :][::-1]


def _page_of_candles(
    candles: Sequence[VenueCandle], query: dict[str, str], clock: timezone
) -> list[VenueCandle]:
    """Return the candles that start before ``to``, newest first."""
    if to := query.get("to"):
        end = datetime.fromisoformat(to)
        end = end if end.tzinfo else end.replace(tzinfo=clock)
        candles = [one for one in candles if moment(one.start_ns) < end]
    return list(candles[-int(query.get("count", "1")) :][::-1])


def _past_trade_fields(trade: Trade) -> Fields:
    when = moment(trade.event_ns)
    return {
        "trade_date_utc": f"{when:%Y-%m-%d}",
        "trade_time_utc": f"{when:%H:%M:%S}",
        "timestamp": trade.event_ns // wire.MS,
        **execution_fields(trade),
    }


def _market_fields(symbol: str) -> Fields:
    name = symbol.partition("-")[2]
    return {"market": symbol, "korean_name": name, "english_name": name}
