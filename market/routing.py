"""Routing keys: the address an event is published under.

    <kind>.<venue>.<base>.<quote currency>      quote.kraken.BTC.EUR
    routes.<base>                               routes.BTC
    episode.<base>                              episode.BTC
    premium.<venue>.<base>.<quote currency>     premium.upbit.BTC.KRW
    status.<venue>[.<base>.<quote currency>]    status.kraken
    actor.<actor>                               actor.storage-writer

A binding pattern may hold ``*`` (one word) and ``#`` (any number of words), as AMQP topics do.
"""

from functools import cache
from zlib import crc32

from market.events import ActorStatus, Episode, Event, Routes, VenueStatus
from market.instrument import Instrument

_KINDS: dict[type, str] = {VenueStatus: "status", ActorStatus: "actor"}


def kind_of(event_type: type) -> str:
    """Return the first word of the routing keys of events of this type."""
    return _KINDS.get(event_type) or event_type.__name__.lower()


def routing_key(event: Event) -> str:
    """Return the key that ``event`` is published under."""
    match event:
        case Routes() | Episode():
            return f"{kind_of(type(event))}.{event.base}"
        case ActorStatus():
            return f"actor.{event.actor.replace('.', '-')}"
        case VenueStatus(instrument=None):
            return f"status.{event.venue}"
        case VenueStatus(instrument=Instrument() as instrument):
            return _venue_key("status", event.venue, instrument)
        case _:
            return _venue_key(kind_of(type(event)), event.venue, event.instrument)


@cache
def _venue_key(kind: str, venue: str, instrument: Instrument) -> str:
    return f"{kind}.{venue}.{instrument.base}.{instrument.quote_currency}"


def partition_of(event: Event, count: int) -> int | None:
    """Return which of ``count`` partitions has the event; None: it is for all of them.

    All that happens to one instrument, at whatever venue, goes to one partition; what is told of a
    base asset, or of our own actors, goes by that; how a whole venue does is for all.
    """
    match event:
        case VenueStatus(instrument=None):
            return None
        case Routes() | Episode():
            return _partition_of_words(event.base, count)
        case ActorStatus():
            return _partition_of_words(event.actor, count)
        case _:
            return _partition_of_instrument(event.instrument, count)


@cache
def _partition_of_instrument(instrument: Instrument, count: int) -> int:
    return _partition_of_words(f"{instrument.base}.{instrument.quote_currency}", count)


@cache
def _partition_of_words(words: str, count: int) -> int:
    return crc32(words.encode()) % count


def matches(pattern: str, key: str) -> bool:
    """Tell whether an AMQP topic ``pattern`` covers ``key``."""
    return _match(pattern.split("."), key.split("."))


def _match(pattern: list[str], words: list[str]) -> bool:
    if not pattern:
        return not words
    head, rest = pattern[0], pattern[1:]
    if head == "#":
        return any(_match(rest, words[i:]) for i in range(len(words) + 1))
    return bool(words) and head in ("*", words[0]) and _match(rest, words[1:])
