"""From a batch of events to those that are stored, one of each identity, and those refused."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from math import isfinite
from typing import TypeAlias

import msgspec

from infrastructure.timeseries.port import Stored
from market import Candle, Gap, Instrument, Quote, Trade

Refused: TypeAlias = list[tuple[Stored, str]]
"""Events that cannot be stored, each with what is wrong with it."""

LARGEST = 2**63 - 2_000_000
"""Bound of whole numbers: 64 bits, less the room that a time key takes."""

_FREE_TEXT = frozenset({"trade_id", "reason"})
_OPTIONAL = frozenset({"missing"})


def sift(events: Sequence[Stored]) -> tuple[list[Stored], Refused]:
    """Part the events into those to store, one of each identity, and those that cannot be.

    The later of two with the same identity stays, but for candles: there the one with more trades.
    """
    kept: dict[Hashable, Stored] = {}
    refused: Refused = []
    for event in events:
        fault = fault_of(event)
        if fault:
            refused.append((event, fault))
        elif not _is_outdone(event, kept.get(key := identity_of(event))):
            kept[key] = event
    return list(kept.values()), refused


def identity_of(event: Stored) -> Hashable:
    """Return what an event is known by: two with the same are the same one."""
    match event:
        case Trade():
            return "trade", event.venue, event.instrument, event.trade_id
        case Quote():
            return "quote", event.venue, event.instrument, event.sequence
        case Candle():
            return "candle", event.venue, event.instrument, event.interval, event.start_ns
        case Gap():
            return "gap", event.venue, event.instrument, event.channel, event.start_ns


def fault_of(event: Stored) -> str | None:
    """Tell what keeps the event from being stored as it is."""
    named_values = zip(event.__struct_fields__, msgspec.structs.astuple(event), strict=True)
    return next(_faults(named_values), None)


def _faults(named_values: Iterable[tuple[str, object]]) -> Iterator[str]:
    for name, value in named_values:
        if not _can_be(name, value):
            yield f"{name} cannot be {repr(value)[:100]}"


def _can_be(name: str, value: object) -> bool:
    match value:
        case float():
            return isfinite(value)
        case int():
            return abs(value) <= LARGEST
        case str():
            return _is_text(value) if name in _FREE_TEXT else _is_code(value)
        case Instrument():
            return _is_code(value.base) and _is_code(value.quote_currency)
        case _:
            return value is None and name in _OPTIONAL


def _is_code(value: str) -> bool:
    return bool(value) and value.isprintable() and "\\" not in value


def _is_text(value: str) -> bool:
    """Tell whether UTF-8 can hold it."""
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _is_outdone(event: Stored, other: Stored | None) -> bool:
    return isinstance(event, Candle) and isinstance(other, Candle) and event.trades < other.trades
