"""Upbit (Korea): trades and whole order books in, trades, books and quotes out.

Source: https://docs.upbit.com/kr/reference/websocket-trade and .../websocket-orderbook

Symbols are ``KRW-BTC``, the quote currency first. There is no channel of best bids and asks: a
quote is the first level of the book. Every book frame is whole and replaces the last; the levels
that it lacks are filled up with zeros. Nothing is numbered but trades, a subscription is not
answered, and a second one replaces the first, so all of it is one request.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Annotated, Literal
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
    Trade,
    VenueRefusedError,
)
from stream_service import wire
from stream_service.books import BEST, BookWatch, crossing, is_ordered
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

NAME = "upbit"
MICROSECONDS_FROM = 10**14  # a time beyond it counts microseconds, seen in 2023

Time = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Refusal(msgspec.Struct, frozen=True):
    """What is wrong with a frame of ours; the connection closes after it."""

    name: str
    message: str = ""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Says of every frame what it is; the state of the connection has no type."""

    type: str = ""
    error: Refusal | None = None


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One execution; ``ASK``: the taker sold. A snapshot is the last one before we came."""

    code: str
    trade_timestamp: Time
    trade_price: wire.Price
    trade_volume: wire.Size
    ask_bid: Literal["ASK", "BID"]
    sequential_id: wire.Number
    stream_type: str = ""


class RestTradeRow(msgspec.Struct, frozen=True, gc=False):
    """One execution, over REST."""

    timestamp: Time
    trade_price: wire.Price
    trade_volume: wire.Size
    ask_bid: Literal["ASK", "BID"]
    sequential_id: wire.Number


class Unit(msgspec.Struct, frozen=True, gc=False):
    """The bid and the ask of one rank; zero where that side has no more."""

    ask_price: wire.OrZero
    bid_price: wire.OrZero
    ask_size: wire.OrZero
    bid_size: wire.OrZero


class OrderBook(msgspec.Struct, frozen=True, gc=False):
    """A whole book, best levels first."""

    code: str
    timestamp: Time
    orderbook_units: list[Unit]


class MarketRow(msgspec.Struct, frozen=True):
    """One listed symbol."""

    market: str


_envelope = msgspec.json.Decoder(Envelope)
_trade_row = msgspec.json.Decoder(TradeRow)
_order_book = msgspec.json.Decoder(OrderBook)
_rest_trades = msgspec.json.Decoder(list[RestTradeRow])
_markets = msgspec.json.Decoder(list[MarketRow])


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every market; the venue says nothing of ticks and lots there."""
    body = yield HttpRequest("/v1/market/all?is_details=true")
    try:
        return [_listing(row.market) for row in _markets.decode(body)]
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def symbol(instrument: Instrument) -> str:
    """Return the name of ``instrument``, the quote currency first."""
    return f"{instrument.quote_currency}-{instrument.base}"


class UpbitSession(Session):
    """One connection to the public stream."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._watches = {
            symbol: BookWatch(NAME, listing.instrument, self.number)
            for symbol, listing in self.listings.items()
        }

    def opened(self) -> None:
        """Subscribe to trades and books of every symbol at once.

        After a ``PING`` the venue says every ten seconds that it is up, however quiet the markets.
        """
        codes = list(self.listings)
        channels = [{"type": kind, "codes": codes} for kind in ("trade", "orderbook")]
        request = [{"ticket": "cryptotracker"}, *channels, {"format": "DEFAULT"}]
        self.post(msgspec.json.encode(request))
        self.post(b"PING")

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; a book gives a quote too."""
        try:
            return list(self._events(frame, received_ns))
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; takes recent trades, which come newest first."""
        try:
            match request.about:
                case ("trades", Instrument() as instrument):
                    rows = _rest_trades.decode(body)
                    rows.sort(key=lambda row: (row.timestamp, row.sequential_id))
                    return [_rest_trade(row, instrument, received_ns) for row in rows]
                case _:
                    return ()
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`."""
        del after
        path = f"/v1/trades/ticks?{urlencode({'market': symbol(instrument), 'count': 500})}"
        return None if before else HttpRequest(path, ("trades", instrument))

    def _events(self, frame: bytes, received_ns: int) -> Iterator[Event]:
        envelope = _envelope.decode(frame)
        match envelope.type:
            case "trade":
                yield self._trade(_trade_row.decode(frame), received_ns)
            case "orderbook":
                yield from self._book(_order_book.decode(frame), received_ns)
        if envelope.error:
            raise VenueRefusedError(f"{NAME}: {envelope.error.name}: {envelope.error.message}")

    def _trade(self, row: TradeRow, received_ns: int) -> Trade:
        return Trade(
            venue=NAME,
            instrument=self.listings[row.code].instrument,
            trade_id=str(row.sequential_id),
            side="sell" if row.ask_bid == "ASK" else "buy",
            price=row.trade_price,
            size=row.trade_volume,
            event_ns=_event_ns(row.trade_timestamp),
            received_ns=received_ns,
            sequence=row.sequential_id,
            backfilled=row.stream_type == "SNAPSHOT",
        )

    def _book(self, row: OrderBook, received_ns: int) -> Iterator[Event]:
        watch = self._watches[row.code]
        event_ns = _event_ns(row.timestamp)
        units = row.orderbook_units
        bids = _levels([(unit.bid_price, unit.bid_size) for unit in units])
        asks = _levels([(unit.ask_price, unit.ask_size) for unit in units])
        if not is_ordered(bids, asks):
            raise ValueError("the levels are not in order")
        if fault := crossing(bids, asks):
            yield from watch.broke(fault, received_ns)  # the next frame is whole again
            return
        yield from watch.whole(bids, asks, event_ns=event_ns, received_ns=received_ns)
        if bids and asks:
            stamps = (event_ns, received_ns, self.number(received_ns))
            yield _quote(watch.instrument, bids[0], asks[0], stamps)


def _quote(instrument: Instrument, bid: Level, ask: Level, stamps: tuple[int, int, int]) -> Quote:
    event_ns, received_ns, sequence = stamps
    return Quote(
        venue=NAME,
        instrument=instrument,
        bid=bid.price,
        bid_size=bid.size,
        ask=ask.price,
        ask_size=ask.size,
        event_ns=event_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _rest_trade(row: RestTradeRow, instrument: Instrument, received_ns: int) -> Trade:
    return Trade(
        venue=NAME,
        instrument=instrument,
        trade_id=str(row.sequential_id),
        side="sell" if row.ask_bid == "ASK" else "buy",
        price=row.trade_price,
        size=row.trade_volume,
        event_ns=_event_ns(row.timestamp),
        received_ns=received_ns,
        sequence=row.sequential_id,
        backfilled=True,
    )


def _levels(rows: Sequence[tuple[float, float]]) -> list[Level]:
    return [Level(price, size) for price, size in rows if price and size][:BEST]


def _event_ns(time: int) -> int:
    unit_ns = 1_000 if time > MICROSECONDS_FROM else wire.MS
    return wire.plausible(time * unit_ns)


def _listing(market: str) -> Listing:
    quote_currency, base = market.split("-")
    return Listing(instrument=Instrument.of(base, quote_currency), symbol=market)


# The venue's side of the wire, written from the same documents, sharing no frame type with ours
# so that the two cannot agree on one mistake.


UP_EVERY = 10
"""Beats between two words that the connection is up, once a client said ``PING``."""

NO_LEVEL = Level(0.0, 0.0)


class Part(msgspec.Struct, frozen=True):
    """A part of a request: the ticket, what to send of which markets, or the format."""

    ticket: str = ""
    type: str = ""
    codes: list[str] = []
    format: str = ""


_request = msgspec.json.Decoder(list[Part])


class UpbitSide(ExchangeSide):
    """Upbit as the simulator plays it; all frames but ``PING`` are binary on the wire."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: set[tuple[str, str]] = set()
        self._beats: int | None = None

    def beat(self) -> None:
        """Say every ten seconds that the connection is up, to those who asked."""
        if self._beats is not None:
            if self._beats % UP_EVERY == 0:
                self._post({"status": "UP"})
            self._beats += 1

    def receive(self, frame: bytes) -> None:
        """Take a subscription, which replaces the last; it is not answered."""
        if frame == b"PING":
            self._beats = self._beats or 0
            return
        try:
            parts = _request.decode(frame)
        except wire.UNREADABLE:
            self._refuse("WRONG_FORMAT", "the request is not of the documented format")
            return
        if not any(part.ticket for part in parts):
            self._refuse("NO_TICKET", "the request names no ticket")
        elif not any(part.type for part in parts):
            self._refuse("NO_TYPE", "the request names no type")
        elif any(part.type and not part.codes for part in parts):
            self._refuse("NO_CODES", "the request names no codes")
        else:
            self._subscribed = {(part.type, code) for part in parts for code in part.codes}
            self._tell_snapshots()

    def tell(self, event: Event) -> None:
        """Post a trade, or a book whole."""
        match event:
            case Trade():
                self._tell("trade", event.instrument, _trade_fields(event), "REALTIME")
            case Book():
                self._tell("orderbook", event.instrument, _book_fields(event), "REALTIME")

    def _tell_snapshots(self) -> None:
        for instrument in self._symbols:
            for trade in self.market.trades(instrument)[-1:]:
                self._tell("trade", instrument, _trade_fields(trade), "SNAPSHOT")
            book = self.market.book(instrument)
            self._tell("orderbook", instrument, _book_fields(book), "SNAPSHOT")

    def _tell(
        self, kind: str, instrument: Instrument, fields: dict[str, object], stream: str
    ) -> None:
        code = self._symbols.get(instrument, "")
        if (kind, code) in self._subscribed:
            self._post({"type": kind, "code": code, **fields, "stream_type": stream})

    def _refuse(self, name: str, message: str) -> None:
        self._post({"error": {"name": name, "message": message}})

    def _post(self, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play Upbit's REST interface: the listing, books and recent trades.

    Raises:
        LookupError: it does not serve ``path``, or does not list the market.

    """
    route, query = wire.route_of(path)
    instruments = {listing.symbol: listing.instrument for listing in market.listings}
    count = int(query.get("count", "30"))
    rows: list[dict[str, object]]
    match route:
        case "/v1/market/all":
            rows = [_market_fields(symbol) for symbol in instruments]
        case "/v1/orderbook":
            codes = query["markets"].split(",")
            books = [(code, market.book(instruments[code])) for code in codes]
            rows = [{"market": code, **_book_fields(book)} for code, book in books]
        case "/v1/trades/ticks":
            code = query["market"]
            trades = market.trades(instruments[code])[-count:]
            rows = [{"market": code, **_rest_trade_fields(trade)} for trade in reversed(trades)]
        case _:
            raise LookupError(f"upbit does not serve {path}")
    return msgspec.json.encode(rows)


def _number(value: float) -> msgspec.Raw:
    return msgspec.Raw(wire.plain(value).encode())


def _trade_fields(trade: Trade) -> dict[str, object]:
    time = trade.event_ns // wire.MS
    return {"trade_timestamp": time, **_rest_trade_fields(trade)}


def _rest_trade_fields(trade: Trade) -> dict[str, object]:
    return {
        "timestamp": trade.event_ns // wire.MS,
        "trade_price": _number(trade.price),
        "trade_volume": _number(trade.size),
        "ask_bid": "ASK" if trade.side == "sell" else "BID",
        "sequential_id": int(trade.trade_id),
    }


def _book_fields(book: Book) -> dict[str, object]:
    ranks = zip_longest(book.bids, book.asks, fillvalue=NO_LEVEL)
    return {
        "timestamp": book.event_ns // wire.MS,
        "total_ask_size": _number(sum(level.size for level in book.asks)),
        "total_bid_size": _number(sum(level.size for level in book.bids)),
        "orderbook_units": [_unit_fields(bid, ask) for bid, ask in ranks],
        "level": 0,
    }


def _unit_fields(bid: Level, ask: Level) -> dict[str, object]:
    return {
        "ask_price": _number(ask.price),
        "bid_price": _number(bid.price),
        "ask_size": _number(ask.size),
        "bid_size": _number(bid.size),
    }


def _market_fields(symbol: str) -> dict[str, object]:
    name = symbol.partition("-")[2]
    return {"market": symbol, "korean_name": name, "english_name": name}


VENUE = Venue(
    name=NAME,
    websocket_url="wss://api.upbit.com/websocket/v1",
    rest_url="https://api.upbit.com",
    taker_fee_bps=25.0,
    taker_fee_bps_by_quote_currency={"KRW": 5.0},
    fee_source="fee notice: 0.05 % in the KRW market, 0.25 % in the BTC and USDT markets",
    dial=direct,
    list_instruments=list_instruments,
    session=UpbitSession,
    exchange_side=UpbitSide,
    answer=answer,
    symbol=symbol,
    quote_currencies=("KRW", "USDT", "BTC"),
    binary_frames=True,
    rest_interval_s=0.12,  # ten requests a second are allowed in a group
)
