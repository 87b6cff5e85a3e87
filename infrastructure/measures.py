"""What parts measure about themselves: plain numbers, read when somebody asks.

A part that has more to tell than its books has ``measures()``. Names are those of
`infrastructure.metrics` without the common prefix.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
EVENTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


class Spread:
    """How values are spread: how many lie up to each bound, and their sum. One note: 0.2 µs."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self.counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0

    def note(self, value: float) -> None:
        """Take a value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def add(self, other: "Spread") -> None:
        """Take all values of another one of the same bounds."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def copy(self) -> "Spread":
        """Return one that goes its own way from here."""
        copied = Spread(self._bounds)
        copied.add(self)
        return copied

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many values there were up to each bound, the last of which is ``+Inf``."""
        so_far = 0
        rows: list[tuple[str, float]] = []
        for bound, count in zip((*self._bounds, float("inf")), self.counts, strict=True):
            so_far += count
            rows.append(("+Inf" if bound == float("inf") else f"{bound:g}", so_far))
        return rows


class Measure(NamedTuple):
    """One number, or how many were spread; ``labels`` in the order of its metric's."""

    name: str
    value: float | Spread
    labels: tuple[str, ...] = ()


@runtime_checkable
class Measured(Protocol):
    """Something that tells numbers about itself."""

    def measures(self) -> Iterable[Measure]:
        """Return what is so at this moment."""


def merged(measures: Iterable[Measure]) -> list[Measure]:
    """Return what several tell under one name as one: numbers and spreads are added up."""
    numbers: defaultdict[tuple[str, tuple[str, ...]], float] = defaultdict(float)
    spreads: dict[tuple[str, tuple[str, ...]], Spread] = {}
    for name, value, labels in measures:
        if not isinstance(value, Spread):
            numbers[name, labels] += value
        elif so_far := spreads.get((name, labels)):
            so_far.add(value)
        else:
            spreads[name, labels] = value.copy()
    told: dict[tuple[str, tuple[str, ...]], float | Spread] = {**numbers, **spreads}
    return [Measure(name, value, labels) for (name, labels), value in told.items()]


def states_of(name: str, whose: str, state: str, states: Sequence[str]) -> Iterator[Measure]:
    """Return a measure for each state: 1 for the one that it is in."""
    for one in states:
        yield Measure(name, one == state, (whose, one))
