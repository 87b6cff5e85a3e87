"""Alpaca: US stocks and crypto in; trades, quotes, books, minute bars and day bars out.

Source: https://docs.alpaca.markets/docs/streaming-market-data, .../real-time-crypto-pricing-data,
.../real-time-stock-pricing-data, and for REST https://docs.alpaca.markets/reference.

There are two feeds, crypto (``BTC/USD``) and stocks (``AAPL``, all priced in USD), each with a
connection of its own; an account may have one to each, a second is refused with code 406. Every
frame is an array and may mix kinds. Nothing is numbered but trades: a book that lost a change shows
it only by crossing, so each is subscribed to anew every few minutes as well. Stock trades name no
side, see `stream_service.tape`; their ids are those of one day and market, IEX where they stream. A
bar without trades is made up of quotes and gives no event. ``T`` is the kind and ``t`` the time,
``S`` the symbol and ``s`` the size. Quotes of stocks count shares since November 2025, before that
lots of 100.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from market import (
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
from stream_service.books import BookWatch
from stream_service.keyed import Keyed
from stream_service.rows import readable
from stream_service.streamed_book import Part, StreamedBook
from stream_service.tape import Tape
from stream_service.venue import (
    NO_OPTIONS,
    Channel,
    Dialling,
    HttpRequest,
    Options,
    Session,
    Venue,
)
from stream_service.venues.alpaca import frames
from stream_service.venues.alpaca.frames import BookRow, QuoteRow, TradeRow
from stream_service.venues.alpaca.names import NAME, group, instrument, symbol
from stream_service.venues.alpaca.rest import (
    interval_of,
    list_instruments,
    oldest_first,
    recognised,
    request_of,
)
from stream_service.venues.alpaca.side import AlpacaSide, answer

CRYPTO_FEED = "/v1beta3/crypto/us"
STOCK_FEED = "/v2/iex"  # one market with some 2 % of the volume; the others are not free
ROWS_AT_MOST = 1_000  # of one answer with trades; 10,000 are allowed
CANDLES_AT_MOST = 10_000
TIMEFRAMES = {"1m": "1Min", "5m": "5Min", "15m": "15Min", "1h": "1Hour"}
"""The venue's names of intervals; its longer ones begin at hours of New York."""

SYMBOLS_AT_MOST = 15  # the free plan has 30 channels, of trades and quotes together
BOOKS_AT_MOST = 10  # likewise
AT_KIND = len('[{"T":"')
"""The letter of the first row's kind; what it says of the frame is held against all rows."""
CANCELLED = ("canceled", "incorrect")

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

NO_SNAPSHOT = frames.Snapshot()


def dial(venue: Venue, listings: Sequence[Listing]) -> Dialling:
    """Dial the feed of stocks or that of crypto; a simulated venue has one for both."""
    yield from ()
    if any(group(listing) == "stocks" for listing in listings):
        return venue.websocket_url.replace(CRYPTO_FEED, STOCK_FEED)
    return venue.websocket_url


class Place:
    """What a session keeps for one instrument."""

    def __init__(self, listing: Listing, book: StreamedBook) -> None:
        self.listing = listing
        self.instrument = listing.instrument
        self.is_stock = group(listing) == "stocks"
        self.tape = Tape()
        self.book = book


class AlpacaSession(Session):
    """One connection to one feed; books are followed of the first ten instruments."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._places = Keyed(self._place)
        self._symbols = {row.instrument: name for name, row in self.listings.items()}
        self._names = list(self.listings)
        self._hot = {
            ord("q"): self._quotes,
            ord("t"): self._trades,
            ord("o"): self._levels,
            ord("b"): self._bars,
            ord("u"): self._bars,
            ord("d"): self._days,
        }
        self._books: list[str] = []
        self._heartbeat = b""

    def opened(self) -> None:
        """Wait for the venue to greet us; ask for the day so far."""
        for kind in ("crypto", "stocks") if "summary" in self.options.channels else ():
            names = [name for name, row in self.listings.items() if group(row) == kind]
            if names:
                self.ask(request_of(self.options.keys, names, "snapshots", ("snapshots", None)))

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; the venue's words are answered, and give no event."""
        try:
            try:
                read = self._hot[frame[AT_KIND]]
            except LookupError:  # it is something else
                read = self._mixed
            return read(frame, received_ns)
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
                    timeframe = wire.route_of(request.path)[1].get("timeframe", "1Min")
                    told = {name: interval for interval, name in TIMEFRAMES.items()}
                    interval = told.get(timeframe) if what == "candles" else None
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
        return request_of(self.options.keys, [name], "trades", ("trades", instrument), **query)

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`."""
        if interval not in TIMEFRAMES:
            return None
        query = {
            "timeframe": TIMEFRAMES[interval],
            "start": wire.rfc3339_of_ns(start_ns),
            "end": wire.rfc3339_of_ns(end_ns - 1),
            "limit": CANDLES_AT_MOST,
        }
        name = self._symbols[instrument]
        return request_of(self.options.keys, [name], "bars", ("candles", instrument), **query)

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; every answer names its instruments, so the hint is not read."""
        del hint
        return recognised(body)

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

    def _trades(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            rows = frames.trade_rows.decode(frame)
        except msgspec.ValidationError:
            return self._mixed(frame, received_ns)
        events: list[Event] = []
        for row in rows:
            place = self._places[row.symbol]
            events.append(_trade(row, place, place.tape, received_ns))
        return events

    def _quotes(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            rows = frames.quote_rows.decode(frame)
        except msgspec.ValidationError:
            return self._mixed(frame, received_ns)
        events: list[Event] = []
        for row in rows:
            if quote := self._quote(row, self._places[row.symbol], received_ns):
                events.append(quote)  # noqa: PERF401  # a comprehension is one more call
        return events

    def _levels(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            return self._events(frames.book_rows.decode(frame), received_ns)
        except msgspec.ValidationError:
            return self._mixed(frame, received_ns)

    def _bars(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            rows = frames.decode_bars(frame)
        except msgspec.ValidationError:
            return self._mixed(frame, received_ns)
        events: list[Event] = []
        for row in rows:
            place, kind = self._places[row.symbol], row.kind
            if kind not in ("b", "u"):
                return self._mixed(frame, received_ns)
            if row.volume:  # else it is made up of quotes
                events.append(self._candle(row, place, received_ns, ("1m", True)))
        return events

    def _days(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            rows = frames.decode_days(frame)
        except msgspec.ValidationError:
            return self._mixed(frame, received_ns)
        events: list[Event] = []
        for row in rows:
            if row.volume:  # else it is made up of quotes
                listing = self.listings[row.symbol]
                last = self.numbered
                self.numbered = sequence = received_ns if received_ns > last else last + 1
                summary = Summary(  # not by `_summary`, which costs a fifth of it all
                    NAME,
                    listing.instrument,
                    listing.symbol,
                    row.close,
                    listing.name,
                    row.open,
                    row.high,
                    row.low,
                    row.volume,
                    None,
                    None,
                    event_ns=received_ns,
                    received_ns=received_ns,
                    sequence=sequence,
                )
                events.append(summary)
        return events

    def _mixed(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read rows of more than one kind, or of a rare one."""
        return self._events(_rows(frame), received_ns)

    def _events(self, rows: Iterable[frames.Row], received_ns: int) -> list[Event]:
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
        event_ns, last = wire.ns_of_rfc3339(row.time), self.numbered
        self.numbered = sequence = received_ns if received_ns > last else last + 1
        return Quote(
            NAME,
            place.instrument,
            row.bid,
            row.bid_size,
            row.ask,
            row.ask_size,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=sequence,
        )

    def _less_common(self, row: frames.BarRow | frames.Word, received_ns: int) -> Iterable[Event]:
        match row:
            case frames.BarRow(volume=0.0):
                return ()  # it is made up of quotes
            case frames.BarRow(kind="d"):
                place = self._places[row.symbol]
                return (self._summary(place, row, received_ns, received_ns),)
            case frames.BarRow():
                place = self._places[row.symbol]
                return (self._candle(row, place, received_ns, ("1m", True)),)
            case frames.Word(kind="success"):
                self._proceed(row.msg)
            case frames.Word(kind="error"):
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
        self, row: frames.BarRow, place: Place, received_ns: int, form: tuple[str, bool]
    ) -> VenueCandle:
        """Make a candle of a bar; ``form`` is its interval, and whether it is surely closed."""
        interval, is_closed = form
        start_ns = wire.ns_of_whole_rfc3339(row.time)
        end_ns = start_ns + INTERVALS[interval]
        is_closed = is_closed or end_ns <= received_ns
        return VenueCandle(
            NAME,
            place.instrument,
            interval,
            start_ns,
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            row.trades,
            is_closed,
            event_ns=end_ns if is_closed else received_ns,
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _summary(
        self,
        place: Place,
        row: frames.BarRow,
        event_ns: int,
        received_ns: int,
        snapshot: frames.Snapshot = NO_SNAPSHOT,
    ) -> Summary:
        """Sum up the running day, which the venue tells instead of the last 24 hours."""
        listing = place.listing
        latest, quote = snapshot.latest_trade, snapshot.latest_quote
        return Summary(
            NAME,
            listing.instrument,
            listing.symbol,
            latest.price if latest else row.close,
            listing.name,
            row.open,
            row.high,
            row.low,
            row.volume,
            (quote.bid or None) if quote else None,
            (quote.ask or None) if quote else None,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _past_trades(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "trades"):
            rows = [
                row
                for row in readable(raw, frames.trade_row)
                if row.update not in CANCELLED and (row.taker or place.is_stock)
            ]
            tape = Tape()  # the quotes of now say nothing about then
            for row in oldest_first(rows):
                trade = _trade(row, place, tape, received_ns)
                events.append(msgspec.structs.replace(trade, backfilled=True))
        return events

    def _past_candles(
        self, body: bytes, received_ns: int, interval: str | None = None
    ) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "bars"):
            rows = oldest_first(readable(raw, frames.bar_row))
            length = interval or interval_of([wire.ns_of_rfc3339(row.time) for row in rows])
            if length:
                form = length, False
                events += [
                    self._candle(row, place, received_ns, form) for row in rows if row.volume
                ]
        return events

    def _past_quotes(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "quotes"):
            rows = oldest_first(readable(raw, frames.quote_row))
            found = [self._quote(row, place, received_ns) for row in rows]
            events += [quote for quote in found if quote]
        return events

    def _past_books(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "orderbooks"):
            for row in oldest_first(readable(raw, frames.book_row)):
                events += place.book.seed(_part(row), received_ns)
        return events

    def _summaries(self, body: bytes, received_ns: int) -> list[Event]:
        events: list[Event] = []
        for place, raw in self._parts(body, "snapshots"):
            for row in readable(raw, frames.snapshot):
                if row and row.latest_trade and row.daily_bar and row.daily_bar.volume:
                    [latest] = oldest_first([row.latest_trade])
                    event_ns = wire.ns_of_rfc3339(latest.time)
                    events.append(self._summary(place, row.daily_bar, event_ns, received_ns, row))
        return events

    def _parts(self, body: bytes, key: str) -> Iterator[tuple[Place, list[msgspec.Raw]]]:
        """Part an answer by instrument; one row stands alone where the newest was asked for.

        What is none of ours, such as a perpetual, is left out. Prices in another currency than the
        dollar, which are to be had of stocks, are of another instrument.
        """
        fields = frames.by.decode(body)
        bare = key == "snapshots" and key not in fields  # so it is with stocks
        parts = fields if bare else frames.by_or_none.decode(fields[key])
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
            yield place, frames.raw_rows.decode(text) if text.startswith(b"[") else [raw]


def _rows(frame: bytes) -> list[frames.Row]:
    """Read each row by its kind; of kinds that are not read the kind alone."""
    rows: list[frames.Row] = []
    for raw in frames.raw_rows.decode(frame):
        word = frames.word.decode(raw)
        reader = frames.READERS.get(word.kind)
        rows.append(reader(raw) if reader else word)
    return rows


def _trade(row: TradeRow, place: Place, tape: Tape, received_ns: int) -> Trade:
    event_ns = wire.ns_of_rfc3339(row.time)
    if not place.is_stock:
        if not row.taker:
            raise ValueError("the trade does not say who was the taker")
        side: Side = "buy" if row.taker == "B" else "sell"
        sequence = row.id
    else:
        side = tape.side_of(row.price)
        sequence = event_ns
    return Trade(
        NAME,
        place.instrument,
        str(row.id),
        side,
        row.price,
        row.size,
        event_ns=event_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _part(row: BookRow) -> Part:
    bids = [Level(one.price, one.size) for one in row.bids]
    asks = [Level(one.price, one.size) for one in row.asks]
    return Part(bids, asks, wire.ns_of_rfc3339(row.time))


def _subscription(action: str, streams: Mapping[str, Sequence[str]]) -> bytes:
    return msgspec.json.encode({"action": action, **streams})


VENUE = Venue(
    name=NAME,
    websocket_url=f"wss://stream.data.alpaca.markets{CRYPTO_FEED}",
    rest_url="https://data.alpaca.markets",
    other_rest_urls={
        "paper": "https://paper-api.alpaca.markets",
        "live": "https://api.alpaca.markets",
    },
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
    candles_a_page=CANDLES_AT_MOST,
)
