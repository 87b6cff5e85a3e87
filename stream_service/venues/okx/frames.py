"""The frames of OKX and the rows of its answers, as its documentation has them.

Source: https://www.okx.com/docs-v5/en/#order-book-trading-market-data
"""

from typing import Literal, TypeAlias

import msgspec

from market import Level
from stream_service import wire

OrNothing: TypeAlias = wire.OrZero | Literal[""]
"""A number; nothing or zero where there is none."""


class Arg(msgspec.Struct, frozen=True, gc=False, rename={"symbol": "instId"}):
    """What a frame is about."""

    channel: str
    symbol: str = ""


class TradeRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"symbol": "instId", "id": "tradeId", "price": "px", "size": "sz", "time": "ts"},
):
    """One execution, or ``count`` of one taker at one price; ``side`` is the taker's."""

    id: wire.Number
    price: wire.Price
    size: wire.Size
    side: Literal["buy", "sell"]
    time: wire.Milliseconds
    symbol: str = ""
    count: wire.Number = 1


class BookRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={"time": "ts", "previous": "prevSeqId", "last": "seqId"},
):
    """Levels, best first, with more in a row than is read; recordings of 2022 number nothing."""

    asks: list[Level]
    bids: list[Level]
    time: wire.Milliseconds
    previous: int | None = None
    last: wire.Number | None = None


class Subject(msgspec.Struct, frozen=True, gc=False, rename={"symbol": "instId"}):
    """What a frame is about, where its beginning told the channel."""

    symbol: str


class BestSubject(msgspec.Struct, frozen=True, gc=False, rename={"symbol": "instId"}):
    """What a frame with the best levels is about; those of a book look the same."""

    channel: Literal["bbo-tbt"]
    symbol: str


class TradesFrame(msgspec.Struct, frozen=True, gc=False):
    """Executions; each names its instrument, as their frame does."""

    data: list[TradeRow]


class BestFrame(msgspec.Struct, frozen=True, gc=False):
    """The best levels of one instrument."""

    arg: BestSubject
    data: list[BookRow]


class BookFrame(msgspec.Struct, frozen=True, gc=False):
    """A book of one instrument, or what changed in it."""

    arg: Arg
    data: list[BookRow]
    action: str = ""


class TickerRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "symbol": "instId",
        "bid": "bidPx",
        "ask": "askPx",
        "open": "open24h",
        "high": "high24h",
        "low": "low24h",
        "volume": "vol24h",
        "time": "ts",
    },
):
    """The last 24 hours; nothing stands for none."""

    symbol: str
    last: wire.Price
    bid: OrNothing
    ask: OrNothing
    open: OrNothing
    high: OrNothing
    low: OrNothing
    volume: OrNothing
    time: wire.Milliseconds


class SubjectFrame(msgspec.Struct, frozen=True, gc=False):
    """What a frame is about, without its rows."""

    arg: Subject


class TickersFrame(msgspec.Struct, frozen=True, gc=False):
    """Summaries."""

    data: list[TickerRow]


class CandleRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One interval; ``closed`` is ``1`` once it is over."""

    time: wire.Milliseconds
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero
    _in_currency: wire.OrZero = 0.0
    _in_quote_currency: wire.OrZero = 0.0
    closed: Literal["", "0", "1"] = ""

    def __post_init__(self) -> None:
        """Refuse prices that contradict each other."""
        wire.check_candle(self.open, self.high, self.low, self.close)


class Frame(msgspec.Struct, frozen=True):
    """Any frame: rows of a channel, or a word of the venue's."""

    arg: Arg | None = None
    data: list[msgspec.Raw] = []
    event: str = ""
    code: str = ""
    msg: str = ""


class Answer(msgspec.Struct, frozen=True):
    """An answer over REST; any code but zero is a refusal."""

    code: str
    data: list[msgspec.Raw]
    msg: str = ""


class InstrumentRow(
    msgspec.Struct,
    frozen=True,
    rename={
        "symbol": "instId",
        "base": "baseCcy",
        "quote": "quoteCcy",
        "tick_size": "tickSz",
        "lot_size": "lotSz",
    },
):
    """One listed symbol."""

    symbol: wire.Name
    base: wire.Name
    quote: wire.Name
    state: str
    tick_size: wire.OrZero
    lot_size: wire.OrZero


class Shape(msgspec.Struct, frozen=True, rename="camel"):
    """What tells the answers apart."""

    trade_id: str = ""
    base_ccy: str | None = None
    asks: list[msgspec.Raw] | None = None
    open24h: str | None = None


decode_trades = msgspec.json.Decoder(TradesFrame, strict=False).decode
decode_best = msgspec.json.Decoder(BestFrame, strict=False).decode
decode_book = msgspec.json.Decoder(BookFrame, strict=False).decode
subject_frame = msgspec.json.Decoder(SubjectFrame)
decode_tickers = msgspec.json.Decoder(TickersFrame, strict=False).decode
frame = msgspec.json.Decoder(Frame)
answer = msgspec.json.Decoder(Answer)
trade_row = msgspec.json.Decoder(TradeRow, strict=False)
book_row = msgspec.json.Decoder(BookRow, strict=False)
ticker_row = msgspec.json.Decoder(TickerRow, strict=False)
candle_row = msgspec.json.Decoder(CandleRow, strict=False)
instrument_row = msgspec.json.Decoder(InstrumentRow, strict=False)
shape = msgspec.json.Decoder(Shape)
