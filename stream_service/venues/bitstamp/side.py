"""Bitstamp's side of the wire: what a client sends in, native frames and answers out.

Written from the same documents as our side, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

import re
from collections.abc import Sequence

import msgspec

from market import Book, Event, Instrument, Level, Listing, Trade, VenueCandle
from stream_service import wire
from stream_service.books import difference
from stream_service.longer import of_interval
from stream_service.venue import ExchangeSide, Market

US = 1_000
SECOND = 1_000 * wire.MS

FRAME_BELOW = 512
"""Bytes; the venue hangs up on a frame that is not shorter."""

LEVELS_TOLD = 100
SPANS = {"minute": 60, "hour": 3_600, "day": 86_400}
_channel_form = re.compile(
    r"(live_trades|live_orders|order_book|diff_order_book|detail_order_book)_[a-z0-9]+(-perp)?"
)


class RequestedChannel(msgspec.Struct, frozen=True):
    """What a client wants, or no longer."""

    channel: str = ""


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    event: str
    data: RequestedChannel = RequestedChannel()


_request = msgspec.json.Decoder(Request)


class BitstampSide(ExchangeSide):
    """Bitstamp as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: set[str] = set()
        self._told: dict[Instrument, Book] = {}

    def receive(self, frame: bytes) -> None:
        """Take one subscription a frame, or a heartbeat; unknown markets are accepted too."""
        try:
            request = _request.decode(frame)
        except wire.UNREADABLE:
            self._refuse("Incorrect JSON format.")
            return
        channel = request.data.channel
        match request.event:
            case "bts:heartbeat":
                self._post("bts:heartbeat", "", {"status": "success"})
            case "bts:subscribe" | "bts:unsubscribe" if len(frame) >= FRAME_BELOW or not channel:
                self._refuse("Bad subscription string.")
            case "bts:subscribe" | "bts:unsubscribe" if not _channel_form.fullmatch(channel):
                self._refuse("Invalid channel provided.")
            case "bts:subscribe":
                self._subscribed.add(channel)
                self._remember(channel)
                self._post("bts:subscription_succeeded", channel, {})
            case "bts:unsubscribe":
                self._subscribed.discard(channel)
                self._post("bts:unsubscription_succeeded", channel, {})
            case _:
                self._refuse("Incorrect JSON format.")

    def tell(self, event: Event) -> None:
        """Post a trade, a book whole, or what changed in it."""
        match event:
            case Trade(instrument=instrument):
                self._tell("trade", f"live_trades_{self._symbol(instrument)}", _trade_fields(event))
            case Book(instrument=instrument):
                symbol = self._symbol(instrument)
                whole = _book_fields(event.bids[:LEVELS_TOLD], event.asks[:LEVELS_TOLD], event)
                self._tell("data", f"order_book_{symbol}", whole)
                if instrument in self._told:
                    old, self._told[instrument] = self._told[instrument], event
                    changes = difference(old.bids, event.bids), difference(old.asks, event.asks)
                    self._tell("data", f"diff_order_book_{symbol}", _book_fields(*changes, event))

    def _remember(self, channel: str) -> None:
        """Keep the book that changes are told of from now on."""
        for instrument, symbol in self._symbols.items():
            if channel == f"diff_order_book_{symbol}":
                self._told[instrument] = self.market.book(instrument)

    def _symbol(self, instrument: Instrument) -> str:
        return self._symbols.get(instrument, "")

    def _tell(self, event: str, channel: str, fields: dict[str, object]) -> None:
        if channel in self._subscribed:
            self._post(event, channel, fields)

    def _refuse(self, message: str) -> None:
        self._post("bts:error", "", {"code": None, "message": message})

    def _post(self, event: str, channel: str, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode({"data": fields, "channel": channel, "event": event}))


def answer(path: str, market: Market) -> bytes:
    """Play Bitstamp's REST interface: the listing, books, trades, candles and summaries.

    Raises:
        LookupError: it does not serve ``path``, or does not list the market.

    """
    route, query = wire.route_of(path)
    listings = {listing.symbol: listing for listing in market.listings}
    match route.split("/"):
        case ["", "api", "v2", "markets", ""]:
            return msgspec.json.encode([_market_fields(listing) for listing in listings.values()])
        case ["", "api", "v2", "ticker", ""]:
            rows = [_summary_fields(listing, market) for listing in listings.values()]
            return msgspec.json.encode([row for row in rows if row])
        case ["", "api", "v2", "ticker", symbol, ""]:
            return msgspec.json.encode(_summary_fields(listings[symbol], market))
        case ["", "api", "v2", "order_book", symbol, ""]:
            book = market.book(listings[symbol].instrument)
            return msgspec.json.encode(_book_fields(book.bids, book.asks, book))
        case ["", "api", "v2", "transactions", symbol, ""]:
            trades = market.trades(listings[symbol].instrument)
            return msgspec.json.encode(_past_trades(trades, SPANS[query.get("time", "hour")]))
        case ["", "api", "v2", "ohlc", symbol, ""]:
            return msgspec.json.encode(_candle_fields(listings[symbol], market, query))
    raise LookupError(f"bitstamp does not serve {path}")


def _number(value: float) -> msgspec.Raw:
    return msgspec.Raw(wire.plain(value).encode())


def _trade_fields(trade: Trade) -> dict[str, object]:
    return {
        "id": int(trade.trade_id),
        "timestamp": str(trade.event_ns // SECOND),
        "amount": _number(trade.size),
        "amount_str": wire.plain(trade.size, 8),
        "price": _number(trade.price),
        "price_str": wire.plain(trade.price),
        "type": 1 if trade.side == "sell" else 0,
        "microtimestamp": str(trade.event_ns // US),
        "buy_order_id": 2 * int(trade.trade_id),
        "sell_order_id": 2 * int(trade.trade_id) + 1,
    }


def _book_fields(bids: Sequence[Level], asks: Sequence[Level], book: Book) -> dict[str, object]:
    return {
        "timestamp": str(book.event_ns // SECOND),
        "microtimestamp": str(book.event_ns // US),
        "bids": [(wire.plain(level.price), wire.plain(level.size, 8)) for level in bids],
        "asks": [(wire.plain(level.price), wire.plain(level.size, 8)) for level in asks],
    }


def _past_trades(trades: Sequence[Trade], span_s: int) -> list[dict[str, object]]:
    """Return the trades of a time that ends with the newest, newest first."""
    newest_ns = trades[-1].event_ns if trades else 0
    recent = [trade for trade in trades if newest_ns - trade.event_ns < span_s * SECOND]
    return [
        {
            "date": str(trade.event_ns // SECOND),
            "tid": trade.trade_id,
            "amount": wire.plain(trade.size, 8),
            "type": "1" if trade.side == "sell" else "0",
            "price": wire.plain(trade.price),
        }
        for trade in reversed(recent)
    ]


def _name(listing: Listing) -> str:
    return f"{listing.instrument.base}/{listing.instrument.quote_currency}"


def _market_fields(listing: Listing) -> dict[str, object]:
    return {
        "name": _name(listing),
        "market_symbol": listing.symbol,
        "base_currency": listing.instrument.base,
        "base_decimals": wire.decimals_of(listing.lot_size),
        "counter_currency": listing.instrument.quote_currency,
        "counter_decimals": wire.decimals_of(listing.tick_size),
        "minimum_order_value": wire.plain(listing.minimum_notional or 10.0),
        "trading": "Enabled" if listing.trading else "Disabled",
        "market_type": "SPOT",
    }


def _summary_fields(listing: Listing, market: Market) -> dict[str, object]:
    summary = market.summary(listing.instrument)
    if summary is None:
        return {}
    book = market.book(listing.instrument)
    told = {
        "last": summary.last,
        "open": summary.open,
        "open_24": summary.open,
        "high": summary.high,
        "low": summary.low,
        "volume": summary.volume,
        "bid": book.bids[0].price if book.bids else None,
        "ask": book.asks[0].price if book.asks else None,
    }
    return {
        "timestamp": str(summary.event_ns // SECOND),
        **{key: None if value is None else wire.plain(value) for key, value in told.items()},
        "market": _name(listing),
        "pair": _name(listing),
    }


def _candle_fields(listing: Listing, market: Market, query: dict[str, str]) -> dict[str, object]:
    interval = wire.MINUTES[int(query["step"]) // 60]
    start, end = int(query.get("start", "0")), int(query.get("end", wire.LATEST_NS // SECOND))
    candles = of_interval(market.candles(listing.instrument), interval)
    wanted = [candle for candle in candles if start <= candle.start_ns // SECOND <= end]
    rows = [_minute_fields(candle) for candle in wanted[-int(query["limit"]) :]]
    return {"data": {"pair": _name(listing), "ohlc": rows}}


def _minute_fields(candle: VenueCandle) -> dict[str, str]:
    return {
        "timestamp": str(candle.start_ns // SECOND),
        "open": wire.plain(candle.open),
        "high": wire.plain(candle.high),
        "low": wire.plain(candle.low),
        "close": wire.plain(candle.close),
        "volume": wire.plain(candle.volume, 8),
    }
