"""OKX's side of the wire, as the simulator plays it.

Written from the same documents as ours, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

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
from stream_service import wire
from stream_service.books import difference
from stream_service.longer import of_interval
from stream_service.venue import (
    ExchangeSide,
    Market,
)

CHANNELS = ("trades", "bbo-tbt", "books", "tickers")


class ClientArg(msgspec.Struct, frozen=True, rename="camel"):
    """What a client wants."""

    channel: str
    inst_id: str


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    op: str
    args: list[ClientArg]


_request_of = msgspec.json.Decoder(Request)


class OkxSide(ExchangeSide):
    """OKX as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._instruments = {name: of for of, name in self._symbols.items()}
        self._subscribed: set[tuple[str, str]] = set()
        self._told: dict[Instrument, Book] = {}

    def receive(self, frame: bytes) -> None:
        """Take a subscription, answered one by one, or a ping."""
        if frame == b"ping":
            self.post(b"pong")
            return
        try:
            request = _request_of.decode(frame)
        except wire.UNREADABLE:
            self._refuse("60012", "Illegal request")
            return
        if request.op not in ("subscribe", "unsubscribe"):
            self._refuse("60012", f"Illegal request: {frame.decode()}")
            return
        for arg in request.args:
            if arg.channel not in CHANNELS or arg.inst_id not in self._instruments:
                named = f"channel:{arg.channel},instId:{arg.inst_id}"
                self._refuse("60018", f"Wrong URL or {named} doesn't exist.")
            elif request.op == "subscribe":
                self._subscribe(arg)
            else:
                self._subscribed.discard((arg.channel, arg.inst_id))
                self._acknowledge("unsubscribe", arg)

    def tell(self, event: Event) -> None:
        """Post a quote, a trade, what changed in a book, or a day."""
        match event:
            case Quote():
                self._tell("bbo-tbt", event.instrument, _best_fields(event))
            case Trade():
                self._tell("trades", event.instrument, _stream_trade_fields(event))
            case Book(instrument=of) if of in self._told:
                old, self._told[of] = self._told[of], event
                if event.sequence != old.sequence:
                    self._tell("books", of, _change_fields(old, event), action="update")
            case Summary():
                self._tell("tickers", event.instrument, _ticker_fields(event))

    def _subscribe(self, arg: ClientArg) -> None:
        self._subscribed.add((arg.channel, arg.inst_id))
        self._acknowledge("subscribe", arg)
        if arg.channel == "books":
            of = self._instruments[arg.inst_id]
            book = self._told[of] = self.market.book(of)
            numbers = {"seqId": book.sequence, "prevSeqId": -1}
            self._tell("books", of, {**_book_fields(book), **numbers}, action="snapshot")

    def _acknowledge(self, op: str, arg: ClientArg) -> None:
        self._post({"event": op, "arg": arg, "connId": "a4d3ae55"})

    def _refuse(self, code: str, msg: str) -> None:
        self._post({"event": "error", "code": code, "msg": msg, "connId": "a4d3ae55"})

    def _tell(
        self, channel: str, of: Instrument, fields: Mapping[str, object], action: str = ""
    ) -> None:
        symbol = self._symbols.get(of, "")
        if (channel, symbol) not in self._subscribed:
            return
        arg = {"channel": channel, "instId": symbol}
        named = {"instId": symbol} if channel in ("trades", "tickers") else {}
        acted = {"action": action} if action else {}
        self._post({"arg": arg, **acted, "data": [{**named, **fields}]})

    def _post(self, fields: Mapping[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play OKX's REST interface: the listing, books, trades, candles and tickers.

    Raises:
        LookupError: it does not serve ``path``, or does not list the symbol.

    """
    route, query = wire.route_of(path)
    known = {listing.symbol: listing.instrument for listing in market.listings}
    rows: Sequence[object]
    match route:
        case "/api/v5/public/instruments":
            rows = [_instrument_fields(listing) for listing in market.listings]
        case "/api/v5/market/books":
            rows = [_book_fields(market.book(known[query["instId"]]))]
        case "/api/v5/market/trades" | "/api/v5/market/history-trades":
            rows = _page_of_trades(market.trades(known[query["instId"]]), query)
        case "/api/v5/market/candles":
            rows = _page_of_candles(
                of_interval(
                    market.candles(known[query["instId"]]),
                    query.get("bar", "1m").removesuffix("utc").lower(),
                ),
                query,
            )
        case "/api/v5/market/tickers":
            days = [(symbol, market.summary(of)) for symbol, of in known.items()]
            rows = [{"instId": symbol, **_ticker_fields(day)} for symbol, day in days if day]
        case _:
            raise LookupError(f"okx does not serve {path}")
    return msgspec.json.encode({"code": "0", "msg": "", "data": rows})


def _page_of_trades(trades: Sequence[Trade], query: Mapping[str, str]) -> list[object]:
    """Return trades older than ``after``, newest first."""
    oldest_known = int(query.get("after", str(2**63)))
    end = bisect_left(trades, oldest_known, key=lambda trade: int(trade.trade_id))
    page = trades[max(0, end - int(query.get("limit", "100"))) : end][::-1]
    return [{"instId": query["instId"], **_trade_fields(trade)} for trade in page]


def _page_of_candles(candles: Sequence[VenueCandle], query: Mapping[str, str]) -> list[object]:
    """Return candles older than ``after`` and newer than ``before``, newest first."""
    older_than_ns = int(query.get("after", str(2**63))) * wire.MS
    newer_than_ns = int(query.get("before", "0")) * wire.MS
    found = [one for one in candles if newer_than_ns < one.start_ns < older_than_ns]
    return [_candle_fields(one) for one in found[::-1][: int(query.get("limit", "100"))]]


def _trade_fields(trade: Trade) -> dict[str, object]:
    return {
        "tradeId": trade.trade_id,
        "px": wire.plain(trade.price),
        "sz": wire.plain(trade.size),
        "side": trade.side,
        "ts": str(trade.event_ns // wire.MS),
    }


def _stream_trade_fields(trade: Trade) -> dict[str, object]:
    return {**_trade_fields(trade), "count": "1"}


def _best_fields(quote: Quote) -> dict[str, object]:
    return {
        "asks": _levels([Level(quote.ask, quote.ask_size)]),
        "bids": _levels([Level(quote.bid, quote.bid_size)]),
        "ts": str(quote.event_ns // wire.MS),
        "seqId": quote.sequence,
    }


def _book_fields(book: Book) -> dict[str, object]:
    sides = {"asks": _levels(book.asks), "bids": _levels(book.bids)}
    return {**sides, "ts": str(book.event_ns // wire.MS), "checksum": 0}


def _change_fields(old: Book, new: Book) -> dict[str, object]:
    return {
        "asks": _levels(difference(old.asks, new.asks)),
        "bids": _levels(difference(old.bids, new.bids)),
        "ts": str(new.event_ns // wire.MS),
        "checksum": 0,
        "seqId": new.sequence,
        "prevSeqId": old.sequence,
    }


def _levels(levels: Iterable[Level]) -> list[tuple[str, str, str, str]]:
    return [
        (wire.plain(level.price), wire.plain(level.size), "0", "1" if level.size else "0")
        for level in levels
    ]


def _ticker_fields(summary: Summary) -> dict[str, object]:
    volume = summary.volume or 0.0
    numbers = {
        "last": summary.last,
        "lastSz": volume,
        "askPx": summary.ask,
        "askSz": volume if summary.ask else None,
        "bidPx": summary.bid,
        "bidSz": volume if summary.bid else None,
        "open24h": summary.open,
        "high24h": summary.high,
        "low24h": summary.low,
        "sodUtc0": summary.open,
        "sodUtc8": summary.open,
        "volCcy24h": volume * summary.last,
        "vol24h": volume,
    }
    texts = {key: wire.plain(number) if number else "" for key, number in numbers.items()}
    return {"instType": "SPOT", **texts, "ts": str(summary.event_ns // wire.MS)}


def _candle_fields(candle: VenueCandle) -> list[str]:
    prices = (candle.open, candle.high, candle.low, candle.close)
    notional = wire.plain(candle.volume * candle.close)
    volumes = [wire.plain(candle.volume), notional, notional]
    time = str(candle.start_ns // wire.MS)
    return [time, *map(wire.plain, prices), *volumes, "1" if candle.closed else "0"]


def _instrument_fields(listing: Listing) -> dict[str, object]:
    return {
        "instType": "SPOT",
        "instId": listing.symbol,
        "baseCcy": listing.instrument.base,
        "quoteCcy": listing.instrument.quote_currency,
        "tickSz": wire.plain(listing.tick_size or 0.01),
        "lotSz": wire.plain(listing.lot_size or 1e-8),
        "minSz": "0.00001",
        "state": "live" if listing.trading else "suspend",
    }
