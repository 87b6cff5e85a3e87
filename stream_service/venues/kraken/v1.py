"""Kraken's first WebSocket interface: its frames in, events out; for recordings of older clients.

Source: https://docs.kraken.com/api/docs/websocket-v1/book, .../ticker, .../trade, .../ohlc and
.../spread

A frame is ``[channel id, payload, channel, "XBT/USD"]``; a change of both sides of a book has two
payloads. Symbols are in the old codes, numbers are texts, times are seconds with a fraction. Only
changes of a book carry a checksum. Trades have no ids, so theirs are made of time and place.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import msgspec

from market import Event, Instrument, Listing, Quote, Summary, Trade, VenueCandle, VenueRefusedError
from market.intervals import INTERVALS, start_of
from stream_service import wire
from stream_service.books import BookWatch
from stream_service.checked_book import CheckedBook, rows_of_texts


class Spread(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Best bid and ask."""

    bid: wire.OrZero
    ask: wire.OrZero
    time: str
    bid_size: wire.OrZero
    ask_size: wire.OrZero


class Best(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The best level of one side; ``whole_size`` is cut to whole lots."""

    price: wire.OrZero
    whole_size: wire.OrZero
    size: wire.OrZero


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask and the day; lists hold what is of today, then of the last 24 hours."""

    ask: Best = msgspec.field(name="a")
    bid: Best = msgspec.field(name="b")
    last: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="c")
    volume: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="v")
    low: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="l")
    high: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="h")
    open: tuple[wire.OrZero, wire.OrZero] = msgspec.field(name="o")


class TradeRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One execution; ``side`` is the taker's."""

    price: wire.Price
    size: wire.Size
    time: str
    side: Literal["b", "s"]


class CandleRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One interval: when it changed last, when it ends."""

    time: str
    end: str
    open: wire.Price
    high: wire.Price
    low: wire.Price
    close: wire.Price
    vwap: wire.OrZero
    volume: wire.OrZero
    trades: wire.Number

    def __post_init__(self) -> None:
        """Refuse prices that contradict each other."""
        wire.check_candle(self.open, self.high, self.low, self.close)


class BookRow(msgspec.Struct, frozen=True, gc=False):
    """A whole book (``as``, ``bs``), or what changed on either side; levels are all text."""

    all_asks: list[list[str]] | None = msgspec.field(name="as", default=None)
    all_bids: list[list[str]] | None = msgspec.field(name="bs", default=None)
    asks: list[list[str]] = msgspec.field(name="a", default_factory=list)
    bids: list[list[str]] = msgspec.field(name="b", default_factory=list)
    checksum: str | None = msgspec.field(name="c", default=None)


class Notice(msgspec.Struct, frozen=True):
    """The state of the connection or of a subscription."""

    event: str
    status: str = ""
    error: str = msgspec.field(name="errorMessage", default="")
    symbol: str = msgspec.field(name="pair", default="")


_parts = msgspec.json.Decoder(list[msgspec.Raw])
_text = msgspec.json.Decoder(str)
_spread = msgspec.json.Decoder(Spread, strict=False)
_ticker = msgspec.json.Decoder(Ticker, strict=False)
_trades = msgspec.json.Decoder(list[TradeRow], strict=False)
_candle = msgspec.json.Decoder(CandleRow, strict=False)
_book = msgspec.json.Decoder(BookRow)
_notice = msgspec.json.Decoder(Notice)


class KrakenV1:
    """Reads the frames of one connection.

    Args:
        venue: The name that events carry.
        listing_of: Finds the listing of a symbol in today's codes, or raises KeyError.
        number: See `Session.number`.

    """

    def __init__(
        self, venue: str, listing_of: Callable[[str], Listing], number: Callable[[int], int]
    ) -> None:
        self._venue = venue
        self._listing_of = listing_of
        self._number = number
        self._books: dict[Instrument, CheckedBook] = {}
        self._watches: dict[Instrument, BookWatch] = {}

    def notice(self, frame: bytes) -> None:
        """Read what the venue says of the connection.

        Raises:
            VenueRefusedError: it turned a subscription down.

        """
        notice = _notice.decode(frame)
        if notice.status == "error":
            raise VenueRefusedError(f"{self._venue}: {notice.error} {notice.symbol}".rstrip())

    def events(self, frame: bytes, received_ns: int) -> Iterator[Event]:
        """Read a frame of a channel.

        Raises:
            ValueError, LookupError: it does not have the documented shape.

        """
        _, *payloads, channel, symbol = _parts.decode(frame)
        name, _, number = _text.decode(channel).partition("-")
        instrument = Instrument.parse(_text.decode(symbol))
        listing = self._listing_of(f"{instrument.base}/{instrument.quote_currency}")
        match name:
            case "book":
                yield from self._book(listing, int(number), payloads, received_ns)
            case "trade":
                yield from self._trades(listing, payloads[0], received_ns)
            case "ticker":
                yield from self._ticker(listing, _ticker.decode(payloads[0]), received_ns)
            case "spread":
                yield from self._spread(listing, _spread.decode(payloads[0]), received_ns)
            case "ohlc" if interval := wire.MINUTES.get(int(number)):
                row = _candle.decode(payloads[0])
                yield self._candle(listing.instrument, interval, row, received_ns)

    def _book(
        self, listing: Listing, depth: int, payloads: Sequence[msgspec.Raw], received_ns: int
    ) -> Iterator[Event]:
        parts = [_book.decode(payload) for payload in payloads]
        bids = [level for part in parts for level in (part.all_bids or part.bids)]
        asks = [level for part in parts for level in (part.all_asks or part.asks)]
        if any(part.all_bids is not None for part in parts):
            places = wire.decimals_of(listing.tick_size), wire.decimals_of(listing.lot_size)
            self._books[listing.instrument] = CheckedBook(depth, places)
        book = self._books.get(listing.instrument)
        if book is None:
            return  # a change of a book that is awaited
        book.change(rows_of_texts(bids), rows_of_texts(asks))
        watch = self._watches.get(listing.instrument)
        if watch is None:
            watch = BookWatch(self._venue, listing.instrument, self._number)
            self._watches[listing.instrument] = watch
        checksum = parts[-1].checksum
        if fault := book.crossing() if checksum is None else book.fault(int(checksum)):
            del self._books[listing.instrument]
            yield from watch.broke(fault, received_ns)
            return
        times = [wire.ns_of_seconds(level[2]) for level in (*bids, *asks)]
        event_ns = max(times, default=received_ns)
        yield from watch.whole(*book.best(), event_ns=event_ns, received_ns=received_ns)

    def _trades(self, listing: Listing, payload: msgspec.Raw, received_ns: int) -> Iterator[Event]:
        for place, row in enumerate(_trades.decode(payload)):
            event_ns = wire.ns_of_seconds(row.time)
            yield Trade(
                venue=self._venue,
                instrument=listing.instrument,
                trade_id=f"{event_ns}{place:03d}",
                side="buy" if row.side == "b" else "sell",
                price=row.price,
                size=row.size,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=self._number(received_ns),
            )

    def _ticker(self, listing: Listing, row: Ticker, received_ns: int) -> Iterator[Event]:
        if row.bid.price and row.ask.price:
            yield Quote(
                venue=self._venue,
                instrument=listing.instrument,
                bid=row.bid.price,
                bid_size=row.bid.size,
                ask=row.ask.price,
                ask_size=row.ask.size,
                event_ns=received_ns,  # the frame carries no time
                received_ns=received_ns,
                sequence=self._number(received_ns),
            )
        if row.last[0]:
            yield Summary(
                venue=self._venue,
                instrument=listing.instrument,
                symbol=listing.symbol,
                last=row.last[0],
                open=row.open[1] or None,
                high=row.high[1] or None,
                low=row.low[1] or None,
                volume=row.volume[1],
                bid=row.bid.price or None,
                ask=row.ask.price or None,
                event_ns=received_ns,
                received_ns=received_ns,
                sequence=self._number(received_ns),
            )

    def _spread(self, listing: Listing, row: Spread, received_ns: int) -> Iterator[Event]:
        if row.bid and row.ask:
            yield Quote(
                venue=self._venue,
                instrument=listing.instrument,
                bid=row.bid,
                bid_size=row.bid_size,
                ask=row.ask,
                ask_size=row.ask_size,
                event_ns=wire.ns_of_seconds(row.time),
                received_ns=received_ns,
                sequence=self._number(received_ns),
            )

    def _candle(
        self, instrument: Instrument, interval: str, row: CandleRow, received_ns: int
    ) -> VenueCandle:
        start_ns = start_of(wire.ns_of_seconds(row.end) - 1, interval)
        return VenueCandle(
            venue=self._venue,
            instrument=instrument,
            interval=interval,
            start_ns=start_ns,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
            trades=row.trades,
            closed=start_ns + INTERVALS[interval] <= received_ns,
            event_ns=wire.ns_of_seconds(row.time),
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )
