"""KuCoin spot: trades, best prices, changes of books, minutes and the last 24 hours, to events.

Source: https://www.kucoin.com/docs-new/websocket-api/base-info/introduction and, of the channels,
https://www.kucoin.com/docs-new/3470063w0 (best prices), .../3470068w0 (changes of a book) and
.../3470071w0 (minutes), with the pages beside them.

What surprises here:

- A connection is dialled with a token that is asked for by POST, and is subscribed on only after
  its ``welcome``. It lives by pings in JSON: those of the WebSocket protocol do not count.
- Times are nanoseconds (trades, as text), milliseconds (books, best prices) or seconds (minutes).
- A minute is told as open, CLOSE, high, low.
- A change of the book with price ``0`` changes nothing but the number; a third of them are such.
- The whole book needs a key, so a book starts from its best hundred levels, see `SeededBook`.
- A trade's own id is missing over REST; its ``sequence`` is told on both ways and names it.
- The symbol of what was renamed keeps its old code (``BCHSV-USDT``), its currencies do not.
- Symbols of one topic are joined with commas (``/market/match:BTC-USDT,ETH-USDT``), a hundred at
  most; of minutes each with its interval. Every recorded frame names one symbol alone.
- An unknown symbol is accepted and stays silent. A topic that is refused is named by the number of
  its request; the others go on. Over REST a refusal comes with HTTP status 200.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from operator import attrgetter
from string import digits
from typing import Literal, NoReturn, TypeAlias
from urllib.parse import urlencode
from uuid import uuid4

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
    VenueBusyError,
    VenueCandle,
    VenueRefusedError,
)
from market.intervals import SECOND_NS
from stream_service import wire
from stream_service.books import BEST, BookWatch, crossing, is_ordered
from stream_service.keyed import Keyed
from stream_service.rows import readable
from stream_service.seeded_book import Change, SeededBook
from stream_service.venue import (
    NO_OPTIONS,
    Channel,
    Dialling,
    HttpRequest,
    ListingRequests,
    Options,
    Session,
    Venue,
    WalletRequests,
)
from stream_service.venues.kucoin import uta, wallets
from stream_service.venues.kucoin.frames import (
    ALL_TICKERS,
    ANSWER,
    BULLET,
    LEVELS,
    NOTICE,
    REST_CANDLE,
    REST_DAY,
    REST_TICKER,
    REST_TRADE,
    ROWS,
    SEED,
    SYMBOL_LIST,
    SYMBOL_ROW,
    CandleRow,
    Candles,
    Frame,
    Match,
    NamedFrame,
    Notice,
    NumberedLevel,
    RestTrade,
    Rows,
    Snapshot,
    SymbolRow,
    Ticker,
    TickerFrame,
    Tops,
    Update,
    check_order,
    decode_candle,
    decode_match,
    decode_snapshot,
    decode_ticker,
    decode_tops,
    decode_update,
)
from stream_service.venues.kucoin.side import KucoinSide, answer
from stream_service.ways import Way
from stream_service.wire import MS

NAME = "kucoin"
LETTER = len("/market/")
"""This letter tells the topics apart, which is the cheapest thing to look at.

It is a guess that only saves time: no topic has the fields that another one needs.
"""

TOPIC_FIRST = len('{"topic":"') + LETTER
TYPE_FIRST = len('{"type":"message","topic":"') + LETTER
TOPIC_IS_FIRST = ord("o")  # the third byte: {"to
OK = "200000"
BUSY = "429000"
BUSY_S = 10.0  # the limits are counted over thirty seconds
LEVELS_OF_A_SEED = 100
SYMBOLS_A_FRAME = 100
TOPICS_AT_MOST = 300  # of one connection

TOPICS: Mapping[Channel, str] = {
    "book": "/market/level2",
    "trade": "/market/match",
    "quote": "/spotMarket/level1",  # each change, where /market/ticker tells ten a second
    "candle": "/market/candles",
    "summary": "/market/snapshot",
}
MINUTE = "1min"
KINDS = {
    "1m": MINUTE,
    "5m": "5min",
    "15m": "15min",
    "1h": "1hour",
    "4h": "4hour",
    "1d": "1day",
}
"""The venue's names of intervals."""

UNITS = {"min": ("m", 60), "hour": ("h", 3_600), "day": ("d", 86_400), "week": ("w", 604_800)}

Stamps: TypeAlias = tuple[int, int]
"""Time of the event and of its receipt."""

_number_of = attrgetter("number")


def dial(venue: Venue, _listings: Sequence[Listing]) -> Dialling:
    """Ask for a token; it is good for one day, and the servers change."""
    body = yield HttpRequest("/api/v1/bullet-public", method="POST")
    try:
        bullet = BULLET.decode(_content(body))
        endpoint = bullet.instance_servers[0].endpoint
        if not (endpoint.startswith("wss://") or venue.is_simulated):
            raise ValueError(f"{endpoint!r} is no address of an encrypted connection")
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error
    return f"{endpoint}?{urlencode({'token': bullet.token, 'connectId': uuid4().hex})}"


def list_instruments(_venue: Venue) -> ListingRequests:
    """Ask for every symbol; a row that cannot be read does not cost the others."""
    body = yield HttpRequest("/api/v2/symbols", about=("instruments", None))
    try:
        content = _content(body)
        is_new = bytes(content).startswith(b"{")
        rows = SYMBOL_LIST.decode(content).rows if is_new else ROWS.decode(content)
        return [_listing(row) for row in readable(rows, SYMBOL_ROW)]
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


def list_wallets(_venue: Venue) -> WalletRequests:
    """Ask for every currency; one that cannot be read does not cost the others."""
    body = yield HttpRequest(wallets.PATH, about=("wallets", None))
    try:
        return wallets.wallets_of(_content(body))
    except wire.UNREADABLE as error:
        raise FrameError(NAME, body, str(error)) from error


class KucoinSession(Session):
    """One connection; a book starts from a snapshot over REST and follows its changes."""

    def __init__(self, listings: Sequence[Listing], options: Options = NO_OPTIONS) -> None:
        super().__init__(listings, options)
        self._symbols = {row.instrument: symbol for symbol, row in self.listings.items()}
        self._instruments: dict[str, Instrument] = {}
        self._books: dict[str, SeededBook] = {}
        self._watches: dict[str, BookWatch] = {}
        self._sent = 0
        self._asked: dict[str, str] = {}
        """Topics that were subscribed to and not refused, by the number of the request."""

        self._topics: dict[str, Instrument] = {}
        self._minutes = Keyed(self._minutes_of)
        self._ways: dict[str, Way] = {  # by as much of a topic's name as tells it apart
            "/market/leve": (decode_update, self._update),
            "/market/matc": (decode_match, self._match),
            "/spotMarket/": (decode_tops, self._best),
            "/market/tick": (decode_ticker, self._ticker),
            "/market/cand": (decode_candle, self._minute),
            "/market/snap": (decode_snapshot, self._day),
        }
        self._hot = {ord(topic[LETTER]): way for topic, way in self._ways.items()}

    def opened(self) -> None:
        """Ask for books; what subscribes is posted after the venue's welcome."""
        if "book" in self.options.channels:
            for symbol in self.listings:
                self._book(symbol)
                self._ask_for_book(symbol)

    def receive(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.receive`; acknowledgements and pongs give no event."""
        try:
            letter = frame[TOPIC_FIRST if frame[3] == TOPIC_IS_FIRST else TYPE_FIRST]
            decode, tell = self._hot[letter]
            return tell(decode(frame), received_ns)
        except wire.UNREADABLE:  # it is something else, or wrong
            return self._receive_other(frame, received_ns)

    def _receive_other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        try:
            return self._other(frame, received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, frame, str(error)) from error

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`.

        Raises:
            FrameError: as `receive`.
            VenueBusyError: it is to be asked again after a while.
            VenueRefusedError: the venue turned the request down.

        """
        try:
            return self._answer(request, _content(body), received_ns)
        except wire.UNREADABLE as error:
            raise FrameError(NAME, body, str(error)) from error

    def recall(
        self, instrument: Instrument, *, after: Trade | None = None, before: Trade | None = None
    ) -> HttpRequest | None:
        """See `Session.recall`; the venue tells the last hundred and no older ones."""
        del after
        query = urlencode({"symbol": self._symbol(instrument)})
        path = f"/api/v1/market/histories?{query}"
        return None if before else HttpRequest(path, ("trades", instrument))

    def recall_candles(
        self, instrument: Instrument, *, start_ns: int, end_ns: int, interval: str = "1m"
    ) -> HttpRequest | None:
        """See `Session.recall_candles`; the venue tells 1,500 of them at most, the newest."""
        times = {"startAt": start_ns // SECOND_NS, "endAt": end_ns // SECOND_NS}
        if interval not in KINDS:
            return None
        query = urlencode({"type": KINDS[interval], "symbol": self._symbol(instrument), **times})
        return HttpRequest(f"/api/v1/market/candles?{query}", ("candles", instrument))

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        """See `Session.recognise`; all bodies have a code, and no frame has such a one."""
        try:
            content = ANSWER.decode(body).data
            what, path = _kind(msgspec.json.decode(content))
        except wire.UNREADABLE:
            return None
        instrument = self._hinted(hint) if what in {"book", "trades", "candles", "quote"} else None
        method: Literal["GET", "POST"] = "POST" if what == "bullet" else "GET"
        return HttpRequest(path, (what, instrument), method=method)

    def tick(self, now_ns: int) -> None:
        """See `Session.tick`; asks again for books that did not come."""
        for book in self._books.values():
            book.tick(now_ns)

    def heartbeat(self) -> None:
        """Post a ping; the venue hangs up on who has sent nothing for a minute."""
        self._send({"type": "ping"})

    def _send(self, fields: dict[str, object]) -> str:
        """Post a request; return its number."""
        self._sent += 1
        self.post(msgspec.json.encode({"id": str(self._sent), **fields}))
        return str(self._sent)

    def _subscribe(self) -> None:
        symbols = list(self.listings)
        for channel, topic in TOPICS.items():
            ending = f"_{MINUTE}" if channel == "candle" else ""
            names = [symbol + ending for symbol in symbols if channel in self.options.channels]
            for start in range(0, len(names), SYMBOLS_A_FRAME):
                of = ",".join(names[start : start + SYMBOLS_A_FRAME])
                fields = {"privateChannel": False, "response": True}
                number = self._send({"type": "subscribe", "topic": f"{topic}:{of}", **fields})
                self._asked[number] = topic

    def _ask_for_book(self, symbol: str) -> None:
        query = urlencode({"symbol": symbol})
        path = f"/api/v1/market/orderbook/level2_{LEVELS_OF_A_SEED}?{query}"
        request = HttpRequest(path, ("book", self.listings[symbol].instrument))
        if request not in self._requests:
            self.ask(request)

    def _symbol(self, instrument: Instrument) -> str:
        return self._symbols.get(instrument, str(instrument))

    def _hinted(self, hint: str) -> Instrument | None:
        symbol = hint.rpartition(":")[2].partition("_")[0]
        try:
            return self.listings[symbol].instrument
        except (KeyError, ValueError):
            return None  # the hint names no instrument

    def _watch(self, symbol: str) -> BookWatch:
        watch = self._watches.get(symbol)
        if watch is None:
            watch = BookWatch(NAME, self.listings[symbol].instrument, self.number)
            self._watches[symbol] = watch
        return watch

    def _book(self, symbol: str) -> SeededBook:
        book = self._books.get(symbol)
        if book is None:
            ask = partial(self._ask_for_book, symbol)
            book = SeededBook(self._watch(symbol), depth=LEVELS_OF_A_SEED, ask=ask)
            self._books[symbol] = book
        return book

    def _update(self, told: Frame[Update], received_ns: int) -> Sequence[Event]:
        row = told.data
        event_ns = received_ns if row.time is None else row.time * MS
        bids, asks = row.changes.bids, row.changes.asks
        change = Change(
            row.sequence_start,
            row.sequence_end,
            _in_order(bids) if bids else (),
            _in_order(asks) if asks else (),
            event_ns,
        )
        book = self._books.get(row.symbol) or self._book(row.symbol)
        return book.change(change, received_ns)

    def _match(self, told: Frame[Match], received_ns: int) -> Sequence[Event]:
        row = told.data
        return (
            Trade(
                NAME,
                self._instruments.get(row.symbol) or self._known(row.symbol),
                row.trade_id,
                row.side,
                row.price,
                row.size,
                event_ns=row.time,
                received_ns=received_ns,
                sequence=row.sequence,
            ),
        )

    def _best(self, told: NamedFrame[Tops], received_ns: int) -> Sequence[Event]:
        bid, ask = told.data.bids, told.data.asks
        if not (bid and ask and bid.price and bid.size and ask.price and ask.size):
            return ()
        instrument = self._topics.get(told.topic) or self._meet(told.topic)
        last = self.numbered
        self.numbered = sequence = received_ns if received_ns > last else last + 1
        quote = Quote(
            NAME,
            instrument,
            bid.price,
            bid.size,
            ask.price,
            ask.size,
            event_ns=told.data.timestamp * MS,
            received_ns=received_ns,
            sequence=sequence,
        )
        return (quote,)

    def _known(self, symbol: str) -> Instrument:
        instrument = self._instruments[symbol] = self.listings[symbol].instrument
        return instrument

    def _minutes_of(self, topic: str) -> tuple[Instrument, str, int]:
        """Return whose candles a topic tells, their interval and its length."""
        symbol, _, kind = _symbol_in(topic).rpartition("_")
        return self.listings[symbol].instrument, *_interval(kind)

    def _meet(self, topic: str) -> Instrument:
        instrument = self.listings[_symbol_in(topic)].instrument
        self._topics[topic] = instrument
        return instrument

    def _ticker(self, told: TickerFrame, received_ns: int) -> Sequence[Event]:
        instrument = self._topics.get(told.topic)
        if instrument is None:
            is_of_all = told.topic.endswith(":all")
            instrument = (
                self.listings[told.subject].instrument if is_of_all else self._meet(told.topic)
            )
        return self._quote(told.data, instrument, received_ns, received_ns)

    def _minute(self, told: NamedFrame[Candles], received_ns: int) -> Sequence[Event]:
        minutes = told.data
        row = minutes.candles
        instrument, interval, length_ns = self._minutes[told.topic]
        start_ns = row.start * SECOND_NS
        first, high, low, last = row.open, row.high, row.low, row.close
        if not (low <= first <= high and low <= last <= high):
            check_order(first, last, high, low)
        before = self.numbered
        self.numbered = sequence = received_ns if received_ns > before else before + 1
        return (
            VenueCandle(
                NAME,
                instrument,
                interval,
                start_ns,
                first,
                high,
                low,
                last,
                row.volume,
                None,
                start_ns + length_ns <= received_ns,
                event_ns=minutes.time,
                received_ns=received_ns,
                sequence=sequence,
            ),
        )

    def _day(self, told: Frame[Snapshot], received_ns: int) -> Sequence[Summary]:
        """Sum up a day, if there was a trade in it."""
        day = told.data.data
        price = day.last_traded_price
        if not price:
            return ()
        symbol, time = day.symbol, day.datetime
        instrument, last = self._instruments.get(symbol) or self._known(symbol), self.numbered
        self.numbered = sequence = received_ns if received_ns > last else last + 1
        return (
            Summary(
                NAME,
                instrument,
                symbol,
                price,
                "",
                day.open or None,
                day.high or None,
                day.low or None,
                day.vol,
                day.buy or None,
                day.sell or None,
                event_ns=time * MS if time else received_ns,
                received_ns=received_ns,
                sequence=sequence,
            ),
        )

    def _levels(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read a whole book, if it is one: level2Depth5 or level2Depth50."""
        if b"level2Depth" not in frame:
            return ()
        told = LEVELS.decode(frame)
        stamps = (told.data.timestamp * MS, received_ns)
        return _whole(self._watch(_symbol_in(told.topic)), told.data.bids, told.data.asks, stamps)

    def _other(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Subscribe once the venue bids welcome; acknowledgements and pongs are passed over."""
        notice = NOTICE.decode(frame)
        if notice.type == "welcome":
            self._subscribe()
        elif notice.type == "error":
            self._refuse(notice, frame)
        elif notice.result is False:
            raise VenueRefusedError(f"{NAME}: {notice.message}")
        elif notice.T:
            return self._uta(notice.T, frame, received_ns)
        elif notice.topic.startswith("/spotMarket/") and "level1:" not in notice.topic:
            return self._levels(frame, received_ns)
        elif way := self._ways.get(notice.topic[:12]):
            decode, tell = way  # the topic came elsewhere, or its slashes are escaped
            return tell(decode(frame), received_ns)
        return ()

    def _refuse(self, notice: Notice, frame: bytes) -> NoReturn:
        """Take a refusal: of one topic of several, or of all.

        Raises:
            FrameError: of one; the others go on.
            VenueRefusedError: none is left, or it is no answer to a subscription.

        """
        reason = f"error {notice.code}: {bytes(notice.data).decode()}"
        topic = self._asked.pop(str(notice.id), "")
        if topic and self._asked:
            raise FrameError(NAME, frame, f"{topic} is refused: {reason}")
        raise VenueRefusedError(f"{NAME}: {reason}")

    def _uta(self, channel: str, frame: bytes, received_ns: int) -> Sequence[Event]:
        match channel:
            case "obu.SPOT":
                return self._uta_book(uta.BOOK.decode(frame), received_ns)
            case "trade.SPOT":
                trade = uta.TRADE.decode(frame).d
                instrument = self.listings[trade.s].instrument
                return (_trade(trade, instrument, received_ns, backfilled=False),)
            case "ticker.SPOT":
                told = uta.TICKER.decode(frame)
                instrument = self.listings[told.d.s].instrument
                return self._quote(told.d, instrument, told.P, received_ns)
            case "kline.SPOT":
                row = uta.CANDLE.decode(frame)
                instrument = self.listings[row.d.s].instrument
                return (self._candle(row.d, row.d.i, instrument, (row.P, received_ns)),)
        return ()

    def _uta_book(self, frame: uta.Frame[uta.Book], received_ns: int) -> Sequence[Event]:
        row = frame.d
        if frame.dp in uta.WHOLE_DEPTHS:
            return _whole(self._watch(row.s), row.b, row.a, (row.time, received_ns))
        if frame.t == "snapshot":
            self._books.pop(row.s, None)  # it starts anew, whatever was before
            return list(self._book(row.s).seed(row.last, row.b, row.a, received_ns, row.time))
        change = Change(row.first, row.last, row.b, row.a, row.time)
        return list(self._book(row.s).change(change, received_ns))

    def _quote(
        self, row: Ticker | uta.Ticker, instrument: Instrument, event_ns: int, received_ns: int
    ) -> Sequence[Event]:
        if not (row.best_bid and row.best_bid_size and row.best_ask and row.best_ask_size):
            return ()
        quote = Quote(
            NAME,
            instrument,
            row.best_bid,
            row.best_bid_size,
            row.best_ask,
            row.best_ask_size,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=self.number(received_ns),  # as level1, which tells none
        )
        return (quote,)

    def _candle(
        self,
        row: CandleRow | uta.Candle,
        kind: str,
        instrument: Instrument,
        stamps: Stamps,
    ) -> VenueCandle:
        interval, length_ns = _interval(kind)
        event_ns, received_ns = stamps
        return VenueCandle(
            NAME,
            instrument,
            interval,
            row.start * SECOND_NS,
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            closed=row.start * SECOND_NS + length_ns <= received_ns,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=self.number(received_ns),
        )

    def _answer(
        self, request: HttpRequest, content: msgspec.Raw, received_ns: int
    ) -> Sequence[Event]:
        match request.about:
            case ("book", Instrument() as instrument):
                seed = SEED.decode(content)
                book = self._book(self._symbol(instrument))
                rows = (seed.sequence, seed.bids or [], seed.asks or [])
                event_ns = None if seed.time is None else seed.time * MS
                return list(book.seed(*rows, received_ns, event_ns))
            case ("trades", Instrument() as instrument):
                trades = sorted(
                    readable(ROWS.decode(content), REST_TRADE), key=attrgetter("sequence")
                )
                return [_trade(row, instrument, received_ns, backfilled=True) for row in trades]
            case ("candles", Instrument() as instrument):
                minutes = sorted(
                    readable(ROWS.decode(content), REST_CANDLE), key=attrgetter("start")
                )
                stamps = (received_ns, received_ns)
                kind = wire.route_of(request.path)[1].get("type", MINUTE)
                return [self._candle(row, kind, instrument, stamps) for row in minutes]
            case ("quote", Instrument() as instrument):
                row = REST_TICKER.decode(content)
                return self._quote(row, instrument, received_ns, received_ns)
            case ("summary", _):
                tickers = ALL_TICKERS.decode(content)
                days = [
                    day for day in readable(tickers.ticker, REST_DAY) if self._follows(day.symbol)
                ]
                told = [Frame(Snapshot(day.as_streamed(tickers.time))) for day in days]
                return [one for day in told for one in self._day(day, received_ns)]
        return ()

    def _follows(self, symbol: str) -> bool:
        try:
            return bool(self.listings[symbol])
        except (KeyError, ValueError):
            return False  # not ours, or no name of an instrument


def _trade(
    row: RestTrade | uta.Trade, instrument: Instrument, received_ns: int, *, backfilled: bool
) -> Trade:
    return Trade(
        NAME,
        instrument,
        str(row.sequence),
        "sell" if row.side in {"sell", "SELL"} else "buy",
        row.price,
        row.size,
        backfilled,
        event_ns=row.time,
        received_ns=received_ns,
        sequence=row.sequence,
    )


def _symbol_in(topic: str) -> str:
    return topic.partition(":")[2]


def _whole(watch: BookWatch, bids: Rows, asks: Rows, stamps: Stamps) -> Sequence[Event]:
    """Show a book that came whole."""
    event_ns, received_ns = stamps
    levels = [[level for level in rows if level.size][:BEST] for rows in (bids, asks)]
    if not is_ordered(*levels):
        raise ValueError("the levels are not in order")
    if fault := crossing(*levels):
        return watch.broke(fault, received_ns)  # the next one is whole again
    return watch.whole(*levels, event_ns=event_ns, received_ns=received_ns)


def _in_order(rows: list[NumberedLevel]) -> list[Level]:
    """Return levels in the order of their changes, without those that change nothing."""
    if len(rows) == 1:  # as most are
        [row] = rows
        return [Level(row.price, row.size)] if row.price else []
    rows.sort(key=_number_of)
    return [Level(row.price, row.size) for row in rows if row.price]


@lru_cache(maxsize=32)
def _interval(kind: str) -> tuple[str, int]:
    """Return our name of an interval such as ``1min``, and its length in nanoseconds."""
    unit = kind.lstrip(digits)
    letter, seconds = UNITS[unit]
    number = kind.removesuffix(unit)
    return number + letter, int(number) * seconds * SECOND_NS


def _content(body: bytes) -> msgspec.Raw:
    """Return what an answer holds.

    Raises:
        VenueBusyError: the venue has no time for us now.
        VenueRefusedError: it turns the request down.

    """
    reply = ANSWER.decode(body)
    if reply.code == BUSY:
        raise VenueBusyError(f"{NAME}: {reply.msg}", wait_s=BUSY_S)
    if reply.code != OK:
        raise VenueRefusedError(f"{NAME}: {reply.msg} (code {reply.code})")
    return reply.data


def _kind(content: object) -> tuple[str, str]:
    """Tell what is answered with ``content``, and where it is asked for."""
    kind = ("nothing", "/")
    match content:
        case [{"baseCurrency": _}, *_] | {"list": _}:
            kind = ("instruments", "/api/v2/symbols")
        case {"bids": _, "sequence": _}:
            kind = ("book", f"/api/v1/market/orderbook/level2_{LEVELS_OF_A_SEED}")
        case [{"side": _, "sequence": _}, *_]:
            kind = ("trades", "/api/v1/market/histories")
        case [[*_], *_]:
            kind = ("candles", "/api/v1/market/candles")
        case {"bestAsk": _}:
            kind = ("quote", "/api/v1/market/orderbook/level1")
        case {"ticker": _}:
            kind = ("summary", "/api/v1/market/allTickers")
        case {"token": _}:
            kind = ("bullet", "/api/v1/bullet-public")
    return kind


def _listing(row: SymbolRow) -> Listing:
    return Listing(
        instrument=Instrument.of(row.base_currency, row.quote_currency),
        symbol=row.symbol,
        name=row.name,
        trading=row.enable_trading and row.trading_status == "1",
        tick_size=row.price_increment or row.tick_size or None,
        lot_size=row.base_increment or row.base_order_step or None,
        minimum_notional=row.min_funds or row.quote_min_size or row.min_quote_order_size or None,
    )


VENUE = Venue(
    name=NAME,
    websocket_url="wss://ws-api-spot.kucoin.com/",  # dialling asks for the one of the moment
    rest_url="https://api.kucoin.com",
    dial=dial,
    list_instruments=list_instruments,
    list_wallets=list_wallets,
    session=KucoinSession,
    exchange_side=KucoinSide,
    answer=answer,
    heartbeat_s=18.0,  # the pingInterval that is told with the token
    max_silence_s=45.0,  # pongs come every 18 s, however quiet the markets
    quote_currencies=("USDT", "USDC", "BTC", "EUR", "ETH", "KCS"),
    instruments_at_most=TOPICS_AT_MOST // len(TOPICS),
    connections_at_most=50,  # of one user, as its documents say
    send_interval_s=0.12,  # a hundred frames within ten seconds are allowed
    connect_interval_s=2.0,  # thirty within a minute
    rest_interval_s=0.1,  # 2,000 units within thirty seconds; a book or trades cost up to 4
    lifetime_s=23.5 * 3_600,  # a token is good for a day
    settle_s=1.5,
    candles_a_page=1500,
)
