"""Kraken spot, WebSocket v2: frames in, quotes, trades and books out.

Source: https://docs.kraken.com/api/docs/websocket-v2/ticker, .../trade, .../book, and
https://docs.kraken.com/api/docs/guides/spot-ws-book-v2 for the checksum.

Symbols are ``BTC/USD``, in today's codes; REST still says XBT and XDG. Numbers are JSON numbers
with all their zeros, times RFC 3339. A subscription is answered symbol by symbol; one that was
refused is refused once, and then silent behind the heartbeats of the others.
"""

from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import urlencode
from zlib import crc32

import msgspec

from market import (
    Book,
    Event,
    FrameError,
    Instrument,
    Level,
    Listing,
    Quote,
    Trade,
    VenueRefusedError,
    VenueStatus,
)
from market.instrument import ALIASES
from stream_service import wire
from stream_service.books import BEST, BookWatch, difference
from stream_service.checked_book import CheckedBook
from stream_service.venue import (
    NO_OPTIONS,
    ExchangeSide,
    HttpRequest,
    ListingRequests,
    Market,
    Options,
    Session,
    Venue,
    direct,
)

NAME = "kraken"
BUSY = ("EAPI:Rate limit exceeded", "EGeneral:Too many requests", "EService:Busy")


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Streams carry ``channel``; replies carry ``method``, and ``error`` when they refuse."""

    channel: str = ""
    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")
    method: str = ""
    success: bool = True
    symbol: str = ""
    error: str = ""
    too_fast: str = msgspec.field(name="Error", default="")


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask; all zero where there is none, without time in older frames."""

    symbol: str
    bid: wire.OrZero
    bid_qty: wire.OrZero
    ask: wire.OrZero
    ask_qty: wire.OrZero
    timestamp: str = ""


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One execution; ``side`` is the taker's."""

    symbol: str
    side: Literal["buy", "sell"]
    price: wire.Price
    qty: wire.Size
    trade_id: wire.Number
    timestamp: str


class RestTradeRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One execution, over REST; ``side`` is the taker's, ``time`` in seconds with a fraction."""

    price: wire.Price
    qty: wire.Size
    time: msgspec.Raw
    side: Literal["b", "s"]
    order_type: str
    miscellaneous: str
    trade_id: wire.Number


class LevelRow(msgspec.Struct, frozen=True, gc=False):
    """One level, as text: the checksum runs over the digits as they were sent."""

    price: msgspec.Raw
    qty: msgspec.Raw


class BookRow(msgspec.Struct, frozen=True, gc=False):
    """A book, or the levels of it that changed, and the checksum of what it is then."""

    symbol: str
    bids: list[LevelRow]
    asks: list[LevelRow]
    checksum: int
    timestamp: str = ""


class PairRow(msgspec.Struct, frozen=True):
    """One listed symbol."""

    altname: str
    wsname: str = ""
    status: str = "online"
    pair_decimals: wire.Places | None = None
    lot_decimals: wire.Places | None = None
    tick_size: wire.OrZero = 0.0
    costmin: wire.OrZero = 0.0


class Answer(msgspec.Struct, frozen=True):
    """Every answer over REST, those to a fault too."""

    error: list[str] = []
    result: dict[str, msgspec.Raw] = {}


_envelope = msgspec.json.Decoder(Envelope)
_tickers = msgspec.json.Decoder(list[Ticker])
_trades = msgspec.json.Decoder(list[TradeRow])
_books = msgspec.json.Decoder(list[BookRow])
_answer = msgspec.json.Decoder(Answer)
_rest_trades = msgspec.json.Decoder(list[RestTradeRow], strict=False)
_pair = msgspec.json.Decoder(PairRow, strict=False)


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every pair that the stream knows."""
    body = yield HttpRequest("/0/public/AssetPairs")
    try:
        pairs = [_pair.decode(pair) for pair in _result(body).values()]
        return [_listing(pair) for pair in pairs if pair.wsname]
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def symbol(instrument: Instrument) -> str:
    """Return the name of ``instrument`` on the stream, in today's codes."""
    return f"{instrument.base}/{instrument.quote_currency}"


class KrakenSession(Session):
    """One connection to the public channels."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._books: dict[str, CheckedBook] = {}
        self._refused: set[str] = set()
        self._watches = {
            symbol: BookWatch(NAME, listing.instrument, self.number)
            for symbol, listing in self.listings.items()
        }

    def opened(self) -> None:
        """Subscribe to all channels of every symbol."""
        symbols = list(self.listings)
        # the ticker's own trigger is trades, which leaves bid and ask stale in between
        self._send("subscribe", "ticker", symbols, event_trigger="bbo")
        self._send("subscribe", "trade", symbols, snapshot=False)
        self._send("subscribe", "book", symbols, depth=BEST)

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; heartbeats, status and replies give no event."""
        try:
            return list(self._events(_envelope.decode(frame), received_ns))
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; takes recent trades, asks again where the venue is busy."""
        try:
            match request.about:
                case ("trades", Instrument() as instrument):
                    [rows] = [rows for key, rows in _result(body).items() if key != "last"]
                    trades = sorted(_rest_trades.decode(rows), key=lambda row: row.trade_id)
                    return [_rest_trade(row, instrument, received_ns) for row in trades]
                case _:
                    return ()
        except wire.UNREADABLE as error:
            if str(error).startswith(BUSY):
                self.ask(request)
            raise FrameError(NAME, body, str(error)) from error

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`."""
        del after
        listing = self.listings[symbol(instrument)]
        query = urlencode({"pair": listing.rest_symbol or listing.symbol, "count": 1_000})
        request = HttpRequest(f"/0/public/Trades?{query}", ("trades", instrument))
        return None if before else request

    def heartbeat(self) -> None:
        """Post a ping, and subscribe anew to the books that did not come or came wrong."""
        self.post(msgspec.json.encode({"method": "ping"}))
        missing = self.listings.keys() - self._books.keys() - self._refused
        if missing:
            self._renew_books(sorted(missing))

    def _send(self, method: str, channel: str, symbols: list[str], **params: object) -> None:
        params = {"channel": channel, "symbol": symbols, **params}
        self.post(msgspec.json.encode({"method": method, "params": params}))

    def _renew_books(self, symbols: list[str]) -> None:
        self._send("unsubscribe", "book", symbols, depth=BEST)
        self._send("subscribe", "book", symbols, depth=BEST)

    def _events(self, envelope: Envelope, received_ns: int) -> Iterator[Event]:
        is_snapshot = envelope.type == "snapshot"
        match envelope.channel:
            case "ticker":
                tickers = _tickers.decode(envelope.data)
                yield from (self._quote(row, received_ns) for row in tickers if row.bid and row.ask)
            case "trade":
                for row in _trades.decode(envelope.data):
                    yield self._trade(row, received_ns, backfilled=is_snapshot)
            case "book":
                for book in _books.decode(envelope.data):
                    yield from self._book(book, received_ns, is_snapshot=is_snapshot)
            case "":
                yield from self._reply(envelope, received_ns)

    def _quote(self, row: Ticker, received_ns: int) -> Quote:
        return Quote(
            venue=NAME,
            instrument=self.listings[row.symbol].instrument,
            bid=row.bid,
            bid_size=row.bid_qty,
            ask=row.ask,
            ask_size=row.ask_qty,
            event_ns=_event_ns(row.timestamp, received_ns),
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _trade(self, row: TradeRow, received_ns: int, *, backfilled: bool) -> Trade:
        return Trade(
            venue=NAME,
            instrument=self.listings[row.symbol].instrument,
            trade_id=str(row.trade_id),
            side=row.side,
            price=row.price,
            size=row.qty,
            event_ns=wire.ns_of_rfc3339(row.timestamp),
            received_ns=received_ns,
            sequence=row.trade_id,
            backfilled=backfilled,
        )

    def _book(self, row: BookRow, received_ns: int, *, is_snapshot: bool) -> Iterator[Event]:
        watch = self._watches[row.symbol]
        event_ns = _event_ns(row.timestamp, received_ns)
        book = CheckedBook() if is_snapshot else self._books.get(row.symbol)
        if book is None:
            return  # a change of a book that is awaited
        book.change(_texts(row.bids), _texts(row.asks))
        if fault := book.fault(row.checksum):
            self._books.pop(row.symbol, None)
            if not is_snapshot:  # a wrong snapshot waits for the heartbeat, lest it goes round
                self._renew_books([row.symbol])
            yield from watch.broke(fault, received_ns)
        else:
            self._books[row.symbol] = book
            yield from watch.whole(*book.best(), event_ns=event_ns, received_ns=received_ns)

    def _reply(self, envelope: Envelope, received_ns: int) -> Iterator[Event]:
        reason = envelope.error or envelope.too_fast
        if envelope.method == "unsubscribe" or reason == "Already subscribed":
            return
        if (reason or not envelope.success) and not envelope.symbol:
            raise VenueRefusedError(f"{NAME}: {reason}")
        if not envelope.success and envelope.symbol not in self._refused:
            listing = self.listings[envelope.symbol]
            self._refused.add(envelope.symbol)
            yield VenueStatus(
                venue=NAME,
                state="refused",
                instrument=listing.instrument,
                reason=reason,
                event_ns=received_ns,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )


def _rest_trade(row: RestTradeRow, instrument: Instrument, received_ns: int) -> Trade:
    return Trade(
        venue=NAME,
        instrument=instrument,
        trade_id=str(row.trade_id),
        side="buy" if row.side == "b" else "sell",
        price=row.price,
        size=row.qty,
        event_ns=wire.ns_of_seconds(str(row.time, "ascii")),
        received_ns=received_ns,
        sequence=row.trade_id,
        backfilled=True,
    )


def _event_ns(timestamp: str, received_ns: int) -> int:
    return wire.ns_of_rfc3339(timestamp) if timestamp else received_ns


def _texts(levels: Sequence[LevelRow]) -> list[tuple[str, str]]:
    return [(str(level.price, "ascii"), str(level.qty, "ascii")) for level in levels]


def _result(body: bytes) -> dict[str, msgspec.Raw]:
    reply = _answer.decode(body)
    if reply.error:
        raise ValueError(", ".join(reply.error))
    return reply.result


def _listing(pair: PairRow) -> Listing:
    base, quote_currency = pair.wsname.split("/")
    instrument = Instrument.of(base, quote_currency)
    return Listing(
        instrument=instrument,
        symbol=symbol(instrument),
        rest_symbol=pair.altname,
        trading=pair.status == "online",
        tick_size=pair.tick_size or _step(pair.pair_decimals),
        lot_size=_step(pair.lot_decimals),
        minimum_notional=pair.costmin or None,
    )


def _step(places: int | None) -> float | None:
    return None if places is None else float(f"1e-{places}")


# The venue's side of the wire, written from the same documents, sharing no frame type with ours
# so that the two cannot agree on one mistake.


OLD_CODES = {code: old for old, code in ALIASES.items()}


class Params(msgspec.Struct, frozen=True):
    """What a client subscribes to."""

    channel: str
    symbol: list[str]


class Request(msgspec.Struct, frozen=True):
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
                self._post({"method": "pong", "req_id": request.req_id})
            case Request(method="subscribe" | "unsubscribe", params=Params() as params):
                for symbol in params.symbol:
                    self._take(request.method, params.channel, symbol)
            case _:
                self._post({"method": request.method, "error": "Unknown method", "success": False})

    def tell(self, event: Event) -> None:
        """Post a quote as ``ticker``, a trade as ``trade``, a book as what changed in it."""
        match event:
            case Quote() if listing := self._subscriber("ticker", event.instrument):
                self._tell("ticker", "update", _ticker_fields(listing, event))
            case Trade() if listing := self._subscriber("trade", event.instrument):
                self._tell("trade", "update", _trade_fields(listing, event))
            case Book() if listing := self._subscriber("book", event.instrument):
                old, self._told[listing.symbol] = self._told[listing.symbol], event
                bids, asks = _change(old.bids, event.bids), _change(old.asks, event.asks)
                if bids or asks:
                    self._tell("book", "update", _book_fields(listing, event, bids, asks))

    def _subscriber(self, channel: str, instrument: Instrument) -> Listing | None:
        listing = self._by_instrument.get(instrument)
        return listing if listing and (channel, listing.symbol) in self._subscribed else None

    def _take(self, method: str, channel: str, symbol: str) -> None:
        key = (channel, symbol)
        why_not = ""
        if symbol not in self._listings:
            why_not = f"Currency pair not supported {symbol}"
        elif method == "subscribe" and key in self._subscribed:
            why_not = "Already subscribed"
        if why_not:
            self._post({"error": why_not, "method": method, "success": False, "symbol": symbol})
            return
        result = {"channel": channel, "symbol": symbol}
        self._post({"method": method, "result": result, "success": True})
        if method == "subscribe":
            self._subscribed.add(key)
            self._tell_snapshot(channel, self._listings[symbol])
        else:
            self._subscribed.discard(key)

    def _tell_snapshot(self, channel: str, listing: Listing) -> None:
        book = self.market.book(listing.instrument)
        if channel == "ticker" and book.bids and book.asks:
            self._tell("ticker", "snapshot", _ticker_fields(listing, _best_of(book)))
        elif channel == "book":
            self._told[listing.symbol] = book
            fields = _book_fields(listing, book, book.bids[:BEST], book.asks[:BEST])
            self._tell("book", "snapshot", fields)

    def _tell(self, channel: str, kind: str, fields: dict[str, object]) -> None:
        self._post({"channel": channel, "type": kind, "data": [fields]})

    def _post(self, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play Kraken's REST interface: the listing, depth and recent trades.

    Raises:
        LookupError: it does not serve ``path``, or does not list the pair.

    """
    route, query = wire.route_of(path)
    names = {_rest_symbol(listing): listing for listing in market.listings}
    count = int(query.get("count", "1000"))
    result: dict[str, object]
    match route:
        case "/0/public/AssetPairs":
            result = {name: _pair_fields(listing) for name, listing in names.items()}
        case "/0/public/Depth":
            listing = names[query["pair"]]
            result = {query["pair"]: _depth_fields(listing, market.book(listing.instrument), count)}
        case "/0/public/Trades":
            trades = market.trades(names[query["pair"]].instrument)[-count:]
            last = str(trades[-1].event_ns) if trades else "0"
            result = {query["pair"]: [_rest_trade_row(trade) for trade in trades], "last": last}
        case _:
            raise LookupError(f"kraken does not serve {path}")
    return msgspec.json.encode({"error": [], "result": result})


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


def _best_of(book: Book) -> Quote:
    return Quote(
        venue=book.venue,
        instrument=book.instrument,
        bid=book.bids[0].price,
        bid_size=book.bids[0].size,
        ask=book.asks[0].price,
        ask_size=book.asks[0].size,
        event_ns=book.event_ns,
        received_ns=book.received_ns,
        sequence=book.sequence,
    )


def _ticker_fields(listing: Listing, quote: Quote) -> dict[str, object]:
    bid = _level_fields(listing, Level(quote.bid, quote.bid_size))
    ask = _level_fields(listing, Level(quote.ask, quote.ask_size))
    return {
        "symbol": listing.symbol,
        "bid": bid["price"],
        "bid_qty": bid["qty"],
        "ask": ask["price"],
        "ask_qty": ask["qty"],
        "timestamp": wire.rfc3339_of_ns(quote.event_ns),
    }


def _trade_fields(listing: Listing, trade: Trade) -> dict[str, object]:
    return {
        "symbol": listing.symbol,
        "side": trade.side,
        **_level_fields(listing, Level(trade.price, trade.size)),
        "ord_type": "market",
        "trade_id": int(trade.trade_id),
        "timestamp": wire.rfc3339_of_ns(trade.event_ns),
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
    second = book.event_ns // 1_000_000_000
    sides = (("asks", book.asks), ("bids", book.bids))
    return {
        name: [
            [*map(bytes.decode, _wire_texts(listing, level)), second] for level in levels[:count]
        ]
        for name, levels in sides
    }


def _rest_trade_row(trade: Trade) -> list[object]:
    seconds, fraction = divmod(trade.event_ns, 1_000_000_000)
    time = msgspec.Raw(f"{seconds}.{fraction:09d}".encode())
    side = "b" if trade.side == "buy" else "s"
    price, size = wire.plain(trade.price), wire.plain(trade.size)
    return [price, size, time, side, "m", "", int(trade.trade_id)]


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws.kraken.com/v2",
    rest_url="https://api.kraken.com",
    taker_fee_bps=40.0,
    fee_source="AssetPairs, first tier of fees: 0.40 % taker, 0.25 % maker",
    dial=direct,
    list_instruments=list_instruments,
    session=KrakenSession,
    exchange_side=KrakenSide,
    answer=answer,
    heartbeat_s=30.0,  # the venue closes what is idle for a minute
    max_silence_s=15.0,  # it sends a heartbeat every second
    rest_interval_s=1.0,
    symbol=symbol,
    quote_currencies=("USD", "EUR", "USDT", "USDC", "GBP", "BTC"),
)
