"""The venue's side of Binance's wire, as the simulator plays it.

Written from the same documents as ours, sharing no frame type with it, so that the two cannot agree
on one mistake.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from market import Book, Event, Instrument, Level, Listing, Quote, Summary, Trade, VenueCandle
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.books import difference
from stream_service.longer import of_interval
from stream_service.venue import ExchangeSide, Market

ROWS_AT_MOST = 1_000  # of one answer


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    method: str
    params: list[str] = []
    id: int | str | None = None


_request = msgspec.json.Decoder(Request)


Told = TypeVar("Told", Quote, Trade, Book, VenueCandle, Summary)


class BinanceSide(ExchangeSide):
    """Binance as the simulator plays it; its pings are those of the protocol."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: set[str] = set()
        self._told: dict[Instrument, Book] = {}

    def receive(self, frame: bytes) -> None:
        """Take a subscription; the reply has a null result, of unknown symbols too."""
        try:
            request = _request.decode(frame)
        except wire.UNREADABLE as error:
            self._reply({"error": {"code": 3, "msg": f"Invalid JSON: {error}"}, "id": None})
            return
        result: list[str] | bool | None = None
        match request.method:
            case "SUBSCRIBE":
                self._subscribe(request.params)
            case "UNSUBSCRIBE":
                self._subscribed.difference_update(request.params)
            case "LIST_SUBSCRIPTIONS":
                result = sorted(self._subscribed)
            case "GET_PROPERTY":
                result = True  # streams are combined
            case unknown:
                msg = f"Invalid request: unknown variant `{unknown}`"
                self._reply({"error": {"code": 2, "msg": msg}, "id": request.id})
                return
        self._reply({"result": result, "id": request.id})

    def tell(self, event: Event) -> None:
        """Post it on its stream; a book as what changed in it."""
        match event:
            case Quote():
                self._tell("bookTicker", event, _ticker_fields)
            case Trade():
                self._tell("trade", event, _trade_fields)
            case VenueCandle(interval="1m"):
                self._tell("kline_1m", event, _kline_fields)
            case Summary():
                self._tell("ticker", event, _summary_fields)
            case Book(instrument=instrument) if instrument in self._told:
                old, self._told[instrument] = self._told[instrument], event
                if event.sequence > old.sequence:
                    self._tell("depth@100ms", event, partial(_depth_fields, old=old))

    def _subscribe(self, streams: Sequence[str]) -> None:
        self._subscribed.update(streams)
        for instrument in self._symbols:
            if self._stream(instrument, "depth@100ms") in streams:
                self._told[instrument] = self.market.book(instrument)

    def _tell(
        self, kind: str, event: Told, fields: Callable[[Told, str], dict[str, object]]
    ) -> None:
        stream = self._stream(event.instrument, kind)
        if stream in self._subscribed:
            data = fields(event, self._symbols[event.instrument])
            self._reply({"stream": stream, "data": data})

    def _stream(self, instrument: Instrument, kind: str) -> str:
        return f"{self._symbols.get(instrument, '').lower()}@{kind}"

    def _reply(self, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play Binance's REST interface: the listing, depth, trades, candles and summaries.

    Raises:
        LookupError: it does not serve ``path``, or does not list the symbol.

    """
    route, query = wire.route_of(path)
    instruments = {listing.symbol: listing.instrument for listing in market.listings}
    if route == "/api/v3/exchangeInfo":
        wanted = [one for one in market.listings if one.trading or "symbolStatus" not in query]
        rows = [_symbol_fields(listing) for listing in wanted]
        return msgspec.json.encode({"timezone": "UTC", "symbols": rows})
    if route == "/api/v3/ticker/24hr" and "symbol" not in query:
        return msgspec.json.encode(_summaries_of(market, instruments))
    fields = _answer_fields(route, instruments[query["symbol"]], query, market)
    return msgspec.json.encode(fields)


def _answer_fields(
    route: str, instrument: Instrument, query: Mapping[str, str], market: Market
) -> object:
    match route:
        case "/api/v3/depth":
            return _snapshot_fields(market.book(instrument), int(query.get("limit", "100")))
        case "/api/v3/trades" | "/api/v3/historicalTrades":
            return _page_of_trades(market.trades(instrument), query)
        case "/api/v3/klines":
            return _page_of_candles(
                of_interval(market.candles(instrument), query.get("interval", "1m")), query
            )
        case "/api/v3/ticker/24hr":
            return _summaries_of(market, {query["symbol"]: instrument})[0]
    raise LookupError(f"binance does not serve {route}")


def _page_of_trades(trades: Sequence[Trade], query: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the newest, or with an id those from there on."""
    limit = min(int(query.get("limit", "500")), ROWS_AT_MOST)
    if "fromId" in query:
        first = int(query["fromId"])
        trades = [trade for trade in trades if int(trade.trade_id) >= first][:limit]
    return [_rest_trade_fields(trade) for trade in trades[-limit:]]


def _page_of_candles(
    candles: Sequence[VenueCandle], query: Mapping[str, str]
) -> list[list[object]]:
    """Return the newest, or with a start those from there on."""
    limit = min(int(query.get("limit", "500")), ROWS_AT_MOST)
    start, end = int(query.get("startTime", "0")), int(query.get("endTime", str(2**63)))
    rows = [_rest_candle_fields(candle) for candle in candles]
    rows = [row for row in rows if start <= int(str(row[0])) <= end]
    return rows[:limit] if "startTime" in query else rows[-limit:]


def _summaries_of(market: Market, symbols: Mapping[str, Instrument]) -> list[dict[str, object]]:
    """Return one row for each symbol that was traded."""
    found = [(symbol, market.summary(instrument)) for symbol, instrument in symbols.items()]
    return [_rest_summary_fields(symbol, summary) for symbol, summary in found if summary]


def _symbol_fields(listing: Listing) -> dict[str, object]:
    filters = (
        ("PRICE_FILTER", "tickSize", listing.tick_size),
        ("LOT_SIZE", "stepSize", listing.lot_size),
        ("NOTIONAL", "minNotional", listing.minimum_notional),
    )
    return {
        "symbol": listing.symbol,
        "status": "TRADING" if listing.trading else "HALT",
        "baseAsset": listing.instrument.base,
        "quoteAsset": listing.instrument.quote_currency,
        "filters": [
            {"filterType": kind, name: wire.plain(step)} for kind, name, step in filters if step
        ],
    }


def _ticker_fields(quote: Quote, symbol: str) -> dict[str, object]:
    return {
        "u": quote.sequence,
        "s": symbol,
        "b": wire.plain(quote.bid),
        "B": wire.plain(quote.bid_size),
        "a": wire.plain(quote.ask),
        "A": wire.plain(quote.ask_size),
    }


def _trade_fields(trade: Trade, symbol: str) -> dict[str, object]:
    return {
        "e": "trade",
        "E": trade.event_ns // wire.MS,
        "s": symbol,
        "t": int(trade.trade_id),
        "p": wire.plain(trade.price),
        "q": wire.plain(trade.size),
        "T": trade.event_ns // wire.MS,
        "m": trade.side == "sell",
        "M": True,
    }


def _rest_trade_fields(trade: Trade) -> dict[str, object]:
    return {
        "id": int(trade.trade_id),
        "price": wire.plain(trade.price),
        "qty": wire.plain(trade.size),
        "time": trade.event_ns // wire.MS,
        "isBuyerMaker": trade.side == "sell",
    }


def _kline_fields(candle: VenueCandle, symbol: str) -> dict[str, object]:
    start = candle.start_ns // wire.MS
    fields = {
        "t": start,
        "T": start + 59_999,
        "s": symbol,
        "i": candle.interval,
        "f": start,
        "L": start + (candle.trades or 0),
        "o": wire.plain(candle.open),
        "c": wire.plain(candle.close),
        "h": wire.plain(candle.high),
        "l": wire.plain(candle.low),
        "v": wire.plain(candle.volume),
        "n": candle.trades or 0,
        "x": candle.closed,
        "q": wire.plain(candle.volume * candle.close),
        "V": wire.plain(candle.volume / 2),
        "Q": wire.plain(candle.volume / 2 * candle.close),
        "B": "0",
    }
    return {"e": "kline", "E": candle.event_ns // wire.MS, "s": symbol, "k": fields}


def _rest_candle_fields(candle: VenueCandle) -> list[object]:
    start = candle.start_ns // wire.MS
    prices = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    notional = wire.plain(candle.volume * candle.close)
    end = start + INTERVALS[candle.interval] // wire.MS - 1
    return [start, *map(wire.plain, prices), end, notional, candle.trades or 0, "0", "0", "0"]


def _summary_fields(summary: Summary, symbol: str) -> dict[str, object]:
    end, last, volume = summary.event_ns // wire.MS, summary.last, summary.volume or 0.0
    opened = summary.open or 0.0
    change = round(last - opened, 8) if opened else 0.0
    return {
        "e": "24hrTicker",
        "E": end,
        "s": symbol,
        "p": wire.plain(change),
        "P": f"{100 * change / (opened or 1):.3f}",
        "w": wire.plain(last),
        "x": wire.plain(opened),
        "c": wire.plain(last),
        "Q": wire.plain(volume),
        "b": wire.plain(summary.bid or 0.0),
        "B": wire.plain(volume if summary.bid else 0.0),
        "a": wire.plain(summary.ask or 0.0),
        "A": wire.plain(volume if summary.ask else 0.0),
        "o": wire.plain(opened),
        "h": wire.plain(summary.high or 0.0),
        "l": wire.plain(summary.low or 0.0),
        "v": wire.plain(volume),
        "q": wire.plain(volume * last),
        "O": end - 86_400_000,
        "C": end,
        "F": 1,
        "L": 1,
        "n": 1,
    }


def _rest_summary_fields(symbol: str, summary: Summary) -> dict[str, object]:
    return {
        "symbol": symbol,
        "lastPrice": wire.plain(summary.last),
        "openPrice": wire.plain(summary.open or 0.0),
        "highPrice": wire.plain(summary.high or 0.0),
        "lowPrice": wire.plain(summary.low or 0.0),
        "volume": wire.plain(summary.volume or 0.0),
        "bidPrice": wire.plain(summary.bid or 0.0),
        "askPrice": wire.plain(summary.ask or 0.0),
        "closeTime": summary.event_ns // wire.MS,
    }


def _snapshot_fields(book: Book, limit: int) -> dict[str, object]:
    bids, asks = _rows(book.bids[:limit]), _rows(book.asks[:limit])
    return {"lastUpdateId": book.sequence, "bids": bids, "asks": asks}


def _depth_fields(new: Book, symbol: str, *, old: Book) -> dict[str, object]:
    return {
        "e": "depthUpdate",
        "E": new.event_ns // wire.MS,
        "s": symbol,
        "U": old.sequence + 1,
        "u": new.sequence,
        "b": _rows(difference(old.bids, new.bids)),
        "a": _rows(difference(old.asks, new.asks)),
    }


def _rows(levels: Sequence[Level]) -> list[tuple[str, str]]:
    return [(wire.plain(level.price), wire.plain(level.size)) for level in levels]
