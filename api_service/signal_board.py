"""What strategies said: the last of each, and the latest that changed something."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from market import Instrument, Signal

TOLD_KEPT = 1_000

SignalKey: TypeAlias = tuple[str, Instrument, str, str, str]
"""Venue and instrument, strategy, parameters and interval."""


class SignalBoard:
    """Signals in, those to be shown out."""

    def __init__(self) -> None:
        self._latest: dict[SignalKey, Signal] = {}
        self._told: dict[tuple[SignalKey, int], Signal] = {}

    def take(self, signal: Signal) -> bool:
        """Take in a signal; tell whether it is news."""
        key = signal_key(signal)
        known = self._latest.get(key)
        is_last = known is None or signal.start_ns >= known.start_ns
        if is_last:
            self._latest[key] = signal
        if signal.side == "hold" and not signal.corrected:
            return is_last and signal != known
        place = key, signal.start_ns
        if self._told.get(place) == signal:
            return False
        self._told[place] = signal
        if len(self._told) > TOLD_KEPT:
            del self._told[next(iter(self._told))]
        return True

    def latest(self) -> Iterable[Signal]:
        """Return the last of each market and strategy, by these."""
        return (self._latest[key] for key in sorted(self._latest))

    def told(self) -> Iterator[Signal]:
        """Yield what changed something, or took back what did, by time of telling."""
        yield from self._told.values()


def signal_key(signal: Signal) -> SignalKey:
    """Return what two signals share of which the newer replaces the older."""
    market = signal.venue, signal.instrument
    return (*market, signal.strategy, signal.parameters, signal.interval)
