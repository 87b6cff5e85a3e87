"""The newest usable depth of each market: quotes and books in, levels to trade on out.

A book tells many levels, a quote the best one and often sooner. Where the quote is the newer of the
two, the levels of the book that are as good as it or better are gone, and its own come first. What
cannot be used, see `LatestQuotes`, is left out. A quote alone is one level.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from math import inf
from typing import TypeAlias

import msgspec

from analytics.latest import SET_BACK_NS, LatestQuotes, Trouble
from analytics.routes.state import Depth
from market import Book, Instrument, Level, Quote, VenueStatus

LEVELS = 25
"""Levels of a side that are walked at most."""

LEAST_PRICE, MOST_PRICE = 1e-18, 1e18
"""Prices beyond these are none; products of those within stay far from the range of floats."""

MILLISECOND_NS = 1_000_000

Place: TypeAlias = tuple[str, Instrument]
"""A venue and an instrument there."""

_Side: TypeAlias = tuple[tuple[float, float], ...]


class Held(msgspec.Struct, frozen=True):
    """A depth, and how long nothing of it is too old."""

    depth: Depth[float]
    until_ns: int


class LatestDepths:
    """Holds one quote and one book a market; ``latest`` says what of it can be used."""

    def __init__(self, latest: LatestQuotes) -> None:
        self._latest = latest
        self._quotes: dict[Place, Quote] = {}
        self._books: dict[Place, Book] = {}
        self._ahead_ns: dict[str, int] = {}

    def take_quote(self, quote: Quote) -> None:
        """Keep the quote, which is newer than the one that is held."""
        self._quotes[quote.venue, quote.instrument] = quote

    def take_book(self, book: Book) -> bool:
        """Keep the book; False where a newer one is held."""
        place = book.venue, book.instrument
        last = self._books.get(place)
        if last is not None:
            later_ns = book.received_ns - last.received_ns
            set_back_ns = SET_BACK_NS + self._latest.max_age_ns
            if -set_back_ns <= later_ns < 0 or (not later_ns and book.sequence <= last.sequence):
                return False
        self._books[place] = book
        return True

    def take_status(self, status: VenueStatus) -> None:
        """Note how far a venue's clock is ahead of ours, where it says."""
        if status.instrument is None and status.clock_offset_ms is not None:
            self._ahead_ns[status.venue] = round(status.clock_offset_ms * MILLISECOND_NS)

    def forget(self) -> None:
        """Let go of every quote and book."""
        self._quotes.clear()
        self._books.clear()

    def places(self) -> set[Place]:
        """Return every market that there is a quote or a book of."""
        return self._quotes.keys() | self._books.keys()

    def of(self, place: Place, now_ns: int) -> Held | Trouble:
        """Return the depth of a market, or why there is none."""
        quote, book = self._quotes.get(place), self._books.get(place)
        quote_trouble = self._trouble(quote, now_ns)
        book_trouble = self._trouble(book, now_ns)
        if quote is not None and quote_trouble is None:
            if book is not None and book_trouble is None:
                return self._of_both(quote, book)
            return self._held(quote, _quoted(quote, ()), _asked(quote, ()))
        if book is not None and book_trouble is None:
            return self._held(book, _levels(book.bids), _levels(book.asks))
        return quote_trouble or book_trouble or Trouble("unheard", now_ns)

    def _trouble(self, event: Quote | Book | None, now_ns: int) -> Trouble | None:
        if event is None:
            return None
        if not (_is_sound(event) if isinstance(event, Quote) else _is_open(event)):
            return Trouble("gap", event.received_ns)
        return self._latest.trouble(event.venue, event.instrument, event.received_ns, now_ns)

    def _of_both(self, quote: Quote, book: Book) -> Held:
        if quote.received_ns < book.received_ns:
            return self._held(book, _levels(book.bids), _levels(book.asks))
        deeper_bids = (level for level in book.bids if level.price < quote.bid)
        deeper_asks = (level for level in book.asks if level.price > quote.ask)
        limit_ns = self._latest.age_limit_ns(book.venue)
        held = self._held(quote, _quoted(quote, deeper_bids), _asked(quote, deeper_asks))
        return Held(held.depth, min(held.until_ns, book.received_ns + limit_ns))

    def _held(self, event: Quote | Book, bids: _Side, asks: _Side) -> Held:
        depth = Depth(
            bids=bids,
            asks=asks,
            event_ns=self._by_our_clock(event),
            received_ns=event.received_ns,
            sequence=event.sequence,
        )
        return Held(depth, event.received_ns + self._latest.age_limit_ns(event.venue))

    def _by_our_clock(self, event: Quote | Book) -> int:
        """Return when it happened; a time that is ours already needs no correction."""
        if event.event_ns == event.received_ns:
            return event.event_ns
        return event.event_ns - self._ahead_ns.get(event.venue, 0)


def _quoted(quote: Quote, deeper: Iterable[Level]) -> _Side:
    best = ((quote.bid, quote.bid_size),) if quote.bid_size > 0.0 else ()
    return (*best, *_levels(deeper))


def _asked(quote: Quote, deeper: Iterable[Level]) -> _Side:
    best = ((quote.ask, quote.ask_size),) if quote.ask_size > 0.0 else ()
    return (*best, *_levels(deeper))


def _levels(levels: Iterable[Level]) -> _Side:
    return tuple((level.price, level.size) for level in islice(levels, LEVELS))


def _is_sound(quote: Quote) -> bool:
    is_price = LEAST_PRICE < quote.bid < quote.ask < MOST_PRICE
    return is_price and 0.0 <= quote.bid_size < inf and 0.0 <= quote.ask_size < inf


def _is_open(book: Book) -> bool:
    """Tell whether the best levels do not cross; a side may be empty."""
    best: Sequence[Level] = (*book.bids[:1], *book.asks[:1])
    return bool(best) and (len(best) == 1 or book.bids[0].price < book.asks[0].price)
