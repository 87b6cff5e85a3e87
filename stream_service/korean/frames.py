"""The frames and rows of the protocol as bytes in, typed rows out.

The same rows come with long keys, with short ones, or as answers over REST; each spelling has its
own decoder, all of them give the same fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, cast

import msgspec
from msgspec.json import Decoder

from stream_service import wire

Row = TypeVar("Row", bound=msgspec.Struct)
Time = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One execution; ``ASK``: the taker sold. A snapshot is the last one before we came."""

    code: str
    trade_timestamp: wire.Milliseconds
    trade_price: wire.Price
    trade_volume: wire.Size
    ask_bid: Literal["ASK", "BID"]
    sequential_id: wire.Number
    stream_type: str = ""


class Unit(msgspec.Struct, frozen=True, gc=False):
    """The bid and the ask of one rank; zero where that side has no more."""

    ask_price: wire.OrZero
    bid_price: wire.OrZero
    ask_size: wire.OrZero
    bid_size: wire.OrZero


class OrderBook(msgspec.Struct, frozen=True, gc=False):
    """A whole book, best levels first."""

    code: str
    timestamp: Time
    orderbook_units: list[Unit]
    stream_type: str = ""


class Ticker(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The last price, the range of the venue's day, the volume of 24 hours.

    In the order of the venue, in which fields are found soonest.
    """

    code: str
    opening_price: wire.OrZero | None = None
    high_price: wire.OrZero | None = None
    low_price: wire.OrZero | None = None
    trade_price: wire.OrZero
    acc_trade_volume_24h: wire.OrZero
    timestamp: wire.Milliseconds


class CandleRow(msgspec.Struct, frozen=True, gc=False):
    """The trades of one interval; ``trade_price`` is its close, ``timestamp`` its last trade."""

    code: str
    candle_date_time_utc: str
    timestamp: wire.Milliseconds
    opening_price: wire.Price
    high_price: wire.Price
    low_price: wire.Price
    trade_price: wire.Price
    candle_acc_trade_volume: wire.OrZero
    type: str = ""


class MarketRow(msgspec.Struct, frozen=True):
    """One listed code, or its price step, which two different answers tell."""

    market: str
    english_name: str = ""
    tick_size: wire.Price | None = None


class Refusal(msgspec.Struct, frozen=True):
    """What is wrong with a frame of ours; the connection closes after it."""

    name: str
    message: str = ""


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Says of every frame what it is; the state of the connection has no type."""

    type: str = ""
    ty: str = ""
    error: Refusal | None = None


SHORT: Final = {
    "type": "ty",
    "code": "cd",
    "timestamp": "tms",
    "stream_type": "st",
    "trade_timestamp": "ttms",
    "trade_price": "tp",
    "trade_volume": "tv",
    "ask_bid": "ab",
    "sequential_id": "sid",
    "orderbook_units": "obu",
    "ask_price": "ap",
    "bid_price": "bp",
    "ask_size": "as",
    "bid_size": "bs",
    "opening_price": "op",
    "high_price": "hp",
    "low_price": "lp",
    "acc_trade_volume_24h": "atv24h",
    "candle_date_time_utc": "cdttmu",
    "candle_acc_trade_volume": "catv",
}
"""The keys of the format ``SIMPLE``."""

OVER_REST: Final = {"code": "market", "trade_timestamp": "timestamp"}


def _spelled(row: type[Row], keys: Mapping[str, str], **types: object) -> type[Row]:
    """Return ``row`` as it comes with other keys, and with other types of some fields."""
    fields = [
        (field.name, types.get(field.name, field.type))
        if field.default is msgspec.NODEFAULT
        else (field.name, field.type, field.default)
        for field in msgspec.structs.fields(row)
    ]
    made = msgspec.defstruct(
        row.__name__, fields, frozen=True, gc=False, kw_only=True, rename=dict(keys)
    )
    return cast("type[Row]", made)


_short_units = list.__class_getitem__(_spelled(Unit, SHORT))

DECODERS: Final[Mapping[tuple[str, str], Decoder[Any]]] = {
    ("type", "trade"): Decoder(TradeRow),
    ("type", "orderbook"): Decoder(OrderBook),
    ("type", "ticker"): Decoder(Ticker),
    ("type", "candle"): Decoder(CandleRow),
    ("ty", "trade"): Decoder(_spelled(TradeRow, SHORT)),
    ("ty", "orderbook"): Decoder(_spelled(OrderBook, SHORT, orderbook_units=_short_units)),
    ("ty", "ticker"): Decoder(_spelled(Ticker, SHORT)),
    ("ty", "candle"): Decoder(_spelled(CandleRow, SHORT)),
}
"""By the key that tells the type, and the type; that of a candle goes on with its interval."""

ENVELOPE: Final = Decoder(Envelope)
ARRAY: Final = Decoder(list[msgspec.Raw])
OBJECTS: Final = Decoder(list[dict[str, msgspec.Raw]])

# numbers may come as strings over REST
REST_TRADE: Final = Decoder(_spelled(TradeRow, OVER_REST), strict=False)
REST_BOOK: Final = Decoder(_spelled(OrderBook, OVER_REST), strict=False)
REST_TICKER: Final = Decoder(_spelled(Ticker, OVER_REST), strict=False)
REST_CANDLE: Final = Decoder(_spelled(CandleRow, OVER_REST), strict=False)
MARKET_ROW: Final = Decoder(MarketRow, strict=False)
