"""Coinbase's second feed, Advanced Trade: its frames in, the same events out.

Source: https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis/websocket/websocket-channels

We follow the Exchange feed; recordings may hold this one. Its frames are numbered over the whole
connection, so a hole may have cost a change of any book. Candles come in five minutes only.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal

import msgspec

from market import Event, Level, Quote, Summary, Trade
from market.intervals import INTERVALS, SECOND_NS
from stream_service import wire
from stream_service.rows import readable
from stream_service.streamed_book import Part, StreamedBook
from stream_service.venue import Listings
from stream_service.venues.coinbase import frames
from stream_service.venues.coinbase.frames import NAME, CandleRow, Seconds, candle_of


class Frame(msgspec.Struct, frozen=True):
    """What every frame has."""

    channel: str
    timestamp: str
    sequence_num: wire.Number
    events: msgspec.Raw


class Update(
    msgspec.Struct, frozen=True, gc=False, rename={"price": "price_level", "size": "new_quantity"}
):
    """One level; new quantity zero removes it."""

    side: Literal["bid", "offer"]
    price: wire.Price
    size: wire.OrZero


class BookEvent(msgspec.Struct, frozen=True):
    """A whole book, or what changed in it."""

    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[Update]


class TradeRow(msgspec.Struct, frozen=True, gc=False):
    """One execution; ``side`` is the maker's."""

    trade_id: wire.Number
    product_id: str
    price: wire.Price
    size: wire.Size
    side: Literal["BUY", "SELL"]
    time: str


class TradesEvent(msgspec.Struct, frozen=True):
    """Trades as they happen, or the last ones before we came, newest first."""

    type: Literal["snapshot", "update"]
    trades: list[TradeRow]


class TickerRow(msgspec.Struct, frozen=True, gc=False):
    """24 hours, and the best bid and ask; batches leave those out."""

    product_id: str
    price: wire.OrZero
    volume_24_h: wire.OrZero = 0.0
    low_24_h: wire.OrZero = 0.0
    high_24_h: wire.OrZero = 0.0
    best_bid: wire.OrZero = 0.0
    best_bid_quantity: wire.OrZero = 0.0
    best_ask: wire.OrZero = 0.0
    best_ask_quantity: wire.OrZero = 0.0


class TickersEvent(msgspec.Struct, frozen=True):
    """Some tickers."""

    tickers: list[TickerRow]


class NamedCandle(msgspec.Struct, frozen=True):
    """One interval; over REST it names no product."""

    start: Seconds
    low: wire.Price
    high: wire.Price
    open: wire.Price
    close: wire.Price
    volume: wire.OrZero
    product_id: str = ""

    @property
    def row(self) -> CandleRow:
        """The same as the Exchange has it."""
        return CandleRow(self.start, self.low, self.high, self.open, self.close, self.volume)


class CandlesEvent(msgspec.Struct, frozen=True):
    """Some candles."""

    candles: list[NamedCandle]


_frame = msgspec.json.Decoder(Frame)
_books = msgspec.json.Decoder(list[BookEvent], strict=False)
_trades = msgspec.json.Decoder(list[TradesEvent], strict=False)
_tickers = msgspec.json.Decoder(list[TickersEvent], strict=False)
_candles = msgspec.json.Decoder(list[CandlesEvent], strict=False)
_named_candle = msgspec.json.Decoder(NamedCandle, strict=False)


class AdvancedReader:
    """Reads the frames of one connection.

    Args:
        listings: By product.
        books: Those that are followed, by product.
        book: Gives the book of a product, a new one where it is not followed yet.
        number: Makes sequences, see `Session.number`.

    """

    def __init__(
        self,
        listings: Listings,
        books: dict[str, StreamedBook],
        *,
        book: Callable[[str], StreamedBook],
        number: Callable[[int], int],
    ) -> None:
        self._listings = listings
        self._books = books
        self._book = book
        self._number = number
        self._last: int | None = None
        self._readers: dict[str, Callable[[msgspec.Raw, int, int], Iterator[Event]]] = {
            "l2_data": self._levels,
            "market_trades": self._executions,
            "ticker": self._summaries,
            "ticker_batch": self._summaries,
            "candles": self._intervals,
        }

    def read(self, body: bytes, received_ns: int) -> Iterable[Event]:
        """Read one frame; heartbeats and replies give no event."""
        frame = _frame.decode(body)
        event_ns = wire.ns_of_rfc3339(frame.timestamp)
        self._count(frame.sequence_num)
        read = self._readers.get(frame.channel)
        return () if read is None else read(frame.events, event_ns, received_ns)

    def _count(self, number: int) -> None:
        if self._last is not None and number > self._last + 1:
            for book in self._books.values():
                book.doubt(f"frames {self._last + 1} to {number - 1} are missing")
        self._last = number

    def _levels(self, events: msgspec.Raw, event_ns: int, received_ns: int) -> Iterator[Event]:
        for event in _books.decode(events):
            yield from self._change(event, event_ns, received_ns)

    def _change(self, event: BookEvent, event_ns: int, received_ns: int) -> Iterable[Event]:
        bids = [Level(row.price, row.size) for row in event.updates if row.side == "bid"]
        asks = [Level(row.price, row.size) for row in event.updates if row.side == "offer"]
        part = Part(bids, asks, event_ns)
        book = self._book(event.product_id)
        if event.type == "snapshot":
            return book.whole(part, received_ns)
        return book.change(part, received_ns)

    def _executions(self, events: msgspec.Raw, _event_ns: int, received_ns: int) -> Iterator[Trade]:
        for event in _trades.decode(events):
            for row in sorted(event.trades, key=lambda row: row.trade_id):
                yield self._trade(row, received_ns, backfilled=event.type == "snapshot")

    def _trade(self, row: TradeRow, received_ns: int, *, backfilled: bool) -> Trade:
        return Trade(
            venue=NAME,
            instrument=self._listings[row.product_id].instrument,
            trade_id=str(row.trade_id),
            side=frames.TAKER[row.side],
            price=row.price,
            size=row.size,
            event_ns=wire.ns_of_rfc3339(row.time),
            received_ns=received_ns,
            sequence=row.trade_id,
            backfilled=backfilled,
        )

    def _summaries(self, events: msgspec.Raw, event_ns: int, received_ns: int) -> Iterator[Event]:
        for event in _tickers.decode(events):
            for row in event.tickers:
                yield from self._ticker(row, event_ns, received_ns)

    def _ticker(self, row: TickerRow, event_ns: int, received_ns: int) -> Iterator[Event]:
        instrument = self._listings[row.product_id].instrument
        if row.price:
            yield Summary(
                venue=NAME,
                instrument=instrument,
                symbol=row.product_id,
                last=row.price,
                high=row.high_24_h or None,
                low=row.low_24_h or None,
                volume=row.volume_24_h,
                bid=row.best_bid or None,
                ask=row.best_ask or None,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=self._number(received_ns),
            )
        if row.best_bid and row.best_ask and row.product_id not in self._books:
            yield Quote(
                venue=NAME,
                instrument=instrument,
                bid=row.best_bid,
                bid_size=row.best_bid_quantity,
                ask=row.best_ask,
                ask_size=row.best_ask_quantity,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=self._number(received_ns),
            )

    def _intervals(self, events: msgspec.Raw, _event_ns: int, received_ns: int) -> Iterator[Event]:
        candles = [candle for event in _candles.decode(events) for candle in event.candles]
        for candle in sorted(candles, key=lambda candle: candle.start):
            instrument = self._listings[candle.product_id].instrument
            stamps = {"received_ns": received_ns, "sequence": self._number(received_ns)}
            if event := candle_of(candle.row, instrument, "5m", **stamps):
                yield event


def past_candles(rows: Sequence[msgspec.Raw]) -> tuple[list[CandleRow], str]:
    """Read candles over REST, oldest first, and their interval, which only their starts tell.

    Raises:
        ValueError: none can be read, or they are in no interval of ours.

    """
    found = [candle.row for candle in readable(rows, _named_candle)]
    found.sort(key=lambda row: row.start)
    steps = [later.start - earlier.start for earlier, later in pairwise(found)]
    lengths = {length: name for name, length in INTERVALS.items()}
    interval = lengths.get(min(steps, default=0) * SECOND_NS, "")
    if found and not interval:
        raise ValueError("the starts of the candles tell no interval of ours")
    return found, interval
