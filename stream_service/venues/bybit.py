"""Bybit spot: trades, best quotes, books, minutes and summaries in; events out.

Source: https://bybit-exchange.github.io/docs/v5/ws/connect, .../v5/websocket/public/trade,
.../orderbook, .../ticker, .../kline, and .../v5/market/ for REST.

Symbols are ``BTCUSDT``. Numbers come as strings on the stream, times in milliseconds. A request
names ten topics at most and is refused whole for a single one that does not exist. A book comes
whole, then as changes whose ``u`` rises by one; it may come whole again at any time, with ``u`` 1
after the venue restarted. The best quote comes whole, every three seconds also without a change.
Trades have no number but the ``seq`` of the whole engine, which is missing in older recordings;
up to 1,024 of them are in a frame. REST tells the last 60 trades and no more.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Annotated, Literal, TypeAlias
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
from stream_service.books import BookWatch, Ladder, difference
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

NAME = "bybit"
TOPICS: Mapping[Channel, str] = {
    "trade": "publicTrade",
    "quote": "orderbook.1",
    "book": "orderbook.50",
    "candle": "kline.1",
    "summary": "tickers",
}
TOPICS_A_FRAME = 10
TRADES_AT_MOST = 60
CANDLES_AT_MOST = 1_000
QUOTE_CURRENCIES = ("USDT", "USDC", "USDE", "USD1", "EUR", "BRL", "TRY", "PLN", "BTC", "ETH", "DAI")
BARS = {str(minutes): name for minutes, name in wire.MINUTES.items() if minutes} | {"D": "1d"}
"""Intervals by the venue's names."""

OrNothing: TypeAlias = wire.OrZero | Literal[""]
"""A number; nothing or zero where there is none."""


class TradeRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "id": "i", "price": "p", "size": "v", "side": "S", "time": "T"},
):
    """One execution; ``S`` is the taker's side."""

    symbol: str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    price: wire.Price
    size: wire.Size
    side: Literal["Buy", "Sell"]
    time: wire.Milliseconds
    seq: wire.Number | None = None


class RestTradeRow(msgspec.Struct, frozen=True, gc=False, rename={"id": "execId"}):
    """One execution, over REST."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    symbol: str
    price: wire.Price
    size: wire.Size
    side: Literal["Buy", "Sell"]
    time: wire.Milliseconds
    seq: wire.Number | None = None


class LevelRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Price and size; a size of zero removes the level."""

    price: wire.Price
    size: wire.OrZero


class BookRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "bids": "b", "asks": "a", "last": "u"},
):
    """Levels, best first where it is whole; ``u`` numbers it."""

    symbol: str
    bids: list[LevelRow]
    asks: list[LevelRow]
    last: wire.Number
    seq: wire.Number | None = None
    ts: wire.Milliseconds | None = None
    cts: wire.Milliseconds | None = None


class TradesFrame(msgspec.Struct, frozen=True, gc=False):
    """Executions of one instrument."""

    topic: str
    data: list[TradeRow]


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """A book, or what changed in it; ``cts`` is when the engine made it."""

    topic: str
    type: Literal["snapshot", "delta"]
    ts: wire.Milliseconds
    data: BookRow
    cts: wire.Milliseconds | None = None


class TickerRow(msgspec.Struct, frozen=True, rename="camel"):
    """The last 24 hours; only REST tells bid and ask."""

    symbol: str
    last_price: wire.Price
    high_price24h: OrNothing = ""
    low_price24h: OrNothing = ""
    prev_price24h: OrNothing = ""
    volume24h: OrNothing = ""
    bid1_price: OrNothing = ""
    ask1_price: OrNothing = ""


class TickerFrame(msgspec.Struct, frozen=True):
    """The summary of one instrument."""

    ts: wire.Milliseconds
    data: TickerRow


class CandleRow(msgspec.Struct, frozen=True):
    """One interval; ``timestamp`` is the time of its last trade."""

    start: wire.Milliseconds
    interval: str
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero
    confirm: bool
    timestamp: wire.Milliseconds


class CandleFrame(msgspec.Struct, frozen=True):
    """Candles of one instrument."""

    topic: str
    data: list[CandleRow]


class RestCandleRow(msgspec.Struct, frozen=True, array_like=True):
    """One interval, over REST."""

    start: wire.Milliseconds
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero


class Word(msgspec.Struct, frozen=True):
    """A reply of the venue's, or a topic that is not read."""

    topic: str = ""
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


class Result(msgspec.Struct, frozen=True):
    """What REST has to say; an order book has no list, candles name their symbol."""

    list: list[msgspec.Raw] = []
    symbol: str = ""


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """An answer over REST; any code but zero is a refusal."""

    ret_code: int
    result: msgspec.Raw
    ret_msg: str = ""
    time: wire.Milliseconds | None = None


class LotFilter(msgspec.Struct, frozen=True, rename="camel"):
    """Rules of sizes."""

    base_precision: wire.OrZero = 0.0
    min_order_amt: wire.OrZero = 0.0


class PriceFilter(msgspec.Struct, frozen=True, rename="camel"):
    """Rules of prices."""

    tick_size: wire.OrZero = 0.0


class SymbolRow(msgspec.Struct, frozen=True, rename="camel"):
    """One listed symbol."""

    symbol: str
    base_coin: str
    quote_coin: str
    status: str
    lot_size_filter: LotFilter = LotFilter()
    price_filter: PriceFilter = PriceFilter()


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """What tells the rows of answers apart."""

    symbol: str = ""
    exec_id: str | None = None
    base_coin: str | None = None
    last_price: str | None = None


_trades_frame = msgspec.json.Decoder(TradesFrame, strict=False)
_book_frame = msgspec.json.Decoder(BookFrame, strict=False)
_ticker_frame = msgspec.json.Decoder(TickerFrame, strict=False)
_candle_frame = msgspec.json.Decoder(CandleFrame, strict=False)
_word = msgspec.json.Decoder(Word)
_answer = msgspec.json.Decoder(Answer)
_result = msgspec.json.Decoder(Result)
_rest_trade_row = msgspec.json.Decoder(RestTradeRow, strict=False)
_rest_candle_row = msgspec.json.Decoder(RestCandleRow, strict=False)
_ticker_row = msgspec.json.Decoder(TickerRow, strict=False)
_book_row = msgspec.json.Decoder(BookRow, strict=False)
_symbol_row = msgspec.json.Decoder(SymbolRow, strict=False)
_shape = msgspec.json.Decoder(Shape)

AT_TOPIC = slice(len('{"topic":"'), len('{"topic":"orderbook.50.'))


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every spot symbol."""
    body = yield HttpRequest("/v5/market/instruments-info?category=spot")
    try:
        return [_listing(row) for row in readable(_rows(body), _symbol_row)]
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def symbol(instrument: Instrument) -> str:
    """Return the name of ``instrument``; the way back is only in the listing."""
    return f"{instrument.base}{instrument.quote_currency}"


def instrument(name: str) -> Instrument:
    """Read a symbol at its longest known quote currency; ValueError where there is none."""
    return wire.instrument_of(name, QUOTE_CURRENCIES)


class Place:
    """What a session keeps for one instrument."""

    def __init__(self, listing: Listing, book: StreamedBook) -> None:
        self.listing = listing
        self.instrument = listing.instrument
        self.book = book
        self.best: BookRow | None = None


class Places(dict[str, Place]):
    """Places by symbol, made when they are first met."""

    def __init__(self, make: Callable[[str], Place]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, symbol: str) -> Place:
        """Make one; KeyError where nobody knows the symbol."""
        place = self[symbol] = self._make(symbol)
        return place


class BybitSession(Session):
    """One connection to the public stream of spot markets."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._places = Places(self._place)
        self._symbols = {row.instrument: name for name, row in self.listings.items()}
        self._asked: dict[str, Sequence[str]] = {}
        self._readers: dict[str, Callable[[bytes, int], Sequence[Event]]] = {
            "publicTrade": self._trades,
            "orderbook": self._book,
            "kline": self._candles,
            "tickers": self._ticker,
        }

    def opened(self) -> None:
        """Subscribe to what is followed of every symbol, ten topics a frame."""
        followed = [topic for kind, topic in TOPICS.items() if kind in self.options.channels]
        self._subscribe([f"{topic}.{symbol}" for symbol in self.listings for topic in followed])

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; replies give no event."""
        try:
            topic = frame[AT_TOPIC]
            if topic.startswith(b"publicTrade."):
                return self._trades(frame, received_ns)
            if topic.startswith(b"orderbook."):
                return self._book(frame, received_ns)
            return self._less_common(frame, received_ns)
        except wire.UNREADABLE as error:
            for symbol, place in self._places.items():
                if symbol.encode() in frame:
                    place.book.doubt("a frame that may hold changes could not be read")
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; takes trades, candles, books and summaries."""
        try:
            match request.about:
                case ("trades", Instrument() as of):
                    trades = readable(_rows(body), _rest_trade_row)
                    trades.sort(key=lambda row: (row.time, row.seq or 0))
                    return [self._trade(row, of, received_ns, backfilled=True) for row in trades]
                case ("candles", Instrument() as of):
                    rows = readable(_rows(body), _rest_candle_row)
                    return self._past_candles(rows, of, received_ns)
                case ("book", _):
                    row = _book_row.decode(_result_of(body))
                    return list(self._places[row.symbol].book.seed(_part(row), received_ns))
                case ("tickers", _):
                    time = (_answer.decode(body).time or received_ns // wire.MS) * wire.MS
                    days = readable(_rows(body), _ticker_row)
                    return self._summaries(days, time, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error
        return ()

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; there is one page only."""
        del after
        query = {"symbol": self._symbol(instrument), "limit": TRADES_AT_MOST}
        return None if before else _request("recent-trade", query, ("trades", instrument))

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the newest thousand of them."""
        query = {
            "symbol": self._symbol(instrument),
            "interval": "1",
            "start": start_ns // wire.MS,
            "end": end_ns // wire.MS - 1,
            "limit": CANDLES_AT_MOST,
        }
        return _request("kline", query, ("candles", instrument))

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; every answer names its instrument, so the hint is not read."""
        del hint
        try:
            return _recognised(_answer.decode(body).result)
        except wire.UNREADABLE:
            return None

    def tick(self, now_ns: int) -> None:
        """Subscribe anew to a book that did not come."""
        if "book" in self.options.channels:
            for symbol in self.listings:
                self._places[symbol].book.tick(now_ns)

    def heartbeat(self) -> None:
        """Say that we are there, or the venue hangs up."""
        self.post(b'{"op":"ping"}')

    def _place(self, symbol: str) -> Place:
        listing = self.listings[symbol]
        watch = BookWatch(NAME, listing.instrument, self.number)
        return Place(listing, StreamedBook(watch, partial(self._subscribe_anew, symbol)))

    def _symbol(self, of: Instrument) -> str:
        return self._symbols.get(of, symbol(of))

    def _subscribe(self, topics: Sequence[str]) -> None:
        for start in range(0, len(topics), TOPICS_A_FRAME):
            number = str(len(self._asked) + 1)
            args = self._asked[number] = topics[start : start + TOPICS_A_FRAME]
            self.post(msgspec.json.encode({"req_id": number, "op": "subscribe", "args": args}))

    def _subscribe_anew(self, symbol: str) -> None:
        topics = [f"{TOPICS['book']}.{symbol}"]
        self.post(msgspec.json.encode({"op": "unsubscribe", "args": topics}))
        self._subscribe(topics)

    def _trades(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        places = self._places
        return [
            self._trade(row, places[row.symbol].instrument, received_ns)
            for row in _trades_frame.decode(frame).data
        ]

    def _trade(
        self,
        row: TradeRow | RestTradeRow,
        of: Instrument,
        received_ns: int,
        *,
        backfilled: bool = False,
    ) -> Trade:
        return Trade(
            venue=NAME,
            instrument=of,
            trade_id=row.id,
            side="buy" if row.side == "Buy" else "sell",
            price=row.price,
            size=row.size,
            event_ns=row.time * wire.MS,
            received_ns=received_ns,
            sequence=self.number(received_ns) if row.seq is None else row.seq,
            backfilled=backfilled,
        )

    def _book(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = _book_frame.decode(frame)
        place = self._places[told.data.symbol]
        if told.topic.startswith("orderbook.1."):
            return self._quote(told, place, received_ns)
        part = _part(told.data, told.cts or told.ts)
        if told.type == "snapshot":
            return list(place.book.whole(part, received_ns))
        return list(place.book.change(part, received_ns))

    def _quote(self, told: BookFrame, place: Place, received_ns: int) -> Sequence[Event]:
        best = told.data if told.type == "snapshot" else _merged(place.best, told.data)
        place.best = best
        if not (best.bids and best.asks):
            return ()
        bid, ask = best.bids[0], best.asks[0]
        quote = Quote(
            venue=NAME,
            instrument=place.instrument,
            bid=bid.price,
            bid_size=bid.size,
            ask=ask.price,
            ask_size=ask.size,
            event_ns=(told.cts or told.ts) * wire.MS,
            received_ns=received_ns,
            sequence=best.last if best.seq is None else best.seq,
        )
        return (quote,)

    def _less_common(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        word = _word.decode(frame)
        if not word.success:
            return self._heed(word, received_ns)
        read = self._readers.get(word.topic.partition(".")[0])
        return read(frame, received_ns) if read else ()

    def _ticker(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = _ticker_frame.decode(frame)
        self._places[told.data.symbol]  # one that nobody knows is refused
        return self._summaries([told.data], told.ts * wire.MS, received_ns)

    def _candles(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = _candle_frame.decode(frame)
        of = self._places[told.topic.rpartition(".")[2]].instrument
        return [
            _candle(row, of, (received_ns, self.number(received_ns)))
            for row in told.data
            if row.volume and row.interval in BARS
        ]

    def _heed(self, word: Word, received_ns: int) -> Sequence[Event]:
        """Take a refusal: of one topic, whose request is made again without it, or of all."""
        refused = word.ret_msg.rpartition(".")[2]
        if word.op != "subscribe" or not word.ret_msg.rpartition(".")[1]:
            raise VenueRefusedError(f"{NAME}: {word.ret_msg}")
        place = self._places[refused]
        topics = self._asked.get(word.req_id, ())
        self._subscribe([topic for topic in topics if topic.rpartition(".")[2] != refused])
        return [
            VenueStatus(
                venue=NAME,
                state="refused",
                instrument=place.instrument,
                reason=word.ret_msg,
                event_ns=received_ns,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )
        ]

    def _summaries(self, rows: Iterable[TickerRow], event_ns: int, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for row in rows:
            try:
                listing = self.listings[row.symbol]
            except (KeyError, ValueError):
                continue  # one of the many that REST tells and nobody follows
            events.append(_summary(row, listing, event_ns, (received_ns, self.number(received_ns))))
        return events

    def _past_candles(
        self, rows: Sequence[RestCandleRow], of: Instrument, received_ns: int
    ) -> list[Event]:
        """Read candles of REST, of the interval that they lie apart; one alone is a minute."""
        rows = sorted(rows, key=lambda row: row.start)
        apart = {later.start - sooner.start for sooner, later in pairwise(rows)} or {60_000}
        lengths = {length: name for name, length in INTERVALS.items()}
        interval = lengths.get(min(apart) * wire.MS)
        return [
            _past_candle(row, of, interval, (received_ns, self.number(received_ns)))
            for row in rows
            if row.volume and interval
        ]


def _request(
    what: str, query: Mapping[str, object], about: tuple[str, Instrument | None]
) -> HttpRequest:
    return HttpRequest(f"/v5/market/{what}?category=spot&{urlencode(query)}", about)


def _result_of(body: bytes) -> bytes:
    answer = _answer.decode(body)
    if answer.ret_code:
        raise VenueRefusedError(f"{NAME}: {answer.ret_msg} (code {answer.ret_code})")
    return bytes(answer.result)


def _rows(body: bytes) -> list[msgspec.Raw]:
    fields = msgspec.json.decode(_result_of(body), type=dict[str, msgspec.Raw])
    return msgspec.json.decode(fields["list"], type=list[msgspec.Raw])


def _recognised(raw: msgspec.Raw) -> HttpRequest | None:
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    if "b" in fields and "a" in fields:
        return HttpRequest("/v5/market/orderbook", ("book", None))
    result = _result.decode(raw)
    if not result.list:
        return None
    first = bytes(result.list[0])
    if first.lstrip().startswith(b"["):
        return HttpRequest("/v5/market/kline", ("candles", instrument(result.symbol)))
    shape = _shape.decode(first)
    if shape.exec_id is not None:
        return HttpRequest("/v5/market/recent-trade", ("trades", instrument(shape.symbol)))
    if shape.base_coin is not None:
        return HttpRequest("/v5/market/instruments-info", ("instruments", None))
    if shape.last_price is not None:
        return HttpRequest("/v5/market/tickers", ("tickers", None))
    return None


def _part(row: BookRow, time: int | None = None) -> Part:
    time = time or row.cts or row.ts
    if time is None:
        raise ValueError("the book has no time")
    return Part(
        row.bids,
        row.asks,
        time * wire.MS,
        previous=row.last - 1,
        last=row.last,
        sequence=row.seq,
    )


def _merged(old: BookRow | None, new: BookRow) -> BookRow:
    """Apply a change of the best levels, as other markets than spot tell them."""
    sides = []
    for falling, before, changed in (
        (True, old.bids if old else [], new.bids),
        (False, old.asks if old else [], new.asks),
    ):
        ladder: Ladder[LevelRow] = Ladder(falling=falling)
        for row in (*before, *changed):
            if row.size:
                ladder.put(row.price, row)
            else:
                ladder.drop(row.price)
        sides.append(ladder.best(2))
    return msgspec.structs.replace(new, bids=sides[0], asks=sides[1])


def _candle(row: CandleRow, of: Instrument, stamps: tuple[int, int]) -> VenueCandle:
    received_ns, sequence = stamps
    return VenueCandle(
        venue=NAME,
        instrument=of,
        interval=BARS[row.interval],
        start_ns=row.start * wire.MS,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.volume,
        closed=row.confirm,
        event_ns=row.timestamp * wire.MS,
        received_ns=received_ns,
        sequence=sequence,
    )


def _past_candle(
    row: RestCandleRow, of: Instrument, interval: str, stamps: tuple[int, int]
) -> VenueCandle:
    received_ns, sequence = stamps
    start_ns = row.start * wire.MS
    end_ns = start_ns + INTERVALS[interval]
    is_closed = end_ns <= received_ns
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


def _summary(row: TickerRow, listing: Listing, event_ns: int, stamps: tuple[int, int]) -> Summary:
    received_ns, sequence = stamps
    return Summary(
        venue=NAME,
        instrument=listing.instrument,
        symbol=listing.symbol,
        name=listing.name,
        last=row.last_price,
        open=row.prev_price24h or None,
        high=row.high_price24h or None,
        low=row.low_price24h or None,
        volume=row.volume24h or 0.0,
        bid=row.bid1_price or None,
        ask=row.ask1_price or None,
        event_ns=event_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _listing(row: SymbolRow) -> Listing:
    return Listing(
        instrument=Instrument.of(row.base_coin, row.quote_coin),
        symbol=row.symbol,
        trading=row.status == "Trading",
        tick_size=row.price_filter.tick_size or None,
        lot_size=row.lot_size_filter.base_precision or None,
        minimum_notional=row.lot_size_filter.min_order_amt or None,
    )


# The venue's side of the wire, written from the same documents, sharing no frame type with ours
# so that the two cannot agree on one mistake.


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
        known = {f"{topic}.{name}" for topic in TOPICS.values() for name in self._symbols.values()}
        unknown = [topic for topic in request.args if topic not in known]
        if unknown or len(request.args) > TOPICS_A_FRAME:
            why = f"Invalid topic: {unknown[0]}" if unknown else "args size >10"
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
            found = [one for one in market.candles(of) if first_ns <= one.start_ns <= last_ns]
            rows = [_rest_candle_fields(one) for one in found[-limit:][::-1]]
            return _answer_with({"category": "spot", "symbol": query["symbol"], "list": rows})
    raise LookupError(f"{NAME} does not serve {path}")


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
    }
    texts = {key: wire.plain(number) for key, number in numbers.items() if number}
    return {"lastPrice": wire.plain(summary.last), **texts}


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


VENUE = Venue(
    name=NAME,
    websocket_url="wss://stream.bybit.com/v5/public/spot",
    rest_url="https://api.bybit.com",
    taker_fee_bps=10.0,
    fee_source="spot fee rate, regular user: 0.10 % maker and taker",
    dial=direct,
    list_instruments=list_instruments,
    session=BybitSession,
    exchange_side=BybitSide,
    answer=answer,
    heartbeat_s=20.0,
    max_silence_s=45.0,
    symbol=symbol,
    instrument=instrument,
    quote_currencies=("USDT", "USDC", "EUR", "BTC"),
    instruments_at_most=100,  # the names of all topics may have 21,000 letters together
    send_interval_s=0.05,
    connect_interval_s=0.6,  # 500 connections in five minutes
    rest_interval_s=0.05,  # 600 requests in five seconds
)
