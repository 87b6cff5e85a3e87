"""The frames of Kraken's WebSocket v2, as its documentation has them.

Source: https://docs.kraken.com/api/docs/websocket-v2/ticker, .../trade, .../book, .../ohlc and
.../instrument
"""

from typing import Generic, Literal, TypeVar

import msgspec

from stream_service import wire

Row = TypeVar("Row")


class Result(msgspec.Struct, frozen=True):
    """What was subscribed to."""

    channel: str = ""
    symbol: str = ""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Streams carry ``channel``; replies ``method``, and ``error`` when they refuse.

    ``event`` is what replies carried on the first interface.
    """

    channel: str = ""
    method: str = ""
    success: bool = True
    symbol: str = ""
    error: str = ""
    too_fast: str = msgspec.field(name="Error", default="")
    req_id: int = 0
    result: Result = Result()
    event: str = ""


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask, and the last 24 hours; all zero where there is none, older without time."""

    symbol: str
    bid: wire.OrZero
    bid_qty: wire.OrZero
    ask: wire.OrZero
    ask_qty: wire.OrZero
    last: wire.OrZero = 0.0
    volume: wire.OrZero = 0.0
    low: wire.OrZero = 0.0
    high: wire.OrZero = 0.0
    change: float | None = None
    timestamp: str = ""


class ChangelessTicker(Ticker, frozen=True, gc=False):
    """The same where the change is no number; it is not read."""

    change: float | None = msgspec.field(name="", default=None)


class TickerFrame(msgspec.Struct, Generic[Row], frozen=True, gc=False):
    """Tickers of the channel ``ticker``."""

    data: list[Row]


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One execution; ``side`` is the taker's."""

    symbol: str
    side: Literal["buy", "sell"]
    price: wire.Price
    qty: wire.Size
    trade_id: wire.Number
    timestamp: str


class TradeFrame(msgspec.Struct, frozen=True, gc=False):
    """Trades of the channel ``trade``; a snapshot holds those from before we came."""

    data: list[TradeRow]
    type: str = ""


class BookRow(msgspec.Struct, frozen=True, gc=False):
    """A book, or the levels of it that changed, and the checksum of what it is then.

    Levels are kept as text: the checksum runs over the digits as they were sent.
    """

    symbol: str
    bids: msgspec.Raw
    asks: msgspec.Raw
    checksum: int
    timestamp: str = ""


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """Books of the channel ``book``."""

    data: list[BookRow]
    type: str = ""


class CandleRow(msgspec.Struct, frozen=True, gc=False):
    """One interval; what it calls ``timestamp`` is its end, and deprecated."""

    symbol: str
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    trades: wire.Number
    volume: wire.OrZero
    interval_begin: str
    interval: int


class CandleFrame(msgspec.Struct, frozen=True, gc=False):
    """Candles of the channel ``ohlc``."""

    data: list[CandleRow]
    timestamp: str = ""


class PairTerms(msgspec.Struct, frozen=True):
    """The terms of one symbol in the channel ``instrument``; ``tick_size`` is the older name."""

    symbol: str
    status: str
    price_increment: wire.OrZero = 0.0
    tick_size: wire.OrZero = 0.0
    qty_increment: wire.OrZero = 0.0
    cost_min: wire.OrZero = 0.0


class Terms(msgspec.Struct, frozen=True):
    """Pairs of the channel ``instrument``; they come with their assets."""

    pairs: list[msgspec.Raw] = []


class TermsFrame(msgspec.Struct, frozen=True):
    """The one channel whose data is an object."""

    data: Terms


envelope = msgspec.json.Decoder(Envelope)
decode_tickers = msgspec.json.Decoder(TickerFrame[Ticker]).decode
changeless_ticker_frame = msgspec.json.Decoder(TickerFrame[ChangelessTicker])
trade_frame = msgspec.json.Decoder(TradeFrame)
book_frame = msgspec.json.Decoder(BookFrame)
candle_frame = msgspec.json.Decoder(CandleFrame)
terms_frame = msgspec.json.Decoder(TermsFrame)
pair_terms = msgspec.json.Decoder(PairTerms)
