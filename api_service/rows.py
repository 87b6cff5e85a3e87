"""From events to the rows of the API: units, names and number formats change here, nothing else."""

import base64
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias

import msgspec

from api_service.schemas import (
    ActorRow,
    BalanceRow,
    BookRow,
    BooksRow,
    CandleRow,
    GapRow,
    ListingRow,
    Number,
    QuarantineRow,
    QuoteRow,
    SummaryRow,
    TradeRow,
)
from infrastructure.books import added, total_differences
from infrastructure.bus.port import DeadLetter
from market import (
    ActorStatus,
    Book,
    Candle,
    Gap,
    Instrument,
    Listed,
    Quote,
    Summary,
    Trade,
    VenueCandle,
)

NumberFormat: TypeAlias = Callable[[float], Number]

MS = 1_000_000
"""Nanoseconds in a millisecond."""

S = 1_000_000_000
"""Nanoseconds in a second."""

BPS = 10_000.0
"""Basis points in one."""


def decimal(value: float) -> str:
    """Write the shortest decimal that reads back as ``value``, never with an exponent."""
    text = repr(value)
    return format(Decimal(text), "f") if "e" in text else text


def computed(value: float) -> float:
    """Return a figure of our own without the digits that floats add: twelve are significant."""
    return float(f"{value:.12g}")


def known(value: float | None, number: NumberFormat) -> Number | None:
    """Write a number as asked for, or None where there is none."""
    return None if value is None else number(value)


@lru_cache(maxsize=4_096)  # events of one frame, and of one millisecond, share their times
def rfc3339(time_ns: int) -> str:
    """Write a time in UTC with as many groups of three digits as it needs."""
    seconds, fraction = divmod(time_ns, S)
    text = _second(seconds)
    if fraction == 0:
        return f"{text}Z"
    digits = f"{fraction:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{text}.{digits}Z"


def age_ms(since_ns: int, now_ns: int) -> float:
    """Return the milliseconds passed, to the tenth; never less than none."""
    return max(0, now_ns - since_ns) // 100_000 / 10


def quote_row(
    quote: Quote, *, stale_reason: str | None, now_ns: int, number: NumberFormat
) -> QuoteRow:
    """Return the public form of a quote; ``stale_reason`` is None while it is fresh."""
    instrument = quote.instrument
    return {
        "venue": quote.venue,
        "symbol": symbol_of(instrument),
        "base": instrument.base,
        "quote_currency": instrument.quote_currency,
        "bid": number(quote.bid),
        "bid_size": number(quote.bid_size),
        "ask": number(quote.ask),
        "ask_size": number(quote.ask_size),
        "ts": rfc3339(quote.event_ns),
        "recv_ts": rfc3339(quote.received_ns),
        "age_ms": age_ms(quote.received_ns, now_ns),
        "stale": stale_reason is not None,
        "stale_reason": stale_reason,
        "sequence": str(quote.sequence),
    }


def candle_row(candle: Candle | VenueCandle, number: NumberFormat) -> CandleRow:
    """Return the public form of a candle."""
    return {
        "venue": candle.venue,
        "symbol": symbol_of(candle.instrument),
        "interval": candle.interval,
        "start": rfc3339(candle.start_ns),
        "open": number(candle.open),
        "high": number(candle.high),
        "low": number(candle.low),
        "close": number(candle.close),
        "volume": number(candle.volume),
        "trades": candle.trades,
        "closed": candle.closed,
        "complete": not isinstance(candle, Candle) or candle.complete,
        "source": "trades" if isinstance(candle, Candle) else "venue",
    }


def summary_row(
    summary: Summary, *, stale_reason: str | None, now_ns: int, number: NumberFormat
) -> SummaryRow:
    """Return the public form of a summary; ``stale_reason`` is None while it is fresh."""
    return {
        "symbol": symbol_of(summary.instrument),
        "name": summary.name,
        "exchange": summary.venue,
        "venue_symbol": summary.symbol,
        "last": number(summary.last),
        "open": known(summary.open, number),
        "high": known(summary.high, number),
        "low": known(summary.low, number),
        "volume": known(summary.volume, number),
        "bid": known(summary.bid, number),
        "ask": known(summary.ask, number),
        "timestamp": rfc3339(summary.event_ns),
        "recv_ts": rfc3339(summary.received_ns),
        "age_ms": age_ms(summary.received_ns, now_ns),
        "stale": stale_reason is not None,
        "stale_reason": stale_reason,
    }


def listing_row(listed: Listed, number: NumberFormat) -> ListingRow:
    """Return the public form of the terms of a listing."""
    return {
        "venue": listed.venue,
        "symbol": symbol_of(listed.instrument),
        "venue_symbol": listed.symbol,
        "status": "trading" if listed.trading else "halted",
        "tick_size": known(listed.tick_size, number),
        "lot_size": known(listed.lot_size, number),
        "minimum_notional": known(listed.minimum_notional, number),
        "ts": rfc3339(listed.event_ns),
    }


def trade_row(trade: Trade, number: NumberFormat) -> TradeRow:
    """Return the public form of a trade."""
    return {
        "venue": trade.venue,
        "symbol": symbol_of(trade.instrument),
        "id": trade.trade_id,
        "side": trade.side,
        "price": number(trade.price),
        "size": number(trade.size),
        "ts": rfc3339(trade.event_ns),
        "recv_ts": rfc3339(trade.received_ns),
        "sequence": str(trade.sequence),
        "backfilled": trade.backfilled,
    }


def book_row(book: Book, number: NumberFormat, *, depth: int | None = None) -> BookRow:
    """Return the public form of a book, of at most ``depth`` levels a side."""
    return {
        "venue": book.venue,
        "symbol": symbol_of(book.instrument),
        "bids": [[number(level.price), number(level.size)] for level in book.bids[:depth]],
        "asks": [[number(level.price), number(level.size)] for level in book.asks[:depth]],
        "ts": rfc3339(book.event_ns),
        "recv_ts": rfc3339(book.received_ns),
        "sequence": str(book.sequence),
    }


def gap_row(gap: Gap) -> GapRow:
    """Return the public form of a gap."""
    return {
        "venue": gap.venue,
        "symbol": symbol_of(gap.instrument),
        "channel": gap.channel,
        "start": rfc3339(gap.start_ns),
        "end": rfc3339(gap.end_ns),
        "reason": gap.reason,
        "missing": gap.missing,
    }


def quarantine_row(letter: DeadLetter) -> QuarantineRow:
    """Return the public form of a dead letter."""
    body = letter.body if letter.event is None else msgspec.json.encode(letter.event)
    try:
        text, encoded = body.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, base64.b64encode(body).decode()
    return {
        "id": letter.id,
        "time": rfc3339(letter.at_ns) if letter.at_ns else None,
        "venue": letter.venue,
        "mailbox": letter.mailbox,
        "reason": letter.reason,
        "body": text,
        "body_base64": encoded,
    }


def actor_row(status: ActorStatus, *, heard_ns: int, now_ns: int) -> ActorRow:
    """Return the public form of an actor's status, heard at ``heard_ns``."""
    return {
        "actor": status.actor,
        "process": status.process,
        "state": status.state,
        "reason": status.reason,
        "handled": status.handled,
        "dead": status.dead,
        "restarts": status.restarts,
        "counts": status.counts,
        "age_ms": age_ms(heard_ns, now_ns),
    }


def books_row(statuses: Iterable[ActorStatus]) -> BooksRow:
    """Return whether the books of all parts balance, each as it was told by its process at once."""
    counts = [status.counts for status in statuses]
    differences = total_differences(counts)
    balances: list[BalanceRow] = [
        {"name": name, "accounts": accounts, "difference": differences[name]}
        for name, accounts in added(counts).items()
    ]
    return {"balanced": not any(differences.values()), "balances": balances}


@lru_cache(maxsize=10_000)
def symbol_of(instrument: Instrument) -> str:
    """Return the instrument's name."""
    return str(instrument)


@lru_cache(maxsize=10_000)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
