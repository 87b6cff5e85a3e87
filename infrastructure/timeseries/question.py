"""What is asked of a store: the newest events of one series and one span of time."""

from typing import Generic, TypeVar

import msgspec

from market import Candle, Gap, Instrument, Quote, Trade

S = TypeVar("S", Quote, Trade, Candle, Gap)


class Series(msgspec.Struct, Generic[S], frozen=True):
    """The events of one kind, venue and instrument; candles of one interval too."""

    kind: type[S]
    venue: str
    instrument: Instrument
    interval: str = ""

    def event(self, others: dict[str, object]) -> S:
        """Make an event of its other fields, by name; whole numbers do for floats.

        Raises:
            msgspec.ValidationError: a field is missing or of another type.

        """
        known = {"venue": self.venue, "instrument": self.instrument, "interval": self.interval}
        return msgspec.convert({**known, **others}, self.kind)


class Span(msgspec.Struct, frozen=True):
    """The newest ``limit`` events of ``start_ns <= time < end_ns``.

    Raises:
        ValueError: the limit is less than one.

    """

    start_ns: int
    end_ns: int
    limit: int

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"the limit of a query is at least 1, not {self.limit}")


def time_field(kind: type) -> str:
    """Return the field that is the time of such an event to the port."""
    return "start_ns" if kind in (Candle, Gap) else "event_ns"


def other_fields(kind: type[Quote | Trade | Candle | Gap]) -> tuple[str, ...]:
    """Return the fields that differ within a series."""
    series = Series.__struct_fields__
    return tuple(name for name in kind.__struct_fields__ if name not in series)
