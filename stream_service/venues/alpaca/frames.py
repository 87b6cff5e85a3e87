"""The frames of Alpaca and the rows of its answers, as its documentation has them.

Source: https://docs.alpaca.markets/docs/real-time-crypto-pricing-data,
.../real-time-stock-pricing-data and https://docs.alpaca.markets/reference
"""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, TypeVar

import msgspec

from stream_service import wire


class TradeRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="T",
    tag="t",
    rename={
        "symbol": "S",
        "id": "i",
        "price": "p",
        "size": "s",
        "time": "t",
        "taker": "tks",
        "market": "x",
        "update": "u",
    },
):
    """One execution; stocks name the market, crypto the taker; over REST it has no symbol."""

    id: wire.Number
    price: wire.Price
    size: wire.Size
    time: str
    symbol: str = ""
    taker: Literal["", "B", "S"] = ""
    market: str = ""
    update: str = ""


class QuoteRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="T",
    tag="q",
    rename={
        "symbol": "S",
        "bid": "bp",
        "bid_size": "bs",
        "ask": "ap",
        "ask_size": "as",
        "time": "t",
    },
):
    """Best bid and ask; zero stands for none."""

    bid: wire.OrZero
    bid_size: wire.OrZero
    ask: wire.OrZero
    ask_size: wire.OrZero
    time: str
    symbol: str = ""


class LevelRow(msgspec.Struct, frozen=True, gc=False, rename={"price": "p", "size": "s"}):
    """All orders at a price; a size of zero removes the level."""

    price: wire.Price
    size: wire.OrZero


class BookRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="T",
    tag="o",
    rename={"symbol": "S", "time": "t", "bids": "b", "asks": "a", "is_whole": "r"},
):
    """Levels that changed, or all of them."""

    time: str
    bids: list[LevelRow]
    asks: list[LevelRow]
    symbol: str = ""
    is_whole: bool = False


class BarRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    rename={
        "kind": "T",
        "symbol": "S",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
        "time": "t",
        "trades": "n",
    },
):
    """The trades of a minute (``b``, put right by ``u``) or of the running day (``d``)."""

    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero
    time: str
    trades: wire.Number | None = None
    symbol: str = ""
    kind: str = ""


class DayRow(
    msgspec.Struct,
    frozen=True,
    gc=False,
    tag_field="T",
    tag="d",
    rename={
        "symbol": "S",
        "open": "o",
        "high": "h",
        "low": "l",
        "close": "c",
        "volume": "v",
    },
):
    """As much of the bar of the running day as is told of it: it comes with every minute."""

    symbol: str
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    volume: wire.OrZero


class Word(msgspec.Struct, frozen=True, rename={"kind": "T"}):
    """What the venue says of the connection, or the kind of a row that is not known."""

    kind: str
    msg: str = ""
    code: int = 0


class Snapshot(msgspec.Struct, frozen=True, rename="camel"):
    """Latest trade and quote, and the bar of the day, over REST."""

    latest_trade: TradeRow | None = None
    latest_quote: QuoteRow | None = None
    daily_bar: BarRow | None = None


class AssetRow(msgspec.Struct, frozen=True, rename={"kind": "class"}):
    """One listed symbol."""

    kind: str
    symbol: str
    status: str
    tradable: bool
    name: str = ""
    min_trade_increment: wire.OrZero | None = None
    price_increment: wire.OrZero | None = None


Row: TypeAlias = TradeRow | QuoteRow | BookRow | BarRow | Word
By: TypeAlias = dict[str, msgspec.Raw]
Dated = TypeVar("Dated", TradeRow, QuoteRow, BookRow, BarRow)

trade_rows = msgspec.json.Decoder(list[TradeRow])
quote_rows = msgspec.json.Decoder(list[QuoteRow])
decode_days = msgspec.json.Decoder(list[DayRow]).decode
decode_bars = msgspec.json.Decoder(list[BarRow]).decode
book_rows = msgspec.json.Decoder(list[BookRow])
raw_rows = msgspec.json.Decoder(list[msgspec.Raw])
word = msgspec.json.Decoder(Word)
trade_row = msgspec.json.Decoder(TradeRow)
quote_row = msgspec.json.Decoder(QuoteRow)
book_row = msgspec.json.Decoder(BookRow)
bar_row = msgspec.json.Decoder(BarRow)
snapshot = msgspec.json.Decoder(Snapshot | None)
by = msgspec.json.Decoder(By)
by_or_none = msgspec.json.Decoder(By | None)
asset_row = msgspec.json.Decoder(AssetRow, strict=False)

READERS: Mapping[str, Callable[[msgspec.Raw], Row]] = {
    "t": trade_row.decode,
    "q": quote_row.decode,
    "o": book_row.decode,
    "b": bar_row.decode,
    "u": bar_row.decode,
    "d": bar_row.decode,
}
