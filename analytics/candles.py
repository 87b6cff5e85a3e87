"""Candles: trades in, candles out, whatever order the trades come in.

A candle is a function of the set of its trades, to the last bit. A trade counts once, by its id.
``open`` and ``close`` are the first and last price by event time, then sequence, then price.
``volume`` is the exact sum of the sizes, rounded once, so that no order of adding shows in it. Of
the trades their ids are kept while their candle may still change.

An interval closes by the venue's time: the greatest event time seen of anything there, but none
that lies ahead of our receiving it, since a wrong clock would close what has not begun. It closes
``lateness_ns`` after its end. A trade that is later still corrects its candle, which is held for
``horizon_ns`` more. Beyond that the candle has ended: whoever has a trade of it brings its other
trades as well.
"""

from collections.abc import Iterable
from math import fsum, inf
from typing import TypeAlias

from analytics.trade_ids import TradeIds
from market import Candle, Instrument, Trade
from market.intervals import INTERVALS, SECOND_NS, start_of

CandleKey: TypeAlias = tuple[Instrument, int]
"""An instrument and the start of an interval, in nanoseconds."""


def known_interval(interval: str) -> str:
    """Return the interval.

    Raises:
        ValueError: there is none of that name.

    """
    if interval not in INTERVALS:
        known = ", ".join(INTERVALS)
        raise ValueError(f"{interval!r} is no candle interval; choose one of {known}")
    return interval


class CandleBook:
    """The candles of one venue and interval that may still change.

    ``now_ns`` is the venue's time as far as it is known. What was not yet `settle`d is told again
    by `finished` or `growing`.
    """

    def __init__(
        self,
        venue: str,
        interval: str = "1m",
        *,
        lateness_ns: int = 2 * SECOND_NS,
        horizon_ns: int = 600 * SECOND_NS,
    ) -> None:
        self.venue = venue
        self.interval = known_interval(interval)
        self.length_ns = INTERVALS[interval]
        self.now_ns = 0
        self._closes_ns = self.length_ns + lateness_ns
        self._ends_ns = self._closes_ns + horizon_ns
        self._candles: dict[CandleKey, _Trades] = {}
        self._open: set[CandleKey] = set()
        self._unsettled: set[CandleKey] = set()
        self._next_close_ns = inf

    def key(self, trade: Trade) -> CandleKey:
        """Return the key of the candle that the trade belongs to."""
        return trade.instrument, start_of(trade.event_ns, self.interval)

    def __contains__(self, key: CandleKey) -> bool:
        return key in self._candles

    def has_ended(self, key: CandleKey) -> bool:
        """Tell whether the candle may have been let go."""
        return key[1] + self._ends_ns <= self.now_ns

    def take(self, trade: Trade) -> None:
        """Count the trade, unless it was before."""
        self._count(trade)
        self.advance(trade.event_ns, trade.received_ns)

    def restore(self, trades: Iterable[Trade]) -> None:
        """Count the trades that were not before."""
        for trade in trades:
            self.take(trade)

    def advance(self, event_ns: int, received_ns: int) -> None:
        """Note that something happened at the venue at ``event_ns``."""
        self.now_ns = max(self.now_ns, min(event_ns, received_ns))

    def finished(self) -> list[CandleKey]:
        """Return the candles that closed, or changed after that, oldest first."""
        if self.now_ns >= self._next_close_ns:
            self._close()
        return sorted((key for key in self._unsettled if self._is_closed(key)), key=_by_start)

    def growing(self) -> list[CandleKey]:
        """Return the open candles that changed, oldest first."""
        return sorted((key for key in self._unsettled if not self._is_closed(key)), key=_by_start)

    def settle(self, keys: Iterable[CandleKey]) -> None:
        """Take note that these candles were told as they are."""
        self._unsettled.difference_update(keys)

    def candle(self, key: CandleKey, *, sequence: int) -> Candle:
        """Return a candle as it is now.

        Raises:
            KeyError: there are no trades of it.

        """
        trades = self._candles[key]
        instrument, start_ns = key
        return Candle(
            venue=self.venue,
            instrument=instrument,
            interval=self.interval,
            start_ns=start_ns,
            open=trades.first[2],
            high=trades.high,
            low=trades.low,
            close=trades.last[2],
            volume=fsum(trades.volume),
            trades=len(trades.ids),
            closed=self._is_closed(key),
            event_ns=trades.last[0],
            received_ns=trades.received_ns,
            sequence=sequence,
        )

    def _count(self, trade: Trade) -> None:
        key = self.key(trade)
        trades = self._candles.get(key)
        if trades is not None and not trades.add(trade):
            return
        self._unsettled.add(key)
        if trades is None:
            self._candles[key] = _Trades(trade)
            if not self._is_closed(key):
                self._open.add(key)
                self._next_close_ns = min(self._next_close_ns, key[1] + self._closes_ns)

    def _is_closed(self, key: CandleKey) -> bool:
        return key[1] + self._closes_ns <= self.now_ns

    def _close(self) -> None:
        closing = {key for key in self._open if self._is_closed(key)}
        self._open -= closing
        self._unsettled |= closing
        self._next_close_ns = min((key[1] + self._closes_ns for key in self._open), default=inf)
        ended = [key for key in self._candles if self.has_ended(key)]
        for key in ended:
            if key not in self._unsettled:
                del self._candles[key]


class _Trades:
    """What a candle is made of; ``first`` and ``last`` are (event_ns, sequence, price).

    ``volume`` is a handful of floats whose exact sum is that of all sizes.
    """

    __slots__ = ("first", "high", "ids", "last", "low", "received_ns", "volume")

    def __init__(self, trade: Trade) -> None:
        self.ids = TradeIds()
        self.ids.add(trade.trade_id)
        self.volume = [trade.size]
        self.first = self.last = (trade.event_ns, trade.sequence, trade.price)
        self.high = self.low = trade.price
        self.received_ns = trade.received_ns

    def add(self, trade: Trade) -> bool:
        """Count the trade; False where it was before."""
        if not self.ids.add(trade.trade_id):
            return False
        _add_exactly(self.volume, trade.size)
        place = (trade.event_ns, trade.sequence, trade.price)
        self.first = min(self.first, place)
        self.last = max(self.last, place)
        self.high = max(self.high, trade.price)
        self.low = min(self.low, trade.price)
        self.received_ns = max(self.received_ns, trade.received_ns)
        return True


def _by_start(key: CandleKey) -> tuple[int, Instrument]:
    return key[1], key[0]


def _add_exactly(parts: list[float], size: float) -> None:
    """Add to a sum that is kept as floats which do not overlap (Shewchuk 1997, 2.4)."""
    kept = 0
    for part in parts:
        larger, smaller = (size, part) if abs(size) >= abs(part) else (part, size)
        size = larger + smaller
        if rest := smaller - (size - larger):
            parts[kept] = rest
            kept += 1
    parts[kept:] = [size]
