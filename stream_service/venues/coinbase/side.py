"""Coinbase's side of the wire: what a client sends in, native frames and answers out.

Written from the same documents as our side, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from market import Book, Event, Instrument, Level, Listing, Summary, Trade, VenueCandle
from market.intervals import SECOND_NS
from stream_service import wire
from stream_service.longer import of_interval
from stream_service.venue import ExchangeSide, Market

CHANNELS = ("heartbeat", "matches", "ticker", "level2_batch")
KEY_NEEDED = ("level2", "level3", "full", "user")
CANDLES_AT_MOST = 300
TRADES_AT_MOST = 1_000


class ChannelOf(msgspec.Struct, frozen=True):
    """A channel with products of its own."""

    name: str
    product_ids: list[str] = []


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    type: str
    product_ids: list[str] = []
    channels: list[str | ChannelOf] = []


_request = msgspec.json.Decoder(Request)


class CoinbaseSide(ExchangeSide):
    """Coinbase Exchange as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._instruments = {listing.symbol: listing.instrument for listing in market.listings}
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: dict[tuple[str, str], None] = {}
        self._told: dict[str, Book] = {}

    def beat(self) -> None:
        """Post the heartbeats of the products that are subscribed to."""
        for channel, product in self._subscribed:
            if channel == "heartbeat":
                trades = self.market.trades(self._instruments[product])
                last = int(trades[-1].trade_id) if trades else 0
                at_ns = self.market.book(self._instruments[product]).event_ns
                fields = {"last_trade_id": last, "sequence": 0, "time": wire.rfc3339_of_ns(at_ns)}
                self._post("heartbeat", product, fields)

    def receive(self, frame: bytes) -> None:
        """Take a subscription; what is wrong with one channel or product refuses all of it."""
        try:
            request = _request.decode(frame)
        except wire.UNREADABLE:
            self._refuse("Malformed JSON", "the frame cannot be read")
            return
        wanted = list(_pairs(request))
        if request.type not in {"subscribe", "unsubscribe"}:
            self._refuse("Type has to be either subscribe or unsubscribe", request.type)
        elif reason := self._reason_against(wanted):
            self._refuse("Failed to subscribe", reason)
        elif request.type == "subscribe":
            fresh = [pair for pair in wanted if pair not in self._subscribed]
            self._subscribed.update(dict.fromkeys(fresh))
            self._confirm()
            self._begin(fresh)
        else:
            for pair in wanted:
                self._subscribed.pop(pair, None)
            self._confirm()

    def tell(self, event: Event) -> None:
        """Post a trade as ``match``, what changed in a book, a summary as ``ticker``."""
        match event:
            case Trade():
                self._tell("matches", "match", event.instrument, _match_fields(event))
            case Summary():
                fields = _ticker_fields(event, self.market.book(event.instrument))
                self._tell("ticker", "ticker", event.instrument, fields)
            case Book(instrument=instrument):
                product = self._symbols.get(instrument, "")
                if product in self._told:
                    old, self._told[product] = self._told[product], event
                    if changes := _changes(old, event):
                        at = wire.rfc3339_of_ns(event.event_ns)
                        fields = {"changes": changes, "time": at}
                        self._tell("level2_batch", "l2update", instrument, fields)

    def _reason_against(self, wanted: Sequence[tuple[str, str]]) -> str:
        """Say why a subscription is refused, or nothing."""
        for channel, product in wanted:
            if channel in KEY_NEEDED:
                return f"{channel} requires authentication"
            if channel not in CHANNELS:
                return f"{channel} is not a valid channel"
            if product not in self._instruments:
                return f"{product} is not a valid product"
        return "" if wanted else "no channels or no product_ids provided"

    def _confirm(self) -> None:
        products: dict[str, list[str]] = {}
        for channel, product in self._subscribed:
            products.setdefault(channel, []).append(product)
        channels = [{"name": name, "product_ids": ids} for name, ids in products.items()]
        self.post(msgspec.json.encode({"type": "subscriptions", "channels": channels}))

    def _begin(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Post what a channel begins with."""
        for channel, product in pairs:
            instrument = self._instruments[product]
            book = self.market.book(instrument)
            trades = self.market.trades(instrument)
            summary = self.market.summary(instrument)
            if channel == "matches" and trades:
                self._post("last_match", product, _match_fields(trades[-1]))
            if channel == "ticker" and summary:
                self._post("ticker", product, _ticker_fields(summary, book))
            if channel == "level2_batch":
                self._told[product] = book
                levels = {"asks": _rows(book.asks), "bids": _rows(book.bids)}
                at = wire.rfc3339_of_ns(book.event_ns) if _is_of_today(book) else None
                self._post("snapshot", product, levels | ({"time": at} if at else {}))

    def _tell(
        self, channel: str, kind: str, instrument: Instrument, fields: dict[str, object]
    ) -> None:
        product = self._symbols.get(instrument, "")
        if (channel, product) in self._subscribed:
            self._post(kind, product, fields)

    def _refuse(self, message: str, reason: str) -> None:
        self.post(msgspec.json.encode({"type": "error", "message": message, "reason": reason}))

    def _post(self, kind: str, product: str, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode({"type": kind, "product_id": product, **fields}))


def answer(path: str, market: Market) -> bytes:
    """Play the REST interface: the listing, books, trades with their pages, candles.

    Raises:
        LookupError: it does not serve ``path``, or does not list the product.

    """
    route, query = wire.route_of(path)
    listings = {listing.symbol: listing for listing in market.listings}
    match route.split("/")[1:]:
        case ["products"]:
            return msgspec.json.encode([_product_fields(listing) for listing in listings.values()])
        case ["products", product, "book"]:
            return msgspec.json.encode(_book_fields(market.book(listings[product].instrument)))
        case ["products", product, "trades"]:
            trades = market.trades(listings[product].instrument)
            return msgspec.json.encode(_past_trades(trades, query))
        case ["products", product, "candles"]:
            return msgspec.json.encode(_minutes(market, listings[product], query))
    raise LookupError(f"coinbase does not serve {path}")


def _pairs(request: Request) -> Iterable[tuple[str, str]]:
    for channel in request.channels:
        name = channel if isinstance(channel, str) else channel.name
        own = [] if isinstance(channel, str) else channel.product_ids
        yield from ((name, product) for product in own or request.product_ids)


def _is_of_today(book: Book) -> bool:
    return book.event_ns >= wire.EARLIEST_NS


def _rows(levels: Sequence[Level]) -> list[tuple[str, str]]:
    return [(wire.plain(level.price), wire.plain(level.size, 8)) for level in levels]


def _changes(old: Book, new: Book) -> list[tuple[str, str, str]]:
    return [
        (side, wire.plain(price), wire.plain(size, 8))
        for side, before, after in (("buy", old.bids, new.bids), ("sell", old.asks, new.asks))
        for price, size in _difference(before, after)
    ]


def _difference(before: Sequence[Level], after: Sequence[Level]) -> Iterable[tuple[float, float]]:
    sizes = {level.price: level.size for level in after}
    known = {level.price: level.size for level in before}
    yield from ((price, 0.0) for price in known if price not in sizes)
    yield from ((price, size) for price, size in sizes.items() if known.get(price) != size)


def _maker(trade: Trade) -> str:
    return "buy" if trade.side == "sell" else "sell"


def _match_fields(trade: Trade) -> dict[str, object]:
    return {
        "trade_id": int(trade.trade_id),
        "maker_order_id": str(UUID(int=2 * int(trade.trade_id))),
        "taker_order_id": str(UUID(int=2 * int(trade.trade_id) + 1)),
        "side": _maker(trade),
        "size": wire.plain(trade.size),
        "price": wire.plain(trade.price),
        "sequence": int(trade.trade_id),
        "time": wire.rfc3339_of_ns(trade.event_ns),
    }


def _ticker_fields(summary: Summary, book: Book) -> dict[str, object]:
    numbers = {
        "price": summary.last,
        "open_24h": summary.open or 0.0,
        "volume_24h": summary.volume or 0.0,
        "low_24h": summary.low or 0.0,
        "high_24h": summary.high or 0.0,
        "volume_30d": 30 * (summary.volume or 0.0),
        "best_bid": book.bids[0].price if book.bids else 0.0,
        "best_bid_size": book.bids[0].size if book.bids else 0.0,
        "best_ask": book.asks[0].price if book.asks else 0.0,
        "best_ask_size": book.asks[0].size if book.asks else 0.0,
    }
    return {
        "sequence": summary.sequence,
        **{key: wire.plain(value) for key, value in numbers.items()},
        "side": "buy",
        "time": wire.rfc3339_of_ns(summary.event_ns),
        "trade_id": summary.sequence,
        "last_size": wire.plain(summary.volume or 0.0),
    }


def _product_fields(listing: Listing) -> dict[str, object]:
    return {
        "id": listing.symbol,
        "base_currency": listing.instrument.base,
        "quote_currency": listing.instrument.quote_currency,
        "quote_increment": wire.plain(listing.tick_size or 0.01),
        "base_increment": wire.plain(listing.lot_size or 1e-8),
        "min_market_funds": wire.plain(listing.minimum_notional or 1.0),
        "status": "online" if listing.trading else "delisted",
        "trading_disabled": not listing.trading,
    }


def _book_fields(book: Book) -> dict[str, object]:
    return {
        "bids": [(*row, 1) for row in _rows(book.bids)],
        "asks": [(*row, 1) for row in _rows(book.asks)],
        "sequence": book.sequence,
        "time": wire.rfc3339_of_ns(book.event_ns),
    }


def _past_trades(trades: Sequence[Trade], query: dict[str, str]) -> list[dict[str, object]]:
    """Return a page, newest first; ``after`` a trade means older than it here."""
    older = [trade for trade in trades if int(trade.trade_id) < int(query.get("after", 2**63))]
    page = older[-int(query.get("limit", TRADES_AT_MOST)) :]
    return [_match_fields(trade) for trade in reversed(page)]


def _minutes(market: Market, listing: Listing, query: dict[str, str]) -> list[list[object]]:
    """Return candles, newest first, low and high before open and close."""
    interval = wire.MINUTES[int(query["granularity"]) // 60]
    start, end = (_second(query.get(key, "")) for key in ("start", "end"))
    candles = of_interval(market.candles(listing.instrument), interval)
    wanted = [one for one in candles if start <= one.start_ns // SECOND_NS <= (end or 2**63)]
    return [_minute_row(candle) for candle in reversed(wanted[-CANDLES_AT_MOST:])]


def _second(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) if text else 0


def _minute_row(candle: VenueCandle) -> list[object]:
    numbers = (candle.low, candle.high, candle.open, candle.close, candle.volume)
    texts = [msgspec.Raw(wire.plain(value).encode()) for value in numbers]
    return [candle.start_ns // SECOND_NS, *texts]
