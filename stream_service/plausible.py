"""Events as venues tell them come in, what cannot be true of them goes out as a sentence.

Prices and sizes must be numbers of a market, times must not lie in the future. A live price must
also lie near the last good one of its instrument: within a factor of 1.5, and more where the spread
is usually wide. What lies beyond is refused until three values that agree, a second apart at least
from first to last, show that the market really moved. A refused value never becomes the standard.

A spread that is wide is no fault: thin markets have them, and hiding such a quote would say more
than is known. A price of the past (a back-filled trade, a candle, a summary) has no neighbour that
it could be held against, and no route is made of it; it is checked without the band.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt

from market import Book, Event, Instrument, Quote, Summary, Trade, VenueCandle
from stream_service.venue_clock import VenueClock
from stream_service.wire import LARGEST

SECOND_NS = 1_000_000_000
AHEAD_NS = 2 * SECOND_NS
"""An event may be so far in the future, by the venue's clock as far as it is known."""

AHEAD_UNKNOWN_NS = 60 * SECOND_NS
"""The same while the venue's clock is not known."""

OLDEST_TRADE_NS = 3_600 * SECOND_NS
"""A live trade is not older."""

OLDEST_NS = 30 * 86_400 * SECOND_NS
"""A live quote or book is not older; in a market that sleeps the last change is long ago."""

BAND = 1.5
NEAR = 1.2
"""Its square is less than `BAND`."""

WIDE_FROM = 1.1
"""An ask of so many times the bid widens the band."""

WIDEST = 10.0
"""What the spread may multiply the band by: an ask of a hundred times the bid."""

AGREEING = 3
CONFIRMED_NS = SECOND_NS


class Plausibility:
    """Knows the last good prices of the instruments of one venue.

    Args:
        clock: The venue's; asked for its offset, told nothing.

    """

    def __init__(self, clock: VenueClock) -> None:
        self._clock = clock
        self._standards: dict[Instrument, _Standard] = {}

    def first_fault(self, events: Sequence[Event]) -> tuple[int, str]:
        """Judge events one after the other, up to the first that cannot be true.

        Returns:
            Its place, and why; how many there are, and nothing, where all can be true.

        """
        standards, offset_ns = self._standards, self._clock.offset_ns
        for place, event in enumerate(events):
            if type(event) is Quote:  # what comes most, and nearly always as usual, goes quickly
                bid, ask = event.bid, event.ask
                received_ns, event_ns = event.received_ns, event.event_ns
                standard = standards.get(event.instrument)
                if (
                    standard is not None
                    and standard.low < bid <= ask < standard.high
                    and ask <= WIDE_FROM * bid
                    and 0.0 <= event.bid_size < LARGEST
                    and 0.0 <= event.ask_size < LARGEST
                    and (
                        event_ns is received_ns  # it is our own
                        or 0 <= received_ns + offset_ns - event_ns <= OLDEST_NS
                    )
                ):
                    standard.price = 0.5 * (bid + ask)
                    standard.doubts = 0
                    continue
            if why_not := self.why_not(event):
                return place, why_not
        return len(events), ""

    def why_not(self, event: Event) -> str:
        """Say why ``event`` cannot be true, or nothing; a live one becomes the standard then."""
        kind = type(event)
        if kind is Quote:
            return self._quote(event)  # type: ignore[arg-type]  # the line above
        if kind is Trade:
            return self._trade(event)  # type: ignore[arg-type]  # the same
        if kind is Book:
            return self._book(event)  # type: ignore[arg-type]  # the same
        if isinstance(event, VenueCandle):
            return _why_no_candle(event) or self._why_not_then(event, event.start_ns)
        if isinstance(event, Summary):
            return _why_no_summary(event) or self._why_not_then(event, event.event_ns)
        return ""

    def _quote(self, quote: Quote) -> str:
        bid, ask = quote.bid, quote.ask
        if not (0.0 < bid <= ask < LARGEST):
            return f"there is no quote of {bid} bid, {ask} ask"
        if not (0.0 <= quote.bid_size < LARGEST and 0.0 <= quote.ask_size < LARGEST):
            return f"there is no quote of sizes {quote.bid_size} and {quote.ask_size}"
        return self._why_not_now(quote, bid, ask, OLDEST_NS)

    def _trade(self, trade: Trade) -> str:
        price = trade.price
        if not (0.0 < price < LARGEST and 0.0 < trade.size < LARGEST):
            return f"there is no trade of {trade.size} at {price}"
        if trade.backfilled:
            return self._why_not_then(trade, trade.event_ns)
        return self._why_not_now(trade, price, price, OLDEST_TRADE_NS)

    def _book(self, book: Book) -> str:
        """Judge the best levels; the sessions judge the rest."""
        bid = book.bids[0] if book.bids else None
        ask = book.asks[0] if book.asks else None
        for level in (bid, ask):
            if level and not (0.0 < level.price < LARGEST and 0.0 < level.size < LARGEST):
                return f"there is no level of {level.size} at {level.price}"
        best, worst = bid or ask, ask or bid
        if best is None or worst is None:
            return ""
        if best.price > worst.price:
            return f"the bid of {best.price} is above the ask of {worst.price}"
        return self._why_not_now(book, best.price, worst.price, OLDEST_NS)

    def _why_not_now(
        self, event: Quote | Trade | Book, bid: float, ask: float, oldest_ns: int
    ) -> str:
        """Judge the time and the price of a live event; a trade has its price twice."""
        late_ns = event.received_ns + self._clock.offset_ns - event.event_ns
        if late_ns > oldest_ns:
            return f"it is {late_ns / SECOND_NS:.0f} s old"
        is_ahead = late_ns < -AHEAD_NS and late_ns < -self._ahead_ns()
        if is_ahead and event.event_ns != event.received_ns:  # else the time is our own
            return f"it is {-late_ns / SECOND_NS:.1f} s in the future"
        price, width = 0.5 * (bid + ask), 1.0
        if ask > WIDE_FROM * bid:
            price, width = sqrt(bid * ask), sqrt(ask / bid)
        standard = self._standards.get(event.instrument)
        if standard is None:
            standard = self._standards[event.instrument] = _Standard()
        last, ratio = standard.price, standard.ratio
        if price < last * ratio and last < price * ratio:
            standard.price = price
            standard.doubts = 0
            if width != 1.0 or ratio != BAND or not standard.low < price < standard.high:
                standard.learn(width)
            return ""
        if standard.moves(price, event.received_ns):
            standard.ratio = BAND * min(WIDEST, width)
            standard.settle()
            return ""
        return f"a price of {price:.10g} is too far from the last, {last:.10g}"

    def _why_not_then(self, event: Trade | VenueCandle | Summary, time_ns: int) -> str:
        ahead_ns = time_ns - event.received_ns - self._clock.offset_ns
        if ahead_ns > self._ahead_ns() and time_ns != event.received_ns:  # as above
            return f"it is {ahead_ns / SECOND_NS:.1f} s in the future"
        return ""

    def _ahead_ns(self) -> int:
        error_ns = self._clock.error_ns
        return AHEAD_UNKNOWN_NS if error_ns is None else AHEAD_NS + error_ns


class _Standard:
    """The last good price of an instrument, and the one that others agree on instead.

    A price is good within a factor of ``ratio``; 0: none is known. ``doubts`` counts the values
    that agree with one another and not with it. Any two prices from ``low`` to ``high``, the
    standard being one, lie within `BAND` of each other: what is between needs no closer look.
    """

    __slots__ = ("_other", "_since_ns", "doubts", "high", "low", "price", "ratio")

    def __init__(self) -> None:
        self.price = 0.0
        self.ratio = BAND
        self.low = self.high = 0.0
        self.doubts = 0
        self._other = 0.0
        self._since_ns = 0

    def learn(self, width: float) -> None:
        """Let the band follow the spread: up fast, down slowly."""
        wanted = BAND * min(WIDEST, width)
        self.ratio += (wanted - self.ratio) / (8 if wanted > self.ratio else 64)
        if self.ratio < 1.001 * BAND:
            self.ratio = BAND
        self.settle()

    def settle(self) -> None:
        """Tell what needs no closer look from now on: nothing while the band is a wider one."""
        is_usual = self.ratio == BAND and 0.0 < self.price < LARGEST / NEAR
        self.low, self.high = (self.price / NEAR, self.price * NEAR) if is_usual else (0.0, 0.0)

    def moves(self, price: float, received_ns: int) -> bool:
        """Take a price beyond the band; tell whether it is the new standard."""
        agrees = max(price, self._other) < BAND * min(price, self._other)
        if not (self.doubts and agrees):
            self.doubts, self._since_ns = 0, received_ns
        self.doubts += 1
        self._other = price
        is_sure = self.doubts >= AGREEING and received_ns - self._since_ns >= CONFIRMED_NS
        if self.price == 0.0 or is_sure:
            self.price, self.doubts = price, 0
            return True
        return False


def _why_no_candle(candle: VenueCandle) -> str:
    low, high = candle.low, candle.high
    inside = low <= candle.open <= high and low <= candle.close <= high
    if low > 0.0 and high < LARGEST and inside and 0.0 <= candle.volume < inf:
        return ""
    prices = f"{candle.open}, {high}, {low}, {candle.close}"
    return f"there is no candle of {prices} and a volume of {candle.volume}"


def _why_no_summary(summary: Summary) -> str:
    for name in ("last", "open", "high", "low", "bid", "ask"):
        price: float | None = getattr(summary, name)
        if price is not None and not 0.0 < price < LARGEST:
            return f"there is no summary with {name} of {price}"
    if summary.volume is not None and not 0.0 <= summary.volume < inf:
        return f"there is no summary with a volume of {summary.volume}"
    return ""
