"""The venue's side of the protocol of Upbit and Bithumb: subscriptions in, events told natively.

Written from the same documents as our side, sharing no frame type with it, so that the two cannot
agree on one mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timezone
from typing import Final

import msgspec

from market import Book, Event, Instrument, Summary, Trade, VenueCandle
from stream_service import wire
from stream_service.korean.written import (
    Fields,
    book_fields,
    candle_fields,
    execution_fields,
    moment,
    summary_fields,
)
from stream_service.venue import Market

UP_EVERY: Final = 10
"""Beats between two words that the connection is up, once a client said ``PING``."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Where the two venues differ.

    ``kinds`` are the types that can be subscribed to, ``levels`` those of a book frame, whose time
    counts ``book_time_ns`` nanoseconds. ``only_snapshot`` and ``only_realtime`` are how the options
    of a subscription are spelled; other spellings are not heard. ``clock`` is the zone of the date
    and time in trades, and of a candle's end over REST that names none.
    """

    name: str
    kinds: frozenset[str]
    levels: int
    book_time_ns: int
    only_snapshot: tuple[str, ...]
    only_realtime: tuple[str, ...]
    clock: timezone
    days_ago: str


class Subscribed(msgspec.Struct, frozen=True):
    """How one code of one type is told."""

    snapshot: bool = True
    realtime: bool = True


class Counter:
    """One client's connection, as its venue serves it; all frames go out through ``post``."""

    def __init__(self, dialect: Dialect, market: Market, post: Callable[[bytes], None]) -> None:
        self._dialect = dialect
        self._market = market
        self._post = post
        self._symbols = {listing.instrument: listing.symbol for listing in market.listings}
        self._subscribed: dict[tuple[str, str], Subscribed] = {}
        self._beats: int | None = None

    def beat(self) -> None:
        """Say every ten seconds that the connection is up, to those who asked."""
        if self._beats is not None:
            if self._beats % UP_EVERY == 0:
                self._say({"status": "UP"})
            self._beats += 1

    def receive(self, frame: bytes) -> None:
        """Take a subscription, which replaces the last; it is not answered but by snapshots."""
        if frame == b"PING":
            self._beats = self._beats or 0
            return
        try:
            parts = msgspec.json.decode(frame, type=list[Fields])
            self._subscribe(parts)
        except wire.UNREADABLE:
            self._refuse("WRONG_FORMAT", "the request is not of the documented format")

    def tell(self, event: Event) -> None:
        """Post what the client has subscribed to."""
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
        elif not {str(part["type"]) for part in typed} <= self._dialect.kinds:
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
            snapshot=not any(part.get(key) for key in self._dialect.only_realtime),
            realtime=not any(part.get(key) for key in self._dialect.only_snapshot),
        )

    def _tell_snapshots(self) -> None:
        for instrument in self._symbols:
            for trade in self._market.trades(instrument)[-1:]:
                self._tell("trade", instrument, self._trade(trade), "SNAPSHOT")
            book = self._market.book(instrument)
            self._tell("orderbook", instrument, self._book(book), "SNAPSHOT")
            for candle in self._market.candles(instrument)[-1:]:
                self._tell("candle.1m", instrument, candle_fields(candle), "SNAPSHOT")
            if summary := self._market.summary(instrument):
                self._tell("ticker", instrument, summary_fields(summary), "SNAPSHOT")

    def _tell(self, kind: str, instrument: Instrument, fields: Fields, stream: str) -> None:
        code = self._symbols.get(instrument, "")
        how = self._subscribed.get((kind, code))
        if how is not None and (how.snapshot if stream == "SNAPSHOT" else how.realtime):
            self._say({"type": kind, "code": code, **fields, "stream_type": stream})

    def _trade(self, trade: Trade) -> Fields:
        time = trade.event_ns // wire.MS
        local = moment(trade.event_ns).astimezone(self._dialect.clock)
        return {
            "timestamp": time,
            "trade_date": f"{local:%Y-%m-%d}",
            "trade_time": f"{local:%H:%M:%S}",
            "trade_timestamp": time,
            **execution_fields(trade),
        }

    def _book(self, book: Book) -> Fields:
        return book_fields(book, self._dialect.levels, self._dialect.book_time_ns)

    def _refuse(self, name: str, message: str) -> None:
        self._say({"error": {"name": name, "message": message}})

    def _say(self, fields: Fields) -> None:
        self._post(msgspec.json.encode(fields))
