"""When candles close: by the venue's time, a while after their end, and how long they may change.

An interval closes by the greatest event time seen of anything at the venue, but none that lies
ahead of our receiving it, since a wrong clock would close what has not begun. It closes
``lateness_ns`` after its end. What comes later still corrects its candle, which is held for
``horizon_ns`` more. Beyond that the candle has ended.

A candle is complete unless trades of its time are known to be missing, or are likely to be: those
before the first one of an instrument that nothing else is known of.
"""

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Generic, TypeAlias, TypeVar

from market import Instrument
from market.intervals import INTERVALS, SECOND_NS

CandleKey: TypeAlias = tuple[Instrument, int]
"""An instrument and the start of an interval, in nanoseconds."""

C = TypeVar("C")

GAPS_KEPT = 200
"""Gaps of an instrument that are remembered, the newest."""


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
        self._grown: set[CandleKey] = set()
        self._changed: set[CandleKey] = set()
        self._next_close_ns = inf
        self._missing: dict[Instrument, deque[tuple[int, int]]] = {}
        self._first: dict[Instrument, CandleKey | None] = {}

    def __contains__(self, key: CandleKey) -> bool:
        return key in self._candles

    def has_ended(self, key: CandleKey) -> bool:
        """Tell whether the candle may have been let go."""
        return key[1] + self._ends_ns <= self.now_ns

    def is_closed(self, key: CandleKey) -> bool:
        """Tell whether the venue's time is past the candle's."""
        return key[1] + self._closes_ns <= self.now_ns

    def is_complete(self, key: CandleKey) -> bool:
        """Tell whether no trade of the candle's time is known to be missing."""
        instrument, start_ns = key
        if self._first.get(instrument) == key:
            return False
        end_ns = start_ns + self.length_ns
        missing = self._missing.get(instrument, ())
        return not any(since_ns < end_ns and until_ns >= start_ns for since_ns, until_ns in missing)

    def begins(self, instrument: Instrument) -> None:
        """Note that nothing is known of what was before the instrument's first candle here."""
        held = [key for key in self._candles if key[0] == instrument]
        self._first[instrument] = min(held, key=_by_start, default=None)

    def miss(self, instrument: Instrument, start_ns: int, end_ns: int) -> None:
        """Note that trades are missing from the one time to the other, both included."""
        missing = self._missing.setdefault(instrument, deque(maxlen=GAPS_KEPT))
        if (start_ns, end_ns) in missing:
            return
        missing.append((start_ns, end_ns))
        for key in self._candles:
            if key[0] == instrument and key[1] <= end_ns and start_ns < key[1] + self.length_ns:
                self._unsettle(key)

    def advance(self, event_ns: int, received_ns: int) -> None:
        """Note that something happened at the venue at ``event_ns``."""
        now_ns = min(event_ns, received_ns)
        if now_ns > self.now_ns:  # noqa: PLR1730  # a third of the time of `max`
            self.now_ns = now_ns

    def finished(self) -> list[CandleKey]:
        """Return the candles that closed, or changed after that, oldest first."""
        if self.now_ns >= self._next_close_ns:
            self._close()
        return sorted(self._changed, key=_by_start)

    def growing(self) -> list[CandleKey]:
        """Return the open candles that changed, oldest first."""
        return sorted((key for key in self._grown if not self.is_closed(key)), key=_by_start)

    def settle(self, keys: Iterable[CandleKey]) -> None:
        """Take note that these candles were told as they are."""
        self._grown.difference_update(keys)
        self._changed.difference_update(keys)

    def _begin(self, key: CandleKey, content: C) -> None:
        """Have a new candle."""
        self._candles[key] = content
        if key[0] in self._first:
            self._may_be_first(key)
        if not self.is_closed(key):
            self._open.add(key)
            self._next_close_ns = min(self._next_close_ns, key[1] + self._closes_ns)
        self._unsettle(key)

    def _unsettle(self, key: CandleKey) -> None:
        """Have a candle told that is not as it was told last."""
        (self._grown if key in self._open else self._changed).add(key)

    def _may_be_first(self, key: CandleKey) -> None:
        """Take a candle for the first one where it is older; what was the first is complete."""
        first = self._first[key[0]]
        if first is not None and first[1] <= key[1]:
            return
        self._first[key[0]] = key
        if first in self._candles:
            self._unsettle(first)

    def _close(self) -> None:
        closing = {key for key in self._open if self.is_closed(key)}
        self._open -= closing
        self._grown -= closing
        self._changed |= closing
        self._next_close_ns = min((key[1] + self._closes_ns for key in self._open), default=inf)
        ended = [key for key in self._candles if self.has_ended(key)]
        for key in ended:
            if key not in self._changed and key != self._first.get(key[0]):
                del self._candles[key]


def _by_start(key: CandleKey) -> tuple[int, Instrument]:
    return key[1], key[0]
