"""Binance spot: combined streams in, quotes, trades and books out.

Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams, and
.../rest-api/market-data-endpoints; the hosts are those of .../faqs/market_data_only, which answer
where binance.com does not.

Symbols are ``BTCUSDT``, in lower case in a stream's name. Numbers come as strings, times in
milliseconds. A bookTicker carries no time; an unknown symbol is accepted and stays silent.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from urllib.parse import urlencode

import msgspec

from market import (
    Book,
    Event,
    FrameError,
    Instrument,
    Level,
    Listing,
    Quote,
    SettingsError,
    Trade,
    VenueRefusedError,
)
from stream_service import wire
from stream_service.books import BookWatch, difference
from stream_service.seeded_book import Change, SeededBook
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

NAME = "binance"
KINDS = ("bookTicker", "trade", "depth@100ms")
STREAMS_AT_MOST = 1_024  # of one connection
STREAMS_A_FRAME = 256  # so that all fit into the five frames a second that are allowed
ROWS_AT_MOST = 1_000  # of one answer over REST


class Refusal(msgspec.Struct, frozen=True):
    """What is wrong with a frame of ours."""

    code: int
    msg: str = ""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Streams carry ``stream`` and ``data``; a refusal carries ``error``, or is one itself."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    error: Refusal | None = None
    code: int = 0
    msg: str = ""


class BookTicker(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "bid": "b", "bid_size": "B", "ask": "a", "ask_size": "A"},
):
    """Best bid and ask; ``u`` numbers the book's updates, a price of zero stands for none."""

    u: wire.Number
    symbol: str
    bid: wire.OrZero
    bid_size: wire.OrZero
    ask: wire.OrZero
    ask_size: wire.OrZero


class TradeRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "id": "t", "price": "p", "size": "q", "time": "T", "sold": "m"},
):
    """One execution; ``m``: the buyer is the maker, so the taker sold."""

    symbol: str
    id: wire.Number
    price: wire.Price
    size: wire.Size
    time: wire.Milliseconds
    sold: bool


class RestTradeRow(
    msgspec.Struct, frozen=True, gc=False, rename={"size": "qty", "sold": "isBuyerMaker"}
):
    """One execution, over REST."""

    id: wire.Number
    price: wire.Price
    size: wire.Size
    time: wire.Milliseconds
    sold: bool


class Depth(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "time": "E", "first": "U", "last": "u", "bids": "b", "asks": "a"},
):
    """The levels that changed within 100 ms; ``U`` to ``u`` number the updates of the book."""

    symbol: str
    time: wire.Milliseconds
    first: wire.Number
    last: wire.Number
    bids: list[tuple[wire.Price, wire.OrZero]]
    asks: list[tuple[wire.Price, wire.OrZero]]


class DepthSnapshot(msgspec.Struct, frozen=True, rename="camel"):
    """The best levels of a book, over REST."""

    last_update_id: wire.Number
    bids: list[tuple[wire.Price, wire.Size]]
    asks: list[tuple[wire.Price, wire.Size]]


class Filter(msgspec.Struct, frozen=True, rename="camel"):
    """A rule for orders; its type says which of the fields it has, zero stands for none."""

    filter_type: str = ""
    tick_size: wire.OrZero = 0.0
    step_size: wire.OrZero = 0.0
    min_notional: wire.OrZero = 0.0


class SymbolRow(msgspec.Struct, frozen=True, rename="camel"):
    """One listed symbol."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    is_spot_trading_allowed: bool = True
    filters: list[Filter] = []


class ExchangeInfo(msgspec.Struct, frozen=True):
    """Everything that is listed."""

    symbols: list[SymbolRow]


_envelope = msgspec.json.Decoder(Envelope)
_book_ticker = msgspec.json.Decoder(BookTicker, strict=False)
_trade_row = msgspec.json.Decoder(TradeRow, strict=False)
_depth = msgspec.json.Decoder(Depth, strict=False)
_depth_snapshot = msgspec.json.Decoder(DepthSnapshot, strict=False)
_rest_trades = msgspec.json.Decoder(list[RestTradeRow], strict=False)
_exchange_info = msgspec.json.Decoder(ExchangeInfo, strict=False)


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every symbol that trades."""
    body = yield HttpRequest("/api/v3/exchangeInfo?symbolStatus=TRADING&showPermissionSets=false")
    try:
        return [_listing(row) for row in _exchange_info.decode(body).symbols]
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def symbol(instrument: Instrument) -> str:
    """Return the name of ``instrument``; the way back is only in the listing."""
    return f"{instrument.base}{instrument.quote_currency}"


class BinanceSession(Session):
    """One connection; a book starts from a snapshot over REST and follows the depth stream."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        if len(KINDS) * len(self.listings) > STREAMS_AT_MOST:
            raise SettingsError(
                f"{NAME}: {len(self.listings)} instruments are too many for one connection, "
                f"name at most {STREAMS_AT_MOST // len(KINDS)}"
            )
        self._books = {
            listing.instrument: SeededBook(
                BookWatch(NAME, listing.instrument, self.number),
                depth=ROWS_AT_MOST,
                ask=partial(self._ask, "depth", listing),
            )
            for listing in self.listings.values()
        }

    def opened(self) -> None:
        """Subscribe to all kinds of every symbol; ask for books."""
        streams = [f"{symbol.lower()}@{kind}" for kind in KINDS for symbol in self.listings]
        for number, start in enumerate(range(0, len(streams), STREAMS_A_FRAME), start=1):
            params = streams[start : start + STREAMS_A_FRAME]
            self.post(msgspec.json.encode({"method": "SUBSCRIBE", "params": params, "id": number}))
        for listing in self.listings.values():
            self._ask("depth", listing)

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; replies give no event."""
        try:
            return list(self._events(_envelope.decode(frame), received_ns))
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; takes the snapshot of a book, or recent trades."""
        try:
            match request.about:
                case ("depth", Instrument() as instrument):
                    seed = _depth_snapshot.decode(body)
                    book = self._books[instrument]
                    rows = seed.last_update_id, seed.bids, seed.asks
                    return list(book.seed(*rows, received_ns))
                case ("trades", Instrument() as instrument):
                    trades = sorted(_rest_trades.decode(body), key=lambda row: row.id)
                    return [_trade(row, instrument, received_ns, backfilled=True) for row in trades]
                case _:
                    return ()
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`."""
        del after
        return None if before else _request_of("trades", instrument)

    def _ask(self, what: str, listing: Listing) -> None:
        self.ask(_request_of(what, listing.instrument))

    def _events(self, envelope: Envelope, received_ns: int) -> Iterator[Event]:
        match envelope.stream.partition("@")[2]:
            case "bookTicker":
                ticker = _book_ticker.decode(envelope.data)
                if ticker.bid and ticker.ask:
                    yield self._quote(ticker, received_ns)
            case "trade":
                trade = _trade_row.decode(envelope.data)
                yield _trade(trade, self.listings[trade.symbol].instrument, received_ns)
            case "depth@100ms":
                row = _depth.decode(envelope.data)
                change = Change(row.first, row.last, row.bids, row.asks, row.time * wire.MS)
                yield from self._books[self.listings[row.symbol].instrument].change(
                    change, received_ns
                )
            case _:
                _check_refusal(envelope)

    def _quote(self, row: BookTicker, received_ns: int) -> Quote:
        return Quote(
            venue=NAME,
            instrument=self.listings[row.symbol].instrument,
            bid=row.bid,
            bid_size=row.bid_size,
            ask=row.ask,
            ask_size=row.ask_size,
            event_ns=received_ns,  # the frame carries no time
            received_ns=received_ns,
            sequence=row.u,
        )


def _request_of(what: str, instrument: Instrument) -> HttpRequest:
    query = urlencode({"symbol": symbol(instrument), "limit": ROWS_AT_MOST})
    return HttpRequest(f"/api/v3/{what}?{query}", about=(what, instrument))


def _check_refusal(envelope: Envelope) -> None:
    """Raise what the venue says against us; replies and unknown streams pass."""
    refusal = envelope.error or Refusal(envelope.code, envelope.msg)
    if refusal.code:
        raise VenueRefusedError(f"{NAME}: {refusal.msg} (code {refusal.code})")
    if envelope.stream == "!serverShutdown":
        raise VenueRefusedError(f"{NAME} is about to close the connection")


def _trade(
    row: TradeRow | RestTradeRow,
    instrument: Instrument,
    received_ns: int,
    *,
    backfilled: bool = False,
) -> Trade:
    return Trade(
        venue=NAME,
        instrument=instrument,
        trade_id=str(row.id),
        side="sell" if row.sold else "buy",
        price=row.price,
        size=row.size,
        event_ns=row.time * wire.MS,
        received_ns=received_ns,
        sequence=row.id,
        backfilled=backfilled,
    )


def _listing(row: SymbolRow) -> Listing:
    rules = {rule.filter_type: rule for rule in row.filters}
    notional = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL") or Filter()
    return Listing(
        instrument=Instrument.of(row.base_asset, row.quote_asset),
        symbol=row.symbol,
        trading=row.status == "TRADING" and row.is_spot_trading_allowed,
        tick_size=rules.get("PRICE_FILTER", Filter()).tick_size or None,
        lot_size=rules.get("LOT_SIZE", Filter()).step_size or None,
        minimum_notional=notional.min_notional or None,
    )


# The venue's side of the wire, written from the same documents, sharing no frame type with ours
# so that the two cannot agree on one mistake.


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    method: str
    params: list[str] = []
    id: int | str | None = None


_request = msgspec.json.Decoder(Request)


class BinanceSide(ExchangeSide):
    """Binance as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: set[str] = set()
        self._told: dict[Instrument, Book] = {}

    def receive(self, frame: bytes) -> None:
        """Take a subscription; the reply has a null result."""
        try:
            request = _request.decode(frame)
        except wire.UNREADABLE as error:
            self._reply({"error": {"code": 3, "msg": f"Invalid JSON: {error}"}, "id": None})
            return
        match request.method:
            case "SUBSCRIBE":
                self._subscribed.update(request.params)
                for instrument in self._symbols:
                    if self._stream(instrument, "depth@100ms") in request.params:
                        self._told[instrument] = self.market.book(instrument)
            case "UNSUBSCRIBE":
                self._subscribed.difference_update(request.params)
            case unknown:
                msg = f"Invalid request: unknown variant `{unknown}`"
                self._reply({"error": {"code": 2, "msg": msg}, "id": request.id})
                return
        self._reply({"result": None, "id": request.id})

    def tell(self, event: Event) -> None:
        """Post a quote as ``bookTicker``, a trade as ``trade``, a book as what changed in it."""
        match event:
            case Quote():
                self._tell("bookTicker", event.instrument, _ticker_fields(event))
            case Trade():
                self._tell("trade", event.instrument, _trade_fields(event))
            case Book(instrument=instrument) if instrument in self._told:
                old, self._told[instrument] = self._told[instrument], event
                if event.sequence > old.sequence:
                    self._tell("depth@100ms", instrument, _depth_fields(old, event))

    def _tell(self, kind: str, instrument: Instrument, fields: dict[str, object]) -> None:
        stream = self._stream(instrument, kind)
        if stream in self._subscribed:
            self._reply({"stream": stream, "data": fields | {"s": self._symbols[instrument]}})

    def _stream(self, instrument: Instrument, kind: str) -> str:
        return f"{self._symbols.get(instrument, '').lower()}@{kind}"

    def _reply(self, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play Binance's REST interface: the listing, depth and recent trades.

    Raises:
        LookupError: it does not serve ``path``, or does not list the symbol.

    """
    route, query = wire.route_of(path)
    if route == "/api/v3/exchangeInfo":
        rows = [_symbol_fields(listing) for listing in market.listings]
        return msgspec.json.encode({"timezone": "UTC", "symbols": rows})
    instruments = {listing.symbol: listing.instrument for listing in market.listings}
    limit = int(query.get("limit", "100"))
    match route:
        case "/api/v3/depth":
            book = market.book(instruments[query["symbol"]])
            levels = {"bids": _rows(book.bids[:limit]), "asks": _rows(book.asks[:limit])}
            return msgspec.json.encode({"lastUpdateId": book.sequence, **levels})
        case "/api/v3/trades":
            trades = market.trades(instruments[query["symbol"]])[-limit:]
            return msgspec.json.encode([_rest_trade_fields(trade) for trade in trades])
    raise LookupError(f"binance does not serve {path}")


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


def _ticker_fields(quote: Quote) -> dict[str, object]:
    return {
        "u": quote.sequence,
        "b": wire.plain(quote.bid),
        "B": wire.plain(quote.bid_size),
        "a": wire.plain(quote.ask),
        "A": wire.plain(quote.ask_size),
    }


def _trade_fields(trade: Trade) -> dict[str, object]:
    return {
        "e": "trade",
        "E": trade.event_ns // wire.MS,
        "t": int(trade.trade_id),
        "p": wire.plain(trade.price),
        "q": wire.plain(trade.size),
        "T": trade.event_ns // wire.MS,
        "m": trade.side == "sell",
    }


def _rest_trade_fields(trade: Trade) -> dict[str, object]:
    return {
        "id": int(trade.trade_id),
        "price": wire.plain(trade.price),
        "qty": wire.plain(trade.size),
        "time": trade.event_ns // wire.MS,
        "isBuyerMaker": trade.side == "sell",
    }


def _depth_fields(old: Book, new: Book) -> dict[str, object]:
    return {
        "e": "depthUpdate",
        "E": new.event_ns // wire.MS,
        "U": old.sequence + 1,
        "u": new.sequence,
        "b": _rows(difference(old.bids, new.bids)),
        "a": _rows(difference(old.asks, new.asks)),
    }


def _rows(levels: Sequence[Level]) -> list[tuple[str, str]]:
    return [(wire.plain(level.price), wire.plain(level.size)) for level in levels]


VENUE = Venue(
    name=NAME,
    websocket_url="wss://data-stream.binance.vision/stream",
    rest_url="https://data-api.binance.vision",
    taker_fee_bps=10.0,
    fee_source="spot fee schedule, regular user: 0.10 % maker and taker",
    dial=direct,
    list_instruments=list_instruments,
    session=BinanceSession,
    exchange_side=BinanceSide,
    answer=answer,
    max_silence_s=60.0,  # markets may be quiet, and the venue has no heartbeat of its own
    symbol=symbol,
    quote_currencies=("USDT", "USDC", "FDUSD", "EUR", "BTC"),
    rest_interval_s=0.6,  # a snapshot weighs 50 of the 6,000 that are allowed a minute
)
