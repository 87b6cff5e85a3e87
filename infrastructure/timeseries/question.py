"""What is asked of a store: the newest events of one series and one span of time."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from infrastructure.timeseries.port import Stored
from market import (
    Book,
    Candle,
    Gap,
    Instrument,
    Level,
    Listed,
    Premium,
    Quote,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)

S = TypeVar(
    "S", Quote, Trade, Book, Candle, VenueCandle, Summary, Listed, Gap, VenueStatus, Premium
)

K = TypeVar("K", bound=msgspec.Struct)

SERIES_COLUMNS = ("venue", "base", "quote_currency")

PARTED = {
    "instrument": ("base", "quote_currency"),
    "reference": ("reference_base", "reference_quote_currency"),
    "bids": ("bid_prices", "bid_sizes"),
    "asks": ("ask_prices", "ask_sizes"),
}
"""Fields that are an instrument or a side of a book, and the two columns of each of them."""

LISTS = frozenset(column for side in ("bids", "asks") for column in PARTED[side])
"""Columns that hold a list of numbers each, the best level's first."""


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

    @property
    def kept(self) -> type[S] | type["SecondCandle"]:
        """The kind that names where they are kept."""
        return kept_as(self.kind, self.interval)

    def event(self, others: Mapping[str, object]) -> S:
        """Make an event of its other fields, by name; whole numbers do for floats.

        Raises:
            msgspec.ValidationError: a field is missing or of another type.

        """
        known = {"venue": self.venue, "instrument": self.instrument, "interval": self.interval}
        return msgspec.convert({**known, **others, **_parted(others)}, self.kind)


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


class SecondCandle(Candle, frozen=True, gc=False):
    """Names the tables and files of candles of a second; what is in them are candles.

    They are many, and kept no longer than trades, so they are apart from the others.
    """


EXPIRING: tuple[type[Stored], ...] = (Quote, Trade, Book, Summary, VenueStatus, SecondCandle)
"""Kinds that are kept for a while only."""


def kept_as(kind: type[K], interval: str) -> type[K] | type[SecondCandle]:
    """Return the kind that names where such events are kept."""
    return SecondCandle if issubclass(kind, Candle) and expires(interval) else kind


def made_of(kind: type[K]) -> type[K] | type[Candle]:
    """Return the kind of the events that are kept there."""
    return Candle if kind is SecondCandle else kind


def codes_of(instrument: Instrument | None) -> tuple[str, str]:
    """Return base and quote currency; empty: there is no instrument."""
    return (instrument.base, instrument.quote_currency) if instrument else ("", "")


def parts_of(value: Instrument | tuple[Level, ...] | None) -> tuple[object, object]:
    """Return the two columns of a field that is parted."""
    if isinstance(value, tuple):
        return [level.price for level in value], [level.size for level in value]
    return codes_of(value)


def levels_of(prices: Sequence[float], sizes: Sequence[float]) -> tuple[Level, ...]:
    """Return the side of a book that has these columns."""
    return tuple(Level(price, size) for price, size in zip(prices, sizes, strict=True))


def time_field(kind: type[msgspec.Struct]) -> str:
    """Return the field that is the time of such an event to the port."""
    return "start_ns" if issubclass(kind, Candle | VenueCandle | Gap) else "event_ns"


def table_of(kind: type[msgspec.Struct]) -> str:
    """Return the name of the table or measurement that such events are in."""
    named: dict[type, str] = {
        SecondCandle: "candle_second",
        VenueCandle: "venue_candle",
        VenueStatus: "venue_status",
    }
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


def _parted(row: Mapping[str, object]) -> dict[str, object]:
    """Return what a row names in two columns each: the second market, the sides of a book."""
    found: dict[str, object] = {}
    if PARTED["reference"][0] in row:
        base, quote_currency = (str(row[name]) for name in PARTED["reference"])
        found["reference"] = Instrument(base, quote_currency)
    if PARTED["bids"][0] in row:
        columns = msgspec.convert({name: row[name] for name in LISTS}, dict[str, list[float]])
        for side in ("bids", "asks"):
            prices, sizes = (columns[name] for name in PARTED[side])
            found[side] = levels_of(prices, sizes)
    return found
