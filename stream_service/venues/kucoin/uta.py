"""The frames of KuCoin's newer interface, read where a recording has them; we do not ask for them.

Source: https://www.kucoin.com/docs-new/3470221w0 (books) and the pages beside it

There is no token. All frames are binary and hold JSON. Fields are single letters, times are
nanoseconds, those of candles seconds. A book is told whole, then as changes that chain: the first
number of one is the last of that before plus one.
"""

from typing import Generic, Literal, TypeVar

from msgspec import Struct
from msgspec.json import Decoder

from stream_service import wire
from stream_service.venues.kucoin.frames import Nanoseconds, Rows, Seconds, check_order

WHOLE_DEPTHS = ("1", "5", "50")
"""Depths that are told whole each time."""

Content = TypeVar("Content")


class Trade(
    Struct,
    frozen=True,
    rename={"sequence": "ti", "side": "S", "price": "p", "size": "q", "time": "M"},
):
    """One execution; ``side`` is the taker's."""

    s: str
    sequence: wire.Number
    side: Literal["buy", "sell", "BUY", "SELL"]
    price: wire.Price
    size: wire.Size
    time: Nanoseconds


class Ticker(
    Struct,
    frozen=True,
    rename={"best_ask": "a", "best_ask_size": "A", "best_bid": "b", "best_bid_size": "B"},
):
    """Best bid and ask, null or zero where there is none."""

    s: str
    best_ask: wire.OrZero | None
    best_ask_size: wire.OrZero | None
    best_bid: wire.OrZero | None
    best_bid_size: wire.OrZero | None


class Candle(
    Struct,
    frozen=True,
    rename={"start": "O", "open": "o", "close": "c", "high": "h", "low": "l", "volume": "v"},
):
    """One interval; ``i`` is its kind."""

    s: str
    i: str
    start: Seconds
    open: wire.Price
    close: wire.Price
    high: wire.Price
    low: wire.Price
    volume: wire.OrZero

    def __post_init__(self) -> None:
        """Refuse what is read in a wrong order."""
        check_order(self.open, self.close, self.high, self.low)


class Book(Struct, frozen=True, rename={"first": "O", "last": "C", "time": "M"}):
    """A book, or what changed in it between two numbers."""

    s: str
    first: wire.Number
    last: wire.Number
    time: Nanoseconds
    a: Rows
    b: Rows


class Frame(Struct, Generic[Content], frozen=True):
    """A frame of the newer interface; ``dp``: which depth, ``P``: when it was sent."""

    P: Nanoseconds
    d: Content
    dp: str = ""
    t: str = ""


TRADE = Decoder(Frame[Trade], strict=False)
TICKER = Decoder(Frame[Ticker], strict=False)
CANDLE = Decoder(Frame[Candle], strict=False)
BOOK = Decoder(Frame[Book], strict=False)
