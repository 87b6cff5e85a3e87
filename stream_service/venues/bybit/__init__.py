"""Bybit spot: trades, best quotes, books, minutes and summaries in; events out.

Source: https://bybit-exchange.github.io/docs/v5/ws/connect, .../v5/websocket/public/trade,
.../orderbook, .../ticker, .../kline, and .../v5/market/ for REST.

Symbols are ``BTCUSDT``. Numbers come as strings on the stream, times in milliseconds. A request
names ten topics at most and is refused whole for a single one that does not exist, in several
wordings, or that is followed already. A book comes whole, then as changes whose ``u`` rises by one;
it may come whole again at any time, with ``u`` 1 after the venue restarted. The best quote comes
whole, every three seconds also without a change. Trades have no number but the ``seq`` of the whole
engine, which is missing in older recordings; up to 1,024 of them are in a frame. REST tells the
last 60 trades and no more.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise
from urllib.parse import urlencode

import msgspec

from market import (
    Event,
    FrameError,
    Instrument,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.books import BookWatch, Ladder
from stream_service.keyed import Keyed
from stream_service.rows import readable
from stream_service.streamed_book import Part, StreamedBook
from stream_service.venue import (
    NO_OPTIONS,
    Channel,
    HttpRequest,
    ListingRequests,
    Options,
    Session,
    Venue,
    direct,
)
from stream_service.venues.bybit import frames
from stream_service.venues.bybit.side import BybitSide, answer
from stream_service.ways import Way
from stream_service.wire import MS

NAME = "bybit"
TOPICS: Mapping[Channel, str] = {
    "trade": "publicTrade",
    "quote": "orderbook.1",
    "book": "orderbook.50",
    "candle": "kline.1",
    "summary": "tickers",
}
TOPICS_A_FRAME = 10
TOO_MANY = 10006
BUSY_S = 5.0  # the limits are counted over a second, or five
TRADES_AT_MOST = 60
CANDLES_AT_MOST = 1_000
CODES = {"1m": "1", "5m": "5", "15m": "15", "1h": "60", "4h": "240", "1d": "D"}
"""The venue's names of intervals over REST."""

QUOTE_CURRENCIES = ("USDT", "USDC", "USDE", "USD1", "EUR", "BRL", "TRY", "PLN", "BTC", "ETH", "DAI")
BARS = {str(minutes): name for minutes, name in wire.MINUTES.items() if minutes} | {"D": "1d"}
"""Intervals by the venue's names."""


ALREADY_FOLLOWED = "already subscribed"

AT_TOPIC = len('{"topic":"')
"""The first letter of a topic tells it from others, and is the cheapest thing to look at.

It is a guess that only saves time: no topic has the fields that another one needs.
"""
BEST_ONLY = "orderbook.1."

_words = re.compile(r"\w+")
"""What a refusal is made of: ``Invalid symbol :[tickers.NOUSDT]`` names a symbol in its last."""


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every spot symbol."""
    body = yield HttpRequest("/v5/market/instruments-info?category=spot")
    try:
        return [_listing(row) for row in readable(_rows(body), frames.symbol_row)]
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
        self.is_refused = False
        self.best: frames.BookRow | None = None


class BybitSession(Session):
    """One connection to the public stream of spot markets."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._places = Keyed(self._place)
        self._symbols = {row.instrument: name for name, row in self.listings.items()}
        self._asked: dict[str, Sequence[str]] = {}
        self._last_request = 0
        self._ways: dict[str, Way] = {
            "publicTrade": (frames.decode_trades, self._trades),
            "orderbook": (frames.decode_book, self._levels),
            "tickers": (frames.decode_ticker, self._summary),
            "kline": (frames.decode_candles, self._candles),
        }
        self._hot = {ord(topic[0]): way for topic, way in self._ways.items()}

    def opened(self) -> None:
        """Subscribe to what is followed of every symbol, ten topics a frame."""
        followed = [topic for kind, topic in TOPICS.items() if kind in self.options.channels]
        self._subscribe([f"{topic}.{symbol}" for symbol in self.listings for topic in followed])

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; replies give no event."""
        try:
            decode, tell = self._hot[frame[AT_TOPIC]]
            return tell(decode(frame), received_ns)
        except wire.UNREADABLE:  # it is something else, or wrong
            return self._receive_other(frame, received_ns)

    def _receive_other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
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
                    trades = readable(_rows(body), frames.rest_trade_row)
                    trades.sort(key=lambda row: (row.time, row.seq or 0))
                    return [self._past_trade(row, of, received_ns) for row in trades]
                case ("candles", Instrument() as of):
                    rows = readable(_rows(body), frames.rest_candle_row)
                    code = wire.route_of(request.path)[1].get("interval", "")
                    return self._past_candles(rows, of, code, received_ns)
                case ("book", _):
                    row = frames.book_row.decode(_result_of(body))
                    return list(self._places[row.symbol].book.seed(_part(row), received_ns))
                case ("tickers", _):
                    time = frames.answer.decode(body).time or received_ns // MS
                    days = readable(_rows(body), frames.rest_ticker_row)
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
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the newest thousand of them."""
        if interval not in CODES:
            return None
        query = {
            "symbol": self._symbol(instrument),
            "interval": CODES[interval],
            "start": start_ns // MS,
            "end": end_ns // MS - 1,
            "limit": CANDLES_AT_MOST,
        }
        return _request("kline", query, ("candles", instrument))

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; every answer names its instrument, so the hint is not read."""
        del hint
        try:
            return _recognised(frames.answer.decode(body).result)
        except wire.UNREADABLE:
            return None

    def tick(self, now_ns: int) -> None:
        """Subscribe anew to a book that did not come."""
        if "book" in self.options.channels:
            for place in [self._places[symbol] for symbol in self.listings]:
                if not place.is_refused:
                    place.book.tick(now_ns)

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
            self._last_request += 1
            number = str(self._last_request)
            args = self._asked[number] = topics[start : start + TOPICS_A_FRAME]
            self.post(msgspec.json.encode({"req_id": number, "op": "subscribe", "args": args}))

    def _subscribe_anew(self, symbol: str) -> None:
        topics = [f"{TOPICS['book']}.{symbol}"]
        self.post(msgspec.json.encode({"op": "unsubscribe", "args": topics}))
        self._subscribe(topics)

    def _trades(self, told: frames.TradesFrame, received_ns: int) -> Sequence[Event]:
        places = self._places
        events: list[Event] = []
        for row in told.data:
            events.append(  # noqa: PERF401  # a comprehension is one more call
                Trade(
                    NAME,
                    places[row.symbol].instrument,
                    row.id,
                    "buy" if row.side == "Buy" else "sell",
                    row.price,
                    row.size,
                    event_ns=row.time * MS,
                    received_ns=received_ns,
                    sequence=self.number(received_ns) if row.seq is None else row.seq,
                )
            )
        return events

    def _past_trade(self, row: frames.RestTradeRow, of: Instrument, received_ns: int) -> Trade:
        return Trade(
            NAME,
            of,
            row.id,
            "buy" if row.side == "Buy" else "sell",
            row.price,
            row.size,
            event_ns=row.time * MS,
            received_ns=received_ns,
            sequence=self.number(received_ns) if row.seq is None else row.seq,
            backfilled=True,
        )

    def _levels(self, told: frames.BookFrame, received_ns: int) -> Sequence[Event]:
        if told.topic.startswith(BEST_ONLY):
            return self._quotes(told, received_ns)
        book = self._places[told.data.symbol].book
        part = _part(told.data, told.cts or told.ts)
        follow = book.whole if told.type == "snapshot" else book.change
        return follow(part, received_ns)

    def _quotes(self, told: frames.BookFrame, received_ns: int) -> Sequence[Event]:
        best = told.data
        place = self._places[best.symbol]
        if told.type == "delta":
            best = _merged(place.best, best)
        place.best = best
        if not (best.bids and best.asks):
            return ()
        bid, ask = best.bids[0], best.asks[0]
        quote = Quote(
            NAME,
            place.instrument,
            bid.price,
            bid.size,
            ask.price,
            ask.size,
            event_ns=(told.cts or told.ts) * MS,
            received_ns=received_ns,
            sequence=best.last if best.seq is None else best.seq,
        )
        return (quote,)

    def _less_common(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        word = frames.word.decode(frame)
        topics = self._asked.pop(word.req_id, ())
        if not word.success:
            return self._heed(word, topics, received_ns)
        way = self._ways.get(word.topic.partition(".")[0])
        if way is None:
            return ()
        decode, tell = way
        return tell(decode(frame), received_ns)

    def _summary(self, told: frames.TickerFrame, received_ns: int) -> Sequence[Summary]:
        """Sum up a symbol; one that nobody knows is refused."""
        row = told.data
        symbol = row.symbol
        listing = self.listings[symbol]
        last = self.numbered
        self.numbered = sequence = received_ns if received_ns > last else last + 1
        return (
            Summary(
                NAME,
                listing.instrument,
                symbol,
                row.last,
                listing.name,
                row.open or None,
                row.high or None,
                row.low or None,
                row.volume or 0.0,
                None,
                None,
                event_ns=told.ts * MS,
                received_ns=received_ns,
                sequence=sequence,
            ),
        )

    def _candles(self, told: frames.CandleFrame, received_ns: int) -> Sequence[Event]:
        of = self._places[told.topic.rpartition(".")[2]].instrument
        events: list[Event] = []
        for row in told.data:
            first, high, low, last = row.open, row.high, row.low, row.close
            if not (low <= first <= high and low <= last <= high):
                wire.check_candle(first, high, low, last)
            if row.volume and row.interval in BARS:
                before = self.numbered
                self.numbered = sequence = received_ns if received_ns > before else before + 1
                events.append(  # a comprehension is one more call
                    VenueCandle(
                        NAME,
                        of,
                        BARS[row.interval],
                        row.start * MS,
                        first,
                        high,
                        low,
                        last,
                        row.volume,
                        None,
                        row.confirm,
                        event_ns=row.timestamp * MS,
                        received_ns=received_ns,
                        sequence=sequence,
                    )
                )
        return events

    def _heed(self, word: frames.Word, topics: Sequence[str], received_ns: int) -> Sequence[Event]:
        """Take a refusal: of one symbol, whose request is made again without it, or of all.

        Raises:
            VenueRefusedError: it names no symbol of ours.

        """
        if word.op == "unsubscribe":
            return ()  # of what was not followed any more
        refused = self._symbol_in(word.ret_msg)
        if word.op != "subscribe" or not refused:
            raise VenueRefusedError(f"{NAME}: {word.ret_msg}")
        if ALREADY_FOLLOWED in word.ret_msg:
            self._subscribe([topic for topic in topics if not word.ret_msg.endswith(topic)])
            return ()
        self._subscribe([topic for topic in topics if topic.rpartition(".")[2] != refused])
        place = self._places[refused]
        place.is_refused = True
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

    def _symbol_in(self, text: str) -> str:
        """Return the symbol that ``text`` names, its last word before others, or nothing."""
        for word in reversed(_words.findall(text)):
            with suppress(KeyError, ValueError):
                return self.listings[word].symbol
        return ""

    def _summaries(
        self, rows: Iterable[frames.RestTickerRow], time: int, received_ns: int
    ) -> list[Event]:
        events: list[Event] = []
        for row in rows:
            with suppress(KeyError, ValueError):  # many that REST tells are followed by nobody
                [told] = self._summary(frames.TickerFrame(time, row), received_ns)
                events.append(
                    msgspec.structs.replace(told, bid=row.bid or None, ask=row.ask or None)
                )
        return events

    def _past_candles(
        self, rows: Sequence[frames.RestCandleRow], of: Instrument, code: str, received_ns: int
    ) -> list[Event]:
        """Read candles of REST, of the interval asked for, or that they lie apart."""
        rows = sorted(rows, key=lambda row: row.start)
        apart = {later.start - sooner.start for sooner, later in pairwise(rows)} or {60_000}
        lengths = {length: name for name, length in INTERVALS.items()}
        asked_for = next((name for name, one in CODES.items() if one == code), None)
        interval = asked_for or lengths.get(min(apart) * MS)
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
    """Return what an answer holds.

    Raises:
        VenueBusyError: the venue has no time for us now.
        VenueRefusedError: it turns the request down.

    """
    answer = frames.answer.decode(body)
    if answer.ret_code == TOO_MANY:
        raise VenueBusyError(f"{NAME}: {answer.ret_msg}", wait_s=BUSY_S)
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
    result = frames.result.decode(raw)
    if not result.rows:
        return None
    first = bytes(result.rows[0])
    if first.lstrip().startswith(b"["):
        return HttpRequest("/v5/market/kline", ("candles", instrument(result.symbol)))
    shape = frames.shape.decode(first)
    if shape.exec_id is not None:
        return HttpRequest("/v5/market/recent-trade", ("trades", instrument(shape.symbol)))
    what, word = ("instruments-info", "instruments") if shape.base_coin else ("tickers", "tickers")
    is_known = shape.base_coin or shape.last_price
    return HttpRequest(f"/v5/market/{what}", (word, None)) if is_known else None


def _part(row: frames.BookRow, time: int | None = None) -> Part:
    time = time or row.cts or row.ts
    if time is None:
        raise ValueError("the book has no time")
    return Part(
        row.bids,
        row.asks,
        time * MS,
        previous=row.last - 1,
        last=row.last,
        sequence=row.seq,
    )


def _merged(old: frames.BookRow | None, new: frames.BookRow) -> frames.BookRow:
    """Apply a change of the best levels, as other markets than spot tell them."""
    sides = []
    for falling, before, changed in (
        (True, old.bids if old else [], new.bids),
        (False, old.asks if old else [], new.asks),
    ):
        ladder = Ladder(before, falling=falling)
        ladder.follow(changed)
        sides.append(list(ladder.best[:2]))
    return msgspec.structs.replace(new, bids=sides[0], asks=sides[1])


def _past_candle(
    row: frames.RestCandleRow, of: Instrument, interval: str, stamps: tuple[int, int]
) -> VenueCandle:
    received_ns, sequence = stamps
    start_ns = row.start * MS
    end_ns = start_ns + INTERVALS[interval]
    is_closed = end_ns <= received_ns
    return VenueCandle(
        NAME,
        of,
        interval,
        start_ns,
        row.open,
        row.high,
        row.low,
        row.close,
        row.volume,
        closed=is_closed,
        event_ns=end_ns if is_closed else received_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def _listing(row: frames.SymbolRow) -> Listing:
    return Listing(
        instrument=Instrument.of(row.base_coin, row.quote_coin),
        symbol=row.symbol,
        trading=row.status == "Trading",
        tick_size=row.price_filter.tick_size or None,
        lot_size=row.lot_size_filter.base_precision or None,
        minimum_notional=row.lot_size_filter.min_order_amt or None,
    )


VENUE = Venue(
    name=NAME,
    websocket_url="wss://stream.bybit.com/v5/public/spot",
    rest_url="https://api.bybit.com",
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
    candles_a_page=CANDLES_AT_MOST,
)
