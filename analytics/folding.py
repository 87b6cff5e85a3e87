"""Longer candles from shorter ones: five of a minute make one of five minutes, and so on up.

Each interval is made of the next shorter one, so that a day is made of six candles and not of all
its trades. A candle is a function of the set of its pieces, to the last bit, and of each piece the
one with the most trades counts, or of those the one told last: whatever the order they come in,
live, replayed or back-filled, and however often, the same candle comes of them. Its volume is the
exact sum of their volumes, rounded once. It is complete when all its pieces are.
"""

from math import fsum

from analytics.closing import CandleKey, Closing
from market import Candle
from market.intervals import start_of

MADE_OF = {"5m": "1m", "15m": "5m", "1h": "15m", "4h": "1h", "1d": "4h"}
"""The pieces of each interval that is made of shorter ones."""


class FoldedBook(Closing[dict[int, Candle]]):
    """The longer candles of one venue and interval that may still change, by start of each piece.

    Its `advance` is to be told what that of the pieces is told, and its `take` all that they tell,
    open candles too.
    """

    @property
    def made_of(self) -> str:
        """The interval of the pieces."""
        return MADE_OF[self.interval]

    def take(self, piece: Candle) -> None:
        """Count a piece, in place of an earlier state of it; an earlier one changes nothing.

        Raises:
            ValueError: it is of another interval.

        """
        if piece.interval != self.made_of:
            raise ValueError(
                f"candles of {self.interval} are made of {self.made_of}, not {piece.interval}"
            )
        key = piece.instrument, start_of(piece.start_ns, self.interval)
        pieces = self._candles.get(key)
        known = None if pieces is None else pieces.get(piece.start_ns)
        if known is not None and _rank(known) >= _rank(piece):
            return
        if pieces is None:
            self._begin(key, {piece.start_ns: piece})
        else:
            pieces[piece.start_ns] = piece
            self._unsettle(key)

    def candle(self, key: CandleKey, *, sequence: int) -> Candle:
        """Return a candle as it is now.

        Raises:
            KeyError: there are no pieces of it.

        """
        by_start = self._candles[key]
        pieces = [by_start[start] for start in sorted(by_start)]
        instrument, start_ns = key
        return Candle(
            venue=self.venue,
            instrument=instrument,
            interval=self.interval,
            start_ns=start_ns,
            open=pieces[0].open,
            high=max(piece.high for piece in pieces),
            low=min(piece.low for piece in pieces),
            close=pieces[-1].close,
            volume=fsum(piece.volume for piece in pieces),
            trades=sum(piece.trades for piece in pieces),
            closed=self.is_closed(key),
            complete=self.is_complete(key) and all(piece.complete for piece in pieces),
            event_ns=pieces[-1].event_ns,
            received_ns=max(piece.received_ns for piece in pieces),
            sequence=sequence,
        )


def _rank(piece: Candle) -> tuple[int, int]:
    return piece.trades, piece.sequence
