"""What an indicator is that can be asked for by name: on candles, with parameters that have bounds.

Some look at other markets beside their own: at a `reference`, or at a `rate` between the currencies
of both. They are told of a start of which each of these markets has a candle.
"""

from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.indicators.history import Series
from market.intervals import INTERVALS, start_of

Values: TypeAlias = tuple[float, ...]
"""What an indicator tells of one candle, in the order of `Indicator.tells`."""

Beside: TypeAlias = Literal["reference", "rate"]

BLOCK = 1_000
"""Candles of which an indicator is computed in one go, see `runs`."""


class Point(NamedTuple):
    """A candle as indicators see it, and the closes of the markets beside its own."""

    start_ns: int
    high: float
    low: float
    close: float
    volume: float
    reference: float = nan
    rate: float = nan


class Points(msgspec.Struct, frozen=True):
    """Points as arrays of one length, in order of time."""

    start_ns: NDArray[np.int64]
    high: Series
    low: Series
    close: Series
    volume: Series
    reference: Series
    rate: Series

    def __len__(self) -> int:
        return len(self.start_ns)

    def part(self, start: int, end: int) -> "Points":
        """Return those from the ``start``-th up to the ``end``-th, which is left out."""
        return Points(*(getattr(self, name)[start:end] for name in self.__struct_fields__))


def points_of(points: Sequence[Point]) -> Points:
    """Return the points as arrays."""
    if not points:
        return Points(np.empty(0, np.int64), *(np.empty(0) for _ in Point._fields[1:]))
    starts, *others = zip(*points, strict=True)
    return Points(np.asarray(starts, np.int64), *(np.asarray(one, np.float64) for one in others))


class Indicator(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One definition in two forms, which are equal to the last bit.

    ``about`` says in a sentence what it is, ``tells`` names its values and says what each is.
    ``terms`` is what can be chosen, each with a default and bounds (`msgspec.Meta`).
    ``beside`` are the markets that it looks at beside its own, ``of_a_day`` says that it begins
    anew at midnight, UTC.

    ``begin`` makes a state that knows nothing yet, ``update`` tells it the next point and returns
    the values as they are then, None: too few came yet. ``over`` returns the same of all points,
    NaN stands for None. ``reach`` is how many points before one it takes until it matters no more
    where it began. Means that fade never quite forget: after so many points what they began with is
    less than the last bit of what they tell.
    """

    name: str
    about: str
    tells: Mapping[str, str]
    terms: type[msgspec.Struct]
    begin: Callable[[Any], Any]
    update: Callable[[Any, Point], Values | None]
    over: Callable[[Any, Points], tuple[Series, ...]]
    reach: Callable[[Any], int]
    beside: tuple[Beside, ...] = ()
    of_a_day: bool = False


class NoTerms(msgspec.Struct, frozen=True):
    """There are none."""


class Asked(msgspec.Struct, frozen=True):
    """An indicator, an instance of its parameters, and the interval of the candles."""

    kind: Indicator
    parameters: msgspec.Struct
    interval: str

    @property
    def reach(self) -> int:
        """See `Indicator.reach`."""
        return self.kind.reach(self.parameters)

    @property
    def length_ns(self) -> int:
        """How long one candle lasts."""
        return INTERVALS[self.interval]

    @property
    def block_ns(self) -> int:
        """How long a block lasts."""
        if self.kind.of_a_day:
            return max(INTERVALS["1d"], self.length_ns)
        return BLOCK * self.length_ns

    def block_of(self, start_ns: int) -> int:
        """Return when the block begins that a candle is in."""
        if self.kind.of_a_day:
            return start_of(start_ns, "1d")
        return start_ns - start_ns % self.block_ns

    @property
    def given(self) -> dict[str, int | float]:
        """The parameters by name, all of them."""
        return msgspec.structs.asdict(self.parameters)

    @property
    def text(self) -> str:
        """The parameters, all of them: ``fast=12 slow=26 signal=9``."""
        return " ".join(f"{name}={value}" for name, value in self.given.items())
