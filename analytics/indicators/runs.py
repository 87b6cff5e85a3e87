"""From candles to the values of an indicator, the same to the last bit wherever one begins.

Sums that are carried along and means that fade depend in their last bits on where they began. So
that whoever computes a value gets the same one, time is cut into blocks of 1,000 candles, for what
begins anew at midnight into days. The values of a block are those of a series that begins
`Indicator.reach` candles before it. Hence a value is a function of the candles before it, and who
knows those of the block and so many before it knows the value.
"""

from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from analytics.indicators.named import Asked, Point, Points, Values


class Told(NamedTuple):
    """What an indicator tells of a candle; None: too few came before it.

    ``settled``: all candles were known that it could depend on.
    """

    start_ns: int
    values: Values | None
    settled: bool


class Run:
    """The updated form: points in, one at a time and in order, what is told of each out."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.last_ns: int | None = None
        """Start of the last point that was taken."""
        self._block_ns: int | None = None
        self._state: Any = None
        self._before: deque[Point] = deque(maxlen=asked.reach)
        self._taken = 0

    def take(self, point: Point) -> Told:
        """Take the next point."""
        block_ns = self.asked.block_of(point.start_ns)
        if block_ns != self._block_ns:
            self._begin(block_ns)
        values = self.asked.kind.update(self._state, point)
        told = Told(point.start_ns, values, self._taken >= self.asked.reach)
        self._taken += 1
        self._before.append(point)
        self.last_ns = point.start_ns
        return told

    def look(self, point: Point) -> Told:
        """Return what would be told of the next point, and do not take it."""
        return deepcopy(self).take(point)

    def __deepcopy__(self, _memo: dict[int, object]) -> "Run":
        """Copy what changes; points do not."""
        copy = Run(self.asked)
        copy._block_ns, copy._taken = self._block_ns, self._taken
        copy._state, copy._before = deepcopy(self._state), self._before.copy()
        return copy

    def _begin(self, block_ns: int) -> None:
        self._block_ns = block_ns
        self._state = self.asked.kind.begin(self.asked.parameters)
        self._taken = len(self._before)
        for point in self._before:
            self.asked.kind.update(self._state, point)


def told_of(asked: Asked, points: Points, *, since_ns: int) -> Iterator[Told]:
    """Yield what is told of each point from ``since_ns`` on, by the form over arrays.

    Args:
        asked: Which indicator.
        points: Those of the block of the first that is told of, and `Asked.reach` before it, if
            there are so many.
        since_ns: Start of the first that is told of.

    """
    first = int(np.searchsorted(points.start_ns, since_ns))
    if first == len(points):
        return
    block_ns = asked.block_of(int(points.start_ns[first]))
    begin = int(np.searchsorted(points.start_ns, block_ns))
    for start, end in pairwise([begin, *_turns(asked, points, begin), len(points)]):
        yield from _of_block(asked, points, range(start, end), first)


def _turns(asked: Asked, points: Points, begin: int) -> list[int]:
    """Return where a block begins after ``begin``."""
    blocks = points.start_ns[begin:] // asked.block_ns
    return [begin + 1 + int(at) for at in np.flatnonzero(np.diff(blocks))]


def _of_block(asked: Asked, points: Points, block: range, first: int) -> Iterator[Told]:
    since = max(0, block.start - asked.reach)
    first = max(first, block.start)
    series = asked.kind.over(asked.parameters, points.part(since, block.stop))
    told = zip(*(one[first - since :].tolist() for one in series), strict=True)
    starts = points.start_ns[first : block.stop].tolist()
    for place, start_ns, values in zip(range(first, block.stop), starts, told, strict=True):
        is_known = all(value == value for value in values)  # noqa: PLR0124  # NaN alone is not
        yield Told(start_ns, values if is_known else None, place - since >= asked.reach)
