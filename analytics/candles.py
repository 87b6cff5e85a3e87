"""Candles: trades in, candles out, whatever order the trades come in.

A candle is a function of the set of its trades, to the last bit. A trade counts once, by its id.
``open`` and ``close`` are the first and last price by event time, then sequence, then price.
``volume`` is the exact sum of the sizes, rounded once, so that no order of adding shows in it. Of
the trades their ids are kept while their candle may still change.

See `closing` for when a candle is final. Beyond that it has ended: whoever has a trade of it brings
its other trades as well.
"""

from collections.abc import Iterable
from math import fsum

from analytics.closing import CandleKey, Closing
from analytics.trade_ids import TradeIds
from market import Candle, Trade
from market.intervals import start_of


class CandleBook(Closing["_Trades"]):
    """The candles of one venue and interval that may still change, made from trades."""

    def key(self, trade: Trade) -> CandleKey:
        """Return the key of the candle that the trade belongs to."""
        return trade.instrument, start_of(trade.event_ns, self.interval)

    def take(self, trade: Trade) -> None:
        """Count the trade, unless it was before."""
        self._count(trade)
        self.advance(trade.event_ns, trade.received_ns)

    def restore(self, trades: Iterable[Trade]) -> None:
        """Count the trades that were not before."""
        for trade in trades:
            self.take(trade)

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
            closed=self.is_closed(key),
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
            self._begin(key, _Trades(trade))


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
