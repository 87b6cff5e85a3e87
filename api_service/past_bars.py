"""Candles of archive and store in, as arrays that a backtest is about out."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.backtest import Bars, folded
from analytics.folding import MADE_OF
from infrastructure.archive.candle_arrays import CandleArrays
from infrastructure.archive.joined_candles import PastCandles
from infrastructure.archive.sources import Span
from market import Instrument

COLUMNS = ("start_ns", "open", "high", "low", "close", "volume")


async def past_bars(
    past: PastCandles,
    venue: str,
    instrument: Instrument,
    interval: str,
    span: Span,
    *,
    now_ns: int,
) -> Bars | None:
    """Return the candles of a market that start in a range; None: there are none.

    Those of an interval that nobody has are folded from the longest shorter ones that there are.

    Raises:
        TooManyCandlesError: there are more than ``past`` may read.

    """
    for shorter in _pieces_of(interval):
        found = await past.read(venue, instrument, shorter, span, now_ns=now_ns)
        if len(found):
            return folded(bars_of_arrays(found), interval)
    return None


def bars_of_arrays(found: CandleArrays) -> Bars:
    """Return the same candles as bars."""
    return Bars(interval=found.interval, **{name: getattr(found, name) for name in COLUMNS})


def _pieces_of(interval: str) -> Iterator[str]:
    """Yield the interval and those that it can be made of, longest first."""
    yield interval
    while interval in MADE_OF:
        interval = MADE_OF[interval]
        yield interval
