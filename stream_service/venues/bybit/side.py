"""Bybit's side of the wire, as the simulator plays it.

Written from the same documents as ours, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from market import (
    Book,
    Event,
    Instrument,
    Level,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
)
from stream_service import wire
from stream_service.books import difference
from stream_service.longer import of_interval
from stream_service.venue import (
    ExchangeSide,
    Market,
)

TOPICS = ("publicTrade", "orderbook.1", "orderbook.50", "kline.1", "tickers")
TOPICS_A_FRAME = 10
TRADES_AT_MOST = 60

INTERVALS_SERVED = {"1": "1m", "5": "5m", "15": "15m", "60": "1h", "240": "4h", "D": "1d"}


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    op: str
    args: list[str] = []
    req_id: str = ""


_request_of = msgspec.json.Decoder(Request)


class BybitSide(ExchangeSide):
    """Bybit as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: set[str] = set()
        self._told: dict[Instrument, Book] = {}

    def receive(self, frame: bytes) -> None:
        """Take a subscription of ten topics at most, all of which must exist, or a ping."""
        try:
            request = _request_of.decode(frame)
        except wire.UNREADABLE:
            self._reply(Request(""), "error:unmarshal err")
            return
        match request.op:
            case "ping":
                self._reply(request, "pong", success=True)
            case "subscribe":
                self._subscribe(request)
            case "unsubscribe":
                self._subscribed.difference_update(request.args)
                self._reply(request, "", success=True)
            case unknown:
                self._reply(request, f"error:unsupported op {unknown}")

    def tell(self, event: Event) -> None:
        """Post a quote, a trade, what changed in a book, a candle, a day."""
        match event:
            case Quote():
                self._tell("orderbook.1", event, _best_fields(event))
            case Trade():
                self._tell("publicTrade", event, [self._trade_fields(event)])
            case Book(instrument=of) if of in self._told:
                old, self._told[of] = self._told[of], event
                if event.sequence != old.sequence:
                    self._tell("orderbook.50", event, _change_fields(old, event), kind="delta")
            case VenueCandle():
                self._tell("kline.1", event, [_candle_fields(event)])
            case Summary():
                self._tell("tickers", event, _ticker_fields(event))

    def _subscribe(self, request: Request) -> None:
        known = {f"{topic}.{name}" for topic in TOPICS for name in self._symbols.values()}
        unknown = [topic for topic in request.args if topic not in known]
        if unknown or len(request.args) > TOPICS_A_FRAME:
            why = f"Invalid symbol :[{unknown[0]}]" if unknown else "args size >10"
            self._reply(request, why)
            return
        self._subscribed.update(request.args)
        self._reply(request, "", success=True)
        for of, name in self._symbols.items():
            if f"orderbook.50.{name}" in request.args:
                book = self._told[of] = self.market.book(of)
                self._tell("orderbook.50", book, _book_fields(book))

    def _tell(
        self,
        topic: str,
        event: Quote | Trade | Book | VenueCandle | Summary,
        data: object,
        kind: str = "snapshot",
    ) -> None:
        symbol = self._symbols.get(event.instrument, "")
        name = f"{topic}.{symbol}"
        if name not in self._subscribed:
            return
        if isinstance(data, dict):
            data = {("symbol" if topic == "tickers" else "s"): symbol, **data}
        time = event.event_ns // wire.MS
        self._post({"topic": name, "type": kind, "ts": time, "data": data})

    def _trade_fields(self, trade: Trade) -> dict[str, object]:
        return {
            "T": trade.event_ns // wire.MS,
            "s": self._symbols.get(trade.instrument, ""),
            "S": trade.side.title(),
            "v": wire.plain(trade.size),
            "p": wire.plain(trade.price),
            "i": trade.trade_id,
            "BT": False,
            "RPI": False,
            "seq": trade.sequence,
        }

    def _reply(self, request: Request, msg: str, *, success: bool = False) -> None:
        named = {"req_id": request.req_id} if request.req_id else {}
        reply = {"success": success, "ret_msg": msg, "conn_id": "7a1c", **named, "op": request.op}
        self._post(reply)

    def _post(self, fields: Mapping[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play Bybit's REST interface: the listing, books, trades, candles and summaries.

    Raises:
        LookupError: it does not serve ``path``, or does not list the symbol.

    """
    route, query = wire.route_of(path)
    known = {listing.symbol: listing.instrument for listing in market.listings}
    what = route.removeprefix("/v5/market/")
    if what == "instruments-info":
        return _answer_of([_symbol_fields(listing) for listing in market.listings])
    if what == "tickers":
        days = [(name, market.summary(of)) for name, of in known.items()]
        return _answer_of([{"symbol": name, **_ticker_fields(day)} for name, day in days if day])
    of = known[query.get("symbol", "")]
    limit = int(query.get("limit", "60"))
    match what:
        case "orderbook":
            book = market.book(of)
            times = {"ts": book.event_ns // wire.MS, "cts": book.event_ns // wire.MS}
            return _answer_with({"s": query["symbol"], **_book_fields(book), **times})
        case "recent-trade":
            trades = market.trades(of)[-min(limit, TRADES_AT_MOST) :]
            return _answer_of([_rest_trade_fields(one, query["symbol"]) for one in trades[::-1]])
        case "kline":
            first_ns = int(query.get("start", "0")) * wire.MS
            last_ns = int(query.get("end", str(2**53))) * wire.MS
            interval = INTERVALS_SERVED[query.get("interval", "1")]
            candles = of_interval(market.candles(of), interval)
            found = [one for one in candles if first_ns <= one.start_ns <= last_ns]
            rows = [_rest_candle_fields(one) for one in found[-limit:][::-1]]
            return _answer_with({"category": "spot", "symbol": query["symbol"], "list": rows})
    raise LookupError(f"bybit does not serve {path}")


def _answer_of(rows: Sequence[object]) -> bytes:
    return _answer_with({"category": "spot", "list": rows})


def _answer_with(result: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}})


def _best_fields(quote: Quote) -> dict[str, object]:
    return {
        "b": [(wire.plain(quote.bid), wire.plain(quote.bid_size))],
        "a": [(wire.plain(quote.ask), wire.plain(quote.ask_size))],
        "u": quote.sequence,
        "seq": quote.sequence,
    }


def _book_fields(book: Book) -> dict[str, object]:
    sides = {"b": _levels(book.bids), "a": _levels(book.asks)}
    return {**sides, "u": book.sequence, "seq": book.sequence}


def _change_fields(old: Book, new: Book) -> dict[str, object]:
    return {
        "b": _levels(difference(old.bids, new.bids)),
        "a": _levels(difference(old.asks, new.asks)),
        "u": new.sequence,
        "seq": new.sequence,
    }


def _levels(levels: Iterable[Level]) -> list[tuple[str, str]]:
    return [(wire.plain(level.price), wire.plain(level.size)) for level in levels]


def _candle_fields(candle: VenueCandle) -> dict[str, object]:
    start = candle.start_ns // wire.MS
    return {
        "start": start,
        "end": start + 59_999,
        "interval": "1",
        "open": wire.plain(candle.open),
        "close": wire.plain(candle.close),
        "high": wire.plain(candle.high),
        "low": wire.plain(candle.low),
        "volume": wire.plain(candle.volume),
        "turnover": wire.plain(candle.volume * candle.close),
        "confirm": candle.closed,
        "timestamp": candle.event_ns // wire.MS,
    }


def _ticker_fields(summary: Summary) -> dict[str, object]:
    numbers = {
        "highPrice24h": summary.high,
        "lowPrice24h": summary.low,
        "prevPrice24h": summary.open,
        "volume24h": summary.volume,
        "turnover24h": (summary.volume or 0.0) * summary.last,
        "usdIndexPrice": summary.last,
    }
    texts = {key: wire.plain(number) for key, number in numbers.items() if number}
    change = f"{summary.last / (summary.open or summary.last) - 1:.4f}"
    return {"lastPrice": wire.plain(summary.last), **texts, "price24hPcnt": change}


def _rest_trade_fields(trade: Trade, symbol: str) -> dict[str, object]:
    return {
        "execId": trade.trade_id,
        "symbol": symbol,
        "price": wire.plain(trade.price),
        "size": wire.plain(trade.size),
        "side": trade.side.title(),
        "time": str(trade.event_ns // wire.MS),
        "isBlockTrade": False,
        "seq": str(trade.sequence),
    }


def _rest_candle_fields(candle: VenueCandle) -> list[str]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    volumes = (candle.volume, candle.volume * candle.close)
    return [str(candle.start_ns // wire.MS), *map(wire.plain, (*prices, *volumes))]


def _symbol_fields(listing: Listing) -> dict[str, object]:
    lots = {"basePrecision": listing.lot_size, "minOrderAmt": listing.minimum_notional}
    ticks = {"tickSize": listing.tick_size}
    return {
        "symbol": listing.symbol,
        "baseCoin": listing.instrument.base,
        "quoteCoin": listing.instrument.quote_currency,
        "status": "Trading" if listing.trading else "PreLaunch",
        "lotSizeFilter": {key: wire.plain(step) for key, step in lots.items() if step},
        "priceFilter": {key: wire.plain(step) for key, step in ticks.items() if step},
    }
