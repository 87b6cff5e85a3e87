"""Frames and answers of the first stream in, events out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final, Literal

from market import Event, Instrument, Level, Summary, Trade
from stream_service import wire
from stream_service.books import BookWatch, is_ordered
from stream_service.venue import Session
from stream_service.venues.bithumb.v1.books import FirstBook
from stream_service.venues.bithumb.v1.frames import (
    DAY_ROW,
    DAYS,
    DEPTH,
    ENVELOPE,
    MILLISECONDS,
    SNAPSHOT,
    TICKER,
    TRANSACTIONS,
    Change,
    DayRow,
    Depth,
    Snapshot,
    Ticker,
    Transactions,
)

KST_AHEAD_NS: Final = 9 * 3_600 * 10**9


def is_v1(frame: bytes) -> bool:
    """Tell a frame of the first stream by what none of today's has."""
    return b'"content"' in frame


def sums_up_days(body: bytes) -> bool:
    """Tell the answer that sums up the day of all currencies."""
    try:
        rows = DAYS.decode(body).data
    except wire.UNREADABLE:
        return False
    return any(currency != "date" for currency in rows)


def code_of(symbol: str) -> str:
    """Turn ``BTC_KRW`` into ``KRW-BTC``."""
    base, _, quote_currency = symbol.partition("_")
    return f"{quote_currency}-{base}"


class FirstReader:
    """Turns frames of the first stream into events."""

    def __init__(self, venue: str, session: Session) -> None:
        self._venue = venue
        self._listings = session.listings
        self._number = session.number
        self._books: dict[str, FirstBook] = {}

    def read(self, frame: bytes, received_ns: int) -> Sequence[Event]:
        """Read one frame; what it does not know, such as the state of the connection, is nothing.

        Raises:
            ValueError: or another of `wire.UNREADABLE`, the frame is of no known shape.

        """
        envelope = ENVELOPE.decode(frame)
        match envelope.type:
            case "transaction":
                return list(self._trades(TRANSACTIONS.decode(envelope.content), received_ns))
            case "orderbookdepth":
                return list(self._change(DEPTH.decode(envelope.content), received_ns))
            case "orderbooksnapshot":
                return list(self._start(SNAPSHOT.decode(envelope.content), received_ns))
            case "ticker":
                return list(self._summary(TICKER.decode(envelope.content), received_ns))
        return ()

    def read_days(self, body: bytes, received_ns: int) -> Sequence[Event]:
        """Read the summary of all currencies in KRW; a row that cannot be read is left out.

        Raises:
            ValueError: the body is of no known shape.

        """
        rows = dict(DAYS.decode(body).data)
        date = rows.pop("date", None)
        event_ns = received_ns if date is None else MILLISECONDS.decode(date) * wire.MS
        summaries = []
        for currency, raw in rows.items():
            with suppress(*wire.UNREADABLE):  # not one of ours, or never traded
                summaries.append(self._day(currency, DAY_ROW.decode(raw), event_ns, received_ns))
        return summaries

    def _instrument(self, symbol: str) -> Instrument:
        return self._listings[code_of(symbol)].instrument

    def _trades(self, told: Transactions, received_ns: int) -> Iterator[Trade]:
        seen: Counter[str] = Counter()
        for row in told.rows:
            side: Literal["buy", "sell"] = "sell" if row.buy_sell_gb == "1" else "buy"
            event_ns = _event_ns(row.cont_dtm)
            price, size = wire.plain(row.cont_price), wire.plain(row.cont_qty)
            trade_id = f"{event_ns // 1_000}-{price}-{size}-{side}"
            seen[trade_id] += 1
            alike = seen[trade_id]  # executions of one frame that are the same in everything
            yield Trade(
                venue=self._venue,
                instrument=self._instrument(row.symbol),
                trade_id=trade_id if alike == 1 else f"{trade_id}-{alike}",
                side=side,
                price=row.cont_price,
                size=row.cont_qty,
                event_ns=event_ns,
                received_ns=received_ns,
                sequence=event_ns // 1_000,
            )

    def _start(self, row: Snapshot, received_ns: int) -> Iterator[Event]:
        bids, asks = _levels(row.bids), _levels(row.asks)
        if not is_ordered(bids, asks):
            raise ValueError("the levels are not in order")
        book = self._book(row.symbol)
        book.start(bids, asks, row.datetime * 1_000)
        yield from book.show(row.datetime * 1_000, received_ns)

    def _change(self, row: Depth, received_ns: int) -> Iterator[Event]:
        changes: dict[str, list[Change]] = {}
        for change in row.rows:
            changes.setdefault(change.symbol, []).append(change)
        books = {symbol: self._book(symbol) for symbol in changes}
        for symbol, book in books.items():
            if book.follows(changes[symbol], row.datetime * 1_000):
                yield from book.show(row.datetime * 1_000, received_ns)

    def _book(self, symbol: str) -> FirstBook:
        if symbol not in self._books:
            watch = BookWatch(self._venue, self._instrument(symbol), self._number)
            self._books[symbol] = FirstBook(watch)
        return self._books[symbol]

    def _summary(self, row: Ticker, received_ns: int) -> Iterator[Summary]:
        if row.tick_type != "24H":
            return
        date, time = row.date, row.time
        when = f"{date[:4]}-{date[4:6]}-{date[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"
        yield Summary(
            venue=self._venue,
            instrument=self._instrument(row.symbol),
            symbol=row.symbol,
            last=row.close_price,
            open=row.open_price or None,
            high=row.high_price or None,
            low=row.low_price or None,
            volume=row.volume,
            event_ns=_event_ns(when),
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )

    def _day(self, currency: str, row: DayRow, event_ns: int, received_ns: int) -> Summary:
        listing = self._listings[f"KRW-{currency}"]
        return Summary(
            venue=self._venue,
            instrument=listing.instrument,
            symbol=f"{currency}_KRW",
            name=listing.name,
            last=row.closing_price,
            open=row.opening_price or None,
            high=row.max_price or None,
            low=row.min_price or None,
            volume=row.volume,
            event_ns=event_ns,
            received_ns=received_ns,
            sequence=self._number(received_ns),
        )


def _levels(rows: Sequence[tuple[float, float]]) -> list[Level]:
    return [Level(price, size) for price, size in rows if size]


def _event_ns(text: str) -> int:
    """Read a date and time of Korea."""
    return wire.plausible(wire.ns_of_rfc3339(f"{text.replace(' ', 'T')}Z") - KST_AHEAD_NS)
