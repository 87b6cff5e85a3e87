"""Coinbase Exchange: matches, book changes, tickers in; trades, books, quotes, summaries out.

Source: https://docs.cdp.coinbase.com/exchange/docs/websocket-overview and .../websocket-channels

Products are ``BTC-USD``. The ``side`` of a match is the maker's: where it says sell, the taker
bought. A ticker comes with a trade, so its bid and ask grow old in between: quotes are the best
levels of the book instead, which is whole once and then changes in batches of 50 ms, unnumbered
(``level2_batch``; ``level2`` itself wants a key). One wrong product refuses a subscription whole,
so what is refused for a product by name is asked for again without it.
Quiet products send nothing, so the heartbeat of one of them says each second that the venue is
there. Candles come over REST only, newest first, low and high before open and close. Frames of the
other public feed, Advanced Trade, are read too.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
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
    Summary,
    Trade,
    VenueRefusedError,
    VenueStatus,
)
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.books import BookWatch
from stream_service.rounds import Rounds
from stream_service.rows import readable
from stream_service.streamed_book import Part, StreamedBook
from stream_service.venue import (
    NO_OPTIONS,
    HttpRequest,
    ListingRequests,
    Options,
    Session,
    Venue,
    direct,
)
from stream_service.venues.coinbase import frames
from stream_service.venues.coinbase.advanced import AdvancedReader, past_candles
from stream_service.venues.coinbase.frames import NAME
from stream_service.venues.coinbase.side import CoinbaseSide, answer

TRADES_A_PAGE = 1_000
MINUTES_A_ROUND = 3
CANDLES_AT_MOST = 300
GRANULARITIES = {60: "1m", 300: "5m", 900: "15m", 3_600: "1h", 86_400: "1d"}
"""Intervals by their seconds; the venue has none of four hours."""

MINUTE_NS = INTERVALS["1m"]
AT_TYPE = len('{"type":"')
"""The first letter of a type is the cheapest thing to look at: l2update, match, ticker.

It is a guess that only saves time: each frame says its type once more, which is held against it.
"""


class Shape(msgspec.Struct, frozen=True):
    """The fields by which answers are told apart, whatever is in them."""

    type: str = ""
    channel: str = ""
    bids: msgspec.Raw = msgspec.Raw()
    candles: list[msgspec.Raw] | None = None
    products: list[msgspec.Raw] | None = None
    trade_id: msgspec.Raw = msgspec.Raw()
    quote_increment: msgspec.Raw = msgspec.Raw()


_shape = msgspec.json.Decoder(Shape)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every product."""
    body = yield HttpRequest("/products")
    try:
        rows = _raws.decode(body) if _is_list(body) else _shape.decode(body).products
        return frames.listings_of(readable(rows or [], frames.product_row))
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


class CoinbaseSession(Session):
    """One connection to the Exchange feed."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._books: dict[str, StreamedBook] = {}
        self._instruments: dict[str, Instrument] = {}
        self._summary_ns: dict[str, int] = {}
        self._rounds: Rounds[str] = Rounds(period_s=60, delay_s=3, spread_s=50)
        self._advanced = AdvancedReader(
            self.listings, self._books, book=self._book, number=self.number
        )
        self._hot: dict[int, Callable[[bytes, int], Sequence[Event]]] = {
            ord("l"): self._changes,
            ord("m"): self._matches,
            ord("t"): self._ticker,
        }
        self._tells_books = "book" in options.channels
        self._tells_quotes = "quote" in options.channels
        self._refused: set[str] = set()

    def opened(self) -> None:
        """Subscribe to all channels of every product, and to the heartbeat of the first."""
        products = self._products
        wanted = self.options.channels
        channels = {
            "matches": "trade" in wanted,
            "ticker": "summary" in wanted,
            "level2_batch": self._tells_books or self._tells_quotes,
        }
        self._send("subscribe", products[:1], ["heartbeat"])
        self._send(
            "subscribe", products, [name for name, is_wanted in channels.items() if is_wanted]
        )
        if channels["level2_batch"]:
            for product in products:
                self._book(product)

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; a book gives a quote too, heartbeats and replies nothing."""
        try:
            return self._hot[frame[AT_TYPE]](frame, received_ns)
        except wire.UNREADABLE:  # it is something else, or wrong
            return self._receive_other(frame, received_ns)

    def _receive_other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            return self._other(frame, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; takes trades, candles and books."""
        try:
            match request.about:
                case ("trades", Instrument() as instrument):
                    return frames.past_trades(body, instrument, received_ns)
                case ("candles", Instrument() as instrument):
                    self._rounds.answered(str(instrument))
                    return self._candles(body, request, instrument, received_ns)
                case ("book", Instrument() as instrument):
                    return self._told(self._seed(body, str(instrument), received_ns))
                case (what, None):
                    raise ValueError(f"this does not name the product of its {what}")
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error
        return ()

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest:
        """See `Session.recall`; pages go backward, which the venue calls ``after``."""
        del after
        cursor = {"after": before.trade_id} if before else {}
        query = urlencode({"limit": TRADES_A_PAGE, **cursor})
        return HttpRequest(f"/products/{instrument}/trades?{query}", ("trades", instrument))

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the newest three hundred, as more are refused."""
        length_ns = INTERVALS[interval]
        if length_ns // SECOND_NS not in GRANULARITIES:
            return None
        first_ns = end_ns - (CANDLES_AT_MOST - 1) * length_ns  # the last one counts as well
        times = {"start": _iso(max(start_ns, first_ns)), "end": _iso(end_ns)}
        query = urlencode({"granularity": length_ns // SECOND_NS, **times})
        return HttpRequest(f"/products/{instrument}/candles?{query}", ("candles", instrument))

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; but for the listing no answer names its product."""
        try:
            what = _what(body)
        except wire.UNREADABLE:
            return None
        if what == "instruments":
            return HttpRequest("/products", (what, None))
        return HttpRequest("", (what, self._named(hint))) if what else None

    def tick(self, now_ns: int) -> None:
        """Ask for candles, and for the books that did not come or are old."""
        if "candle" in self.options.channels:
            for product in self._rounds.due(self._products, now_ns):
                instrument = self.listings[product].instrument
                start_ns = now_ns - MINUTES_A_ROUND * 60 * SECOND_NS
                if request := self.recall_candles(instrument, start_ns=start_ns, end_ns=now_ns):
                    self.ask(request)
        for book in self._books.values():
            book.tick(now_ns)

    @property
    def _products(self) -> list[str]:
        return [product for product in self.listings if product not in self._refused]

    def _send(self, kind: str, products: list[str], channels: list[str]) -> None:
        if products and channels:
            request = {"type": kind, "product_ids": products, "channels": channels}
            self.post(msgspec.json.encode(request))

    def _book(self, product: str) -> StreamedBook:
        book = self._books.get(product)
        if book is None:
            watch = BookWatch(NAME, self.listings[product].instrument, self.number)
            book = self._books[product] = StreamedBook(watch, partial(self._renew, product))
        return book

    def _renew(self, product: str) -> None:
        self._send("unsubscribe", [product], ["level2_batch"])
        self._send("subscribe", [product], ["level2_batch"])

    def _named(self, hint: str) -> Instrument | None:
        try:
            return self.listings[hint].instrument
        except wire.UNREADABLE:
            return None

    def _other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read what is rare, and what is written with other spaces or in another order."""
        envelope = frames.envelope.decode(frame)
        if envelope.channel:
            return self._told(self._advanced.read(frame, received_ns))
        match envelope.type:
            case "match" | "last_match":
                return self._matches(frame, received_ns)
            case "l2update" | "snapshot" as kind:
                read = self._change if kind == "l2update" else self._whole
                return self._told(read(frame, received_ns))
            case "ticker":
                return self._ticker(frame, received_ns)
            case "error":
                return self._heed(f"{envelope.message}: {envelope.reason}", received_ns)
            case "":
                raise ValueError("it has neither a type nor a channel")
        return ()

    def _heed(self, reason: str, received_ns: int) -> Sequence[Event]:
        """Take a refusal: of one product, without which all is asked for again, or of all.

        Raises:
            VenueRefusedError: it names no product of ours, or none is left.

        """
        named = [word for word in reason.split() if word in self.listings]
        fresh = [product for product in named if product not in self._refused]
        self._refused.update(fresh)
        if not named or not self._products:
            raise VenueRefusedError(f"{NAME} says: {reason}")
        if fresh:  # else it is of the heartbeat that was asked for beside the channels
            for product in fresh:
                self._books.pop(product, None)
            self.opened()
        return [self._refusal(product, reason, received_ns) for product in fresh]

    def _refusal(self, product: str, reason: str, received_ns: int) -> VenueStatus:
        return VenueStatus(
            venue=NAME,
            state="refused",
            instrument=self.listings[product].instrument,
            reason=reason,
            event_ns=received_ns,
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _changes(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        return self._told(self._change(frame, received_ns))

    def _matches(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        row = frames.decode_match(frame)
        number, product = row.trade_id, row.product_id
        return (
            Trade(
                NAME,
                self._instruments.get(product) or self._known(product),
                str(number),
                frames.TAKER[row.side],
                row.price,
                row.size,
                row.type == "last_match",
                event_ns=wire.ns_of_rfc3339(row.time),
                received_ns=received_ns,
                sequence=number,
            ),
        )

    def _known(self, product: str) -> Instrument:
        instrument = self._instruments[product] = self.listings[product].instrument
        return instrument

    def _change(self, frame: bytes, received_ns: int) -> Iterable[Event]:
        row = frames.changes_frame.decode(frame)
        bids = [Level(one.price, one.size) for one in row.rows if one.side == "buy"]
        asks = [Level(one.price, one.size) for one in row.rows if one.side == "sell"]
        event_ns = wire.ns_of_rfc3339(row.time) if row.time else received_ns
        part = Part(bids, asks, event_ns)
        return self._book(row.product_id).change(part, received_ns)

    def _whole(self, frame: bytes, received_ns: int) -> Iterable[Event]:
        row = frames.whole_book.decode(frame)
        return self._book(row.product_id).whole(_part(row, received_ns), received_ns)

    def _seed(self, body: bytes, product: str, received_ns: int) -> Iterable[Event]:
        part = _part(frames.whole_book.decode(body), received_ns)
        return self._book(product).seed(part, received_ns)

    def _ticker(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Tell a summary once a second; and a quote only where no book is followed."""
        row = frames.decode_ticker(frame)
        product = row.product_id
        instrument = self._instruments.get(product) or self._known(product)
        event_ns = wire.ns_of_rfc3339(row.time)
        events: list[Event] = []
        if row.price:
            since_ns = event_ns - self._summary_ns.get(product, 0)
            if not -SECOND_NS < since_ns < SECOND_NS:
                self._summary_ns[product] = event_ns
                last = self.numbered
                self.numbered = sequence = received_ns if received_ns > last else last + 1
                events.append(
                    Summary(
                        NAME,
                        instrument,
                        product,
                        row.price,
                        "",
                        row.open_24h or None,
                        row.high_24h or None,
                        row.low_24h or None,
                        row.volume_24h,
                        row.best_bid or None,
                        row.best_ask or None,
                        event_ns=event_ns,
                        received_ns=received_ns,
                        sequence=sequence,
                    )
                )
        if self._tells_quotes and product not in self._books and row.has_quote:
            stamps = event_ns, received_ns, self.number(received_ns)
            events.append(frames.ticker_quote(row, instrument, stamps))
        return events

    def _told(self, events: Iterable[Event]) -> list[Event]:
        """Add quotes, leave out what was not asked for."""
        told: list[Event] = []
        for event in events:
            if not isinstance(event, Book):
                told.append(event)
                continue
            if self._tells_books:
                told.append(event)
            if self._tells_quotes and event.bids and event.asks:
                told.append(frames.quote_of(event, self.number(event.received_ns)))
        return told

    def _candles(
        self, body: bytes, request: HttpRequest, instrument: Instrument, received_ns: int
    ) -> list[Event]:
        if _is_list(body):
            seconds = int(wire.route_of(request.path)[1].get("granularity", "60"))
            rows, interval = readable(_raws.decode(body), frames.candle_row), GRANULARITIES[seconds]
            rows.sort(key=lambda row: row.start)
        else:
            rows, interval = past_candles(_shape.decode(body).candles or [])
        candles = [
            frames.candle_of(
                row,
                instrument,
                interval,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )
            for row in rows
        ]
        return [candle for candle in candles if candle]


def _part(row: frames.WholeBook, received_ns: int) -> Part:
    event_ns = wire.ns_of_rfc3339(row.time) if row.time else received_ns
    return Part(row.bids, row.asks, event_ns)


def _is_list(body: bytes) -> bool:
    return body.lstrip()[:1] == b"["


def _what(body: bytes) -> str:
    """Say what a recorded body is an answer about, or nothing."""
    rows = _raws.decode(body) if _is_list(body) else [msgspec.Raw(body)]
    if rows and _is_list(bytes(rows[0])):
        return "candles"
    shape = _shape.decode(rows[0]) if rows else Shape()
    found = {
        "": shape.type or shape.channel,
        "instruments": shape.products is not None or shape.quote_increment,
        "candles": shape.candles is not None,
        "book": shape.bids,
        "trades": shape.trade_id,
    }
    return next((what for what, is_it in found.items() if is_it), "")


def _iso(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns // SECOND_NS, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws-feed.exchange.coinbase.com",
    rest_url="https://api.exchange.coinbase.com",
    dial=direct,
    list_instruments=list_instruments,
    session=CoinbaseSession,
    exchange_side=CoinbaseSide,
    answer=answer,
    max_silence_s=15.0,  # a heartbeat comes each second
    quote_currencies=("USD", "USDC", "EUR", "GBP", "USDT", "BTC"),
    consecutive_trade_ids=True,
    instruments_at_most=100,
    send_interval_s=0.15,  # eight frames a second are allowed
    connect_interval_s=0.15,  # and eight connections
    rest_interval_s=0.12,  # ten requests a second
    candles_a_page=CANDLES_AT_MOST,
)
