"""Binance spot: combined streams in; quotes, trades, books, candles and summaries out.

Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams, and
.../rest-api/market-data-endpoints; the hosts are those of .../faqs/market_data_only, which answer
where binance.com does not.

Symbols are ``BTCUSDT``, in lower case in a stream's name; only the listing knows where the base
ends. Numbers come as strings, times in milliseconds, or in microseconds to who asks for them.
Surprises: ``m`` says that the buyer was the maker, so the taker sold. A bookTicker carries no time
and no type, a partial book (``depth20``) not even a symbol: on a raw stream nothing tells whose it
is. An unknown symbol is accepted and stays silent. An aggregate of trades has numbers of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias
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
)
from stream_service import wire
from stream_service.books import BEST, BookWatch, crossing, is_ordered
from stream_service.rows import readable
from stream_service.seeded_book import PATIENCE_S, Change, SeededBook
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
from stream_service.venues.binance import frames
from stream_service.venues.binance.frames import (
    LATEST_MS,
    Refusal,
    Snapshot,
    TickerRow,
    aggregate_frame,
    decode_kline,
    decode_quote,
    decode_ticker,
    decode_trade,
    depth_frame,
    is_array,
    time_ns,
)
from stream_service.venues.binance.rest import (
    RestTickerRow,
    aggregates_of,
    book_tickers_of,
    candles_of,
    kind_of_answer,
    listings_of,
    tickers_of,
    trade_of,
    trades_of,
)
from stream_service.venues.binance.side import BinanceSide, answer
from stream_service.wire import MS

NAME = "binance"
STREAMS: dict[Channel, str] = {
    "trade": "trade",
    "quote": "bookTicker",
    "book": "depth@100ms",
    "candle": "kline_1m",
    "summary": "ticker",
}

QUOTE_END = ord('"')  # ..."A":"40.66000000"}}
ENDS = {
    ord("]"): "depthUpdate",  # ..."a":[["100.5","0.25"]]}}
    ord("e"): "trade",  # ..."m":false,"M":true}}
    ord("}"): "kline",  # ..."B":"0"}}}
    **dict.fromkeys(b"0123456789", "24hrTicker"),  # ..."n":18151}}
}
"""Types of events by the last byte of what they hold, which is the cheapest thing to look at.

It is a guess that only saves time: no type has the fields that another one needs.
"""

STREAMS_AT_MOST = 1_024  # of one connection
STREAMS_A_FRAME = 200
ROWS_AT_MOST = 1_000  # of one answer over REST
REST_INTERVAL_S = 0.6  # a snapshot weighs 50 of the 6,000 that are allowed a minute
HEARTBEAT = b'{"method":"GET_PROPERTY","params":["combined"],"id":0}'
WHOLE = "whole"
"""The host that serves all of REST; the one for market data alone has no old trades."""

LISTING = "/api/v3/exchangeInfo?symbolStatus=TRADING&showPermissionSets=false"
QUOTE_CURRENCIES = ("USDT", "USDC", "FDUSD", "BTC", "ETH", "BNB", "EUR", "TRY")
RARER_QUOTE_CURRENCIES = (
    *("BRL", "JPY", "MXN", "ARS", "GBP", "AUD", "PLN", "RON", "CZK", "ZAR", "UAH", "COP", "IDR"),
    *("TUSD", "BUSD", "USD1", "DAI", "EURI", "USDP", "PAX", "IDRT", "BIDR", "RUB", "NGN"),
    *("TRX", "XRP", "DOGE"),
)

Reader: TypeAlias = Callable[[bytes, int], Sequence[Event]]
"""Reads the ``data`` of a frame."""


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every symbol that trades; one that cannot be read is left out."""
    body = yield HttpRequest(LISTING)
    try:
        return listings_of(body)
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def symbol(instrument: Instrument) -> str:
    """Return the name of ``instrument``; the way back is only in the listing."""
    return f"{instrument.base}{instrument.quote_currency}"


def instrument(symbol: str) -> Instrument:
    """Guess where the base ends.

    Raises:
        ValueError: the symbol ends with no quote currency that is common here.

    """
    return wire.instrument_of(symbol, QUOTE_CURRENCIES + RARER_QUOTE_CURRENCIES)


class BinanceSession(Session):
    """One connection; a book starts from a snapshot over REST and follows the depth stream."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._instruments: dict[str, Instrument] = {}
        self._symbols = {listing.instrument: listing.symbol for listing in listings}
        self._books: dict[str, SeededBook] = {}
        self._watches: dict[str, BookWatch] = {}
        self._newest_trades: dict[str, int] = {}
        self._readers: dict[str, Reader] = {
            "trade": self._trade,
            "aggTrade": self._aggregate,
            "bookTicker": self.receive,
            "depthUpdate": self._change,
            "kline": self._candle,
            "24hrTicker": self._ticker,
            "24hrMiniTicker": self._ticker,
        }
        self._by_end = {end: self._readers[type_] for end, type_ in ENDS.items()}

    def opened(self) -> None:
        """Subscribe to all channels of every symbol; ask for books."""
        kinds = [kind for channel, kind in STREAMS.items() if channel in self.options.channels]
        streams = [f"{symbol.lower()}@{kind}" for kind in kinds for symbol in self.listings]
        for number, start in enumerate(range(0, len(streams), STREAMS_A_FRAME), start=1):
            params = streams[start : start + STREAMS_A_FRAME]
            self.post(msgspec.json.encode({"method": "SUBSCRIBE", "params": params, "id": number}))
        if "book" in self.options.channels:
            for listing in self.listings.values():
                self._book(listing.symbol)
                self._ask_for_book(listing.instrument)

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; replies give no event."""
        try:
            if (end := frame[-3]) != QUOTE_END:
                return self._by_end[end](frame, received_ns)
            # what comes most is read right here: another call would cost a tenth of it
            row = decode_quote(frame).data
            bid, ask = row.bid, row.ask
            if not (bid and ask):
                return ()
            return (
                Quote(
                    NAME,
                    self._instruments.get(row.symbol) or self._known(row.symbol),
                    bid,
                    row.bid_size,
                    ask,
                    row.ask_size,
                    event_ns=received_ns,  # the frame carries no time
                    received_ns=received_ns,
                    sequence=row.u,
                ),
            )
        except wire.UNREADABLE:  # what ends like this is something else, or wrong
            return self._receive_other(frame, received_ns)

    def answered(  # noqa: PLR0911  # one for each kind of answer
        self, request: HttpRequest, body: bytes, received_ns: int
    ) -> Sequence[Event]:
        """See `Session.answered`."""
        try:
            match request.about:
                case ("depth" | "partial" as kind, Instrument() as instrument):
                    return self._seed(kind, instrument, frames.snapshot.decode(body), received_ns)
                case ("trades", Instrument() as instrument):
                    return self._old_trades(body, instrument, received_ns)
                case ("aggregates", Instrument() as instrument):
                    return aggregates_of(body, instrument, received_ns)
                case ("candles", Instrument() as instrument):
                    return candles_of(body, instrument, received_ns, self.number)
                case ("summaries", None):
                    return self._known_summaries(tickers_of(body), received_ns)
                case ("quotes", None):
                    return self._quotes(body, received_ns)
                case _:
                    return ()
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; goes backward from ``before``.

        Older trades than the newest are told by a host that answers in fewer countries, so the
        newest page is asked for as long as it reaches back to ``before``.
        """
        newest = self._request("trades", instrument, "trades")
        if before is None:
            return newest
        oldest = max(after.sequence + 1 if after else 0, before.sequence - ROWS_AT_MOST)
        if oldest >= before.sequence:
            return None
        last = self._newest_trades.get(self._symbol(instrument), before.sequence)
        if last - before.sequence < ROWS_AT_MOST // 2:
            return newest
        query = {"fromId": str(oldest), "limit": str(before.sequence - oldest)}
        older = self._request("trades", instrument, "historicalTrades", query)
        return msgspec.structs.replace(older, host=WHOLE)

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the first thousand of them."""
        query = {
            "interval": interval,
            "startTime": str(start_ns // MS),
            "endTime": str(-(-end_ns // MS) - 1),
        }
        return self._request("candles", instrument, "klines", query)

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; a hint is ``BTCUSDT``, or the stream of a partial book."""
        try:
            kind = kind_of_answer(body)
            if kind == "instruments":
                return HttpRequest(LISTING, ("instruments", None))
            if kind in ("summaries", "quotes"):
                return HttpRequest("", (kind, None))
            name, is_stream, _ = hint.partition("@")
            instrument = self.listings[name.upper()].instrument if kind else None
        except wire.UNREADABLE:
            return None
        if instrument is None:
            return None
        return HttpRequest("", ("partial" if kind == "depth" and is_stream else kind, instrument))

    def tick(self, now_ns: int) -> None:
        """See `Session.tick`; asks again for snapshots that did not come."""
        waiting = [book for book in self._books.values() if book.is_waiting]
        # snapshots come one after the other, so the last of many takes its time
        patience_s = PATIENCE_S + 2 * REST_INTERVAL_S * len(waiting)
        for book in waiting:
            book.tick(now_ns, patience_s=patience_s)

    def heartbeat(self) -> None:
        """Ask what is known already: the answer tells that the connection lives."""
        self.post(HEARTBEAT)

    def _symbol(self, instrument: Instrument) -> str:
        return self._symbols.get(instrument) or symbol(instrument)

    def _request(
        self, kind: str, instrument: Instrument, route: str, query: Mapping[str, str] = {}
    ) -> HttpRequest:
        whole = {"symbol": self._symbol(instrument), "limit": str(ROWS_AT_MOST), **query}
        return HttpRequest(f"/api/v3/{route}?{urlencode(whole)}", about=(kind, instrument))

    def _known(self, symbol: str) -> Instrument:
        instrument = self._instruments[symbol] = self.listings[symbol].instrument
        return instrument

    def _ask_for_book(self, instrument: Instrument) -> None:
        self.ask(self._request("depth", instrument, "depth"))

    def _book(self, symbol: str) -> SeededBook:
        book = self._books.get(symbol)
        if book is None:
            watch = self._watch(symbol)
            ask = partial(self._ask_for_book, watch.instrument)
            book = SeededBook(watch, depth=ROWS_AT_MOST, ask=ask)
            self._books[symbol] = book
        return book

    def _watch(self, symbol: str) -> BookWatch:
        watch = self._watches.get(symbol)
        if watch is None:
            watch = BookWatch(NAME, self.listings[symbol].instrument, self.number)
            self._watches[symbol] = watch
        return watch

    # what comes by the thousand is made in one step, not two

    def _trade(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        row = decode_trade(frame).data
        time, number = row.time, row.id
        symbol = row.symbol
        instrument = self._instruments.get(symbol) or self._known(symbol)
        self._newest_trades[symbol] = number
        return (
            Trade(
                NAME,
                instrument,
                str(number),
                "sell" if row.sold else "buy",
                row.price,
                row.size,
                event_ns=time * MS if time < LATEST_MS else time_ns(time),
                received_ns=received_ns,
                sequence=number,
            ),
        )

    def _aggregate(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        row = aggregate_frame.decode(frame).data
        listing = self.listings[row.symbol]
        return (trade_of(row, listing.instrument, received_ns, backfilled=False),)

    def _change(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        row = depth_frame.decode(frame).data
        change = Change(row.first, row.last, row.bids, row.asks, time_ns(row.time))
        book = self._books.get(row.symbol) or self._book(row.symbol)
        return book.change(change, received_ns)

    def _candle(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        told = decode_kline(frame).data
        row = told.candle
        first, high, low, last = row.open, row.high, row.low, row.close
        if not (low <= first <= high and low <= last <= high):
            wire.check_candle(first, high, low, last)
        time, start = told.time, row.start
        start_ns = start * MS if start < LATEST_MS else time_ns(start)
        event_ns = time * MS if time < LATEST_MS else time_ns(time)
        symbol, before = told.symbol, self.numbered
        instrument = self._instruments.get(symbol) or self._known(symbol)
        self.numbered = sequence = received_ns if received_ns > before else before + 1
        return (
            VenueCandle(
                NAME,
                instrument,
                row.interval,
                start_ns,
                first,
                high,
                low,
                last,
                row.volume,
                row.trades,
                row.closed,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=sequence,
            ),
        )

    def _ticker(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        return self._summary(decode_ticker(frame).data, received_ns)

    def _summary(self, row: TickerRow | RestTickerRow, received_ns: int) -> Sequence[Event]:
        price = row.last
        if not price:
            return ()
        symbol, time, last = row.symbol, row.time, self.numbered
        listing = self.listings[symbol]
        event_ns = time * MS if time < LATEST_MS else time_ns(time)
        self.numbered = sequence = received_ns if received_ns > last else last + 1
        return (
            Summary(
                NAME,
                listing.instrument,
                symbol,
                price,
                listing.name,
                row.open or None,
                row.high or None,
                row.low or None,
                row.volume,
                row.bid or None,
                row.ask or None,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=sequence,
            ),
        )

    def _partial(self, symbol: str, row: Snapshot, received_ns: int) -> Sequence[Event]:
        """Show a book that comes whole, with its best levels only; it carries no time."""
        sides = (row.bids[:BEST], row.asks[:BEST])
        bids, asks = ([level for level in side if level.size] for side in sides)
        if not is_ordered(bids, asks):
            raise ValueError("the levels are not in order")
        watch = self._watch(symbol)
        if fault := crossing(bids, asks):
            return watch.broke(fault, received_ns)
        stamps = {"event_ns": received_ns, "received_ns": received_ns}
        return watch.whole(bids, asks, **stamps, sequence=row.last_update_id)

    def _receive_other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            return self._other(frame, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def _other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read a stream that was not asked for, a raw event, or a reply."""
        if is_array(frame):
            return self._tickers(frame, received_ns)
        envelope = frames.envelope.decode(frame)
        if envelope.stream:
            data = bytes(envelope.data)
            if is_array(data):
                return self._tickers(data, received_ns)
            return self._event(data, envelope.stream, received_ns)
        refusal = envelope.error or Refusal(envelope.code, envelope.msg)
        if refusal.code:
            raise VenueRefusedError(f"{NAME}: {refusal.msg} (code {refusal.code})")
        return () if bytes(envelope.result) else self._event(frame, "", received_ns)

    def _tickers(self, data: bytes, received_ns: int) -> Sequence[Event]:
        """Read the summaries of all symbols that there are."""
        rows = readable(frames.raws.decode(data), frames.ticker_row)
        return self._known_summaries(rows, received_ns)

    def _event(self, data: bytes, stream: str, received_ns: int) -> Sequence[Event]:
        """Read an event by its type; a partial book takes its symbol from its stream."""
        shape = frames.shape.decode(data)
        if shape.type == "serverShutdown":
            self.renewal = "the venue is about to close the connection"
        if not shape.type and shape.last_number is not None and stream:
            symbol = stream.partition("@")[0].upper()
            return self._partial(symbol, frames.snapshot.decode(data), received_ns)
        type_ = shape.type or ("" if shape.number is None else "bookTicker")
        if not type_:
            raise ValueError("nothing in it tells what it is, or of which symbol")
        read = self._readers.get(type_)
        # whatever comes last in it, the frame ends like that of a quote
        return read(b'{"data":%b,"":""}' % data, received_ns) if read else ()

    def _known_summaries(
        self, rows: Sequence[TickerRow | RestTickerRow], received_ns: int
    ) -> Sequence[Event]:
        known = [row for row in rows if self._is_listed(row.symbol)]
        return [event for row in known for event in self._summary(row, received_ns)]

    def _is_listed(self, symbol: str) -> bool:
        try:
            self.listings[symbol]
        except (KeyError, ValueError):
            return False
        return True

    def _seed(
        self, kind: str, instrument: Instrument, row: Snapshot, received_ns: int
    ) -> Sequence[Event]:
        name = self._symbol(instrument)
        if kind == "partial":
            return self._partial(name, row, received_ns)
        seed = row.last_update_id, row.bids, row.asks
        return self._book(name).seed(*seed, received_ns)

    def _old_trades(self, body: bytes, instrument: Instrument, received_ns: int) -> Sequence[Event]:
        trades = trades_of(body, instrument, received_ns)
        name = self._symbol(instrument)
        newest = max([trade.sequence for trade in trades], default=0)
        self._newest_trades[name] = max(self._newest_trades.get(name, 0), newest)
        return trades

    def _quotes(self, body: bytes, received_ns: int) -> Sequence[Event]:
        return [
            Quote(
                NAME,
                self.listings[row.symbol].instrument,
                row.bid,
                row.bid_size,
                row.ask,
                row.ask_size,
                event_ns=received_ns,
                received_ns=received_ns,
                sequence=self.number(received_ns),
            )
            for row in book_tickers_of(body)
            if row.bid and row.ask and self._is_listed(row.symbol)
        ]


VENUE = Venue(
    name=NAME,
    websocket_url="wss://data-stream.binance.vision/stream",
    rest_url="https://data-api.binance.vision",
    other_rest_urls={WHOLE: "https://api.binance.com"},
    dial=direct,
    list_instruments=list_instruments,
    session=BinanceSession,
    exchange_side=BinanceSide,
    answer=answer,
    heartbeat_s=20.0,  # markets may be quiet, and the venue has no heartbeat of its own
    max_silence_s=45.0,
    symbol=symbol,
    instrument=instrument,
    quote_currencies=QUOTE_CURRENCIES,
    consecutive_trade_ids=True,
    # the limits are those of web-socket-streams, "General WSS information" and "Websocket limits"
    instruments_at_most=STREAMS_AT_MOST // len(STREAMS),
    send_interval_s=0.25,  # five frames a second, pings and pongs included
    connect_interval_s=1.0,  # 300 in five minutes
    rest_interval_s=REST_INTERVAL_S,
    lifetime_s=23.5 * 3_600,  # of the 24 hours that it lets us stay
    candles_a_page=ROWS_AT_MOST,
)
