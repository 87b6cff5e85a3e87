"""Kraken's side of the wire, as the simulator plays it.

Written from the same documents as ours, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

from collections.abc import Sequence
from decimal import Decimal
from zlib import crc32

import msgspec

from market import Book, Event, Instrument, Level, Listing, Quote, Summary, Trade, VenueCandle
from market.instrument import ALIASES
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.books import BEST, difference
from stream_service.longer import of_interval
from stream_service.venue import ExchangeSide, Market

OLD_CODES = {code: old for old, code in ALIASES.items()}
SNAPSHOT_AT_MOST = 50
DEPTHS = (10, 25, 100, 500, 1000)
MINUTES_AT_MOST = 720
CHANNELS = ("ticker", "trade", "book", "ohlc")


class Params(msgspec.Struct, frozen=True):
    """What a client subscribes to; without ``snapshot`` every channel but trade begins with one."""

    channel: str
    symbol: list[str] = []
    snapshot: bool | None = None
    depth: int = BEST
    interval: int = 1


class Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client sends."""

    method: str
    params: Params | None = None
    req_id: int | None = None


_request = msgspec.json.Decoder(Request)


class KrakenSide(ExchangeSide):
    """Kraken as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._listings = {listing.symbol: listing for listing in market.listings}
        self._by_instrument = {listing.instrument: listing for listing in market.listings}
        self._subscribed: set[tuple[str, str]] = set()
        self._told: dict[str, Book] = {}
        self._days: dict[str, Summary | None] = {}

    def opened(self) -> None:
        """Post the state of the venue."""
        status = {"version": "2.0.10", "system": "online", "api_version": "v2"}
        self._post({"channel": "status", "type": "update", "data": [status]})

    def beat(self) -> None:
        """Post a heartbeat, once there is a subscription."""
        if self._subscribed:
            self._post({"channel": "heartbeat"})

    def receive(self, frame: bytes) -> None:
        """Take a subscription, with a reply for each symbol, or a ping."""
        try:
            request = _request.decode(frame)
        except wire.UNREADABLE as error:
            self._post({"error": f"Malformed request: {error}", "success": False})
            return
        match request:
            case Request(method="ping"):
                self._reply(request, {})
            case Request(method="subscribe" | "unsubscribe", params=Params() as params):
                if params.channel == "instrument":
                    self._reply(request, {"result": {"channel": "instrument"}, "success": True})
                elif why_not := _why_not(params):
                    self._reply(request, {"error": why_not, "success": False})
                else:
                    for symbol in params.symbol:
                        self._take(request, params, symbol)
            case _:
                self._reply(request, {"error": "Unknown method", "success": False})

    def tell(self, event: Event) -> None:
        """Post a quote or summary as ``ticker``, a book as what changed in it."""
        match event:
            case Quote() if listing := self._subscriber("ticker", event.instrument):
                self._tell("ticker", "update", [self._ticker(listing, event)])
            case Summary() if listing := self._subscriber("ticker", event.instrument):
                self._days[listing.symbol] = event
                if quote := _best_of(self.market.book(event.instrument), event):
                    self._tell("ticker", "update", [self._ticker(listing, quote)])
            case Trade() if listing := self._subscriber("trade", event.instrument):
                self._tell("trade", "update", [_trade_fields(listing, event)])
            case VenueCandle() if listing := self._subscriber("ohlc", event.instrument):
                self._tell_candles(listing, "update", [event])
            case Book() if listing := self._subscriber("book", event.instrument):
                old, self._told[listing.symbol] = self._told[listing.symbol], event
                bids, asks = _change(old.bids, event.bids), _change(old.asks, event.asks)
                if bids or asks:
                    self._tell("book", "update", [_book_fields(listing, event, bids, asks)])

    def _subscriber(self, channel: str, instrument: Instrument) -> Listing | None:
        listing = self._by_instrument.get(instrument)
        return listing if listing and (channel, listing.symbol) in self._subscribed else None

    def _take(self, request: Request, params: Params, symbol: str) -> None:
        key = (params.channel, symbol)
        why_not = ""
        if symbol not in self._listings:
            why_not = f"Currency pair not supported {symbol}"
        elif request.method == "subscribe" and key in self._subscribed:
            why_not = "Already subscribed"
        elif request.method == "unsubscribe" and key not in self._subscribed:
            why_not = "Subscription not found"
        if why_not:
            self._reply(request, {"error": why_not, "success": False, "symbol": symbol})
            return
        result = {"channel": params.channel, "symbol": symbol}
        self._reply(request, {"result": result, "success": True})
        if request.method == "unsubscribe":
            self._subscribed.discard(key)
            return
        self._subscribed.add(key)
        has_snapshot = params.channel != "trade" if params.snapshot is None else params.snapshot
        self._begin(params.channel, self._listings[symbol], has_snapshot=has_snapshot)

    def _begin(self, channel: str, listing: Listing, *, has_snapshot: bool) -> None:
        instrument = listing.instrument
        book = self.market.book(instrument)
        self._told[listing.symbol] = book
        match channel:
            case "ticker":
                self._days[listing.symbol] = self.market.summary(instrument)
                if has_snapshot and (quote := _best_of(book)):
                    self._tell("ticker", "snapshot", [self._ticker(listing, quote)])
            case "book" if has_snapshot:
                fields = _book_fields(listing, book, book.bids[:BEST], book.asks[:BEST])
                self._tell("book", "snapshot", [fields])
            case "trade" if has_snapshot:
                trades = self.market.trades(instrument)[-SNAPSHOT_AT_MOST:]
                self._tell("trade", "snapshot", [_trade_fields(listing, one) for one in trades])
            case "ohlc" if has_snapshot:
                candles = self.market.candles(instrument)[-MINUTES_AT_MOST:]
                self._tell_candles(listing, "snapshot", candles)

    def _ticker(self, listing: Listing, quote: Quote) -> dict[str, object]:
        day = self._days.get(listing.symbol)
        return {
            **_quote_fields(listing, quote),
            **(_NO_DAY if day is None else _day_fields(day)),
            "timestamp": wire.rfc3339_of_ns(quote.event_ns),
        }

    def _tell_candles(self, listing: Listing, kind: str, candles: Sequence[VenueCandle]) -> None:
        rows = [_candle_fields(listing, candle) for candle in candles]
        if rows:
            timestamp = wire.rfc3339_of_ns(candles[-1].event_ns)
            self._post({"channel": "ohlc", "type": kind, "timestamp": timestamp, "data": rows})

    def _tell(self, channel: str, kind: str, rows: Sequence[dict[str, object]]) -> None:
        self._post({"channel": channel, "type": kind, "data": rows})

    def _reply(self, request: Request, fields: dict[str, object]) -> None:
        method = "pong" if request.method == "ping" else request.method
        number = {} if request.req_id is None else {"req_id": request.req_id}
        self._post({"method": method, **fields, **number})

    def _post(self, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play Kraken's REST interface: listing, depth, recent trades, candles and summaries.

    Raises:
        LookupError: it does not serve ``path``, or does not list the pair.

    """
    route, query = wire.route_of(path)
    names = {_rest_symbol(listing): listing for listing in market.listings}
    result: dict[str, object]
    match route:
        case "/0/public/AssetPairs":
            result = {name: _pair_fields(listing) for name, listing in names.items()}
        case "/0/public/SystemStatus":
            result = {"status": "online"}
        case "/0/public/Ticker":
            asked = [query["pair"]] if "pair" in query else list(names)
            days = {name: market.summary(names[name].instrument) for name in asked}
            result = {
                name: _rest_ticker_fields(day, market.book(day.instrument))
                for name, day in days.items()
                if day is not None
            }
        case "/0/public/Depth":
            listing, count = names[query["pair"]], int(query.get("count", "100"))
            result = {query["pair"]: _depth_fields(listing, market.book(listing.instrument), count)}
        case "/0/public/Trades":
            result = _trades_since(query, market.trades(names[query["pair"]].instrument))
        case "/0/public/OHLC":
            minutes = market.candles(names[query["pair"]].instrument)
            interval = wire.MINUTES[int(query.get("interval", "1"))]
            result = _candles_since(query, of_interval(minutes, interval))
        case _:
            raise LookupError(f"kraken does not serve {path}")
    return msgspec.json.encode({"error": [], "result": result})


def _why_not(params: Params) -> str:
    """Say what is wrong with a subscription whatever it is to, or nothing."""
    if params.channel not in CHANNELS:
        return "Event(s) not found"
    if params.channel == "book" and params.depth not in DEPTHS:
        return "Subscription depth not supported"
    return ""


def _trades_since(query: dict[str, str], trades: Sequence[Trade]) -> dict[str, object]:
    """Page forward from ``since``; without it, return the newest."""
    count = int(query.get("count", "1000"))
    if "since" in query:
        page = [one for one in trades if one.event_ns > int(query["since"])][:count]
    else:
        page = list(trades[-count:])
    last = str(page[-1].event_ns) if page else query.get("since", "0")
    return {query["pair"]: [_rest_trade_fields(trade) for trade in page], "last": last}


def _candles_since(query: dict[str, str], candles: Sequence[VenueCandle]) -> dict[str, object]:
    since_ns = int(query.get("since", "0")) * SECOND_NS
    rows = [candle for candle in candles if candle.start_ns > since_ns][-MINUTES_AT_MOST:]
    last = rows[-2].start_ns // SECOND_NS if len(rows) > 1 else 0
    return {query["pair"]: [_rest_candle_fields(candle) for candle in rows], "last": last}


def _change(old: Sequence[Level], new: Sequence[Level]) -> list[Level]:
    """Name what changed within the depth; a level that is pushed out of it is not named."""
    still_there = {level.price for level in new}
    changed = difference(old[:BEST], new[:BEST])
    return [level for level in changed if level.size or level.price not in still_there]


def _book_fields(
    listing: Listing, book: Book, bids: Sequence[Level], asks: Sequence[Level]
) -> dict[str, object]:
    return {
        "symbol": listing.symbol,
        "bids": [_level_fields(listing, level) for level in bids],
        "asks": [_level_fields(listing, level) for level in asks],
        "checksum": _checksum(listing, book),
        "timestamp": wire.rfc3339_of_ns(book.event_ns),
    }


def _checksum(listing: Listing, book: Book) -> int:
    levels = [*book.asks[:BEST], *book.bids[:BEST]]
    texts = [text for level in levels for text in _wire_texts(listing, level)]
    return crc32(b"".join(text.replace(b".", b"").lstrip(b"0") for text in texts))


def _level_fields(listing: Listing, level: Level) -> dict[str, object]:
    price, size = _wire_texts(listing, level)
    return {"price": msgspec.Raw(price), "qty": msgspec.Raw(size)}


def _wire_texts(listing: Listing, level: Level) -> tuple[bytes, bytes]:
    """Write price and size with all the zeros that their steps ask for, as Kraken does."""
    price = wire.plain(level.price, wire.decimals_of(listing.tick_size))
    size = wire.plain(level.size, wire.decimals_of(listing.lot_size))
    return price.encode(), size.encode()


def _best_of(book: Book, day: Summary | None = None) -> Quote | None:
    """Return the best levels of a book, at the prices that a summary tells, if it does."""
    if not (book.bids and book.asks):
        return None
    stamped = book if day is None else day
    return Quote(
        venue=book.venue,
        instrument=book.instrument,
        bid=(day and day.bid) or book.bids[0].price,
        bid_size=book.bids[0].size,
        ask=(day and day.ask) or book.asks[0].price,
        ask_size=book.asks[0].size,
        event_ns=stamped.event_ns,
        received_ns=stamped.received_ns,
        sequence=stamped.sequence,
    )


def _quote_fields(listing: Listing, quote: Quote) -> dict[str, object]:
    bid = _level_fields(listing, Level(quote.bid, quote.bid_size))
    ask = _level_fields(listing, Level(quote.ask, quote.ask_size))
    return {
        "symbol": listing.symbol,
        "bid": bid["price"],
        "bid_qty": bid["qty"],
        "ask": ask["price"],
        "ask_qty": ask["qty"],
    }


_NO_DAY = dict.fromkeys(("last", "volume", "vwap", "low", "high", "change", "change_pct"), 0)


def _day_fields(day: Summary) -> dict[str, object]:
    opened = day.last if day.open is None else day.open
    change = Decimal(repr(day.last)) - Decimal(repr(opened))
    return {
        "last": _raw(day.last),
        "volume": _raw(day.volume or 0.0),
        "vwap": _raw(day.last),
        "low": _raw(day.low or 0.0),
        "high": _raw(day.high or 0.0),
        "change": msgspec.Raw(format(change, "f").encode()),
        "change_pct": msgspec.Raw(f"{100 * (day.last / opened - 1):.2f}".encode()),
    }


def _raw(value: float) -> msgspec.Raw:
    return msgspec.Raw(wire.plain(value).encode())


def _trade_fields(listing: Listing, trade: Trade) -> dict[str, object]:
    return {
        "symbol": listing.symbol,
        "side": trade.side,
        **_level_fields(listing, Level(trade.price, trade.size)),
        "ord_type": "market",
        "trade_id": int(trade.trade_id),
        "timestamp": wire.rfc3339_of_ns(trade.event_ns),
    }


def _candle_fields(listing: Listing, candle: VenueCandle) -> dict[str, object]:
    end_ns = candle.start_ns + INTERVALS["1m"]
    return {
        "symbol": listing.symbol,
        "open": _raw(candle.open),
        "high": _raw(candle.high),
        "low": _raw(candle.low),
        "close": _raw(candle.close),
        "trades": candle.trades or 1,
        "volume": _raw(candle.volume),
        "vwap": _raw(candle.close),
        "interval_begin": wire.rfc3339_of_ns(candle.start_ns).replace("Z", "000Z"),
        "interval": 1,
        "timestamp": wire.rfc3339_of_ns(end_ns),
    }


def _rest_symbol(listing: Listing) -> str:
    return listing.rest_symbol or listing.symbol


def _pair_fields(listing: Listing) -> dict[str, object]:
    codes = (listing.instrument.base, listing.instrument.quote_currency)
    steps = {
        "tick_size": listing.tick_size and wire.plain(listing.tick_size),
        "lot_decimals": listing.lot_size and wire.decimals_of(listing.lot_size),
        "costmin": listing.minimum_notional and wire.plain(listing.minimum_notional),
    }
    return {
        "altname": _rest_symbol(listing),
        "wsname": "/".join(OLD_CODES.get(code, code) for code in codes),
        "status": "online" if listing.trading else "cancel_only",
        **{name: step for name, step in steps.items() if step is not None},
    }


def _depth_fields(listing: Listing, book: Book, count: int) -> dict[str, object]:
    second = book.event_ns // SECOND_NS
    sides = (("asks", book.asks), ("bids", book.bids))
    return {
        name: [
            [*map(bytes.decode, _wire_texts(listing, level)), second] for level in levels[:count]
        ]
        for name, levels in sides
    }


def _rest_trade_fields(trade: Trade) -> list[object]:
    seconds, fraction = divmod(trade.event_ns, SECOND_NS)
    time = msgspec.Raw(f"{seconds}.{fraction:09d}".encode())
    side = "b" if trade.side == "buy" else "s"
    price, size = wire.plain(trade.price), wire.plain(trade.size)
    return [price, size, time, side, "m", "", int(trade.trade_id)]


def _rest_candle_fields(candle: VenueCandle) -> list[object]:
    prices = (candle.open, candle.high, candle.low, candle.close, candle.close, candle.volume)
    start = candle.start_ns // SECOND_NS
    return [start, *[wire.plain(value) for value in prices], candle.trades or 1]


def _rest_ticker_fields(day: Summary, book: Book) -> dict[str, object]:
    """Write a day; what is of today, and here only guessed at, comes before the 24 hours."""
    last, volume = wire.plain(day.last), wire.plain(day.volume or 0.0)
    quote = _best_of(book, day)
    bid, ask = (quote.bid, quote.ask) if quote else (0.0, 0.0)
    return {
        "a": [wire.plain(ask), "1", "1.000"],
        "b": [wire.plain(bid), "1", "1.000"],
        "c": [last, "1.00000000"],
        "v": [volume, volume],
        "p": [last, last],
        "t": [1, 1],
        "l": [wire.plain(day.low or 0.0)] * 2,
        "h": [wire.plain(day.high or 0.0)] * 2,
        "o": wire.plain(day.last if day.open is None else day.open),
    }
