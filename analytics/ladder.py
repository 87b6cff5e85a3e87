"""All candles of one venue: trades in at the bottom, candles of every interval out.

What the shortest intervals are made of is trades, what each longer one is made of are the candles
below it, whenever these are told. So a ladder that is given the same trades and gaps tells the same
candles, live or read back, whatever the order.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from analytics.candles import CandleBook
from analytics.closing import known_interval
from analytics.folding import MADE_OF, FoldedBook
from market import Candle, Gap, Trade
from market.intervals import INTERVALS, SECOND_NS

Rung: TypeAlias = CandleBook | FoldedBook

HORIZONS_NS = {"1s": 30 * SECOND_NS}
"""How long candles are held, where that is less than for most: there are many of them."""


class Ladder:
    """The candles of one venue that may still change.

    ``rungs`` are in order of their intervals; ``of_trades`` are those that trades make, ``folded``
    the longer ones.
    """

    def __init__(self, venue: str, intervals: Collection[str] = tuple(INTERVALS)) -> None:
        wanted = {known_interval(interval) for interval in intervals}
        self.venue = venue
        self.rungs: list[Rung] = []
        self.of_trades: list[CandleBook] = []
        self.folded: list[FoldedBook] = []
        self._above: dict[str, FoldedBook] = {}
        for interval in INTERVALS:
            if interval in wanted:
                self._add(interval, wanted)

    def take(self, trade: Trade) -> None:
        """Count the trade, unless it was before."""
        for book in self.of_trades:
            book.take(trade)

    def advance(self, event_ns: int, received_ns: int) -> None:
        """Note that something happened at the venue at ``event_ns``."""
        for book in self.of_trades:
            book.advance(event_ns, received_ns)

    def miss(self, gap: Gap) -> None:
        """Note that trades are missing; all candles that it lies in are incomplete."""
        if gap.channel == "trade":
            for book in self.rungs:
                book.miss(gap.instrument, gap.start_ns, gap.end_ns)

    def above(self, interval: str, now_ns: int) -> FoldedBook | None:
        """Return the book that is made of candles of this interval; it is told the venue's time."""
        folded = self._above.get(interval)
        if folded is not None:
            folded.advance(now_ns, now_ns)
        return folded

    def finished(self, number: Callable[[], int]) -> Sequence[Candle]:
        """Return the candles that closed, or changed after that, the shortest first.

        They count as told. ``number`` makes their sequences.
        """
        told: list[Candle] = []
        for book in self.rungs:
            keys = book.finished()
            candles = [book.candle(key, sequence=number()) for key in keys]
            if (folded := self.above(book.interval, book.now_ns)) is not None:
                for candle in candles:
                    folded.take(candle)
            book.settle(keys)
            told += candles
        return told

    def _add(self, interval: str, wanted: Collection[str]) -> None:
        piece = MADE_OF.get(interval, "")
        if piece in wanted:
            folded = FoldedBook(self.venue, interval)
            self._above[piece] = folded
            self.folded.append(folded)
            self.rungs.append(folded)
        else:
            horizon = {"horizon_ns": HORIZONS_NS[interval]} if interval in HORIZONS_NS else {}
            book = CandleBook(self.venue, interval, **horizon)
            self.of_trades.append(book)
            self.rungs.append(book)
