"""When candles close: by the venue's time, a while after their end, and how long they may change.

An interval closes by the greatest event time seen of anything at the venue, but none that lies
ahead of our receiving it, since a wrong clock would close what has not begun. It closes
``lateness_ns`` after its end. What comes later still corrects its candle, which is held for
``horizon_ns`` more. Beyond that the candle has ended.
"""

from collections.abc import Iterable
from math import inf
from typing import Generic, TypeAlias, TypeVar

from market import Instrument
from market.intervals import INTERVALS, SECOND_NS

CandleKey: TypeAlias = tuple[Instrument, int]
"""An instrument and the start of an interval, in nanoseconds."""

C = TypeVar("C")


def known_interval(interval: str) -> str:
    """Return the interval.

    Raises:
        ValueError: there is none of that name.

    """
    if interval not in INTERVALS:
        known = ", ".join(INTERVALS)
        raise ValueError(f"{interval!r} is no candle interval; choose one of {known}")
    return interval


class Closing(Generic[C]):
    """The candles of one venue and interval that may still change, with what each is made of.

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
        self._candles: dict[CandleKey, C] = {}
        self._open: set[CandleKey] = set()
        self._unsettled: set[CandleKey] = set()
        self._next_close_ns = inf

    def __contains__(self, key: CandleKey) -> bool:
        return key in self._candles

    def has_ended(self, key: CandleKey) -> bool:
        """Tell whether the candle may have been let go."""
        return key[1] + self._ends_ns <= self.now_ns

    def is_closed(self, key: CandleKey) -> bool:
        """Tell whether the venue's time is past the candle's."""
        return key[1] + self._closes_ns <= self.now_ns

    def advance(self, event_ns: int, received_ns: int) -> None:
        """Note that something happened at the venue at ``event_ns``."""
        self.now_ns = max(self.now_ns, min(event_ns, received_ns))

    def finished(self) -> list[CandleKey]:
        """Return the candles that closed, or changed after that, oldest first."""
        if self.now_ns >= self._next_close_ns:
            self._close()
        return sorted((key for key in self._unsettled if self.is_closed(key)), key=_by_start)

    def growing(self) -> list[CandleKey]:
        """Return the open candles that changed, oldest first."""
        return sorted((key for key in self._unsettled if not self.is_closed(key)), key=_by_start)

    def settle(self, keys: Iterable[CandleKey]) -> None:
        """Take note that these candles were told as they are."""
        self._unsettled.difference_update(keys)

    def _begin(self, key: CandleKey, content: C) -> None:
        """Have a new candle."""
        self._candles[key] = content
        if not self.is_closed(key):
            self._open.add(key)
            self._next_close_ns = min(self._next_close_ns, key[1] + self._closes_ns)

    def _close(self) -> None:
        closing = {key for key in self._open if self.is_closed(key)}
        self._open -= closing
        self._unsettled |= closing
        self._next_close_ns = min((key[1] + self._closes_ns for key in self._open), default=inf)
        ended = [key for key in self._candles if self.has_ended(key)]
        for key in ended:
            if key not in self._unsettled:
                del self._candles[key]


def _by_start(key: CandleKey) -> tuple[int, Instrument]:
    return key[1], key[0]
