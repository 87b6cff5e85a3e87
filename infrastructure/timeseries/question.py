"""What is asked of a store: the newest events of one series and one span of time."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from market import (
    Candle,
    Gap,
    Instrument,
    Listed,
    Premium,
    Quote,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)

S = TypeVar("S", Quote, Trade, Candle, VenueCandle, Summary, Listed, Gap, VenueStatus, Premium)

SERIES_COLUMNS = ("venue", "base", "quote_currency")

PARTED = {
    "instrument": ("base", "quote_currency"),
    "reference": ("reference_base", "reference_quote_currency"),
}
"""Fields that are an instrument, and the two columns that each of them is kept in."""


class Series(msgspec.Struct, Generic[S], frozen=True):
    """The events of one kind, venue and instrument; candles of one interval too.

    Without an instrument they are those of the whole venue.
    """

    kind: type[S]
    venue: str
    instrument: Instrument | None
    interval: str = ""

    @property
    def codes(self) -> dict[str, str]:
        """What it is found by; the whole venue has no currencies."""
        base, quote_currency = codes_of(self.instrument)
        return {"venue": self.venue, "base": base, "quote_currency": quote_currency}

    def event(self, others: Mapping[str, object]) -> S:
        """Make an event of its other fields, by name; whole numbers do for floats.

        Raises:
            msgspec.ValidationError: a field is missing or of another type.

        """
        known = {"venue": self.venue, "instrument": self.instrument, "interval": self.interval}
        return msgspec.convert({**known, **others, **_reference(others)}, self.kind)


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


def expires(interval: str) -> bool:
    """Tell whether candles of an interval are kept no longer than the trades they are made of."""
    return interval == "1s"


def codes_of(instrument: Instrument | None) -> tuple[str, str]:
    """Return base and quote currency; empty: there is no instrument."""
    return (instrument.base, instrument.quote_currency) if instrument else ("", "")


def time_field(kind: type[msgspec.Struct]) -> str:
    """Return the field that is the time of such an event to the port."""
    return "start_ns" if kind in (Candle, VenueCandle, Gap) else "event_ns"


def table_of(kind: type[msgspec.Struct]) -> str:
    """Return the name of the table or measurement that such events are in."""
    named: dict[type, str] = {VenueCandle: "venue_candle", VenueStatus: "venue_status"}
    return named.get(kind) or kind.__name__.lower()


def columns_of(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return what the fields of an event are kept in, in their order."""
    return tuple(column for name in kind.__struct_fields__ for column in PARTED.get(name, (name,)))


def other_fields(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the columns that differ within a series."""
    series = (*SERIES_COLUMNS, "interval")
    return tuple(name for name in columns_of(kind) if name not in series)


def of_any_series(kind: type[S], row: Mapping[str, object]) -> S:
    """Make an event of a row that names its series too."""
    venue, base, quote_currency = (str(row[name]) for name in SERIES_COLUMNS)
    others = {name: row[name] for name in other_fields(kind)}
    return Series(kind, venue, Instrument(base, quote_currency)).event(others)


def signal_of(row: Mapping[str, object]) -> Signal:
    """Make a signal of its columns, by name."""
    base, quote_currency = (str(row[name]) for name in SERIES_COLUMNS[1:])
    told: dict[str, object] = {
        "instrument": Instrument(base, quote_currency),
        "values": msgspec.json.decode(str(row["values"])),
    }
    columns = {name: row[name] for name in columns_of(Signal) if name not in SERIES_COLUMNS[1:]}
    return msgspec.convert({**columns, **told}, Signal)


def by_moment(signal: Signal) -> tuple[int, str, Instrument, str, str, str]:
    """Return what signals are ordered by."""
    return (
        signal.event_ns,
        signal.venue,
        signal.instrument,
        signal.strategy,
        signal.parameters,
        signal.interval,
    )


def _reference(row: Mapping[str, object]) -> dict[str, Instrument]:
    """Return the second market of a row that names one, as an instrument."""
    if PARTED["reference"][0] not in row:
        return {}
    base, quote_currency = (str(row[name]) for name in PARTED["reference"])
    return {"reference": Instrument(base, quote_currency)}
