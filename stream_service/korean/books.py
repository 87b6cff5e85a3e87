"""Whole books in, those that are right out, and the quotes that they begin with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from market import Book, Event, Instrument, Level, Quote
from stream_service import wire
from stream_service.books import BEST, BookWatch, crossing
from stream_service.korean.frames import OrderBook, Unit
from stream_service.venue import Session

MICROSECONDS_FROM: Final = 10**14
"""A time beyond it counts microseconds."""


class Books:
    """The books of one connection.

    Args:
        venue: Its name.
        session: Whose listings, options and numbers are used.
        only_changes: A book that repeats the last one is not shown again, and a quote only if it
            bears another time.

    """

    def __init__(self, venue: str, session: Session, *, only_changes: bool) -> None:
        self._venue = venue
        self._listings = session.listings
        self._number = session.number
        self._only_changes = only_changes
        self._tells_books = "book" in session.options.channels
        self._tells_quotes = "quote" in session.options.channels
        self._shown: dict[str, _Shown] = {}

    def show(self, row: OrderBook, received_ns: int) -> Sequence[Event]:
        """Show a book and its quote, or say that it is wrong.

        Raises:
            ValueError: its levels are not in order, or its time cannot be.

        """
        shown = self._shown.get(row.code) or self._first_shown(row.code)
        event_ns = _event_ns(row.timestamp)
        if event_ns < shown.event_ns and row.stream_type != "REALTIME":
            return ()  # a snapshot that the stream has overtaken
        bids, asks = _best(row.orderbook_units)
        if fault := crossing(bids, asks):
            shown.forget()
            return list(shown.watch.broke(fault, received_ns))  # the next frame is whole again
        is_repeated = self._only_changes and bids == shown.bids and asks == shown.asks
        if is_repeated and event_ns == shown.event_ns:
            return ()
        events: list[Event] = []
        if not is_repeated:
            events += shown.watch.whole(bids, asks, event_ns=event_ns, received_ns=received_ns)
            if not self._tells_books:
                events = [event for event in events if not isinstance(event, Book)]
        shown.event_ns, shown.bids, shown.asks = event_ns, bids, asks
        if bids and asks and self._tells_quotes:
            events.append(
                self._quote(shown.watch.instrument, bids[0], asks[0], (event_ns, received_ns))
            )
        return events

    def _first_shown(self, code: str) -> _Shown:
        instrument = self._listings[code].instrument
        shown = self._shown[code] = _Shown(BookWatch(self._venue, instrument, self._number))
        return shown

    def _quote(
        self, instrument: Instrument, bid: Level, ask: Level, times: tuple[int, int]
    ) -> Quote:
        return Quote(
            self._venue,
            instrument,
            bid.price,
            bid.size,
            ask.price,
            ask.size,
            event_ns=times[0],
            received_ns=times[1],
            sequence=self._number(times[1]),
        )


class _Shown:
    """What was last shown of a book."""

    __slots__ = ("asks", "bids", "event_ns", "watch")

    def __init__(self, watch: BookWatch) -> None:
        self.watch = watch
        self.event_ns = 0
        self.bids: list[Level] | None = None
        self.asks: list[Level] | None = None

    def forget(self) -> None:
        """Show the next book even if it is the same."""
        self.bids = self.asks = None


def _best(units: Sequence[Unit]) -> tuple[list[Level], list[Level]]:
    """Return the best bids and asks."""
    bids, asks = _sides(units[:BEST])
    if len(units) > BEST and (len(bids) < BEST or len(asks) < BEST):
        bids, asks = _sides(units)
        return bids[:BEST], asks[:BEST]
    return bids, asks


def _sides(units: Sequence[Unit]) -> tuple[list[Level], list[Level]]:
    """Return bids and asks; a level without price only fills up, one without size is dust.

    Raises:
        ValueError: they are not in order.

    """
    bids: list[Level] = []
    asks: list[Level] = []
    bid, ask = wire.LARGEST, 0.0
    for unit in units:
        price, size = unit.bid_price, unit.bid_size
        if price and size:
            if price >= bid:
                raise ValueError(f"the bid of {price} is not below that of {bid}")
            bid = price
            bids.append(Level(price, size))
        price, size = unit.ask_price, unit.ask_size
        if price and size:
            if price <= ask:
                raise ValueError(f"the ask of {price} is not above that of {ask}")
            ask = price
            asks.append(Level(price, size))
    return bids, asks


def _event_ns(time: int) -> int:
    return wire.plausible(time * (1_000 if time > MICROSECONDS_FROM else wire.MS))
