"""The frames of Bybit and the rows of its answers, as its documentation has them.

Source: https://bybit-exchange.github.io/docs/v5/websocket/public/trade, .../orderbook, .../ticker,
.../kline and .../v5/market/ for REST
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

from market import Level
from stream_service import wire

OrNothing: TypeAlias = wire.OrZero | Literal[""]
"""A number; nothing or zero where there is none."""


class TradeRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "id": "i", "price": "p", "size": "v", "side": "S", "time": "T"},
):
    """One execution; ``S`` is the taker's side."""

    symbol: str
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    price: wire.Price
    size: wire.Size
    side: Literal["Buy", "Sell"]
    time: wire.Milliseconds
    seq: wire.Number | None = None


class RestTradeRow(msgspec.Struct, frozen=True, gc=False, rename={"id": "execId"}):
    """One execution, over REST."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    symbol: str
    price: wire.Price
    size: wire.Size
    side: Literal["Buy", "Sell"]
    time: wire.Milliseconds
    seq: wire.Number | None = None


class BookRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "s", "bids": "b", "asks": "a", "last": "u"},
):
    """Levels, best first where it is whole; ``u`` numbers it."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    last: wire.Number
    seq: wire.Number | None = None
    ts: wire.Milliseconds | None = None
    cts: wire.Milliseconds | None = None


class TradesFrame(msgspec.Struct, frozen=True, gc=False):
    """Executions of one instrument; each names it, so the topic is not read."""

    data: list[TradeRow]


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """A book, or what changed in it; ``cts`` is when the engine made it."""

    topic: str
    type: Literal["snapshot", "delta"]
    ts: wire.Milliseconds
    data: BookRow
    cts: wire.Milliseconds | None = None


class TickerRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "last": "lastPrice",
        "high": "highPrice24h",
        "low": "lowPrice24h",
        "open": "prevPrice24h",
        "volume": "volume24h",
    },
):
    """The last 24 hours, in the order of the venue, in which fields are found soonest."""

    symbol: str
    last: wire.Price
    high: OrNothing = ""
    low: OrNothing = ""
    open: OrNothing = ""
    volume: OrNothing = ""


class RestTickerRow(
    TickerRow, frozen=True, gc=False, rename={"bid": "bid1Price", "ask": "ask1Price"}
):
    """The same over REST, which tells bid and ask as well."""

    bid: OrNothing = ""
    ask: OrNothing = ""


class TickerFrame(msgspec.Struct, frozen=True, gc=False):
    """The summary of one instrument."""

    ts: wire.Milliseconds
    data: TickerRow


class CandleRow(msgspec.Struct, frozen=True, gc=False):
    """One interval; ``timestamp`` is the time of its last trade."""

    start: wire.Milliseconds
    interval: str
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero
    confirm: bool
    timestamp: wire.Milliseconds


class CandleFrame(msgspec.Struct, frozen=True, gc=False):
    """Candles of one instrument."""

    topic: str
    data: list[CandleRow]


class RestCandleRow(msgspec.Struct, frozen=True, array_like=True):
    """One interval, over REST."""

    start: wire.Milliseconds
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero

    def __post_init__(self) -> None:
        """Refuse prices that contradict each other."""
        wire.check_candle(self.open, self.high, self.low, self.close)


class Word(msgspec.Struct, frozen=True):
    """A reply of the venue's, or a topic that is not read."""

    topic: str = ""
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    req_id: str = ""


class Result(msgspec.Struct, frozen=True, rename={"rows": "list"}):
    """What REST has to say; an order book has no list, candles name their symbol."""

    rows: list[msgspec.Raw] = []
    symbol: str = ""


class Answer(msgspec.Struct, frozen=True, rename="camel"):
    """An answer over REST; any code but zero is a refusal."""

    ret_code: int
    result: msgspec.Raw
    ret_msg: str = ""
    time: wire.Milliseconds | None = None


class LotFilter(msgspec.Struct, frozen=True, rename="camel"):
    """Rules of sizes."""

    base_precision: wire.OrZero = 0.0
    min_order_amt: wire.OrZero = 0.0


class PriceFilter(msgspec.Struct, frozen=True, rename="camel"):
    """Rules of prices."""

    tick_size: wire.OrZero = 0.0


class SymbolRow(msgspec.Struct, frozen=True, rename="camel"):
    """One listed symbol."""

    symbol: wire.Name
    base_coin: wire.Name
    quote_coin: wire.Name
    status: str
    lot_size_filter: LotFilter = LotFilter()
    price_filter: PriceFilter = PriceFilter()


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """What tells the rows of answers apart."""

    symbol: str = ""
    exec_id: str | None = None
    base_coin: str | None = None
    last_price: str | None = None


decode_trades = msgspec.json.Decoder(TradesFrame, strict=False).decode
decode_book = msgspec.json.Decoder(BookFrame, strict=False).decode
decode_ticker = msgspec.json.Decoder(TickerFrame, strict=False).decode
decode_candles = msgspec.json.Decoder(CandleFrame, strict=False).decode
word = msgspec.json.Decoder(Word)
answer = msgspec.json.Decoder(Answer)
result = msgspec.json.Decoder(Result)
rest_trade_row = msgspec.json.Decoder(RestTradeRow, strict=False)
rest_candle_row = msgspec.json.Decoder(RestCandleRow, strict=False)
rest_ticker_row = msgspec.json.Decoder(RestTickerRow, strict=False)
book_row = msgspec.json.Decoder(BookRow, strict=False)
symbol_row = msgspec.json.Decoder(SymbolRow, strict=False)
shape = msgspec.json.Decoder(Shape)
