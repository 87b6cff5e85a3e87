"""Candles: trades in, candles out, whatever order the trades come in.

A candle is a function of the set of its trades, to the last bit. A trade counts once, by its id.
``open`` and ``close`` are the first and last price by event time, then sequence, then price.
``volume`` is the exact sum of the sizes, rounded once, so that no order of adding shows in it. Of
the trades their ids are kept while their candle may still change.

See `closing` for when a candle is final. Beyond that it has ended: whoever has a trade of it brings
its other trades as well.
"""

from collections.abc import Iterable
from itertools import chain
from math import fsum, isfinite

from analytics.closing import CandleKey, Closing
from analytics.trade_ids import TradeIds
from market import Candle, Trade

SIZES_AT_MOST = 256
"""Sizes of a candle that are kept before they are added up."""


class CandleBook(Closing["_Trades"]):
    """The candles of one venue and interval that may still change, made from trades."""

    def take(self, trade: Trade) -> None:
        """Count the trade, unless it was before."""
        event_ns = trade.event_ns
        key = trade.instrument, event_ns - event_ns % self.length_ns
        trades = self._candles.get(key)
        if trades is None:
            self._begin(key, _Trades(trade))
        elif trades.add(trade):
            self._unsettle(key)
        self.advance(event_ns, trade.received_ns)

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
            volume=fsum(trades.sizes),
            trades=len(trades.ids),
            closed=self.is_closed(key),
            complete=self.is_complete(key),
            event_ns=trades.last[0],
            received_ns=trades.received_ns,
            sequence=sequence,
        )


class _Trades:
    """What a candle is made of; ``first`` and ``last`` are (event_ns, sequence, price).

    ``sizes`` are floats whose exact sum is that of all sizes; there are never many of them.
    """

    __slots__ = ("first", "high", "ids", "last", "low", "received_ns", "sizes")

    def __init__(self, trade: Trade) -> None:
        self.ids = TradeIds()
        self.ids.add(trade.trade_id)
        self.sizes = [trade.size]
        self.first = self.last = (trade.event_ns, trade.sequence, trade.price)
        self.high = self.low = trade.price
        self.received_ns = trade.received_ns

    def add(self, trade: Trade) -> bool:
        """Count the trade; False where it was before."""
        if not self.ids.add(trade.trade_id):
            return False
        price, sizes = trade.price, self.sizes
        sizes.append(trade.size)
        if len(sizes) > SIZES_AT_MOST:
            self.sizes = _fewer(sizes)
        place = trade.event_ns, trade.sequence, price
        if place > self.last:
            self.last = place
        elif place < self.first:
            self.first = place
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        if trade.received_ns > self.received_ns:  # noqa: PLR1730  # a third of the time of `max`
            self.received_ns = trade.received_ns
        return True


def _fewer(sizes: list[float]) -> list[float]:
    """Return a handful of floats with the same exact sum: it rounded, what that left out, etc."""
    parts: list[float] = []
    while rest := fsum(chain(sizes, (-part for part in parts))):
        parts.append(rest)
        if not isfinite(rest):
            return [rest]
    return parts
