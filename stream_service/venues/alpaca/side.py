"""Alpaca's side of the wire, as the simulator plays it.

Written from the same documents as ours, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

from collections.abc import Mapping, Sequence

import msgspec

from market import (
    Book,
    Event,
    Instrument,
    Level,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
)
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.books import difference
from stream_service.longer import of_interval
from stream_service.venue import (
    ExchangeSide,
    Market,
)

CRYPTO_REST = "/v1beta3/crypto/us"
STOCK_REST = "/v2/stocks"
CHANNELS_AT_MOST = 30  # of trades and quotes together, on the free plan
BOOKS_AT_MOST = 10  # likewise
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
            len(wanted["trades"]) + len(wanted["quotes"]) > CHANNELS_AT_MOST
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
        raise LookupError(f"alpaca does not serve {path}")
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
            frame = query.get("timeframe", "1Min").lower()
            length = frame.rstrip("abcdefghijklmnopqrstuvwxyz") + frame.lstrip("0123456789")[0]
            bars = {
                name: [
                    (candle.start_ns, _bar_fields(candle))
                    for candle in of_interval(market.candles(of), length)
                ]
                for name, of in wanted.items()
            }
            return _page("bars", bars, query)
        case "snapshots":
            found = {name: _snapshot_fields(market, of) for name, of in wanted.items()}
            return msgspec.json.encode({"snapshots": found} if CRYPTO_REST in route else found)
        case "orderbooks":
            books = {name: _book_fields(market.book(of)) for name, of in wanted.items()}
            return msgspec.json.encode({"orderbooks": books})
    raise LookupError(f"alpaca does not serve {path}")


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
        "n": 1,
        "vw": _number(summary.last),
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
