"""The frames of the first stream as bytes in, typed rows out."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec.json import Decoder

from stream_service import wire

Microseconds = Annotated[
    int, msgspec.Meta(ge=wire.EARLIEST_NS // 1_000, lt=wire.LATEST_NS // 1_000)
]


class Envelope(msgspec.Struct, frozen=True):
    """Says what the content is."""

    type: str
    content: msgspec.Raw


class Transaction(msgspec.Struct, frozen=True, rename="camel"):
    """One execution; ``buySellGb`` is 1 where the taker sold, 2 where it bought."""

    symbol: str
    buy_sell_gb: Literal["1", "2"]
    cont_price: wire.Price
    cont_qty: wire.Size
    cont_dtm: str


class Transactions(msgspec.Struct, frozen=True, rename={"rows": "list"}):
    """Executions, oldest first."""

    rows: list[Transaction]


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """A level of a book; a quantity of zero removes it."""

    symbol: str
    order_type: Literal["bid", "ask"]
    price: wire.Price
    quantity: wire.OrZero


class Depth(msgspec.Struct, frozen=True, rename={"rows": "list"}):
    """Levels that changed."""

    rows: list[Change]
    datetime: Microseconds


class Snapshot(msgspec.Struct, frozen=True):
    """The best levels of one book."""

    symbol: str
    datetime: Microseconds
    asks: list[tuple[wire.Price, wire.OrZero]]
    bids: list[tuple[wire.Price, wire.OrZero]]


class Ticker(msgspec.Struct, frozen=True, rename="camel"):
    """The range of a time that ``tickType`` names, such as ``24H``."""

    symbol: str
    tick_type: str
    date: str
    open_price: wire.OrZero
    close_price: wire.Price
    low_price: wire.OrZero
    high_price: wire.OrZero
    volume: wire.OrZero
    time: str = ""


class DayRow(msgspec.Struct, frozen=True):
    """The day of one currency, over REST; the volume is that of 24 hours."""

    closing_price: wire.Price
    opening_price: wire.OrZero
    min_price: wire.OrZero
    max_price: wire.OrZero
    volume: wire.OrZero = msgspec.field(name="units_traded_24H")


class Days(msgspec.Struct, frozen=True):
    """The answer for all currencies; its key ``date`` is the time of it in milliseconds."""

    status: Literal["0000"]
    data: Mapping[str, msgspec.Raw]


ENVELOPE: Final = Decoder(Envelope)
TRANSACTIONS: Final = Decoder(Transactions, strict=False)
DEPTH: Final = Decoder(Depth, strict=False)
SNAPSHOT: Final = Decoder(Snapshot, strict=False)
TICKER: Final = Decoder(Ticker, strict=False)
DAYS: Final = Decoder(Days)
DAY_ROW: Final = Decoder(DayRow, strict=False)
MILLISECONDS: Final = Decoder(wire.Milliseconds, strict=False)
