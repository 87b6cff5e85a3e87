"""Frames and answers of Coinbase Exchange: what is on the wire, and the events that rows mean.

Source: https://docs.cdp.coinbase.com/exchange/docs/websocket-channels and .../reference
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Literal, TypeAlias

import msgspec

from market import Book, Instrument, Level, Listing, Quote, Trade, VenueCandle
from market.events import Side
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.rows import readable

NAME = "coinbase"

TAKER: dict[str, Side] = {"buy": "sell", "sell": "buy", "BUY": "sell", "SELL": "buy"}
"""The side of who took, by that of who made: a trade names the maker's."""

Stamps: TypeAlias = tuple[int, int, int]
"""Event time, time of receipt, sequence."""

Seconds: TypeAlias = Annotated[
    int, msgspec.Meta(ge=wire.EARLIEST_NS // SECOND_NS, lt=wire.LATEST_NS // SECOND_NS)
]


class Envelope(msgspec.Struct, frozen=True):
    """What says what a frame is: ``type`` here, ``channel`` in the second feed."""

    type: str = ""
    channel: str = ""
    message: str = ""
    reason: str = ""


class Match(msgspec.Struct, frozen=True, gc=False):
    """One execution, the last before we came or a later one; ``side`` is the maker's."""

    type: Literal["match", "last_match"]
    product_id: str
    trade_id: wire.Number
    side: Literal["buy", "sell"]
    price: wire.Price
    size: wire.Size
    time: str


class ChangedLevel(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One level of one side; size zero removes it."""

    side: Literal["buy", "sell"]
    price: wire.Price
    size: wire.OrZero


class BookChanges(msgspec.Struct, frozen=True, gc=False, rename={"rows": "changes"}):
    """Levels that changed."""

    type: Literal["l2update"]
    product_id: str
    rows: list[ChangedLevel]
    time: str = ""


class WholeBook(msgspec.Struct, frozen=True):
    """A whole book; older ones carry no time, and those over REST do not say whose they are.

    Over REST the number of its orders follows in the row of a level.
    """

    bids: list[Level]
    asks: list[Level]
    product_id: str = ""
    time: str = ""


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """The last trade, and 24 hours before it; sizes are missing in older frames."""

    type: Literal["ticker"]
    product_id: str
    price: wire.OrZero
    time: str
    open_24h: wire.OrZero = 0.0
    high_24h: wire.OrZero = 0.0
    low_24h: wire.OrZero = 0.0
    volume_24h: wire.OrZero = 0.0
    best_bid: wire.OrZero = 0.0
    best_bid_size: wire.OrZero = 0.0
    best_ask: wire.OrZero = 0.0
    best_ask_size: wire.OrZero = 0.0

    @property
    def has_quote(self) -> bool:
        """Whether it tells both sides, with their sizes."""
        return bool(self.best_bid and self.best_bid_size and self.best_ask and self.best_ask_size)


class RestTrade(msgspec.Struct, frozen=True):
    """One execution, over REST; ``side`` is the maker's."""

    trade_id: wire.Number
    side: Literal["buy", "sell"]
    price: wire.Price
    size: wire.Size
    time: str


class CandleRow(msgspec.Struct, frozen=True, array_like=True):
    """One interval, over REST; low and high come before open and close."""

    start: Seconds
    low: wire.Price
    high: wire.Price
    open: wire.Price
    close: wire.Price
    volume: wire.OrZero

    def __post_init__(self) -> None:
        """Refuse prices that contradict each other."""
        wire.check_candle(self.open, self.high, self.low, self.close)


class ProductRow(msgspec.Struct, frozen=True):
    """One listed product, as the Exchange or as Advanced Trade names its fields."""

    id: str = ""
    product_id: str = ""
    base_currency: str = ""
    quote_currency: str = ""
    base_currency_id: str = ""
    quote_currency_id: str = ""
    base_name: str = ""
    quote_increment: wire.OrZero = 0.0
    price_increment: wire.OrZero = 0.0
    base_increment: wire.OrZero = 0.0
    min_market_funds: wire.OrZero = 0.0
    quote_min_size: wire.OrZero = 0.0
    status: str = "online"
    trading_disabled: bool = False
    product_type: str = "SPOT"

    @property
    def currencies(self) -> tuple[str, str]:
        """Base and quote currency."""
        return (
            self.base_currency or self.base_currency_id,
            self.quote_currency or self.quote_currency_id,
        )


envelope = msgspec.json.Decoder(Envelope)
decode_match = msgspec.json.Decoder(Match, strict=False).decode
changes_frame = msgspec.json.Decoder(BookChanges, strict=False)
whole_book = msgspec.json.Decoder(WholeBook, strict=False)
decode_ticker = msgspec.json.Decoder(Ticker, strict=False).decode
_rest_trade = msgspec.json.Decoder(RestTrade, strict=False)
candle_row = msgspec.json.Decoder(CandleRow, strict=False)
product_row = msgspec.json.Decoder(ProductRow, strict=False)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


def quote_of(book: Book, sequence: int) -> Quote:
    """Return the quote that the best levels of a book are; it has both sides."""
    bid, ask = book.bids[0], book.asks[0]
    return Quote(
        NAME,
        book.instrument,
        bid.price,
        bid.size,
        ask.price,
        ask.size,
        event_ns=book.event_ns,
        received_ns=book.received_ns,
        sequence=sequence,
    )


def past_trades(body: bytes, instrument: Instrument, received_ns: int) -> list[Trade]:
    """Read trades over REST, oldest first; rows that cannot be read are left out.

    Raises:
        ValueError: none can.

    """
    rows = readable(_raws.decode(body), _rest_trade)
    trades = []
    for row in rows:
        with suppress(ValueError):  # a time that is none
            trades.append(_trade(row, instrument, received_ns))
    if rows and not trades:
        raise ValueError(f"no trade has a time, such as {rows[0].time[:40]!r}")
    return sorted(trades, key=lambda trade: trade.sequence)


def _trade(row: RestTrade, instrument: Instrument, received_ns: int) -> Trade:
    return Trade(
        NAME,
        instrument,
        str(row.trade_id),
        TAKER[row.side],
        row.price,
        row.size,
        event_ns=wire.ns_of_rfc3339(row.time),
        received_ns=received_ns,
        sequence=row.trade_id,
        backfilled=True,
    )


def ticker_quote(row: Ticker, instrument: Instrument, stamps: Stamps) -> Quote:
    """Return the quote that a ticker tells; it has one."""
    event_ns, received_ns, sequence = stamps
    return Quote(
        NAME,
        instrument,
        row.best_bid,
        row.best_bid_size,
        row.best_ask,
        row.best_ask_size,
        event_ns=event_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def candle_of(
    row: CandleRow, instrument: Instrument, interval: str, *, received_ns: int, sequence: int
) -> VenueCandle | None:
    """Return the candle of a row; None: it contradicts itself."""
    if not row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high:
        return None
    start_ns = row.start * SECOND_NS
    end_ns = start_ns + INTERVALS[interval]
    is_over = end_ns <= received_ns
    return VenueCandle(
        NAME,
        instrument,
        interval,
        start_ns,
        row.open,
        row.high,
        row.low,
        row.close,
        row.volume,
        closed=is_over,
        event_ns=end_ns if is_over else received_ns,
        received_ns=received_ns,
        sequence=sequence,
    )


def listings_of(rows: Sequence[ProductRow]) -> list[Listing]:
    """Return the listings of products; those without a name, or without currencies, are left out.

    Raises:
        ValueError: none has any.

    """
    named = [row for row in rows if all(row.currencies) and (row.id or row.product_id)]
    if rows and not named:
        raise ValueError("no product names itself and its currencies")
    return [_listing(row) for row in named if row.product_type == "SPOT"]


def _listing(row: ProductRow) -> Listing:
    return Listing(
        instrument=Instrument.of(*row.currencies),
        symbol=row.id or row.product_id,
        name=row.base_name,
        trading=row.status == "online" and not row.trading_disabled,
        tick_size=row.price_increment or row.quote_increment or None,
        lot_size=row.base_increment or None,
        minimum_notional=row.min_market_funds or row.quote_min_size or None,
    )
