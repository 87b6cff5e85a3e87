"""Bitstamp: trades and whole order books in; trades, books and quotes out, the rest over REST.

Source: https://www.bitstamp.net/websocket/v2/ and https://www.bitstamp.net/api/

Markets are ``btcusd`` without separator, perpetual futures ``btcusd-perp`` (``BTCPERP-USD`` here,
and not listed: what is theirs is no spot price). A frame subscribes to one channel. There is none
of best bids and asks: a quote is the first level of the book. A book says nothing when it is
subscribed to, only with its next change, so it starts from REST; only the channel names its market,
nothing is numbered but trades, and it may be crossed for a message. Candles and summaries are asked
for over REST, where trades carry whole seconds only. Numbers are taken from the ``_str`` fields,
times from ``microtimestamp``: ``timestamp`` is in seconds for spot, in milliseconds for futures. An
unknown market is accepted and stays silent. REST paths end with a slash.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias
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
)
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.books import BookWatch
from stream_service.keyed import Keyed
from stream_service.rounds import Rounds
from stream_service.rows import readable
from stream_service.timed_book import Change, TimedBook
from stream_service.venue import (
    NO_OPTIONS,
    HttpRequest,
    ListingRequests,
    Options,
    Session,
    Venue,
    direct,
)
from stream_service.venues.bitstamp.side import BitstampSide, answer

NAME = "bitstamp"
QUOTE_CURRENCIES = ("USD", "EUR", "GBP", "USDT", "USDC", "BTC", "ETH", "PAX")
FUTURE = "PERP"
TRADES, WHOLE, CHANGES = "live_trades_", "order_book_", "diff_order_book_"
OTHERS = ("detail_order_book_", "live_orders_")

US = 1_000
SECOND = 1_000 * wire.MS
MINUTE = 60 * SECOND
HOUR_PAGE = 55 * MINUTE
"""A page of an hour surely reaches so far back when its answer comes."""

ASK_AGAIN = 30 * SECOND
"""A book that was asked for and did not come is asked for again after so long."""

CANDLES_AT_MOST = 1_000  # of one answer
CANDLES_A_ROUND = 3

LISTING = "/api/v2/markets/"
ALL_SUMMARIES = HttpRequest("/api/v2/ticker/", about=("summaries", None))

TRADE_END = ord("e")  # ...,"event":"trade"}
BOOK_END = ord("a")  # ...,"event":"data"}
"""The last letter of the type of an event, which is the cheapest thing to look at.

It is a guess that only saves time: no type has the fields that another one needs.
"""

Microseconds: TypeAlias = Annotated[
    int, msgspec.Meta(ge=wire.EARLIEST_NS // US, lt=wire.LATEST_NS // US)
]
Seconds: TypeAlias = Annotated[
    int, msgspec.Meta(ge=wire.EARLIEST_NS // SECOND, lt=wire.LATEST_NS // SECOND)
]
Sold: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1)]
"""0: the taker bought, 1: the taker sold."""


class Envelope(msgspec.Struct, frozen=True):
    """What every frame has."""

    event: str
    channel: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class Complaint(msgspec.Struct, frozen=True):
    """What is wrong with a frame of ours."""

    message: str = ""
    code: int | None = None


class TradeRow(
    msgspec.Struct, frozen=True, gc=False, rename={"price": "price_str", "size": "amount_str"}
):
    """One execution."""

    id: wire.Number
    price: wire.Price
    size: wire.Size
    type: Sold
    microtimestamp: Microseconds


class TradeFrame(msgspec.Struct, frozen=True, gc=False):
    """A trade and where it was."""

    data: TradeRow
    channel: str


class BookRow(msgspec.Struct, frozen=True, gc=False):
    """A book, or the levels of it that changed; size zero is none."""

    microtimestamp: Microseconds
    bids: list[Level]
    asks: list[Level]


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """Levels and whose they are."""

    data: BookRow
    channel: str


class RestTradeRow(msgspec.Struct, frozen=True, rename={"id": "tid", "size": "amount"}):
    """One execution, over REST."""

    id: wire.Number
    date: Seconds
    price: wire.Price
    size: wire.Size
    type: Sold


class CandleRow(msgspec.Struct, frozen=True):
    """One minute."""

    timestamp: Seconds
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero

    def __post_init__(self) -> None:
        """Refuse prices that contradict each other."""
        wire.check_candle(self.open, self.high, self.low, self.close)


class CandlesOf(msgspec.Struct, frozen=True):
    """The minutes of one market."""

    ohlc: list[msgspec.Raw]
    pair: str = ""


class Candles(msgspec.Struct, frozen=True):
    """An answer with candles."""

    data: CandlesOf


class SummaryRow(msgspec.Struct, frozen=True):
    """24 hours of one market, named ``BTC/USD``; a market where nothing was traded has nulls."""

    timestamp: Seconds
    last: wire.OrZero | None = None
    open_24: wire.OrZero | None = None
    high: wire.OrZero | None = None
    low: wire.OrZero | None = None
    volume: wire.OrZero | None = None
    bid: wire.OrZero | None = None
    ask: wire.OrZero | None = None
    market: str = ""
    pair: str = ""


class MarketRow(msgspec.Struct, frozen=True):
    """One listed market, with today's names of its fields and those of 2022."""

    name: str
    trading: str
    market_symbol: str = ""
    url_symbol: str = ""
    base_decimals: wire.Places | None = None
    counter_decimals: wire.Places | None = None
    minimum_order_value: wire.OrZero = 0.0
    minimum_order: str = ""
    market_type: str = "SPOT"

    def __post_init__(self) -> None:
        """Refuse a market without names, or of a minimum that is no amount."""
        Instrument.parse(self.name)
        if not (self.market_symbol or self.url_symbol):
            raise ValueError(f"{self.name} has no symbol")
        if not 0 <= self.minimum < wire.LARGEST:
            raise ValueError(f"{self.name} has a minimum of {self.minimum_order}")

    @property
    def minimum(self) -> float:
        """The smallest notional of an order, zero where there is none."""
        return self.minimum_order_value or float(self.minimum_order.partition(" ")[0] or 0)


class Shape(msgspec.Struct, frozen=True):
    """The fields by which answers are told apart, whatever is in them."""

    event: str = ""
    tid: msgspec.Raw = msgspec.Raw()
    last: msgspec.Raw = msgspec.Raw()
    bids: msgspec.Raw = msgspec.Raw()
    market_symbol: str = ""
    url_symbol: str = ""
    market: str = ""
    pair: str = ""
    data: CandlesOf | None = None

    @property
    def what(self) -> str:
        """What it is an answer about, or nothing."""
        found = {
            "instruments": self.market_symbol or self.url_symbol,
            "trades": bool(self.tid),
            "candles": self.data is not None,
            "book": bool(self.bids),
            "summaries": bool(self.last),
        }
        return next((what for what, is_it in found.items() if is_it), "")

    @property
    def name(self) -> str:
        """The market that it names, or nothing."""
        return self.data.pair if self.data else self.market or self.pair


_envelope = msgspec.json.Decoder(Envelope)
_complaint = msgspec.json.Decoder(Complaint, strict=False)
_trade_frame = msgspec.json.Decoder(TradeFrame, strict=False)
_book_frame = msgspec.json.Decoder(BookFrame, strict=False)
_book_row = msgspec.json.Decoder(BookRow, strict=False)
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_rest_trade_row = msgspec.json.Decoder(RestTradeRow, strict=False)
_candles = msgspec.json.Decoder(Candles)
_candle_row = msgspec.json.Decoder(CandleRow, strict=False)
_summary_row = msgspec.json.Decoder(SummaryRow, strict=False)
_market_row = msgspec.json.Decoder(MarketRow, strict=False)
_shape = msgspec.json.Decoder(Shape)
_shapes = msgspec.json.Decoder(list[Shape])


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every market; futures are left out."""
    body = yield HttpRequest(LISTING)
    try:
        rows = readable(_raws.decode(body), _market_row)
        return [_listing(row) for row in rows if row.market_type == "SPOT" and "/" in row.name]
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def symbol(instrument: Instrument) -> str:
    """Return the name of ``instrument``: ``btcusd``, or ``btcusd-perp`` for ``BTCPERP-USD``."""
    base = instrument.base.removesuffix(FUTURE)
    if base and base != instrument.base:
        return f"{base}{instrument.quote_currency}-{FUTURE}".lower()
    return f"{instrument.base}{instrument.quote_currency}".lower()


def instrument_of(symbol: str) -> Instrument:
    """Read a symbol by its shape."""
    spot = symbol.removesuffix(f"-{FUTURE.lower()}")
    instrument = wire.instrument_of(spot, QUOTE_CURRENCIES)
    if spot == symbol:
        return instrument
    return Instrument(instrument.base + FUTURE, instrument.quote_currency)


class BitstampSession(Session):
    """One connection to the public channels."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._books: dict[str, TimedBook] = {}
        self._channels = Keyed(self._channel)
        self._book_asked_ns: dict[str, int] = {}
        self._candle_rounds: Rounds[str] = Rounds(period_s=60, delay_s=3, spread_s=50)
        self._summary_rounds: Rounds[str] = Rounds(period_s=60, delay_s=1, spread_s=0)
        self._tells_books = "book" in options.channels
        self._tells_quotes = "quote" in options.channels
        self._tells_only_books = self._tells_books and not self._tells_quotes
        self._now_ns = 0

    def opened(self) -> None:
        """Subscribe, one channel a frame; ask for books, lest quiet markets show none."""
        for symbol in self.listings:
            if "trade" in self.options.channels:
                self._subscribe(TRADES + symbol)
            if self._tells_books or self._tells_quotes:
                self._subscribe(WHOLE + symbol)
                self._book(symbol)
                self._ask_book(symbol)
        if "summary" in self.options.channels:
            self.ask(ALL_SUMMARIES)

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; a book gives a quote too, replies and single orders nothing."""
        try:
            end = frame[-3]
            if end == TRADE_END:
                return (self._trade(_trade_frame.decode(frame), received_ns),)
            if end == BOOK_END:
                return self._levels(_book_frame.decode(frame), received_ns)
        except wire.UNREADABLE:  # what ends like this is something else, or wrong
            pass
        try:
            return self._other(frame, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; takes books, trades, candles and summaries."""
        try:
            match request.about:
                case ("book", Instrument() as instrument):
                    return self._seed(symbol(instrument), _book_row.decode(body), received_ns)
                case ("trades", Instrument() as instrument):
                    trades = readable(_raws.decode(body), _rest_trade_row)
                    trades.sort(key=lambda row: (row.date, row.id))
                    return [_rest_trade(row, instrument, received_ns) for row in trades]
                case ("candles", Instrument() as instrument):
                    self._candle_rounds.answered(symbol(instrument))
                    seconds = int(wire.route_of(request.path)[1].get("step", "60"))
                    interval = wire.MINUTES[seconds // 60]
                    return list(self._candles(body, instrument, interval, received_ns))
                case ("summaries", instrument):
                    self._summary_rounds.answered(NAME)
                    return list(self._summaries(body, instrument, received_ns))
                case (what, None):
                    raise ValueError(f"this does not name the market of its {what}")
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error
        return ()

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; there are the pages of the last hour and of the last day."""
        if before and not after:
            return None
        age_ns = self._now_ns - after.event_ns if after else 0
        span = "hour" if age_ns < HOUR_PAGE else "day"
        path = f"/api/v2/transactions/{symbol(instrument)}/?time={span}"
        return HttpRequest(path, about=("trades", instrument))

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the newest thousand, as the venue gives no more at once."""
        length_ns = INTERVALS[interval]
        if length_ns < MINUTE:
            return None
        start_ns = max(start_ns, end_ns - (CANDLES_AT_MOST - 1) * length_ns)
        start, end = start_ns // SECOND, end_ns // SECOND
        step, limit = length_ns // SECOND, CANDLES_AT_MOST
        return _candles_of(instrument, step=step, limit=limit, start=start, end=end)

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; books and trades over REST do not name their market."""
        try:
            shape = _shape_of(body)
        except wire.UNREADABLE:
            return None
        if shape is None or shape.event or not (what := shape.what):
            return None
        if what == "instruments":
            return HttpRequest(LISTING, about=(what, None))
        if what == "summaries" and shape.name:
            return ALL_SUMMARIES
        return HttpRequest("", about=(what, self._named(shape.name or hint)))

    def tick(self, now_ns: int) -> None:
        """Ask for candles, summaries, and the books that did not come or are old."""
        self._now_ns = now_ns
        if "candle" in self.options.channels:
            for symbol in self._candle_rounds.due(self.listings, now_ns):
                self.ask(_candles_of(self.listings[symbol].instrument, limit=CANDLES_A_ROUND))
        if "summary" in self.options.channels and self._summary_rounds.due([NAME], now_ns):
            self.ask(ALL_SUMMARIES)
        for symbol, book in self._books.items():
            asked_ns = self._book_asked_ns.setdefault(symbol, now_ns)
            if book.wants_seed(now_ns) and now_ns - asked_ns >= ASK_AGAIN:
                self._book_asked_ns[symbol] = now_ns
                self._ask_book(symbol)

    def heartbeat(self) -> None:
        """Post a heartbeat, which is answered."""
        self.post(b'{"event":"bts:heartbeat"}')

    def _subscribe(self, channel: str) -> None:
        self.post(msgspec.json.encode({"event": "bts:subscribe", "data": {"channel": channel}}))

    def _ask_book(self, symbol: str) -> None:
        instrument = self.listings[symbol].instrument
        path = f"/api/v2/order_book/{symbol}/?group=1"
        self.ask(HttpRequest(path, about=("book", instrument)))

    def _book(self, symbol: str) -> TimedBook:
        book = self._books.get(symbol)
        if book is None:
            watch = BookWatch(NAME, self.listings[symbol].instrument, self.number)
            book = self._books[symbol] = TimedBook(watch)
        return book

    def _named(self, name: str) -> Instrument | None:
        """Return the instrument of a symbol, a channel or ``BTC/USD``; None: there is none."""
        for prefix in (CHANGES, WHOLE, TRADES, *OTHERS):
            name = name.removeprefix(prefix)
        try:
            return self.listings[_symbol_of(name)].instrument
        except wire.UNREADABLE:
            return None

    def _other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read what is rare, and what is written with other spaces or in another order."""
        envelope = _envelope.decode(frame)
        channel = envelope.channel
        match envelope.event:
            case "trade" if channel.startswith(TRADES):
                return (self._trade(_trade_frame.decode(frame), received_ns),)
            case "data" if channel.startswith((WHOLE, CHANGES)):
                return self._levels(_book_frame.decode(frame), received_ns)
            case "bts:request_reconnect":
                self.renewal = "the venue asks for a new connection"
            case "bts:error":
                complaint = _complaint.decode(envelope.data)
                code = "" if complaint.code is None else f" (code {complaint.code})"
                raise VenueRefusedError(f"{NAME} says: {complaint.message}{code}")
        return ()

    def _trade(self, frame: TradeFrame, received_ns: int) -> Trade:
        row = frame.data
        return Trade(
            NAME,
            self.listings[frame.channel[len(TRADES) :]].instrument,
            str(row.id),
            "sell" if row.type else "buy",
            row.price,
            row.size,
            event_ns=row.microtimestamp * US,
            received_ns=received_ns,
            sequence=row.id,
        )

    def _levels(self, frame: BookFrame, received_ns: int) -> Sequence[Event]:
        """Read a whole book or what changed in one; those of other channels are not followed."""
        book, comes_whole = self._channels[frame.channel]
        if book is None:
            return ()
        row = frame.data
        bids, asks, event_ns = row.bids, row.asks, row.microtimestamp * US
        if comes_whole:
            events = book.whole(event_ns, bids, asks, received_ns)
        else:
            events = book.change(Change(event_ns, bids, asks), received_ns)
        return events if self._tells_only_books else self._told(events)

    def _channel(self, name: str) -> tuple[TimedBook | None, bool]:
        """Return the book that a channel tells, and whether it comes whole."""
        if name.startswith(WHOLE):
            return self._book(name.removeprefix(WHOLE)), True
        if name.startswith(CHANGES):
            return self._book(name.removeprefix(CHANGES)), False
        return None, False

    def _seed(self, symbol: str, row: BookRow, received_ns: int) -> Sequence[Event]:
        seed = row.microtimestamp * US, row.bids, row.asks
        return self._told(self._book(symbol).seed(*seed, received_ns))

    def _told(self, events: Sequence[Event]) -> Sequence[Event]:
        """Add quotes, leave out what was not asked for."""
        if self._tells_only_books:
            return events
        told: list[Event] = []
        for event in events:
            if not isinstance(event, Book):
                told.append(event)
                continue
            if self._tells_books:
                told.append(event)
            if self._tells_quotes and event.bids and event.asks:
                told.append(_quote(event, self.number(event.received_ns)))
        return told

    def _candles(
        self, body: bytes, instrument: Instrument, interval: str, received_ns: int
    ) -> Iterator[VenueCandle]:
        rows = readable(_candles.decode(body).data.ohlc, _candle_row)
        for row in sorted(rows, key=lambda row: row.timestamp):
            if row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high:
                yield _candle(row, instrument, interval, (received_ns, self.number(received_ns)))

    def _summaries(
        self, body: bytes, instrument: Instrument | None, received_ns: int
    ) -> Iterator[Summary]:
        """Read those of our markets; an answer about one market alone is that of ``instrument``."""
        is_of_all = body.lstrip()[:1] == b"["
        rows = _raws.decode(body) if is_of_all else [msgspec.Raw(body)]
        for row in readable(rows, _summary_row):
            found = instrument or self._named(row.market or row.pair)
            if found and row.last:
                yield _summary(row, row.last, found, received_ns, self.number(received_ns))


def _shape_of(body: bytes) -> Shape | None:
    if body.lstrip()[:1] != b"[":
        return _shape.decode(body)
    shapes = _shapes.decode(body)
    return shapes[0] if shapes else None


def _symbol_of(name: str) -> str:
    return name.replace("/", "").lower()


def _candles_of(instrument: Instrument, *, limit: int, step: int = 60, **times: int) -> HttpRequest:
    query = urlencode({"step": step, "limit": limit, **times})
    path = f"/api/v2/ohlc/{symbol(instrument)}/?{query}"
    return HttpRequest(path, about=("candles", instrument))


def _quote(book: Book, sequence: int) -> Quote:
    bid, ask = book.bids[0], book.asks[0]
    return Quote(
        NAME,
        book.instrument,
        bid.price,
        bid.size,
        ask.price,
        ask.size,
        event_ns=book.event_ns,
        received_ns=book.received_ns,
        sequence=sequence,
    )


def _rest_trade(row: RestTradeRow, instrument: Instrument, received_ns: int) -> Trade:
    return Trade(
        NAME,
        instrument,
        str(row.id),
        "sell" if row.type else "buy",
        row.price,
        row.size,
        event_ns=row.date * SECOND,
        received_ns=received_ns,
        sequence=row.id,
        backfilled=True,
    )


def _candle(
    row: CandleRow, instrument: Instrument, interval: str, stamps: tuple[int, int]
) -> VenueCandle:
    received_ns, sequence = stamps
    start_ns = row.timestamp * SECOND
    end_ns = start_ns + INTERVALS[interval]
    is_over = end_ns <= received_ns
    return VenueCandle(
        NAME,
        instrument,
        interval,
        start_ns,
        row.open,
        row.high,
        row.low,
        row.close,
        row.volume,
        closed=is_over,
        event_ns=end_ns if is_over else received_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _summary(
    row: SummaryRow, last: float, instrument: Instrument, received_ns: int, sequence: int
) -> Summary:
    return Summary(
        NAME,
        instrument,
        symbol(instrument),
        last,
        "",
        row.open_24 or None,  # ``open`` is that of the day
        row.high or None,
        row.low or None,
        row.volume,
        row.bid or None,
        row.ask or None,
        event_ns=row.timestamp * SECOND,
        received_ns=received_ns,
        sequence=sequence,
    )


def _listing(row: MarketRow) -> Listing:
    base, _, quote_currency = row.name.partition("/")
    return Listing(
        instrument=Instrument.of(base, quote_currency),
        symbol=row.market_symbol or row.url_symbol,
        trading=row.trading == "Enabled",
        tick_size=_step(row.counter_decimals),
        lot_size=_step(row.base_decimals),
        minimum_notional=row.minimum or None,
    )


def _step(places: int | None) -> float | None:
    return None if places is None else float(f"1e-{places}")


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws.bitstamp.net",
    rest_url="https://www.bitstamp.net",
    dial=direct,
    list_instruments=list_instruments,
    session=BitstampSession,
    exchange_side=BitstampSide,
    answer=answer,
    heartbeat_s=20.0,
    max_silence_s=50.0,  # two heartbeats that were not answered
    symbol=symbol,
    instrument=instrument_of,
    quote_currencies=QUOTE_CURRENCIES,
    recalled_unit_ns=SECOND,
    instruments_at_most=500,  # two channels each, of 1,024 that a connection may have
    rest_interval_s=0.1,  # 10,000 requests in ten minutes are allowed
    lifetime_s=89 * 86_400.0,  # the venue hangs up after 90 days
    candles_a_page=CANDLES_AT_MOST,
)
