"""What a strategy is.

It is told of one instrument, of each closed candle or of each quote once and in order of time, and
says how much of its capital should be in the coin from then on: 0 is none, 1 is all. It answers
from what it was told so far and from nothing else, so that what it says of the past does not change
with the future.
None means: too little is known yet. What it says is carried out at the next price there is, never
at the one that it was told.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec

from analytics.strategies.bounds import bounds_of

P = TypeVar("P", bound=msgspec.Struct)


class Bar(msgspec.Struct, frozen=True, gc=False):
    """A closed candle as a strategy sees it; ``premium_bps`` is that over the reference venue.

    ``start_ns`` is where the candle starts. NaN stands for a premium that nobody knows.
    """

    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    premium_bps: float = float("nan")


class Moment(msgspec.Struct, frozen=True, gc=False):
    """A quote as a strategy sees it; ``premium_bps`` as in `Bar`."""

    at_ns: int
    bid: float
    bid_size: float
    ask: float
    ask_size: float
    premium_bps: float = float("nan")


class Reason(msgspec.Struct, frozen=True):
    """Why a strategy says what it says: a sentence, and the values behind it."""

    text: str
    values: Mapping[str, float]


class Parametric(Protocol):
    """Has a name and parameters, as all strategies do."""

    name: ClassVar[str]
    Parameters: ClassVar[type[msgspec.Struct]]
    """What can be chosen, each with a default and bounds (`msgspec.Meta`)."""

    def __init__(self, parameters: Any, /) -> None:
        """Begin, with an instance of `Parameters`."""


class OfInstrument(Parametric, Protocol):
    """One instance an instrument; what all strategies on one have, users' own too."""

    warm_up: int
    """Candles, or quotes, until the answer no longer depends on where they began."""

    def why(self) -> Reason:
        """Explain the last answer."""


@runtime_checkable
class Strategy(OfInstrument, Protocol):
    """Decides on candles."""

    def on_candle(self, bar: Bar, /) -> float | None:
        """Take the next closed candle; return the share of capital to hold in the coin."""


@runtime_checkable
class QuoteStrategy(OfInstrument, Protocol):
    """Decides on quotes; the same class may decide on candles as well."""

    def on_quote(self, moment: Moment, /) -> float | None:
        """Take the next quote; return the share of capital to hold in the coin."""


AnyStrategy: TypeAlias = Strategy | QuoteStrategy


def parameters_of(strategy: type[Parametric], given: Mapping[str, Any]) -> msgspec.Struct:
    """Return the parameters, with defaults where none is given; texts are read as numbers.

    Raises:
        ValueError: there is no parameter of that name, or its value is out of bounds.

    """
    return parameters_from(strategy.name, strategy.Parameters, given)


def parameters_from(name: str, terms: type[P], given: Mapping[str, Any]) -> P:
    """Return an instance of ``terms``, as `parameters_of` does for the strategy of that name."""
    known = [field.name for field in msgspec.structs.fields(terms)]
    if strange := sorted(set(given) - set(known)):
        names = ", ".join(sorted(known)) or "none"
        raise ValueError(f"{name} has no parameter {strange[0]!r}; it has {names}")
    try:
        return msgspec.convert(dict(given), terms, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"{name}: {_in_words(terms, given, error)}") from error


def _in_words(
    terms: type[msgspec.Struct], given: Mapping[str, Any], error: msgspec.ValidationError
) -> str:
    """Name the parameter, its value and what it may be, where that is what is wrong."""
    name = str(error).rpartition("$.")[2].rstrip("`")
    if name not in given:
        return str(error)
    return f"{name} is {given[name]}; it must be {bounds_of(terms, name)}"
