"""The frames of Binance's streams, as its documentation has them.

Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams
"""

from typing import Annotated, Generic, TypeAlias, TypeVar

import msgspec
from msgspec import field

from market import Level
from stream_service import wire

LATEST_MS = wire.LATEST_NS // wire.MS

Data = TypeVar("Data")
Time: TypeAlias = Annotated[
    int, msgspec.Meta(ge=wire.EARLIEST_NS // wire.MS, lt=wire.LATEST_NS // 1_000)
]
"""Milliseconds, or microseconds for who asks for them, see `time_ns`."""

Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class Frame(msgspec.Struct, Generic[Data], frozen=True, gc=False):
    """What is in a combined stream; its name stands before it."""

    data: Data


class Refusal(msgspec.Struct, frozen=True):
    """What is wrong with a frame of ours."""

    code: int
    msg: str = ""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Streams carry ``stream`` and ``data``, replies ``result``; a refusal ``error``, or is one."""

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    result: msgspec.Raw = msgspec.Raw(b"")
    error: Refusal | None = None
    code: int = 0
    msg: str = ""


class Shape(msgspec.Struct, frozen=True):
    """What tells apart the frames that are met outside of their stream, and answers over REST."""

    stream: str = ""
    type: str = field(name="e", default="")
    number: int | None = field(name="u", default=None)
    last_number: int | None = field(name="lastUpdateId", default=None)
    symbols: msgspec.Raw = msgspec.Raw(b"")
    last_price: str = field(name="lastPrice", default="")
    bid: str = field(name="bidPrice", default="")
    sold: bool | None = field(name="isBuyerMaker", default=None)
    first_trade: int | None = field(name="f", default=None)


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask; ``u`` numbers the book's updates, a price of zero stands for none."""

    u: wire.Number
    symbol: str = field(name="s")
    bid: wire.OrZero = field(name="b")
    bid_size: wire.OrZero = field(name="B")
    ask: wire.OrZero = field(name="a")
    ask_size: wire.OrZero = field(name="A")


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One execution; ``m``: the buyer is the maker, so the taker sold."""

    symbol: str = field(name="s")
    id: wire.Number = field(name="t")
    price: wire.Price = field(name="p")
    size: wire.Size = field(name="q")
    time: Time = field(name="T")
    sold: bool = field(name="m")


class AggregateRow(msgspec.Struct, frozen=True, gc=False):
    """What one order took at one price, as one trade; REST tells it without its symbol."""

    id: wire.Number = field(name="a")
    price: wire.Price = field(name="p")
    size: wire.Size = field(name="q")
    time: Time = field(name="T")
    sold: bool = field(name="m")
    symbol: str = field(name="s", default="")


class Depth(msgspec.Struct, frozen=True, gc=False):
    """The levels that changed within 100 ms; ``U`` to ``u`` number the updates of the book."""

    symbol: str = field(name="s")
    time: Time = field(name="E")
    first: wire.Number = field(name="U")
    last: wire.Number = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")


class Kline(msgspec.Struct, frozen=True, gc=False):
    """A candle so far; ``volume`` is in the base currency."""

    start: Time = field(name="t")
    interval: Name = field(name="i")
    open: wire.Price = field(name="o")
    high: wire.Price = field(name="h")
    low: wire.Price = field(name="l")
    close: wire.Price = field(name="c")
    volume: wire.OrZero = field(name="v")
    trades: wire.Number = field(name="n")
    closed: bool = field(name="x")


class KlineRow(msgspec.Struct, frozen=True, gc=False):
    """A candle, and when it was told."""

    time: Time = field(name="E")
    symbol: str = field(name="s")
    candle: Kline = field(name="k")


class TickerRow(msgspec.Struct, frozen=True, gc=False):
    """The last 24 hours, zero stands for none; a miniTicker tells neither bid nor ask."""

    time: Time = field(name="E")
    symbol: str = field(name="s")
    last: wire.OrZero = field(name="c")
    open: wire.OrZero = field(name="o")
    high: wire.OrZero = field(name="h")
    low: wire.OrZero = field(name="l")
    volume: wire.OrZero = field(name="v")
    bid: wire.OrZero = field(name="b", default=0.0)
    ask: wire.OrZero = field(name="a", default=0.0)


class Snapshot(msgspec.Struct, frozen=True, rename="camel"):
    """The best levels of a book, over REST or as a partial book of a stream."""

    last_update_id: wire.Number
    bids: list[Level]
    asks: list[Level]


decode_trade = msgspec.json.Decoder(Frame[TradeRow], strict=False).decode
aggregate_frame = msgspec.json.Decoder(Frame[AggregateRow], strict=False)
decode_quote = msgspec.json.Decoder(Frame[BookTicker], strict=False).decode
depth_frame = msgspec.json.Decoder(Frame[Depth], strict=False)
decode_kline = msgspec.json.Decoder(Frame[KlineRow], strict=False).decode
decode_ticker = msgspec.json.Decoder(Frame[TickerRow], strict=False).decode
ticker_row = msgspec.json.Decoder(TickerRow, strict=False)
snapshot = msgspec.json.Decoder(Snapshot, strict=False)
envelope = msgspec.json.Decoder(Envelope)
shape = msgspec.json.Decoder(Shape)
raws = msgspec.json.Decoder(list[msgspec.Raw])


def time_ns(time: int) -> int:
    """Tell by its size which unit a time has.

    Raises:
        ValueError: none makes it plausible.

    """
    return time * wire.MS if time < LATEST_MS else wire.plausible(time * 1_000)


def is_array(body: bytes) -> bool:
    """Tell whether it is a JSON array, if it is JSON."""
    return body.lstrip()[:1] == b"["
