"""Which kinds of events are archived, and how their rows are told apart and ordered."""

from __future__ import annotations

import msgspec

from infrastructure.timeseries.batch import RANKED_BY, identity_fields
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import (
    EXPIRING,
    PARTED,
    SecondCandle,
    columns_of,
    expires,
    table_of,
    time_field,
)
from market import (
    Candle,
    Episode,
    Gap,
    Premium,
    Signal,
    VenueCandle,
    VenueStatus,
)
from market.intervals import INTERVALS

KINDS: tuple[type[Stored], ...] = (
    *EXPIRING,
    Candle,
    VenueCandle,
    Gap,
    Episode,
    Premium,
    Signal,
)
"""All that have a time; of what venues list only the last terms are kept anywhere."""

EVERY_VENUE = "all"
"""Stands for the venue of what is of none, such as the life of a route."""

_SERIES = ("venue", "base", "quote_currency", "interval")


def kind_named(name: str) -> type[Stored]:
    """Return the kind whose folder has this name, such as ``venue_candle``.

    Raises:
        ValueError: no such kind is archived; the text names those that are.

    """
    for kind in KINDS:
        if table_of(kind) == name:
            return kind
    raise ValueError(f"{name!r} is none of {', '.join(map(table_of, KINDS))}")


EXPORTED: tuple[type[Stored], ...] = tuple(
    kind for kind in KINDS if kind not in (VenueStatus, Episode, SecondCandle)
)
"""Kinds that are of one instrument at one venue; candles of a second are asked for as candles."""


def exported_kind(name: str) -> type[Stored]:
    """Return the kind of one instrument of this name, such as ``trades`` or ``venue-candles``.

    Raises:
        ValueError: there is none; the text names those that are.

    """
    known = {table_of(kind): kind for kind in EXPORTED}
    wanted = name.lower().replace("-", "_")
    kind = known.get(wanted) or known.get(_singular(wanted))
    if kind is None:
        raise ValueError(f"{name!r} is none of {', '.join(known)}")
    return kind


def exported_intervals(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the intervals that there are of a kind which has them; of a second only candles."""
    return tuple(one for one in INTERVALS if kind is Candle or not expires(one))


def has_venue(kind: type[msgspec.Struct]) -> bool:
    """Tell whether such an event is of one venue."""
    return "venue" in kind.__struct_fields__


def identity_columns(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the columns that no two rows have the same in."""
    return tuple(one for name in identity_fields(kind) for one in PARTED.get(name, (name,)))


def rank_columns(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the columns that tell which of two with one identity stays: the greater ones."""
    ranked = next((names for known, names in RANKED_BY.items() if issubclass(kind, known)), ())
    return tuple(dict.fromkeys((*ranked, "received_ns", "sequence", time_field(kind))))


def order_in_file(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the columns that rows of a file are in order of."""
    series = [name for name in _SERIES if name in columns_of(kind)]
    return tuple(dict.fromkeys((*series, *order_in_time(kind))))


def order_in_time(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return the columns that rows of several series are in order of."""
    series = [name for name in _SERIES if name in columns_of(kind)]
    names = (time_field(kind), *series, "sequence", *identity_columns(kind))
    return tuple(dict.fromkeys(names))


def listed(columns: tuple[str, ...]) -> str:
    """Return the columns as SQL."""
    return ", ".join(f'"{name}"' for name in columns)


def _singular(name: str) -> str:
    return f"{name[:-3]}y" if name.endswith("ies") else name.removesuffix("s")
