"""OKX spot: quotes, trades, books and tickers in; events out; candles over REST.

Source: https://www.okx.com/docs-v5/en/#overview-websocket,
.../#order-book-trading-market-data and .../#public-data-rest-api-get-instruments.

Symbols are ``BTC-USDT``. Numbers come as strings, times in milliseconds. Candles are streamed at
another address only, so they are asked for over REST. A trade of the stream may sum up several
matches of one taker at one price, of which it has the last id and the count; REST tells them one
by one, so those that a summed-up trade holds are left out there. A book is told whole, then by its
changes, chained by ``prevSeqId``; the checksum is no longer filled in. ``ping`` and ``pong`` are
plain text. What has more than one dash in its symbol is a derivative, counted in contracts: it
gives no event.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Literal, TypeAlias
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
    Summary,
    Trade,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.books import BookWatch, difference
from stream_service.rounds import Rounds
from stream_service.rows import readable
from stream_service.streamed_book import Part, StreamedBook
from stream_service.venue import (
    NO_OPTIONS,
    Channel,
    ExchangeSide,
    HttpRequest,
    ListingRequests,
    Market,
    Options,
    Session,
    Venue,
    direct,
)

NAME = "okx"
STREAMS: Mapping[Channel, str] = {
    "trade": "trades",
    "quote": "bbo-tbt",
    "book": "books",
    "summary": "tickers",
}
BARS = {
    "1s": "1s",
    "1m": "1m",
    "5m": "5m",
    "15m": "15m",
    "1H": "1h",
    "4H": "4h",
    "1Dutc": "1d",
}
"""Intervals by the venue's names; a day without ``utc`` is one of Hong Kong."""

ARGS_A_FRAME = 200  # a frame may have 64 KB
TRADES_AT_MOST = 500  # of the newest
OLD_TRADES_AT_MOST = 100  # of a page of older ones
CANDLES_AT_MOST = 300
SUMS_REMEMBERED = 500
NO_SUCH_INSTRUMENT = "60018"
RENEW_SOON = "64008"

OrNothing: TypeAlias = wire.OrZero | Literal[""]
"""A number; nothing or zero where there is none."""


class Arg(msgspec.Struct, frozen=True, gc=False, rename={"symbol": "instId"}):
    """What a frame is about."""

    channel: str
    symbol: str = ""


class TradeRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"id": "tradeId", "price": "px", "size": "sz", "time": "ts"},
):
    """One execution, or ``count`` of one taker at one price; ``side`` is the taker's."""

    id: wire.Number
    price: wire.Price
    size: wire.Size
    side: Literal["buy", "sell"]
    time: wire.Milliseconds
    count: wire.Number = 1


class LevelRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Price, size, and what is not read; a size of zero removes the level."""

    price: wire.Price
    size: wire.OrZero


class BookRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"time": "ts", "previous": "prevSeqId", "last": "seqId"},
):
    """Levels, best first; recordings of 2022 number nothing."""

    asks: list[LevelRow]
    bids: list[LevelRow]
    time: wire.Milliseconds
    previous: int | None = None
    last: wire.Number | None = None


class TradesFrame(msgspec.Struct, frozen=True, gc=False):
    """Executions of one instrument."""

    arg: Arg
    data: list[TradeRow]


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """A book of one instrument, or what changed in it."""

    arg: Arg
    data: list[BookRow]
    action: str = ""


class TickerRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "bid": "bidPx",
        "ask": "askPx",
        "open": "open24h",
        "high": "high24h",
        "low": "low24h",
        "volume": "vol24h",
        "time": "ts",
    },
):
    """The last 24 hours; nothing stands for none."""

    symbol: str
    last: wire.Price
    bid: OrNothing
    ask: OrNothing
    open: OrNothing
    high: OrNothing
    low: OrNothing
    volume: OrNothing
    time: wire.Milliseconds


class CandleRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One interval; ``closed`` is ``1`` once it is over."""

    time: wire.Milliseconds
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero
    _in_currency: wire.OrZero = 0.0
    _in_quote_currency: wire.OrZero = 0.0
    closed: Literal["", "0", "1"] = ""


class Frame(msgspec.Struct, frozen=True):
    """Any frame: rows of a channel, or a word of the venue's."""

    arg: Arg | None = None
    data: list[msgspec.Raw] = []
    event: str = ""
    code: str = ""
    msg: str = ""


class Answer(msgspec.Struct, frozen=True):
    """An answer over REST; any code but zero is a refusal."""

    code: str
    data: list[msgspec.Raw]
    msg: str = ""


class InstrumentRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "base": "baseCcy",
        "quote": "quoteCcy",
        "tick_size": "tickSz",
        "lot_size": "lotSz",
    },
):
    """One listed symbol."""

    symbol: str
    base: str
    quote: str
    state: str
    tick_size: wire.OrZero
    lot_size: wire.OrZero


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """What tells the answers apart."""

    trade_id: str = ""
    base_ccy: str | None = None
    asks: list[msgspec.Raw] | None = None
    open24h: str | None = None


_trades_frame = msgspec.json.Decoder(TradesFrame, strict=False)
_book_frame = msgspec.json.Decoder(BookFrame, strict=False)
_frame = msgspec.json.Decoder(Frame)
_answer = msgspec.json.Decoder(Answer)
_trade_row = msgspec.json.Decoder(TradeRow, strict=False)
_book_row = msgspec.json.Decoder(BookRow, strict=False)
_ticker_row = msgspec.json.Decoder(TickerRow, strict=False)
_candle_row = msgspec.json.Decoder(CandleRow, strict=False)
_instrument_row = msgspec.json.Decoder(InstrumentRow, strict=False)
_shape = msgspec.json.Decoder(Shape)

AT_CHANNEL = slice(len('{"arg":{"channel":"'), len('{"arg":{"channel":"books'))
_named = re.compile(r"instId:\s*([A-Z0-9-]+)")


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every spot instrument."""
    body = yield HttpRequest("/api/v5/public/instruments?instType=SPOT")
    try:
        return [_listing(row) for row in readable(_rows(body), _instrument_row)]
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def instrument(symbol: str) -> Instrument:
    """Read a symbol of a spot instrument.

    Raises:
        ValueError: it is none.

    """
    return Instrument.parse(symbol)


class Place:
    """What a session keeps for one instrument."""

    def __init__(self, listing: Listing, book: StreamedBook) -> None:
        self.listing = listing
        self.instrument = listing.instrument
        self.book = book
        self.sums: deque[tuple[int, int]] = deque(maxlen=SUMS_REMEMBERED)
        self.oldest_wanted = 0


class Places(dict[str, Place]):
    """Places by symbol, made when they are first met."""

    def __init__(self, make: Callable[[str], Place]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, symbol: str) -> Place:
        """Make one; KeyError where nobody knows the symbol."""
        place = self[symbol] = self._make(symbol)
        return place


class OkxSession(Session):
    """One connection to the public stream."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._places = Places(self._place)
        self._symbols = {row.instrument: name for name, row in self.listings.items()}
        self._candles: Rounds[str] = Rounds(period_s=60, delay_s=2, spread_s=40)
        self._hot: dict[bytes, Callable[[bytes, int], Sequence[Event]]] = {
            b"trade": self._trades,
            b"bbo-t": self._quotes,
            b"books": self._changes,
        }

    def opened(self) -> None:
        """Subscribe to what is followed of every symbol."""
        streams = [name for kind, name in STREAMS.items() if kind in self.options.channels]
        args = [
            {"channel": stream, "instId": symbol} for stream in streams for symbol in self.listings
        ]
        for start in range(0, len(args), ARGS_A_FRAME):
            self._send("subscribe", args[start : start + ARGS_A_FRAME])

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; replies and ``pong`` give no event."""
        try:
            read = self._hot.get(frame[AT_CHANNEL])
            return read(frame, received_ns) if read else self._less_common(frame, received_ns)
        except wire.UNREADABLE as error:
            if _is_of_derivative(frame):
                return ()
            self._doubt(frame)
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; takes trades, candles, books and tickers, newest first."""
        try:
            match request.about:
                case ("trades", Instrument() as of):
                    return self._past_trades(_rows(body), of, received_ns)
                case ("candles", Instrument() as of):
                    self._candles.answered(self._symbols.get(of, ""))
                    rows = readable(_rows(body), _candle_row)
                    return self._past_candles(rows, of, "1m", received_ns)
                case ("book", Instrument() as of):
                    rows_of = readable(_rows(body), _book_row)
                    book = self._places[self._symbol(of)].book
                    return [one for row in rows_of for one in book.seed(_part(row), received_ns)]
                case ("tickers", _):
                    return self._summaries(readable(_rows(body), _ticker_row), received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error
        return ()

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; pages backward."""
        symbol = self._symbol(instrument)
        self._places[symbol].oldest_wanted = int(after.trade_id) if after else 0
        query: dict[str, object] = {"instId": symbol, "limit": TRADES_AT_MOST}
        path = "trades"
        if before:
            path = "history-trades"
            query |= {"limit": OLD_TRADES_AT_MOST, "type": 1, "after": before.trade_id}
        return _request(path, query, ("trades", instrument))

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the newest 300 of them."""
        query = {
            "instId": self._symbol(instrument),
            "bar": "1m",
            "before": start_ns // wire.MS - 1,
            "after": end_ns // wire.MS,
            "limit": CANDLES_AT_MOST,
        }
        return _request("candles", query, ("candles", instrument))

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; books and candles need the hint for their instrument."""
        try:
            [first, *_] = _answer.decode(body).data
            word = _word_of(bytes(first))
            if word in ("tickers", "instruments"):
                return HttpRequest(f"/api/v5/{word}", (word, None))
            symbol = _symbol_of(bytes(first)) or hint
            return HttpRequest(f"/api/v5/market/{word}", (word, instrument(symbol)))
        except wire.UNREADABLE:
            return None

    def tick(self, now_ns: int) -> None:
        """Ask for the minutes that are over; subscribe anew to a book that did not come."""
        if "candle" in self.options.channels:
            for symbol in self._candles.due(self.listings, now_ns):
                query = {"instId": symbol, "bar": "1m", "limit": 3}
                about = ("candles", self.listings[symbol].instrument)
                self.ask(_request("candles", query, about))
        if "book" in self.options.channels:
            for symbol in self.listings:
                self._places[symbol].book.tick(now_ns)

    def heartbeat(self) -> None:
        """Say ``ping``, or the venue hangs up on quiet markets."""
        self.post(b"ping")

    def _place(self, symbol: str) -> Place:
        listing = self.listings[symbol]
        watch = BookWatch(NAME, listing.instrument, self.number)
        return Place(listing, StreamedBook(watch, partial(self._subscribe_anew, symbol)))

    def _symbol(self, instrument: Instrument) -> str:
        return self._symbols.get(instrument, str(instrument))

    def _subscribe_anew(self, symbol: str) -> None:
        for op in ("unsubscribe", "subscribe"):
            self._send(op, [{"channel": "books", "instId": symbol}])

    def _send(self, op: str, args: Sequence[Mapping[str, str]]) -> None:
        self.post(msgspec.json.encode({"op": op, "args": args}))

    def _doubt(self, frame: bytes) -> None:
        """Believe no book that a frame may have changed."""
        for symbol, place in self._places.items():
            if symbol.encode() in frame:
                place.book.doubt("a frame that may hold changes could not be read")

    def _trades(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = _trades_frame.decode(frame)
        place = self._places[told.arg.symbol]
        for row in told.data:
            if row.count > 1:
                place.sums.append((row.id - row.count + 1, row.id))
        return [_trade(row, place.instrument, received_ns) for row in told.data]

    def _quotes(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = _book_frame.decode(frame)
        of = self._places[told.arg.symbol].instrument
        return [self._quote(row, of, received_ns) for row in told.data if row.bids and row.asks]

    def _quote(self, row: BookRow, of: Instrument, received_ns: int) -> Quote:
        bid, ask = row.bids[0], row.asks[0]
        return Quote(
            venue=NAME,
            instrument=of,
            bid=bid.price,
            bid_size=bid.size,
            ask=ask.price,
            ask_size=ask.size,
            event_ns=row.time * wire.MS,
            received_ns=received_ns,
            sequence=self.number(received_ns) if row.last is None else row.last,
        )

    def _changes(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = _book_frame.decode(frame)
        book = self._places[told.arg.symbol].book
        events: list[Event] = []
        for row in told.data:
            if told.action != "update":
                events += book.whole(_part(row), received_ns)
            elif row.bids or row.asks or row.previous != row.last:  # else it only shows life
                events += book.change(_part(row), received_ns)
        return events

    def _less_common(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        if frame == b"pong":
            return ()
        told = _frame.decode(frame)
        if told.arg is None or told.event:
            return self._heed(told, received_ns)
        channel = told.arg.channel
        if channel == "tickers":
            return self._summaries(map(_ticker_row.decode, told.data), received_ns)
        if channel.startswith("candle"):
            rows = [_candle_row.decode(row) for row in told.data]
            interval = BARS.get(channel.removeprefix("candle"), "")
            of = self.listings[told.arg.symbol].instrument
            return self._past_candles(rows, of, interval, received_ns)
        read = self._hot.get(channel[:5].encode())
        return read(bytes(frame), received_ns) if read else ()

    def _heed(self, told: Frame, received_ns: int) -> Sequence[Event]:
        """Take a word of the venue's: an instrument that it does not have, or a refusal."""
        if told.code == RENEW_SOON:
            self.renewal = told.msg or "the venue is about to close the connection"
        if told.event not in ("error", "channel-conn-count-error"):
            return ()
        named = _named.search(told.msg)
        if told.code != NO_SUCH_INSTRUMENT or named is None:
            raise VenueRefusedError(f"{NAME}: {told.msg} (code {told.code})")
        return [
            VenueStatus(
                venue=NAME,
                state="refused",
                instrument=self.listings[named[1]].instrument,
                reason=told.msg,
                event_ns=received_ns,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )
        ]

    def _summaries(self, rows: Iterable[TickerRow], received_ns: int) -> list[Event]:
        """Read summaries of spot instruments that are ours, or of all where we guess."""
        return [
            _summary(row, self.listings[row.symbol], received_ns, self.number(received_ns))
            for row in rows
            if row.symbol in self.listings or (self.options.guess and row.symbol.count("-") == 1)
        ]

    def _past_trades(
        self, raw: Sequence[msgspec.Raw], of: Instrument, received_ns: int
    ) -> list[Event]:
        place = self._places[self._symbol(of)]
        rows = [
            row
            for row in readable(raw, _trade_row)
            if row.id >= place.oldest_wanted
            and not any(first <= row.id < last for first, last in place.sums)
        ]
        rows.sort(key=lambda row: row.id)
        return [_trade(row, of, received_ns, backfilled=True) for row in rows]

    def _past_candles(
        self, rows: Sequence[CandleRow], of: Instrument, interval: str, received_ns: int
    ) -> list[Event]:
        """Read candles; those of no trades, or of an interval that is none of ours, are none."""
        if not interval:
            return []
        ordered = sorted(rows, key=lambda row: row.time)
        return [
            _candle(row, of, interval, (received_ns, self.number(received_ns)))
            for row in ordered
            if row.volume
        ]


def _request(
    what: str, query: Mapping[str, object], about: tuple[str, Instrument | None]
) -> HttpRequest:
    return HttpRequest(f"/api/v5/market/{what}?{urlencode(query)}", about)


def _rows(body: bytes) -> list[msgspec.Raw]:
    answer = _answer.decode(body)
    if answer.code != "0":
        raise VenueRefusedError(f"{NAME}: {answer.msg} (code {answer.code})")
    return answer.data


def _is_of_derivative(frame: bytes) -> bool:
    try:
        arg = _frame.decode(frame).arg
    except wire.UNREADABLE:
        return False
    return arg is not None and arg.symbol.count("-") > 1


def _word_of(row: bytes) -> str:
    """Tell what a row of an answer is about."""
    if row.lstrip().startswith(b"["):
        return "candles"
    shape = _shape.decode(row)
    if shape.trade_id:
        return "trades"
    if shape.base_ccy is not None:
        return "instruments"
    if shape.asks is not None:
        return "book"
    if shape.open24h is not None:
        return "tickers"
    raise ValueError("the rows are of no shape that is read")


def _symbol_of(row: bytes) -> str:
    if row.lstrip().startswith(b"["):
        return ""
    symbol = msgspec.json.decode(row, type=dict[str, msgspec.Raw]).get("instId", b'""')
    return msgspec.json.decode(symbol, type=str)


def _part(row: BookRow) -> Part:
    return Part(row.bids, row.asks, row.time * wire.MS, previous=row.previous, last=row.last)


def _trade(row: TradeRow, of: Instrument, received_ns: int, *, backfilled: bool = False) -> Trade:
    return Trade(
        venue=NAME,
        instrument=of,
        trade_id=str(row.id),
        side=row.side,
        price=row.price,
        size=row.size,
        event_ns=row.time * wire.MS,
        received_ns=received_ns,
        sequence=row.id,
        backfilled=backfilled,
    )


def _candle(row: CandleRow, of: Instrument, interval: str, stamps: tuple[int, int]) -> VenueCandle:
    received_ns, sequence = stamps
    start_ns = row.time * wire.MS
    end_ns = start_ns + INTERVALS[interval]
    is_closed = row.closed == "1" if row.closed else end_ns <= received_ns
    return VenueCandle(
        venue=NAME,
        instrument=of,
        interval=interval,
        start_ns=start_ns,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        closed=is_closed,
        event_ns=end_ns if is_closed else received_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _summary(row: TickerRow, listing: Listing, received_ns: int, sequence: int) -> Summary:
    return Summary(
        venue=NAME,
        instrument=listing.instrument,
        symbol=listing.symbol,
        name=listing.name,
        last=row.last,
        open=row.open or None,
        high=row.high or None,
        low=row.low or None,
        volume=row.volume or 0.0,
        bid=row.bid or None,
        ask=row.ask or None,
        event_ns=row.time * wire.MS,
        received_ns=received_ns,
        sequence=sequence,
    )


def _listing(row: InstrumentRow) -> Listing:
    return Listing(
        instrument=Instrument.of(row.base, row.quote),
        symbol=row.symbol,
        trading=row.state == "live",
        tick_size=row.tick_size or None,
        lot_size=row.lot_size or None,
    )


# The venue's side of the wire, written from the same documents, sharing no frame type with ours
# so that the two cannot agree on one mistake.


class ClientArg(msgspec.Struct, frozen=True, rename="camel"):
    """What a client wants."""

    channel: str
    inst_id: str


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    op: str
    args: list[ClientArg]


_request_of = msgspec.json.Decoder(Request)


class OkxSide(ExchangeSide):
    """OKX as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._instruments = {name: of for of, name in self._symbols.items()}
        self._subscribed: set[tuple[str, str]] = set()
        self._told: dict[Instrument, Book] = {}

    def receive(self, frame: bytes) -> None:
        """Take a subscription, answered one by one, or a ping."""
        if frame == b"ping":
            self.post(b"pong")
            return
        try:
            request = _request_of.decode(frame)
        except wire.UNREADABLE:
            self._refuse("60012", "Illegal request")
            return
        if request.op not in ("subscribe", "unsubscribe"):
            self._refuse("60012", f"Illegal request: {frame.decode()}")
            return
        for arg in request.args:
            if arg.channel not in STREAMS.values() or arg.inst_id not in self._instruments:
                named = f"channel:{arg.channel},instId:{arg.inst_id}"
                self._refuse("60018", f"Wrong URL or {named} doesn't exist.")
            elif request.op == "subscribe":
                self._subscribe(arg)
            else:
                self._subscribed.discard((arg.channel, arg.inst_id))
                self._acknowledge("unsubscribe", arg)

    def tell(self, event: Event) -> None:
        """Post a quote, a trade, what changed in a book, or a day."""
        match event:
            case Quote():
                self._tell("bbo-tbt", event.instrument, _best_fields(event))
            case Trade():
                self._tell("trades", event.instrument, _stream_trade_fields(event))
            case Book(instrument=of) if of in self._told:
                old, self._told[of] = self._told[of], event
                if event.sequence != old.sequence:
                    self._tell("books", of, _change_fields(old, event), action="update")
            case Summary():
                self._tell("tickers", event.instrument, _ticker_fields(event))

    def _subscribe(self, arg: ClientArg) -> None:
        self._subscribed.add((arg.channel, arg.inst_id))
        self._acknowledge("subscribe", arg)
        if arg.channel == "books":
            of = self._instruments[arg.inst_id]
            book = self._told[of] = self.market.book(of)
            numbers = {"seqId": book.sequence, "prevSeqId": -1}
            self._tell("books", of, {**_book_fields(book), **numbers}, action="snapshot")

    def _acknowledge(self, op: str, arg: ClientArg) -> None:
        self._post({"event": op, "arg": arg, "connId": "a4d3ae55"})

    def _refuse(self, code: str, msg: str) -> None:
        self._post({"event": "error", "code": code, "msg": msg, "connId": "a4d3ae55"})

    def _tell(
        self, channel: str, of: Instrument, fields: Mapping[str, object], action: str = ""
    ) -> None:
        symbol = self._symbols.get(of, "")
        if (channel, symbol) not in self._subscribed:
            return
        arg = {"channel": channel, "instId": symbol}
        named = {"instId": symbol} if channel in ("trades", "tickers") else {}
        acted = {"action": action} if action else {}
        self._post({"arg": arg, **acted, "data": [{**named, **fields}]})

    def _post(self, fields: Mapping[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play OKX's REST interface: the listing, books, trades, candles and tickers.

    Raises:
        LookupError: it does not serve ``path``, or does not list the symbol.

    """
    route, query = wire.route_of(path)
    known = {listing.symbol: listing.instrument for listing in market.listings}
    rows: Sequence[object]
    match route:
        case "/api/v5/public/instruments":
            rows = [_instrument_fields(listing) for listing in market.listings]
        case "/api/v5/market/books":
            rows = [_book_fields(market.book(known[query["instId"]]))]
        case "/api/v5/market/trades" | "/api/v5/market/history-trades":
            rows = _page_of_trades(market.trades(known[query["instId"]]), query)
        case "/api/v5/market/candles":
            rows = _page_of_candles(market.candles(known[query["instId"]]), query)
        case "/api/v5/market/tickers":
            days = [(symbol, market.summary(of)) for symbol, of in known.items()]
            rows = [{"instId": symbol, **_ticker_fields(day)} for symbol, day in days if day]
        case _:
            raise LookupError(f"{NAME} does not serve {path}")
    return msgspec.json.encode({"code": "0", "msg": "", "data": rows})


def _page_of_trades(trades: Sequence[Trade], query: Mapping[str, str]) -> list[object]:
    """Return trades older than ``after``, newest first."""
    oldest_known = int(query.get("after", str(2**63)))
    older = [trade for trade in trades if int(trade.trade_id) < oldest_known]
    page = older[::-1][: int(query.get("limit", "100"))]
    return [{"instId": query["instId"], **_trade_fields(trade)} for trade in page]


def _page_of_candles(candles: Sequence[VenueCandle], query: Mapping[str, str]) -> list[object]:
    """Return candles older than ``after`` and newer than ``before``, newest first."""
    older_than_ns = int(query.get("after", str(2**63))) * wire.MS
    newer_than_ns = int(query.get("before", "0")) * wire.MS
    found = [one for one in candles if newer_than_ns < one.start_ns < older_than_ns]
    return [_candle_fields(one) for one in found[::-1][: int(query.get("limit", "100"))]]


def _trade_fields(trade: Trade) -> dict[str, object]:
    return {
        "tradeId": trade.trade_id,
        "px": wire.plain(trade.price),
        "sz": wire.plain(trade.size),
        "side": trade.side,
        "ts": str(trade.event_ns // wire.MS),
    }


def _stream_trade_fields(trade: Trade) -> dict[str, object]:
    return {**_trade_fields(trade), "count": "1"}


def _best_fields(quote: Quote) -> dict[str, object]:
    return {
        "asks": _levels([Level(quote.ask, quote.ask_size)]),
        "bids": _levels([Level(quote.bid, quote.bid_size)]),
        "ts": str(quote.event_ns // wire.MS),
        "seqId": quote.sequence,
    }


def _book_fields(book: Book) -> dict[str, object]:
    sides = {"asks": _levels(book.asks), "bids": _levels(book.bids)}
    return {**sides, "ts": str(book.event_ns // wire.MS), "checksum": 0}


def _change_fields(old: Book, new: Book) -> dict[str, object]:
    return {
        "asks": _levels(difference(old.asks, new.asks)),
        "bids": _levels(difference(old.bids, new.bids)),
        "ts": str(new.event_ns // wire.MS),
        "checksum": 0,
        "seqId": new.sequence,
        "prevSeqId": old.sequence,
    }


def _levels(levels: Iterable[Level]) -> list[tuple[str, str, str, str]]:
    return [
        (wire.plain(level.price), wire.plain(level.size), "0", "1" if level.size else "0")
        for level in levels
    ]


def _ticker_fields(summary: Summary) -> dict[str, object]:
    numbers = {
        "last": summary.last,
        "bidPx": summary.bid,
        "askPx": summary.ask,
        "open24h": summary.open,
        "high24h": summary.high,
        "low24h": summary.low,
        "vol24h": summary.volume,
    }
    texts = {key: wire.plain(number) if number else "" for key, number in numbers.items()}
    return {"instType": "SPOT", **texts, "ts": str(summary.event_ns // wire.MS)}


def _candle_fields(candle: VenueCandle) -> list[str]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    notional = wire.plain(candle.volume * candle.close)
    volumes = [wire.plain(candle.volume), notional, notional]
    time = str(candle.start_ns // wire.MS)
    return [time, *map(wire.plain, prices), *volumes, "1" if candle.closed else "0"]


def _instrument_fields(listing: Listing) -> dict[str, object]:
    return {
        "instType": "SPOT",
        "instId": listing.symbol,
        "baseCcy": listing.instrument.base,
        "quoteCcy": listing.instrument.quote_currency,
        "tickSz": wire.plain(listing.tick_size or 0.01),
        "lotSz": wire.plain(listing.lot_size or 1e-8),
        "minSz": "0.00001",
        "state": "live" if listing.trading else "suspend",
    }


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws.okx.com/ws/v5/public",
    rest_url="https://www.okx.com",
    taker_fee_bps=10.0,
    fee_source="spot fee schedule, regular user: 0.08 % maker, 0.10 % taker",
    dial=direct,
    list_instruments=list_instruments,
    session=OkxSession,
    exchange_side=OkxSide,
    answer=answer,
    heartbeat_s=20.0,  # it hangs up after 30 s without a word of ours or its own
    max_silence_s=45.0,
    instrument=instrument,
    quote_currencies=("USDT", "USDC", "USD", "EUR", "BTC"),
    instruments_at_most=100,
    connect_interval_s=0.35,  # three connections a second
    rest_interval_s=0.1,  # 40 requests in two seconds for candles, 20 for books
)
