"""The venue's side of the protocol of Upbit and Bithumb: subscriptions in, events told natively.

Written from the same documents as our side, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timezone
from typing import ClassVar, Final

import msgspec

from market import Book, Event, Instrument, Summary, Trade, VenueCandle
from stream_service import wire
from stream_service.korean.written import (
    Fields,
    book_fields,
    candle_fields,
    circumstance_fields,
    execution_fields,
    moment,
    summary_fields,
)
from stream_service.venue import ExchangeSide, Market

UP_EVERY: Final = 10
"""Beats between two words that the connection is up, once a client said ``PING``."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two venues differ.

    ``kinds`` are the types that can be subscribed to, ``levels`` those of a book frame, whose time
    counts ``book_time_ns`` nanoseconds. ``only_snapshot`` and ``only_realtime`` are how the options
    of a subscription are spelled; other spellings are not heard. ``clock`` is the zone of the date
    and time in trades, and of a candle's end over REST that names none. ``whole_trades`` tell how
    the day went and the best prices as well.
    """

    name: str
    kinds: frozenset[str]
    levels: int
    book_time_ns: int
    only_snapshot: tuple[str, ...]
    only_realtime: tuple[str, ...]
    clock: timezone
    days_ago: str
    whole_trades: bool = False


class Subscribed(msgspec.Struct, frozen=True):
    """How one code of one type is told."""

    snapshot: bool = True
    realtime: bool = True


class KoreanSide(ExchangeSide):
    """One client's connection, as the venue of ``dialect`` serves it; its frames are binary."""

    dialect: ClassVar[Dialect]

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: dict[tuple[str, str], Subscribed] = {}
        self._beats: int | None = None

    def beat(self) -> None:
        """See `ExchangeSide.beat`; every ten seconds it is up, to those who asked."""
        if self._beats is not None:
            if self._beats % UP_EVERY == 0:
                self._say({"status": "UP"})
            self._beats += 1

    def receive(self, frame: bytes) -> None:
        """See `ExchangeSide.receive`; a subscription replaces the last one, whole."""
        if frame == b"PING":
            self._beats = self._beats or 0
            return
        try:
            parts = msgspec.json.decode(frame, type=list[Fields])
            self._subscribe(parts)
        except wire.UNREADABLE:
            self._refuse("WRONG_FORMAT", "the request is not of the documented format")

    def tell(self, event: Event) -> None:
        """See `ExchangeSide.tell`; there are no quotes but in books."""
        match event:
            case Trade():
                self._tell("trade", event.instrument, self._trade(event), "REALTIME")
            case Book():
                self._tell("orderbook", event.instrument, self._book(event), "REALTIME")
            case VenueCandle():
                kind = f"candle.{event.interval}"
                self._tell(kind, event.instrument, candle_fields(event), "REALTIME")
            case Summary():
                self._tell("ticker", event.instrument, summary_fields(event), "REALTIME")

    def _subscribe(self, parts: Sequence[Fields]) -> None:
        typed = [part for part in parts if part.get("type")]
        if not any(part.get("ticket") for part in parts):
            self._refuse("NO_TICKET", "the request names no ticket")
        elif not typed:
            self._refuse("NO_TYPE", "the request names no type")
        elif not all(part.get("codes") for part in typed):
            self._refuse("NO_CODES", "the request names no codes")
        elif not {str(part["type"]) for part in typed} <= self.dialect.kinds:
            self._refuse("INVALID_PARAM", "there is no such type")
        else:
            self._subscribed = {
                (str(part["type"]), code): self._how(part)
                for part in typed
                for code in msgspec.convert(part["codes"], list[str])
            }
            self._tell_snapshots()

    def _how(self, part: Fields) -> Subscribed:
        return Subscribed(
            snapshot=not any(part.get(key) for key in self.dialect.only_realtime),
            realtime=not any(part.get(key) for key in self.dialect.only_snapshot),
        )

    def _tell_snapshots(self) -> None:
        for instrument in self._symbols:
            for trade in self.market.trades(instrument)[-1:]:
                self._tell("trade", instrument, self._trade(trade), "SNAPSHOT")
            book = self.market.book(instrument)
            self._tell("orderbook", instrument, self._book(book), "SNAPSHOT")
            for candle in self.market.candles(instrument)[-1:]:
                self._tell("candle.1m", instrument, candle_fields(candle), "SNAPSHOT")
            if summary := self.market.summary(instrument):
                self._tell("ticker", instrument, summary_fields(summary), "SNAPSHOT")

    def _tell(self, kind: str, instrument: Instrument, fields: Fields, stream: str) -> None:
        code = self._symbols.get(instrument, "")
        how = self._subscribed.get((kind, code))
        if how is not None and (how.snapshot if stream == "SNAPSHOT" else how.realtime):
            self._say({"type": kind, "code": code, **fields, "stream_type": stream})

    def _trade(self, trade: Trade) -> Fields:
        time = trade.event_ns // wire.MS
        local = moment(trade.event_ns).astimezone(self.dialect.clock)
        return {
            "timestamp": time,
            "trade_date": f"{local:%Y-%m-%d}",
            "trade_time": f"{local:%H:%M:%S}",
            "trade_timestamp": time,
            **execution_fields(trade),
            **(self._circumstances(trade) if self.dialect.whole_trades else {}),
        }

    def _circumstances(self, trade: Trade) -> Fields:
        return circumstance_fields(trade, self.market.book(trade.instrument))

    def _book(self, book: Book) -> Fields:
        return book_fields(book, self.dialect.levels, self.dialect.book_time_ns)

    def _refuse(self, name: str, message: str) -> None:
        self._say({"error": {"name": name, "message": message}})

    def _say(self, fields: Fields) -> None:
        self.post(msgspec.json.encode(fields))
