"""The venue's side of KuCoin's wire: what its servers answer and tell, for the simulator.

It is written from the same documents as our side and shares no frame type with it, so that the two
cannot agree on one mistake.
"""

from collections.abc import Mapping, Sequence

import msgspec

from market import Book, Event, Instrument, Level, Listing, Quote, Summary, Trade, VenueCandle
from market.intervals import SECOND_NS
from stream_service import wire
from stream_service.books import difference
from stream_service.longer import of_interval
from stream_service.venue import ExchangeSide, Market

SERVED = {
    "/market/match",
    "/market/ticker",
    "/market/level2",
    "/market/candles",
    "/market/snapshot",
    "/spotMarket/level1",
    "/spotMarket/level2Depth5",
    "/spotMarket/level2Depth50",
}
ASKED_FOR_AT_MOST = 100
SUBSCRIBED_AT_MOST = 300
TRADES_TOLD = 100
CANDLES_TOLD = 1_500


class Request(msgspec.Struct, frozen=True):
    """What a client sends."""

    id: str | int = ""
    type: str = ""
    topic: str = ""
    response: bool = False


_request = msgspec.json.Decoder(Request)


class KucoinSide(ExchangeSide):
    """KuCoin as the simulator plays it."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: set[tuple[str, str]] = set()
        self._told: dict[Instrument, Book] = {}
        self._minutes: dict[Instrument, int] = {}
        self._now_ns = 0

    def opened(self) -> None:
        """Bid welcome."""
        self._post({"id": "hQvf8jkno", "type": "welcome"})

    def receive(self, frame: bytes) -> None:
        """Take a ping or a subscription; a symbol that is not listed is taken too."""
        try:
            request = _request.decode(frame)
        except wire.UNREADABLE:
            self._refuse("", 400, "invalid json")
            return
        match request.type:
            case "ping":
                timestamp = self._now_ns // 1_000
                self._post({"id": request.id, "type": "pong", "timestamp": timestamp})
            case "subscribe" | "unsubscribe":
                self._take(request)
            case _:
                self._refuse(request.id, 404, "type is not supported")

    def tell(self, event: Event) -> None:
        """Post what the client has subscribed to of an event, each in the words of its topic."""
        self._now_ns = event.event_ns
        match event:
            case Quote():
                self._tell("/spotMarket/level1", event.instrument, "level1", _top_fields(event))
                self._tell("/market/ticker", event.instrument, "trade.ticker", _ticker(event))
            case Trade():
                self._tell("/market/match", event.instrument, "trade.l3match", self._match(event))
            case Book():
                self._tell_book(event)
            case VenueCandle():
                self._tell_candle(event)
            case Summary():
                fields = {"sequence": event.sequence, "data": _day_fields(event)}
                self._tell("/market/snapshot", event.instrument, "trade.snapshot", fields)

    def _take(self, request: Request) -> None:
        topic, _, names = request.topic.partition(":")
        keys = {(topic, name) for name in names.split(",")}
        at_most = "exceed max subscription count limitation of"
        if topic not in SERVED:
            self._refuse(request.id, 404, "topic does not exist")
        elif len(keys) > ASKED_FOR_AT_MOST:
            self._refuse(request.id, 509, f"{at_most} {ASKED_FOR_AT_MOST} per time")
        elif request.type == "subscribe" and len(self._subscribed | keys) > SUBSCRIBED_AT_MOST:
            self._refuse(request.id, 509, f"{at_most} {SUBSCRIBED_AT_MOST} per session")
        else:
            self._follow(keys, ends=request.type == "unsubscribe")
            if request.response:
                self._post({"id": request.id, "type": "ack"})

    def _follow(self, keys: set[tuple[str, str]], *, ends: bool) -> None:
        self._subscribed = self._subscribed - keys if ends else self._subscribed | keys
        for instrument, symbol in self._symbols.items():
            if ("/market/level2", symbol) in keys:
                self._told[instrument] = self.market.book(instrument)

    def _tell_book(self, book: Book) -> None:
        for depth in (5, 50):
            topic = f"/spotMarket/level2Depth{depth}"
            fields = {**_levels_fields(book, depth), "timestamp": book.event_ns // wire.MS}
            self._tell(topic, book.instrument, "level2", fields)
        old = self._told.get(book.instrument)
        if old is not None and book.sequence > old.sequence:
            self._told[book.instrument] = book
            fields = {"symbol": self._symbols[book.instrument], **_change_fields(old, book)}
            self._tell("/market/level2", book.instrument, "trade.l2update", fields)

    def _tell_candle(self, candle: VenueCandle) -> None:
        symbol = self._symbols.get(candle.instrument, "")
        is_known = self._minutes.get(candle.instrument) == candle.start_ns
        self._minutes[candle.instrument] = candle.start_ns
        subject = f"trade.candles.{'update' if is_known else 'add'}"
        fields = {"symbol": symbol, "candles": _candle_fields(candle), "time": candle.event_ns}
        self._tell("/market/candles", candle.instrument, subject, fields, ending="_1min")

    def _tell(
        self,
        topic: str,
        instrument: Instrument,
        subject: str,
        fields: dict[str, object],
        *,
        ending: str = "",
    ) -> None:
        name = self._symbols.get(instrument, "") + ending
        if (topic, name) in self._subscribed:
            said = {"type": "message", "topic": f"{topic}:{name}", "subject": subject}
            self._post({**said, "data": fields})

    def _match(self, trade: Trade) -> dict[str, object]:
        orders = {
            "takerOrderId": f"{trade.sequence:024x}",
            "makerOrderId": f"{trade.sequence:024x}",
        }
        fields = {**_rest_trade(trade), "time": str(trade.event_ns), "type": "match", **orders}
        return {"symbol": self._symbols.get(trade.instrument), "tradeId": trade.trade_id, **fields}

    def _refuse(self, of: str | int, code: int, why: str) -> None:
        self._post({"id": of, "type": "error", "code": code, "data": why})

    def _post(self, fields: dict[str, object]) -> None:
        self.post(msgspec.json.encode(fields))


def answer(path: str, market: Market) -> bytes:
    """Play KuCoin's REST interface: token, listing, wallets, books, trades, minutes and the day.

    Raises:
        LookupError: it does not serve ``path``, or does not list the symbol.

    """
    route, query = wire.route_of(path)
    asked = route.removeprefix("/api/v1/market/")
    content = _of_symbol(asked, query, market) if "symbol" in query else _of_all(asked, market)
    return msgspec.json.encode({"code": "200000", "data": content})


def _of_all(asked: str, market: Market) -> object:
    match asked:
        case "/api/v1/bullet-public":
            return _bullet_fields(market.websocket_url)
        case "/api/v2/symbols":
            return [_symbol_fields(listing) for listing in market.listings]
        case "/api/v3/currencies":
            lots = {one.instrument.base: one.lot_size or 1e-8 for one in market.listings}
            return [_currency_fields(code, lot) for code, lot in lots.items()]
        case "allTickers":
            return _all_tickers_fields(market)
    raise LookupError(f"kucoin does not serve {asked} of all symbols")


def _of_symbol(asked: str, query: dict[str, str], market: Market) -> object:
    instruments = {listing.symbol: listing.instrument for listing in market.listings}
    instrument = instruments[query["symbol"]]
    match asked:
        case "orderbook/level1":
            return _rest_top(market.book(instrument))
        case "orderbook/level2_20" | "orderbook/level2_100":
            return _rest_book(market.book(instrument), int(asked.rpartition("_")[2]))
        case "histories":
            return [_rest_trade(trade) for trade in market.trades(instrument)[-TRADES_TOLD:]]
        case "candles":
            kind = query.get("type", "1min")
            interval = kind.rstrip("abcdefghijklmnopqrstuvwxyz") + kind.lstrip("0123456789")[0]
            candles = _between(of_interval(market.candles(instrument), interval), query)
            return [_candle_fields(candle) for candle in reversed(candles)]
    raise LookupError(f"kucoin does not serve {asked} of a symbol")


def _bullet_fields(endpoint: str) -> dict[str, object]:
    server = {"endpoint": endpoint, "encrypt": True, "protocol": "websocket"}
    pings = {"pingInterval": 18_000, "pingTimeout": 10_000}
    return {"token": "2neAiuYvAU61ZDXANAGAsiL4", "instanceServers": [{**server, **pings}]}


def _currency_fields(code: str, lot: float) -> dict[str, object]:
    """Write a coin of one network of its own name, with a fee of about a dollar."""
    chain = {
        "chainName": code,
        "chainId": code.lower(),
        "withdrawalMinFee": wire.plain(100 * lot),
        "withdrawFeeRate": "0",
        "withdrawalMinSize": wire.plain(200 * lot),
        "depositMinSize": wire.plain(100 * lot),
        "isWithdrawEnabled": True,
        "isDepositEnabled": True,
        "confirms": 1,
    }
    return {"currency": code, "name": code, "fullName": code, "chains": [chain]}


def _symbol_fields(listing: Listing) -> dict[str, object]:
    base, quote_currency = listing.instrument.base, listing.instrument.quote_currency
    steps = {
        "baseIncrement": listing.lot_size,
        "priceIncrement": listing.tick_size,
        "minFunds": listing.minimum_notional,
    }
    return {
        "symbol": listing.symbol,
        "name": listing.name or f"{base}-{quote_currency}",
        "baseCurrency": base,
        "quoteCurrency": quote_currency,
        "feeCurrency": quote_currency,
        "enableTrading": listing.trading,
        "feeCategory": 1,
        "makerFeeCoefficient": "1.00",
        "takerFeeCoefficient": "1.00",
        **{name: wire.plain(step) for name, step in steps.items() if step is not None},
    }


def _pairs(levels: Sequence[Level]) -> list[list[str]]:
    return [[wire.plain(level.price), wire.plain(level.size)] for level in levels]


def _levels_fields(book: Book, depth: int) -> dict[str, object]:
    return {"asks": _pairs(book.asks[:depth]), "bids": _pairs(book.bids[:depth])}


def _change_fields(old: Book, new: Book) -> dict[str, object]:
    """Name what changed; where nothing did, a row of zeros carries the number."""
    number = str(new.sequence)
    bids = [[*pair, number] for pair in _pairs(difference(old.bids, new.bids))]
    asks = [[*pair, number] for pair in _pairs(difference(old.asks, new.asks))]
    if not (bids or asks):
        asks = [["0", "0", number]]
    return {
        "sequenceStart": old.sequence + 1,
        "sequenceEnd": new.sequence,
        "changes": {"asks": asks, "bids": bids},
        "time": new.event_ns // wire.MS,
    }


def _rest_book(book: Book, depth: int) -> dict[str, object]:
    time = book.event_ns // wire.MS
    return {"time": time, "sequence": str(book.sequence), **_levels_fields(book, depth)}


def _rest_top(book: Book) -> dict[str, object]:
    [bid], [ask] = book.bids[:1] or [None], book.asks[:1] or [None]
    return {
        "time": book.event_ns // wire.MS,
        "sequence": str(book.sequence),
        "bestBid": bid and wire.plain(bid.price),
        "bestBidSize": bid and wire.plain(bid.size),
        "bestAsk": ask and wire.plain(ask.price),
        "bestAskSize": ask and wire.plain(ask.size),
    }


def _top_fields(quote: Quote) -> dict[str, object]:
    return {
        "asks": [wire.plain(quote.ask), wire.plain(quote.ask_size)],
        "bids": [wire.plain(quote.bid), wire.plain(quote.bid_size)],
        "timestamp": quote.event_ns // wire.MS,
    }


def _ticker(quote: Quote) -> dict[str, object]:
    return {
        "sequence": str(quote.sequence),
        "bestAsk": wire.plain(quote.ask),
        "bestAskSize": wire.plain(quote.ask_size),
        "bestBid": wire.plain(quote.bid),
        "bestBidSize": wire.plain(quote.bid_size),
        "time": quote.event_ns // wire.MS,
    }


def _rest_trade(trade: Trade) -> dict[str, object]:
    return {
        "sequence": str(trade.sequence),
        "price": wire.plain(trade.price),
        "size": wire.plain(trade.size),
        "side": trade.side,
        "time": trade.event_ns,
    }


def _candle_fields(candle: VenueCandle) -> list[str]:
    prices = (candle.open, candle.close, candle.high, candle.low)
    turnover = candle.volume * candle.close
    numbers = [wire.plain(number) for number in (*prices, candle.volume, turnover)]
    return [str(candle.start_ns // SECOND_NS), *numbers]


def _between(candles: Sequence[VenueCandle], query: Mapping[str, str]) -> list[VenueCandle]:
    start_s, end_s = int(query.get("startAt", "0")), int(query.get("endAt", "0"))
    times = range(start_s * SECOND_NS, (end_s or 2**33) * SECOND_NS)
    return [candle for candle in candles if candle.start_ns in times][-CANDLES_TOLD:]


def _day_fields(summary: Summary) -> dict[str, object]:
    """Tell a day as the stream does, whole, in JSON numbers and by the alphabet."""
    last, day = _number(summary.last), _span_fields(summary)
    base, quote_currency = summary.instrument.base, summary.instrument.quote_currency
    fields: dict[str, object] = {
        **day,
        "askSize": _number(summary.volume),
        "averagePrice": last,
        "baseCurrency": base,
        "bidSize": _number(summary.volume),
        "board": 1,
        "buy": _number(summary.bid),
        "close": last,
        "datetime": summary.event_ns // wire.MS,
        "lastTradedPrice": last,
        "makerCoefficient": 1.0,
        "makerFeeRate": 0.001,
        "marginTrade": False,
        "mark": 0,
        "market": quote_currency,
        "marketChange1h": day,
        "marketChange24h": day,
        "marketChange4h": day,
        "markets": [quote_currency],
        "quoteCurrency": quote_currency,
        "sell": _number(summary.ask),
        "sort": 100,
        "symbol": summary.symbol,
        "symbolCode": summary.symbol,
        "takerCoefficient": 1.0,
        "takerFeeRate": 0.001,
        "trading": True,
    }
    return dict(sorted(fields.items()))


def _span_fields(summary: Summary) -> dict[str, object]:
    """Tell how prices went; of an hour the same as of a day, as no more is known."""
    opened, volume = summary.open or summary.last, summary.volume or 0.0
    return {
        "changePrice": _number(round(summary.last - opened, 10)),
        "changeRate": round(summary.last / opened - 1, 4),
        "high": _number(summary.high),
        "low": _number(summary.low),
        "open": _number(summary.open),
        "vol": _number(summary.volume),
        "volValue": _number(volume * summary.last),
    }


def _number(value: float | None) -> msgspec.Raw | None:
    return None if value is None else msgspec.Raw(wire.plain(value).encode())


def _all_tickers_fields(market: Market) -> dict[str, object]:
    found = [market.summary(listing.instrument) for listing in market.listings]
    days = [day for day in found if day is not None]
    time = max((day.event_ns for day in days), default=wire.EARLIEST_NS) // wire.MS
    return {"time": time, "ticker": [_ticker_row(day) for day in days]}


def _ticker_row(day: Summary) -> dict[str, object]:
    numbers = {
        "last": day.last,
        "high": day.high,
        "low": day.low,
        "vol": day.volume,
        "buy": day.bid,
        "sell": day.ask,
    }
    texts = {name: None if value is None else wire.plain(value) for name, value in numbers.items()}
    return {"symbol": day.symbol, "symbolName": day.symbol, **texts}
