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
    VenueCandle,
    VenueRefusedError,
    VenueStatus,
)
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.books import BookWatch
from stream_service.keyed import Keyed
from stream_service.rounds import Rounds
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
from stream_service.venues.okx import frames
from stream_service.venues.okx.side import OkxSide, answer
from stream_service.wire import MS

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
BAR_OF = {interval: bar for bar, interval in BARS.items()}

ARGS_A_FRAME = 200  # a frame may have 64 KB
TRADES_AT_MOST = 500  # of the newest
OLD_TRADES_AT_MOST = 100  # of a page of older ones
CANDLES_AT_MOST = 300
SUMS_REMEMBERED = 500
NO_SUCH_INSTRUMENT = "60018"
RENEW_SOON = "64008"

LETTER = 1
AT_LETTER = len('{"arg":{"channel":"') + LETTER
"""This letter tells the channels apart, which is the cheapest thing to look at.

It is a guess that only saves time: no channel has the fields that another one needs, but for books
and best levels, which are told apart by their frames' own words.
"""

_named = re.compile(r"instId:\s*([A-Z0-9-]+)")


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every spot instrument."""
    body = yield HttpRequest("/api/v5/public/instruments?instType=SPOT")
    try:
        return [_listing(row) for row in readable(_rows(body), frames.instrument_row)]
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
        self.is_refused = False
        self.sums: deque[tuple[int, int]] = deque(maxlen=SUMS_REMEMBERED)
        self.oldest_wanted = 0


class OkxSession(Session):
    """One connection to the public stream."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._places = Keyed(self._place)
        self._symbols = {row.instrument: name for name, row in self.listings.items()}
        self._candles: Rounds[str] = Rounds(period_s=60, delay_s=2, spread_s=40)
        self._readers: dict[str, Callable[[bytes, int], Sequence[Event]]] = {
            "trade": self._trades,
            "bbo-t": self._quotes,
            "books": self._changes,
            "ticke": self._tickers,
        }
        self._hot = {ord(channel[LETTER]): read for channel, read in self._readers.items()}

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
            return self._hot[frame[AT_LETTER]](frame, received_ns)
        except wire.UNREADABLE:  # it is something else, or wrong
            return self._receive_other(frame, received_ns)

    def _receive_other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            return self._less_common(frame, received_ns)
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
                    rows = readable(_rows(body), frames.candle_row)
                    bar = wire.route_of(request.path)[1].get("bar", "1m")
                    return self._past_candles(rows, of, BARS.get(bar, ""), received_ns)
                case ("book", Instrument() as of):
                    rows_of = readable(_rows(body), frames.book_row)
                    book = self._places[self._symbol(of)].book
                    return [one for row in rows_of for one in book.seed(_part(row), received_ns)]
                case ("trades" | "candles" | "book" as what, None):
                    raise ValueError(f"an answer with {what} names no instrument, say which")
                case ("tickers", _):
                    return self._summaries(readable(_rows(body), frames.ticker_row), received_ns)
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
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the newest 300 of them."""
        query = {
            "instId": self._symbol(instrument),
            "bar": BAR_OF[interval],
            "before": start_ns // MS - 1,
            "after": end_ns // MS,
            "limit": CANDLES_AT_MOST,
        }
        return _request("candles", query, ("candles", instrument))

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; books and candles need the hint for their instrument."""
        try:
            [first, *_] = frames.answer.decode(body).data
            word = _word_of(bytes(first))
            if word in ("tickers", "instruments"):
                return HttpRequest(f"/api/v5/{word}", (word, None))
            symbol = _symbol_of(bytes(first)) or hint
            return HttpRequest(
                f"/api/v5/market/{word}", (word, instrument(symbol) if symbol else None)
            )
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
            for place in [self._places[symbol] for symbol in self.listings]:
                if not place.is_refused:
                    place.book.tick(now_ns)

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
        rows = frames.decode_trades(frame).data
        if len(rows) == 1 and (row := rows[0]).symbol and row.count == 1:  # as nearly all do
            number = row.id
            return (
                Trade(
                    NAME,
                    self._places[row.symbol].instrument,
                    str(number),
                    row.side,
                    row.price,
                    row.size,
                    event_ns=row.time * MS,
                    received_ns=received_ns,
                    sequence=number,
                ),
            )
        events: list[Event] = []
        for row in rows:
            number = row.id
            place = self._places[row.symbol or frames.subject_frame.decode(frame).arg.symbol]
            if row.count > 1:
                place.sums.append((number - row.count + 1, number))
            events.append(
                Trade(
                    NAME,
                    place.instrument,
                    str(number),
                    row.side,
                    row.price,
                    row.size,
                    event_ns=row.time * MS,
                    received_ns=received_ns,
                    sequence=number,
                )
            )
        return events

    def _quotes(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = frames.decode_best(frame)
        of = self._places[told.arg.symbol].instrument
        events: list[Event] = []
        for row in told.data:
            if not (row.bids and row.asks):
                continue
            bid, ask = row.bids[0], row.asks[0]
            events.append(
                Quote(
                    NAME,
                    of,
                    bid.price,
                    bid.size,
                    ask.price,
                    ask.size,
                    event_ns=row.time * MS,
                    received_ns=received_ns,
                    sequence=self.number(received_ns) if row.last is None else row.last,
                )
            )
        return events

    def _changes(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = frames.decode_book(frame)
        if not told.arg.channel.startswith("books"):
            raise ValueError(f"{told.arg.channel[:40]!r} is no channel of books")
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
        told = frames.frame.decode(frame)
        if told.arg is None or told.event:
            return self._heed(told, received_ns)
        channel = told.arg.channel
        if channel.startswith("candle"):
            rows = [frames.candle_row.decode(row) for row in told.data]
            interval = BARS.get(channel.removeprefix("candle"), "")
            of = self.listings[told.arg.symbol].instrument
            return self._past_candles(rows, of, interval, received_ns)
        read = self._readers.get(channel[:5])
        return read(bytes(frame), received_ns) if read else ()

    def _heed(self, told: frames.Frame, received_ns: int) -> Sequence[Event]:
        """Take a word of the venue's: an instrument that it does not have, or a refusal."""
        if told.code == RENEW_SOON:
            self.renewal = told.msg or "the venue is about to close the connection"
        if told.event not in ("error", "channel-conn-count-error"):
            return ()
        named = _named.search(told.msg)
        if told.code != NO_SUCH_INSTRUMENT or named is None:
            raise VenueRefusedError(f"{NAME}: {told.msg} (code {told.code})")
        place = self._places[named[1]]
        place.is_refused = True
        return [
            VenueStatus(
                venue=NAME,
                state="refused",
                instrument=place.instrument,
                reason=told.msg,
                event_ns=received_ns,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )
        ]

    def _tickers(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        return self._summaries(frames.decode_tickers(frame).data, received_ns)

    def _summaries(self, rows: Iterable[frames.TickerRow], received_ns: int) -> list[Event]:
        """Read summaries of spot instruments that are ours, or of all where we guess."""
        events: list[Event] = []
        listings = self.listings
        for row in rows:
            symbol = row.symbol
            if symbol in listings or (self.options.guess and symbol.count("-") == 1):
                listing, last = listings[symbol], self.numbered
                self.numbered = sequence = received_ns if received_ns > last else last + 1
                events.append(
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
                        row.bid or None,
                        row.ask or None,
                        event_ns=row.time * MS,
                        received_ns=received_ns,
                        sequence=sequence,
                    )
                )
        return events

    def _past_trades(
        self, raw: Sequence[msgspec.Raw], of: Instrument, received_ns: int
    ) -> list[Event]:
        place = self._places[self._symbol(of)]
        rows = [
            row
            for row in readable(raw, frames.trade_row)
            if row.id >= place.oldest_wanted
            and not any(first <= row.id < last for first, last in place.sums)
        ]
        rows.sort(key=lambda row: row.id)
        return [_trade(row, of, received_ns, backfilled=True) for row in rows]

    def _past_candles(
        self, rows: Sequence[frames.CandleRow], of: Instrument, interval: str, received_ns: int
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
    answer = frames.answer.decode(body)
    if answer.code != "0":
        raise VenueRefusedError(f"{NAME}: {answer.msg} (code {answer.code})")
    return answer.data


def _is_of_derivative(frame: bytes) -> bool:
    try:
        arg = frames.frame.decode(frame).arg
    except wire.UNREADABLE:
        return False
    return arg is not None and arg.symbol.count("-") > 1


def _word_of(row: bytes) -> str:
    """Tell what a row of an answer is about."""
    if row.lstrip().startswith(b"["):
        return "candles"
    shape = frames.shape.decode(row)
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


def _part(row: frames.BookRow) -> Part:
    return Part(row.bids, row.asks, row.time * MS, previous=row.previous, last=row.last)


def _trade(
    row: frames.TradeRow, of: Instrument, received_ns: int, *, backfilled: bool = False
) -> Trade:
    return Trade(
        NAME,
        of,
        str(row.id),
        row.side,
        row.price,
        row.size,
        backfilled,
        event_ns=row.time * MS,
        received_ns=received_ns,
        sequence=row.id,
    )


def _candle(
    row: frames.CandleRow, of: Instrument, interval: str, stamps: tuple[int, int]
) -> VenueCandle:
    received_ns, sequence = stamps
    start_ns = row.time * MS
    end_ns = start_ns + INTERVALS[interval]
    is_closed = row.closed == "1" if row.closed else end_ns <= received_ns
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


def _listing(row: frames.InstrumentRow) -> Listing:
    return Listing(
        instrument=Instrument.of(row.base, row.quote),
        symbol=row.symbol,
        trading=row.state == "live",
        tick_size=row.tick_size or None,
        lot_size=row.lot_size or None,
    )


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws.okx.com/ws/v5/public",
    rest_url="https://www.okx.com",
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
    candles_a_page=CANDLES_AT_MOST,
)
