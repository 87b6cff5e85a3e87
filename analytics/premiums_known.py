"""Which premium was known when: the first of each minute holds until the next one.

That is what stores keep, so what is decided on it live can be decided again on what is stored.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from math import nan

from market import Premium
from market.intervals import SECOND_NS, start_of

BPS = 10_000.0

LASTS_NS = 180 * SECOND_NS
"""A premium that is older is known no more."""

BASES = ("bank", "stable", "same")
"""Kinds of rate, the one that is preferred first."""


class PremiumsKnown:
    """The premiums of one market, by kind of rate; it remembers ``at_most`` of each."""

    def __init__(self, at_most: int = 256) -> None:
        self._times: dict[str, deque[int]] = {basis: deque(maxlen=at_most) for basis in BASES}
        self._told: dict[str, deque[float]] = {basis: deque(maxlen=at_most) for basis in BASES}

    def take(self, premium: Premium) -> None:
        """Note a premium, unless one of its minute or a later one is known."""
        self._note(premium.basis, premium.event_ns, premium.premium * BPS)

    def follow(self, newer: "PremiumsKnown") -> None:
        """Note what another one knows of later minutes."""
        for basis, event_ns, told in newer.told():
            self._note(basis, event_ns, told)

    def told(self) -> Iterator[tuple[str, int, float]]:
        """Yield kind of rate, time and basis points of each premium, oldest first of a kind."""
        for basis, times in self._times.items():
            for event_ns, told in zip(times, self._told[basis], strict=True):
                yield basis, event_ns, told

    def before(self, at_ns: int) -> float:
        """Return the newest before that time, in basis points; NaN: none is known."""
        for basis in BASES:
            times = self._times[basis]
            place = bisect_left(times, at_ns)
            if place and at_ns - times[place - 1] <= LASTS_NS:
                return self._told[basis][place - 1]
        return nan

    def _note(self, basis: str, event_ns: int, told: float) -> None:
        times = self._times[basis]
        if not times or start_of(event_ns, "1m") > start_of(times[-1], "1m"):
            times.append(event_ns)
            self._told[basis].append(told)
