"""Frames and answers of the protocol in, events out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from market import (
    Event,
    FrameError,
    Instrument,
    Listing,
    Summary,
    Trade,
    VenueCandle,
    VenueRefusedError,
)
from market.intervals import INTERVALS
from stream_service import wire
from stream_service.korean import frames
from stream_service.korean.asking import PATHS
from stream_service.korean.books import Books
from stream_service.korean.frames import CandleRow, OrderBook, Ticker, TradeRow
from stream_service.korean.rows import readable
from stream_service.venue import HttpRequest, Session
from stream_service.ways import Tell, Way
from stream_service.wire import MS

STREAMED: Final = {"candle.1s": "1s", "candle.1m": "1m"}
"""Intervals of the candles of the stream that are read."""

CANDLE_PATHS: Final = {"/v1/candles/seconds": "1s"} | {path: name for name, path in PATHS.items()}
"""The intervals of past candles, by where they are."""

Row = TypeVar("Row", TradeRow, OrderBook, Ticker, CandleRow)

LETTER: Final = 2
"""This letter tells the types apart, which is cheaper than a whole word."""

AT_LETTER: Final = len('{"type":"') + LETTER
"""Where it is in a frame that begins with its type, in the long keys that we ask for.

It is a guess that only saves time: no type has the fields that another one needs.
"""


class Reader:
    """Turns the frames and answers of one connection into events.

    ``hot`` are the ways of what comes most, by the letter of a frame at `AT_LETTER`. Sessions go
    them themselves, for one call less; what fails there, or has no such way, is for `read_rare`.

    Args:
        venue: Its name.
        session: Whose listings, options and numbers are used.
        only_changes: See `Books`.

    """

    def __init__(self, venue: str, session: Session, *, only_changes: bool = False) -> None:
        self._venue = venue
        self._listings = session.listings
        self._known = dict(session.listings)
        self._session = session
        self._books = Books(venue, session, only_changes=only_changes)
        self._summaries = _telling_summaries(venue, session, self._known)
        tells: Mapping[str, Tell] = {
            "trade": self._trades,
            "orderbook": self._books.show,
            "ticker": self._summaries,
            "candle": self._candles,
        }
        self._ways: Mapping[tuple[str, str], Way] = {
            (key, kind): (decoder.decode, tells[kind])
            for (key, kind), decoder in frames.DECODERS.items()
        }
        self.hot = {ord(kind[LETTER]): self._ways["type", kind] for kind in tells}

    def read_rare(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read what is not hot, or does not begin as usual; an array is read row by row.

        Raises:
            FrameError: the frame is not of the documented shape.
            VenueRefusedError: the venue turned us down.

        """
        try:
            if not frame.startswith(b"["):
                return self._read_any(frame, received_ns)
            rows = frames.ARRAY.decode(frame)
            return [event for row in rows for event in self._read_any(bytes(row), received_ns)]
        except wire.UNREADABLE as error:
            raise FrameError(self._venue, frame, str(error)) from error

    def read_answer(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        """See `Session.answered`; rows that cannot be read are left out, unless none can."""
        try:
            match request.about:
                case ("trades", Instrument()):
                    return self._past_trades(body, received_ns)
                case ("candles", Instrument()):
                    interval = CANDLE_PATHS.get(request.path.partition("?")[0], "")
                    return self._past_candles(body, interval, received_ns)
                case ("books", None):
                    return self._past_books(body, received_ns)
                case ("summaries", None):
                    return self._past_summaries(body, received_ns)
                case _:
                    return ()
        except wire.UNREADABLE as error:
            raise FrameError(self._venue, body, str(error)) from error

    def _read_any(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        envelope = frames.ENVELOPE.decode(frame)
        if error := envelope.error:
            raise VenueRefusedError(f"{self._venue}: {error.name}: {error.message}")
        key, kind = ("ty", envelope.ty) if envelope.ty else ("type", envelope.type)
        way = self._ways.get((key, kind.partition(".")[0]))
        if way is None:
            return ()
        decode, tell = way
        return tell(self._met(decode(frame)), received_ns)

    def _met(self, row: Row) -> Row:
        """Note whose row it is, as `hot` ways know only what was met."""
        self._known[row.code] = self._listings[row.code]
        return row

    def _trades(self, row: TradeRow, received_ns: int) -> Sequence[Trade]:
        number = row.sequential_id
        return (
            Trade(
                self._venue,
                self._known[row.code].instrument,
                str(number),
                "sell" if row.ask_bid == "ASK" else "buy",
                row.trade_price,
                row.trade_volume,
                row.stream_type == "SNAPSHOT",
                event_ns=row.trade_timestamp * MS,
                received_ns=received_ns,
                sequence=number,
            ),
        )

    def _candles(self, row: CandleRow, received_ns: int) -> Sequence[VenueCandle]:
        """Tell nothing of intervals that are none of ours."""
        interval = STREAMED.get(row.type)
        return (self._candle(row, interval, received_ns),) if interval else ()

    def _candle(self, row: CandleRow, interval: str, received_ns: int) -> VenueCandle:
        start_ns = wire.ns_of_second(row.candle_date_time_utc)
        first, high, low, last = row.opening_price, row.high_price, row.low_price, row.trade_price
        if not (low <= first <= high and low <= last <= high):
            raise ValueError(f"{first, last} do not lie in {low} to {high}")
        instrument, session = self._known[row.code].instrument, self._session
        before = session.numbered
        session.numbered = sequence = received_ns if received_ns > before else before + 1
        return VenueCandle(
            self._venue,
            instrument,
            interval,
            start_ns,
            first,
            high,
            low,
            last,
            row.candle_acc_trade_volume,
            None,
            start_ns + INTERVALS[interval] <= received_ns,
            event_ns=row.timestamp * MS,
            received_ns=received_ns,
            sequence=sequence,
        )

    def _past_trades(self, body: bytes, received_ns: int) -> Sequence[Trade]:
        def trade(raw: msgspec.Raw) -> Trade:
            [told] = self._trades(self._met(frames.REST_TRADE.decode(raw)), received_ns)
            return msgspec.structs.replace(told, backfilled=True)

        return sorted(readable(body, trade), key=lambda one: (one.event_ns, one.sequence))

    def _past_candles(self, body: bytes, interval: str, received_ns: int) -> Sequence[VenueCandle]:
        def candle(raw: msgspec.Raw) -> VenueCandle:
            return self._candle(self._met(frames.REST_CANDLE.decode(raw)), interval, received_ns)

        if not interval:
            return ()
        candles = sorted(readable(body, candle), key=lambda one: one.start_ns)
        # they came newest first, so they are numbered once they are in order
        return [
            msgspec.structs.replace(one, sequence=self._session.number(received_ns))
            for one in candles
        ]

    def _past_books(self, body: bytes, received_ns: int) -> Sequence[Event]:
        def book(raw: msgspec.Raw) -> Sequence[Event]:
            return self._books.show(self._met(frames.REST_BOOK.decode(raw)), received_ns)

        return [event for events in readable(body, book) for event in events]

    def _past_summaries(self, body: bytes, received_ns: int) -> Sequence[Event]:
        def summary(raw: msgspec.Raw) -> Sequence[Event]:
            return self._summaries(self._met(frames.REST_TICKER.decode(raw)), received_ns)

        return [event for events in readable(body, summary) for event in events]


def _telling_summaries(venue: str, session: Session, known: Mapping[str, Listing]) -> Tell:
    """Return what tells a summary, but nothing of what was never traded.

    It is a closure: these frames are so short that reading attributes of an object shows.
    """

    def tell(row: Ticker, received_ns: int) -> Sequence[Summary]:
        code, price = row.code, row.trade_price
        listing = known[code]
        if not price:
            return ()
        last = session.numbered
        session.numbered = sequence = received_ns if received_ns > last else last + 1
        return (
            Summary(
                venue,
                listing.instrument,
                code,
                price,
                listing.name,
                row.opening_price or None,
                row.high_price or None,
                row.low_price or None,
                row.acc_trade_volume_24h,
                None,
                None,
                event_ns=row.timestamp * MS,
                received_ns=received_ns,
                sequence=sequence,
            ),
        )

    return tell
