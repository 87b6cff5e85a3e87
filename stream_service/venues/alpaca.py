"""Alpaca: US stocks and crypto in; trades, quotes, books, minute bars and day bars out.

Source: https://docs.alpaca.markets/docs/streaming-market-data, .../real-time-crypto-pricing-data,
.../real-time-stock-pricing-data, and for REST https://docs.alpaca.markets/reference.

There are two feeds, crypto (``BTC/USD``) and stocks (``AAPL``, all priced in USD), each with a
connection of its own; an account may have one to each, a second is refused with code 406. Every
frame is an array and may mix kinds. Nothing is numbered but trades: a book that lost a change shows
it only by crossing, so each is subscribed to anew every few minutes as well. Stock trades name no
side, see `stream_service.tape`; their ids start anew each day in each market, so ours name both. A
bar without trades is made up of quotes and gives no event. ``T`` is the kind and ``t`` the time,
``S`` the symbol and ``s`` the size. Quotes of stocks count shares since November 2025, before that
lots of 100.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from typing import Literal, TypeAlias, TypeVar
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
from market.events import Side
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.books import BookWatch, difference
from stream_service.codes import may_be_stock
from stream_service.rows import readable
from stream_service.streamed_book import Part, StreamedBook
from stream_service.tape import Tape
from stream_service.venue import (
    NO_OPTIONS,
    Channel,
    Dialling,
    ExchangeSide,
    HttpRequest,
    ListingRequests,
    Market,
    Options,
    Session,
    Venue,
)

NAME = "alpaca"
CRYPTO_FEED = "/v1beta3/crypto/us"
STOCK_FEED = "/v2/iex"  # one market with some 2 % of the volume; the others are not free
CRYPTO_REST = "/v1beta3/crypto/us"
STOCK_REST = "/v2/stocks"
ROWS_AT_MOST = 1_000  # of one answer with trades; 10,000 are allowed
CANDLES_AT_MOST = 10_000
SYMBOLS_AT_MOST = 30  # of trades and quotes, on the free plan
BOOKS_AT_MOST = 10  # likewise
MINUTE_NS = INTERVALS["1m"]

STREAMS: Mapping[Channel, tuple[str, ...]] = {
    "trade": ("trades",),
    "quote": ("quotes",),
    "candle": ("bars", "updatedBars"),
    "summary": ("dailyBars",),
    "book": ("orderbooks",),
}

REMEDIES = {
    400: "this is a fault in the program, please report it",
    401: "this is a fault in the program, please report it",
    402: "check the key and the secret, and that they are of the same account",
    404: "the login came too late, it is tried again",
    405: f"name at most {SYMBOLS_AT_MOST} instruments, or take a plan that allows more",
    406: "another session of this account is open, close it or wait until the venue drops it",
    407: "frames were read too slowly",
    409: "the plan of this account does not hold what was asked for",
    410: "this feed does not have the channel, leave it out",
    500: "the venue has a fault, it is tried again",
}


class TradeRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="T",
    tag="t",
    rename={
        "symbol": "S",
        "id": "i",
        "price": "p",
        "size": "s",
        "time": "t",
        "taker": "tks",
        "market": "x",
        "update": "u",
    },
):
    """One execution; stocks name the market, crypto the taker; over REST it has no symbol."""

    id: wire.Number
    price: wire.Price
    size: wire.Size
    time: str
    symbol: str = ""
    taker: Literal["", "B", "S"] = ""
    market: str = ""
    update: str = ""


class QuoteRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="T",
    tag="q",
    rename={
        "symbol": "S",
        "bid": "bp",
        "bid_size": "bs",
        "ask": "ap",
        "ask_size": "as",
        "time": "t",
    },
):
    """Best bid and ask; zero stands for none."""

    bid: wire.OrZero
    bid_size: wire.OrZero
    ask: wire.OrZero
    ask_size: wire.OrZero
    time: str
    symbol: str = ""


class LevelRow(msgspec.Struct, frozen=True, gc=False, rename={"price": "p", "size": "s"}):
    """All orders at a price; a size of zero removes the level."""

    price: wire.Price
    size: wire.OrZero


class BookRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="T",
    tag="o",
    rename={"symbol": "S", "time": "t", "bids": "b", "asks": "a", "is_whole": "r"},
):
    """Levels that changed, or all of them."""

    time: str
    bids: list[LevelRow]
    asks: list[LevelRow]
    symbol: str = ""
    is_whole: bool = False


class BarRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "kind": "T",
        "symbol": "S",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
        "time": "t",
        "trades": "n",
    },
):
    """The trades of a minute (``b``, put right by ``u``) or of the running day (``d``)."""

    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero
    time: str
    trades: wire.Number | None = None
    symbol: str = ""
    kind: str = ""


class Word(msgspec.Struct, frozen=True, rename={"kind": "T"}):
    """What the venue says of the connection, or the kind of a row that is not known."""

    kind: str
    msg: str = ""
    code: int = 0


class Snapshot(msgspec.Struct, frozen=True, rename="camel"):
    """Latest trade and quote, and the bar of the day, over REST."""

    latest_trade: TradeRow | None = None
    latest_quote: QuoteRow | None = None
    daily_bar: BarRow | None = None


class AssetRow(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """One listed symbol."""

    kind: str
    symbol: str
    status: str
    tradable: bool
    name: str = ""
    min_trade_increment: wire.OrZero | None = None
    price_increment: wire.OrZero | None = None


Row: TypeAlias = TradeRow | QuoteRow | BookRow | BarRow | Word
By: TypeAlias = dict[str, msgspec.Raw]
Dated = TypeVar("Dated", TradeRow, QuoteRow, BookRow, BarRow)

_hot_rows = msgspec.json.Decoder(list[TradeRow | QuoteRow | BookRow])
_raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
_word = msgspec.json.Decoder(Word)
_trade_row = msgspec.json.Decoder(TradeRow)
_quote_row = msgspec.json.Decoder(QuoteRow)
_book_row = msgspec.json.Decoder(BookRow)
_bar_row = msgspec.json.Decoder(BarRow)
_snapshot = msgspec.json.Decoder(Snapshot | None)
_by = msgspec.json.Decoder(By)
_by_or_none = msgspec.json.Decoder(By | None)
_asset_row = msgspec.json.Decoder(AssetRow, strict=False)

HOT = (b'[{"T":"t"', b'[{"T":"q"', b'[{"T":"o"')
READERS: Mapping[str, Callable[[msgspec.Raw], Row]] = {
    "t": _trade_row.decode,
    "q": _quote_row.decode,
    "o": _book_row.decode,
    "b": _bar_row.decode,
    "u": _bar_row.decode,
    "d": _bar_row.decode,
}


def dial(venue: Venue, listings: Sequence[Listing]) -> Dialling:
    """Dial the feed of stocks or that of crypto; a simulated venue has one for both."""
    yield from ()
    if any(group(listing) == "stocks" for listing in listings):
        return venue.websocket_url.replace(CRYPTO_FEED, STOCK_FEED)
    return venue.websocket_url


def list_instruments(venue: Venue) -> ListingRequests:
    """Ask for every active asset; where a stock has the name of a coin, the coin is meant."""
    listings: dict[Instrument, Listing] = {}
    for kind in ("crypto", "us_equity"):
        query = urlencode({"status": "active", "asset_class": kind})
        body = yield HttpRequest(
            f"/v2/assets?{query}", headers=_headers(venue.keys), host="trading"
        )
        for listing in _listings(body):
            listings.setdefault(listing.instrument, listing)
    return list(listings.values())


def symbol(instrument: Instrument) -> str:
    """Return the usual name of ``instrument``; which one it truly has is only in the listing."""
    if may_be_stock(instrument):
        return instrument.base
    return f"{instrument.base}/{instrument.quote_currency}"


def instrument(name: str) -> Instrument:
    """Read a symbol by its shape: ``BTC/USD`` is crypto, ``BRK.B`` a stock (here ``BRKB``).

    Raises:
        ValueError: it is neither.

    """
    if "/" in name:
        return Instrument.parse(name)
    base = name.replace(".", "")
    if not base.isalnum():
        raise ValueError(f"{name[:40]!r} is no stock, and no crypto such as BTC/USD")
    return Instrument(base.upper(), "USD")


def group(listing: Listing) -> str:
    """Tell which feed has it."""
    return "crypto" if "/" in listing.symbol else "stocks"


class Place:
    """What a session keeps for one instrument."""

    def __init__(self, listing: Listing, book: StreamedBook) -> None:
        self.listing = listing
        self.instrument = listing.instrument
        self.is_stock = group(listing) == "stocks"
        self.tape = Tape()
        self.book = book


class Places(dict[str, Place]):
    """Places by symbol, made when they are first met."""

    def __init__(self, make: Callable[[str], Place]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, symbol: str) -> Place:
        """Make one; KeyError where nobody knows the symbol."""
        place = self[symbol] = self._make(symbol)
        return place


class AlpacaSession(Session):
    """One connection to one feed; books are followed of the first ten instruments."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._places = Places(self._place)
        self._symbols = {row.instrument: name for name, row in self.listings.items()}
        self._names = list(self.listings)
        self._books: list[str] = []
        self._heartbeat = b""

    def opened(self) -> None:
        """Wait for the venue to greet us; ask for the day so far."""
        for kind in ("crypto", "stocks") if "summary" in self.options.channels else ():
            names = [name for name, row in self.listings.items() if group(row) == kind]
            if names:
                self.ask(self._request(names, "snapshots", ("snapshots", None)))

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; the venue's words are answered, and give no event."""
        try:
            return self._events(_rows(frame), received_ns)
        except wire.UNREADABLE as error:
            if b'"o"' in frame:
                for place in self._places.values():
                    place.book.doubt("a frame that may hold changes could not be read")
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; an answer names its instruments itself."""
        what = request.about[0] if request.about else ""
        try:
            match what:
                case "trades":
                    events = self._past_trades(body, received_ns)
                case "candles" | "bars":
                    interval = "1m" if what == "candles" else None
                    events = self._past_candles(body, received_ns, interval)
                case "quotes":
                    events = self._past_quotes(body, received_ns)
                case "books":
                    events = self._past_books(body, received_ns)
                case "snapshots":
                    events = self._summaries(body, received_ns)
                case _:
                    events = []
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error
        return events

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; pages come newest first, each ends where the last began."""
        query: dict[str, object] = {"limit": ROWS_AT_MOST, "sort": "desc"}
        if after:
            query["start"] = wire.rfc3339_of_ns(after.event_ns)
        if before:
            query["end"] = wire.rfc3339_of_ns(before.event_ns + 999)  # no earlier once it is cut
        name = self._symbols[instrument]
        return self._request([name], "trades", ("trades", instrument), **query)

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int
    ) -> HttpRequest | None:
        """See `Session.recall_candles`."""
        query = {
            "timeframe": "1Min",
            "start": wire.rfc3339_of_ns(start_ns),
            "end": wire.rfc3339_of_ns(end_ns - 1),
            "limit": CANDLES_AT_MOST,
        }
        name = self._symbols[instrument]
        return self._request([name], "bars", ("candles", instrument), **query)

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; every answer names its instruments, so the hint is not read."""
        del hint
        if body.startswith(b'[{"T"'):
            return None
        try:
            if body.lstrip().startswith(b"["):
                return _recognised_assets(_raw_rows.decode(body))
            return _recognised(_by.decode(body))
        except wire.UNREADABLE:
            return None

    def tick(self, now_ns: int) -> None:
        """Subscribe anew to a book that did not come or was believed long enough, one at once."""
        for name in self._books:
            if self._places[name].book.tick(now_ns):
                return

    def heartbeat(self) -> None:
        """Subscribe to something once more: the venue answers with all that we are subscribed to.

        Stocks are silent at night, so this alone tells that the connection lives.
        """
        if self._heartbeat:
            self.post(self._heartbeat)

    def _place(self, name: str) -> Place:
        listing = self.listings[name]
        watch = BookWatch(NAME, listing.instrument, self.number)
        return Place(listing, StreamedBook(watch, partial(self._subscribe_anew, name)))

    def _request(
        self, names: Sequence[str], what: str, about: tuple[str, Instrument | None], **query: object
    ) -> HttpRequest:
        query = {"symbols": ",".join(names), **query}
        if "/" in names[0]:
            path = f"{CRYPTO_REST}/{what}"
        else:
            path, query["feed"] = f"{STOCK_REST}/{what}", "iex"
        headers = _headers(self.options.keys)
        return HttpRequest(f"{path}?{urlencode(query)}", about, headers=headers)

    def _events(self, rows: Iterable[Row], received_ns: int) -> list[Event]:
        events: list[Event] = []
        places = self._places
        for row in rows:
            if isinstance(row, QuoteRow):
                if quote := self._quote(row, places[row.symbol], received_ns):
                    events.append(quote)
            elif isinstance(row, TradeRow):
                place = places[row.symbol]
                events.append(_trade(row, place, place.tape, received_ns))
            elif isinstance(row, BookRow):
                book = places[row.symbol].book
                events += (book.whole if row.is_whole else book.change)(_part(row), received_ns)
            else:
                events += self._less_common(row, received_ns)
        return events

    def _quote(self, row: QuoteRow, place: Place, received_ns: int) -> Quote | None:
        if place.is_stock:
            place.tape.quote(row.bid, row.ask)
        if not (row.bid and row.bid_size and row.ask and row.ask_size):
            return None
        return Quote(
            venue=NAME,
            instrument=place.instrument,
            bid=row.bid,
            bid_size=row.bid_size,
            ask=row.ask,
            ask_size=row.ask_size,
            event_ns=wire.ns_of_rfc3339(row.time),
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _less_common(self, row: BarRow | Word, received_ns: int) -> Iterable[Event]:
        match row:
            case BarRow(kind="d"):
                stamps = received_ns, received_ns, self.number(received_ns)
                return _summary(self._places[row.symbol].listing, row, stamps)
            case BarRow():
                place = self._places[row.symbol]
                return self._candle(row, place, received_ns, ("1m", True))
            case Word(kind="success"):
                self._proceed(row.msg)
            case Word(kind="error"):
                remedy = REMEDIES.get(row.code, "see the venue's documents")
                raise VenueRefusedError(f"{NAME}: {row.msg} (code {row.code}): {remedy}")
        return ()

    def _proceed(self, msg: str) -> None:
        """Take the next step of the login."""
        keys = self.options.keys
        if msg == "connected":
            fields = {"key": keys.get("key", ""), "secret": keys.get("secret", "")}
            self.post(msgspec.json.encode({"action": "auth", **fields}))
        elif msg == "authenticated":
            self._subscribe()

    def _subscribe(self) -> None:
        coins = [name for name in self._names if "/" in name]
        followed = self.options.channels
        self._books = coins[:BOOKS_AT_MOST] if "book" in followed else []
        wanted = {
            stream: self._books if channel == "book" else self._names
            for channel, streams in STREAMS.items()
            if channel in followed
            for stream in streams
        }
        wanted = {stream: names for stream, names in wanted.items() if names}
        if wanted:
            self.post(_subscription("subscribe", wanted))
            stream, names = next(iter(wanted.items()))
            self._heartbeat = _subscription("subscribe", {stream: names[:1]})

    def _subscribe_anew(self, name: str) -> None:
        """Have the whole book sent once more."""
        for action in ("unsubscribe", "subscribe"):
            self.post(_subscription(action, {"orderbooks": [name]}))

    def _candle(
        self, row: BarRow, place: Place, received_ns: int, form: tuple[str, bool]
    ) -> Iterator[Event]:
        """Make a candle of a bar; ``form`` is its interval, and whether it is surely closed."""
        if not row.volume:
            return
        interval, is_closed = form
        start_ns = wire.ns_of_rfc3339(row.time)
        end_ns = start_ns + INTERVALS[interval]
        is_closed = is_closed or end_ns <= received_ns
        yield VenueCandle(
            venue=NAME,
            instrument=place.instrument,
            interval=interval,
            start_ns=start_ns,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
            trades=row.trades,
            closed=is_closed,
            event_ns=end_ns if is_closed else received_ns,
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _past_trades(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "trades"):
            rows = [row for row in readable(raw, _trade_row) if row.update not in CANCELLED]
            tape = Tape()  # the quotes of now say nothing about then
            for row in _oldest_first(rows):
                trade = _trade(row, place, tape, received_ns)
                events.append(msgspec.structs.replace(trade, backfilled=True))
        return events

    def _past_candles(
        self, body: bytes, received_ns: int, interval: str | None = None
    ) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "bars"):
            rows = _oldest_first(readable(raw, _bar_row))
            length = interval or _interval_of([wire.ns_of_rfc3339(row.time) for row in rows])
            if length:
                form = length, False
                events += [
                    one for row in rows for one in self._candle(row, place, received_ns, form)
                ]
        return events

    def _past_quotes(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "quotes"):
            rows = _oldest_first(readable(raw, _quote_row))
            found = [self._quote(row, place, received_ns) for row in rows]
            events += [quote for quote in found if quote]
        return events

    def _past_books(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "orderbooks"):
            for row in _oldest_first(readable(raw, _book_row)):
                events += place.book.seed(_part(row), received_ns)
        return events

    def _summaries(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "snapshots"):
            for row in readable(raw, _snapshot):
                if row and row.latest_trade and row.daily_bar:
                    [latest] = _oldest_first([row.latest_trade])
                    stamps = wire.ns_of_rfc3339(latest.time), received_ns, self.number(received_ns)
                    events += _summary(place.listing, row.daily_bar, stamps, row)
        return events

    def _parts(self, body: bytes, key: str) -> Iterator[tuple[Place, list[msgspec.Raw]]]:
        """Part an answer by instrument; one row stands alone where the newest was asked for.

        What is none of ours, such as a perpetual, is left out. Prices in another currency than the
        dollar, which are to be had of stocks, are of another instrument.
        """
        fields = _by.decode(body)
        bare = key == "snapshots" and key not in fields  # so it is with stocks
        parts = fields if bare else _by_or_none.decode(fields[key])
        currency = msgspec.json.decode(fields.get("currency", b'"USD"'), type=str)
        for name, raw in (parts or {}).items():
            try:
                place = self._places[name]
            except (KeyError, ValueError):
                continue
            if currency != "USD" and place.is_stock:
                place = self._place(name)
                place.instrument = Instrument.of(place.instrument.base, currency)
            text = bytes(raw).lstrip()
            yield place, _raw_rows.decode(text) if text.startswith(b"[") else [raw]


CANCELLED = ("canceled", "incorrect")


def _rows(frame: bytes) -> Sequence[Row]:
    if frame.startswith(HOT):
        try:
            return _hot_rows.decode(frame)
        except msgspec.ValidationError:
            return _mixed(frame)
    return _mixed(frame)


def _mixed(frame: bytes) -> list[Row]:
    """Read each row by its kind; of kinds that are not read the kind alone."""
    rows: list[Row] = []
    for raw in _raw_rows.decode(frame):
        word = _word.decode(raw)
        reader = READERS.get(word.kind)
        rows.append(reader(raw) if reader else word)
    return rows


def _trade(row: TradeRow, place: Place, tape: Tape, received_ns: int) -> Trade:
    event_ns = wire.ns_of_rfc3339(row.time)
    if not place.is_stock:
        if not row.taker:
            raise ValueError("the trade does not say who was the taker")
        side: Side = "buy" if row.taker == "B" else "sell"
        trade_id, sequence = str(row.id), row.id
    else:
        side = tape.side_of(row.price)
        trade_id, sequence = f"{row.time[:10]}/{row.market}/{row.id}", event_ns
    return Trade(
        venue=NAME,
        instrument=place.instrument,
        trade_id=trade_id,
        side=side,
        price=row.price,
        size=row.size,
        event_ns=event_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _part(row: BookRow) -> Part:
    return Part(row.bids, row.asks, wire.ns_of_rfc3339(row.time))


def _summary(
    listing: Listing, row: BarRow, stamps: tuple[int, int, int], snapshot: Snapshot | None = None
) -> Iterator[Summary]:
    """Sum up the running day, which the venue tells instead of the last 24 hours."""
    if not row.volume:
        return
    latest = (snapshot or Snapshot()).latest_trade
    quote = (snapshot or Snapshot()).latest_quote
    event_ns, received_ns, sequence = stamps
    yield Summary(
        venue=NAME,
        instrument=listing.instrument,
        symbol=listing.symbol,
        name=listing.name,
        last=latest.price if latest else row.close,
        open=row.open,
        high=row.high,
        low=row.low,
        volume=row.volume,
        bid=(quote.bid or None) if quote else None,
        ask=(quote.ask or None) if quote else None,
        event_ns=event_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _oldest_first(rows: Iterable[Dated]) -> list[Dated]:
    """Sort by time; some times of REST have the offset of New York instead of a Z."""
    dated = [
        row if row.time[-1:] == "Z" else msgspec.structs.replace(row, time=_in_utc(row.time))
        for row in rows
    ]
    return sorted(dated, key=lambda row: (wire.ns_of_rfc3339(row.time), getattr(row, "id", 0)))


def _in_utc(text: str) -> str:
    second, _, fraction = text[:-6].partition(".")
    time = datetime.fromisoformat(second + text[-6:])
    if time.tzinfo is None:
        raise ValueError(f"the time {text[:40]!r} names no zone")
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{fraction or 0}Z"


def _interval_of(starts: Sequence[int]) -> str | None:
    """Tell the interval of bars that nobody names: the newest alone is a minute."""
    steps = {later - sooner for sooner, later in pairwise(starts)} or {MINUTE_NS}
    lengths = {length: name for name, length in INTERVALS.items()}
    shortest = min(steps)
    is_on_grid = shortest > 0 and not any(start % shortest for start in starts)
    return lengths.get(shortest) if is_on_grid else None


def _subscription(action: str, streams: Mapping[str, Sequence[str]]) -> bytes:
    return msgspec.json.encode({"action": action, **streams})


def _headers(keys: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    names = {"key": "APCA-API-KEY-ID", "secret": "APCA-API-SECRET-KEY"}
    return tuple((header, keys[name]) for name, header in names.items() if name in keys)


def _listings(body: bytes) -> Iterator[Listing]:
    try:
        rows = readable(_raw_rows.decode(body), _asset_row)
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error
    for row in rows:
        try:
            of = instrument(row.symbol)
        except ValueError:
            continue
        yield Listing(
            instrument=of,
            symbol=row.symbol,
            name=row.name,
            trading=row.tradable and row.status == "active",
            tick_size=row.price_increment or None,
            lot_size=row.min_trade_increment or None,
        )


ANSWERS = {
    "trades": "trades",
    "bars": "bars",
    "quotes": "quotes",
    "orderbooks": "books",
    "snapshots": "snapshots",
}


def _recognised(fields: By) -> HttpRequest | None:
    for key, word in ANSWERS.items():
        if key in fields:
            inner = _by_or_none.decode(fields[key]) or {}
            path = STOCK_REST if "/" not in next(iter(inner), "/") else CRYPTO_REST
            return HttpRequest(f"{path}/{key}", (word, None))
    if fields and all(b'"dailyBar"' in bytes(raw) for raw in fields.values()):
        return HttpRequest(f"{STOCK_REST}/snapshots", ("snapshots", None))
    return None


def _recognised_assets(rows: Sequence[msgspec.Raw]) -> HttpRequest | None:
    if not rows:
        return None
    kind = _asset_row.decode(rows[0]).kind
    return HttpRequest(f"/v2/assets?asset_class={kind}", ("instruments", None), host="trading")


# The venue's side of the wire, written from the same documents, sharing no frame type with ours
# so that the two cannot agree on one mistake.


ALL = "*"
DATA_STREAMS = (
    "trades",
    "quotes",
    "bars",
    "updatedBars",
    "dailyBars",
    "statuses",
    "lulds",
    "corrections",
    "cancelErrors",
    "orderbooks",
)
DAY_NS = INTERVALS["1d"]
SECOND_NS = INTERVALS["1s"]


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """What a client sends."""

    action: str
    key: str = ""
    secret: str = ""
    trades: list[str] = []
    quotes: list[str] = []
    bars: list[str] = []
    updated_bars: list[str] = []
    daily_bars: list[str] = []
    orderbooks: list[str] = []

    def streams(self) -> dict[str, list[str]]:
        """Return what is asked for by stream."""
        named = msgspec.to_builtins(self)
        return {stream: named[stream] for stream in DATA_STREAMS if named.get(stream)}


_request = msgspec.json.Decoder(Request)


class AlpacaSide(ExchangeSide):
    """Alpaca as the simulator plays it, both feeds on one connection; any key and secret do."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._is_known = False
        self._subscribed: dict[str, set[str]] = {stream: set() for stream in DATA_STREAMS}
        self._books: dict[Instrument, Book] = {}
        self._minutes: dict[Instrument, VenueCandle] = {}

    def opened(self) -> None:
        """Greet."""
        self._post({"T": "success", "msg": "connected"})

    def receive(self, frame: bytes) -> None:
        """Take a login, then subscriptions; each is answered with all that stand."""
        try:
            request = _request.decode(frame)
        except wire.UNREADABLE:
            self._refuse(400, "invalid syntax")
            return
        match request.action:
            case "auth" if self._is_known:
                self._refuse(403, "already authenticated")
            case "auth":
                self._log_in(request)
            case "subscribe" | "unsubscribe" if not self._is_known:
                self._refuse(401, "not authenticated")
            case "subscribe":
                self._subscribe(request.streams())
            case "unsubscribe":
                for stream, names in request.streams().items():
                    self._subscribed[stream].difference_update(names)
                self._tell_subscription()
            case _:
                self._refuse(400, "invalid syntax")

    def tell(self, event: Event) -> None:
        """Post a quote, a trade, what changed in a book, a minute that is over, a day."""
        match event:
            case Quote():
                self._tell("quotes", event.instrument, "q", _quote_fields(event))
            case Trade():
                is_crypto = "/" in self._symbols.get(event.instrument, "")
                self._tell(
                    "trades", event.instrument, "t", _trade_fields(event, is_crypto=is_crypto)
                )
            case Book(instrument=of) if of in self._books:
                old, self._books[of] = self._books[of], event
                self._tell("orderbooks", of, "o", _change_fields(old, event))
            case VenueCandle():
                self._tell_minute(event)
            case Summary():
                self._tell("dailyBars", event.instrument, "d", _day_fields(event))

    def _log_in(self, request: Request) -> None:
        if request.key and request.secret:
            self._is_known = True
            self._post({"T": "success", "msg": "authenticated"})
        else:
            self._refuse(402, "auth failed")

    def _subscribe(self, streams: Mapping[str, Sequence[str]]) -> None:
        wanted = {
            stream: names | set(streams.get(stream, ()))
            for stream, names in self._subscribed.items()
        }
        if (
            len(wanted["trades"] | wanted["quotes"]) > SYMBOLS_AT_MOST
            or len(wanted["orderbooks"]) > BOOKS_AT_MOST
        ):
            self._refuse(405, "symbol limit exceeded")
        elif any("/" not in name for name in wanted["orderbooks"] - {ALL}):
            self._refuse(410, "invalid subscribe action for this feed")
        else:
            fresh = wanted["orderbooks"] - self._subscribed["orderbooks"]
            self._subscribed = wanted
            self._tell_subscription()
            self._tell_books(fresh)

    def _tell_subscription(self) -> None:
        standing = {stream: sorted(names) for stream, names in self._subscribed.items()}
        self._post({"T": "subscription", **standing})

    def _tell_books(self, names: set[str]) -> None:
        for of, name in self._symbols.items():
            if name in names or ALL in names:
                book = self._books[of] = self.market.book(of)
                self._tell("orderbooks", of, "o", {**_book_fields(book), "r": True})

    def _tell_minute(self, candle: VenueCandle) -> None:
        """Post a minute once it is over, which the first of the next one shows."""
        of = candle.instrument
        last = self._minutes.pop(of, None)
        if last and last.start_ns < candle.start_ns:
            self._tell("bars", of, "b", _bar_fields(last))
        if candle.closed:
            self._tell("bars", of, "b", _bar_fields(candle))
        else:
            self._minutes[of] = candle

    def _tell(
        self, stream: str, instrument: Instrument, kind: str, fields: Mapping[str, object]
    ) -> None:
        name = self._symbols.get(instrument, "")
        if name in self._subscribed[stream] or (name and ALL in self._subscribed[stream]):
            self._post({"T": kind, "S": name, **fields})

    def _refuse(self, code: int, msg: str) -> None:
        self._post({"T": "error", "code": code, "msg": msg})

    def _post(self, fields: Mapping[str, object]) -> None:
        self.post(msgspec.json.encode([fields]))


def answer(path: str, market: Market) -> bytes:
    """Play Alpaca's REST interface: assets, trades, bars, snapshots and books.

    Raises:
        LookupError: it does not serve ``path``, or does not list the symbol.

    """
    route, query = wire.route_of(path)
    if route == "/v2/assets":
        is_crypto = query.get("asset_class") == "crypto"
        rows = [row for row in market.listings if ("/" in row.symbol) == is_crypto]
        return msgspec.json.encode([_asset_fields(row) for row in rows])
    feed, _, what = route.removeprefix("/").rpartition("/")
    if f"/{feed}" not in (CRYPTO_REST, STOCK_REST, f"{CRYPTO_REST}/latest"):
        raise LookupError(f"{NAME} does not serve {path}")
    known = {listing.symbol: listing.instrument for listing in market.listings}
    wanted = {name: known[name] for name in query["symbols"].split(",")}
    match what:
        case "trades":
            is_crypto = "/" in next(iter(wanted))
            trades = {
                name: [
                    (trade.event_ns, _trade_fields(trade, is_crypto=is_crypto))
                    for trade in market.trades(of)
                ]
                for name, of in wanted.items()
            }
            return _page("trades", trades, query)
        case "bars":
            bars = {
                name: [(candle.start_ns, _bar_fields(candle)) for candle in market.candles(of)]
                for name, of in wanted.items()
            }
            return _page("bars", bars, query)
        case "snapshots":
            found = {name: _snapshot_fields(market, of) for name, of in wanted.items()}
            return msgspec.json.encode({"snapshots": found} if CRYPTO_REST in route else found)
        case "orderbooks":
            books = {name: _book_fields(market.book(of)) for name, of in wanted.items()}
            return msgspec.json.encode({"orderbooks": books})
    raise LookupError(f"{NAME} does not serve {path}")


def _page(
    key: str, rows: Mapping[str, Sequence[tuple[int, dict[str, object]]]], query: Mapping[str, str]
) -> bytes:
    """Answer a page of rows with times; its token is the place where the next one starts."""
    start_ns = wire.ns_of_rfc3339(query["start"]) if "start" in query else 0
    end_ns = wire.ns_of_rfc3339(query["end"]) if "end" in query else wire.LATEST_NS
    first = int(query.get("page_token", "0"))
    limit = int(query.get("limit", "1000"))
    found: dict[str, list[dict[str, object]]] = {}
    for name, timed in rows.items():
        inside = [fields for at, fields in timed if start_ns <= at <= end_ns]
        found[name] = inside[::-1] if query.get("sort") == "desc" else inside
    has_more = any(len(inside) > first + limit for inside in found.values())
    page = {name: inside[first : first + limit] for name, inside in found.items()}
    token = str(first + limit) if has_more else None
    return msgspec.json.encode({key: page, "next_page_token": token})


def _number(value: float) -> msgspec.Raw:
    return msgspec.Raw(wire.plain(value).encode())


def _time(event_ns: int) -> str:
    """Write nanoseconds without the zeros at their end."""
    seconds, fraction = divmod(event_ns, SECOND_NS)
    second = wire.rfc3339_of_ns(seconds * SECOND_NS).partition(".")[0]
    return f"{second}.{fraction:09d}".rstrip("0").rstrip(".") + "Z"


def _trade_fields(trade: Trade, *, is_crypto: bool) -> dict[str, object]:
    taker = {"tks": "B" if trade.side == "buy" else "S"}
    market = {"x": "V", "c": ["@"], "z": "C"}
    return {
        "i": int(trade.trade_id),
        "p": _number(trade.price),
        "s": _number(trade.size),
        "t": _time(trade.event_ns),
        **(taker if is_crypto else market),
    }


def _quote_fields(quote: Quote) -> dict[str, object]:
    return {
        "bp": _number(quote.bid),
        "bs": _number(quote.bid_size),
        "ap": _number(quote.ask),
        "as": _number(quote.ask_size),
        "t": _time(quote.event_ns),
    }


def _book_fields(book: Book) -> dict[str, object]:
    return {
        "t": _time(book.event_ns),
        "b": [_level_fields(level) for level in book.bids],
        "a": [_level_fields(level) for level in book.asks],
    }


def _change_fields(old: Book, new: Book) -> dict[str, object]:
    return {
        "t": _time(new.event_ns),
        "b": [_level_fields(level) for level in difference(old.bids, new.bids)],
        "a": [_level_fields(level) for level in difference(old.asks, new.asks)],
    }


def _level_fields(level: Level) -> dict[str, object]:
    return {"p": _number(level.price), "s": _number(level.size)}


def _bar_fields(candle: VenueCandle) -> dict[str, object]:
    return {
        "o": _number(candle.open),
        "h": _number(candle.high),
        "l": _number(candle.low),
        "c": _number(candle.close),
        "v": _number(candle.volume),
        "t": _time(candle.start_ns),
        "n": candle.trades or 0,
        "vw": _number(candle.close),
    }


def _day_fields(summary: Summary) -> dict[str, object]:
    return {
        "o": _number(summary.open or summary.last),
        "h": _number(summary.high or summary.last),
        "l": _number(summary.low or summary.last),
        "c": _number(summary.last),
        "v": _number(summary.volume or 0.0),
        "t": _time(summary.event_ns - summary.event_ns % DAY_NS),
    }


def _snapshot_fields(market: Market, instrument: Instrument) -> dict[str, object] | None:
    summary, trades = market.summary(instrument), market.trades(instrument)
    if summary is None or not trades:
        return None
    fields: dict[str, object] = {
        "latestTrade": _trade_fields(trades[-1], is_crypto=True),
        "dailyBar": _day_fields(summary),
    }
    book = market.book(instrument)
    if book.bids and book.asks:
        bid, ask = book.bids[0], book.asks[0]
        numbers = {"bp": bid.price, "bs": bid.size, "ap": ask.price, "as": ask.size}
        quote = {key: _number(number) for key, number in numbers.items()}
        fields["latestQuote"] = {**quote, "t": _time(book.event_ns)}
    return fields


def _asset_fields(listing: Listing) -> dict[str, object]:
    is_crypto = "/" in listing.symbol
    steps = {"min_trade_increment": listing.lot_size, "price_increment": listing.tick_size}
    return {
        "class": "crypto" if is_crypto else "us_equity",
        "exchange": "CRYPTO" if is_crypto else "NASDAQ",
        "symbol": listing.symbol,
        "name": listing.name or listing.symbol,
        "status": "active",
        "tradable": listing.trading,
        **{name: wire.plain(step) for name, step in steps.items() if step and is_crypto},
    }


VENUE = Venue(
    name=NAME,
    websocket_url=f"wss://stream.data.alpaca.markets{CRYPTO_FEED}",
    rest_url="https://data.alpaca.markets",
    other_rest_urls={"trading": "https://paper-api.alpaca.markets"},
    taker_fee_bps=25.0,
    fee_source="crypto fees, tier 1: 0.15 % maker, 0.25 % taker; stocks are free of commission",
    dial=dial,
    list_instruments=list_instruments,
    session=AlpacaSession,
    exchange_side=AlpacaSide,
    answer=answer,
    heartbeat_s=20.0,
    max_silence_s=60.0,  # three heartbeats
    symbol=symbol,
    instrument=instrument,
    quote_currencies=("USD", "USDT", "USDC", "BTC"),
    credentials=("key", "secret"),
    group=group,
    instruments_at_most=SYMBOLS_AT_MOST,
    connections_at_most=1,  # of each feed; the next is refused with code 406
    connect_interval_s=1.0,
    rest_interval_s=0.3,  # 200 requests a minute are allowed
    settle_s=2.0,  # the login takes two round trips before the subscription
)
