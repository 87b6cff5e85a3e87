"""The frames and answers of KuCoin's first interface, as they are documented.

Source: https://www.kucoin.com/docs-new/3470063w0 (best prices), .../3470068w0 (changes of a book),
.../3470071w0 (minutes) and the pages beside them.
"""

from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

from msgspec import Meta, Raw, Struct, field
from msgspec.json import Decoder
from msgspec.structs import replace

from market import Level
from market.intervals import SECOND_NS
from stream_service import wire

Nanoseconds: TypeAlias = Annotated[int, Meta(ge=wire.EARLIEST_NS, lt=wire.LATEST_NS)]
Seconds: TypeAlias = Annotated[
    int, Meta(ge=wire.EARLIEST_NS // SECOND_NS, lt=wire.LATEST_NS // SECOND_NS)
]
Code: TypeAlias = Annotated[str, Meta(min_length=1)]
Rows: TypeAlias = list[Level]
Content = TypeVar("Content")


class Frame(Struct, Generic[Content], frozen=True, gc=False):
    """What a topic says."""

    data: Content


class NamedFrame(Struct, Generic[Content], frozen=True, gc=False):
    """What a topic says; only the end of its name tells of what symbol."""

    topic: str
    data: Content


class Match(Struct, frozen=True, gc=False, rename={"trade_id": "tradeId"}):
    """One execution; ``side`` is the taker's. Its id is its sequence but in old recordings."""

    symbol: str
    sequence: wire.Number
    trade_id: Annotated[str, Meta(min_length=1, max_length=64)]
    side: Literal["buy", "sell"]
    price: wire.Price
    size: wire.Size
    time: Nanoseconds


class Top(Struct, frozen=True, gc=False, array_like=True):
    """The best level of a side; nothing where there is none."""

    price: wire.OrZero = 0.0
    size: wire.OrZero = 0.0


class Tops(Struct, frozen=True, gc=False):
    """The best level of both sides."""

    asks: Top | None
    bids: Top | None
    timestamp: wire.Milliseconds


class Ticker(Struct, frozen=True, gc=False, rename="camel"):
    """Best bid and ask; its time is that of the last trade. Null or zero where there is none."""

    best_ask: wire.OrZero | None
    best_ask_size: wire.OrZero | None
    best_bid: wire.OrZero | None
    best_bid_size: wire.OrZero | None


class TickerFrame(Struct, frozen=True, gc=False):
    """A ticker; where the topic is of all symbols, the subject tells which."""

    topic: str
    subject: str
    data: Ticker


class NumberedLevel(Struct, frozen=True, gc=False, array_like=True):
    """A level and the number of its change; at a price of zero nothing changed."""

    price: wire.OrZero
    size: wire.OrZero
    number: wire.Number


class Changes(Struct, frozen=True, gc=False):
    """Levels that changed."""

    asks: list[NumberedLevel]
    bids: list[NumberedLevel]


class Update(Struct, frozen=True, gc=False, rename="camel"):
    """What changed in a book; older frames carry no time."""

    symbol: str
    sequence_start: wire.Number
    sequence_end: wire.Number
    changes: Changes
    time: wire.Milliseconds | None = None


class CandleRow(Struct, frozen=True, gc=False, array_like=True):
    """One interval; mind the order."""

    start: Seconds
    open: wire.Price
    close: wire.Price
    high: wire.Price
    low: wire.Price
    volume: wire.OrZero


class RestCandleRow(CandleRow, frozen=True, gc=False, array_like=True):
    """One interval, over REST."""

    def __post_init__(self) -> None:
        """Refuse what is read in a wrong order."""
        check_order(self.open, self.close, self.high, self.low)


class Candles(Struct, frozen=True, gc=False):
    """One interval and the time when it was told; of which symbol, the topic says as well."""

    candles: CandleRow
    time: Nanoseconds


class Levels(Struct, frozen=True, gc=False):
    """The best levels of a book, whole."""

    asks: Rows
    bids: Rows
    timestamp: wire.Milliseconds


class Day(Struct, frozen=True, gc=False, rename="camel"):
    """The last 24 hours, null where nothing was traded."""

    symbol: str
    datetime: wire.Milliseconds | None = None
    last_traded_price: wire.OrZero | None = None
    open: wire.OrZero | None = None
    high: wire.OrZero | None = None
    low: wire.OrZero | None = None
    vol: wire.OrZero | None = None
    buy: wire.OrZero | None = None
    sell: wire.OrZero | None = None


class RestDay(Day, frozen=True, rename="camel"):
    """The same over REST, which calls the price ``last`` and tells no time with it."""

    last: wire.OrZero | None = None

    def as_streamed(self, time: int) -> Day:
        """Return it with the price at the stream's place, and told at ``time`` in milliseconds."""
        price = self.last_traded_price or self.last
        return replace(self, datetime=self.datetime or time, last_traded_price=price)


class Snapshot(Struct, frozen=True, gc=False):
    """``/market/snapshot``."""

    data: Day


class Notice(Struct, frozen=True):
    """A frame of no hot topic; those of the newer interface have a ``T``, or a ``result``."""

    type: str = ""
    id: str | int = ""
    topic: str = ""
    code: int = 0
    data: Raw = Raw(b"")
    T: str = ""
    result: bool | None = None
    message: str = ""


class Answer(Struct, frozen=True):
    """Every answer over REST, those to a fault too."""

    code: str
    msg: str = ""
    data: Raw = Raw(b"null")


class InstanceServer(Struct, frozen=True):
    """A server to connect to."""

    endpoint: str


class Bullet(Struct, frozen=True, rename="camel"):
    """What a connection is dialled with."""

    token: str
    instance_servers: Annotated[list[InstanceServer], Meta(min_length=1)]


class SymbolRow(Struct, frozen=True, rename="camel"):
    """One listed symbol; the newer interface has other words for the same."""

    symbol: Code
    base_currency: Code
    quote_currency: Code
    name: str = ""
    enable_trading: bool = True
    trading_status: str = "1"
    price_increment: wire.OrZero = 0.0
    tick_size: wire.OrZero = 0.0
    base_increment: wire.OrZero = 0.0
    base_order_step: wire.OrZero = 0.0
    min_funds: wire.OrZero | None = None
    quote_min_size: wire.OrZero = 0.0
    min_quote_order_size: wire.OrZero = 0.0


class SymbolList(Struct, frozen=True):
    """Everything that is listed, by the newer interface."""

    rows: list[Raw] = field(name="list")


class Seed(Struct, frozen=True):
    """The best levels of a book, over REST."""

    sequence: wire.Number
    bids: Rows | None = None
    asks: Rows | None = None
    time: wire.Milliseconds | None = None


class RestTrade(Struct, frozen=True):
    """One execution, over REST."""

    sequence: wire.Number
    side: Literal["buy", "sell"]
    price: wire.Price
    size: wire.Size
    time: Nanoseconds


class AllTickers(Struct, frozen=True):
    """The last 24 hours of all symbols."""

    time: wire.Milliseconds
    ticker: list[Raw]


decode_update = Decoder(Frame[Update], strict=False).decode
decode_match = Decoder(Frame[Match], strict=False).decode
decode_tops = Decoder(NamedFrame[Tops], strict=False).decode
decode_ticker = Decoder(TickerFrame, strict=False).decode
decode_candle = Decoder(NamedFrame[Candles], strict=False).decode
LEVELS = Decoder(NamedFrame[Levels], strict=False)
decode_snapshot = Decoder(Frame[Snapshot], strict=False).decode
NOTICE = Decoder(Notice)
ANSWER = Decoder(Answer)
BULLET = Decoder(Bullet)
ROWS = Decoder(list[Raw])
SYMBOL_ROW = Decoder(SymbolRow, strict=False)
SYMBOL_LIST = Decoder(SymbolList)
SEED = Decoder(Seed, strict=False)
REST_TRADE = Decoder(RestTrade, strict=False)
REST_CANDLE = Decoder(RestCandleRow, strict=False)
REST_TICKER = Decoder(Ticker, strict=False)
ALL_TICKERS = Decoder(AllTickers)
REST_DAY = Decoder(RestDay, strict=False)


def check_order(first: float, last: float, high: float, low: float) -> None:
    """Hold that the prices of an interval were read in the right order.

    Raises:
        ValueError: the highest price is not the highest, or the lowest not the lowest.

    """
    if not low <= min(first, last) <= max(first, last) <= high:
        raise ValueError(f"{high} and {low} are not the highest and the lowest price")
