"""Routing keys: the address an event is published under.

    <kind>.<venue>.<base>.<quote currency>      quote.kraken.BTC.EUR
    routes.<base>                               routes.BTC
    episode.<base>                              episode.BTC
    premium.<venue>.<base>.<quote currency>     premium.upbit.BTC.KRW
    status.<venue>[.<base>.<quote currency>]    status.kraken
    actor.<actor>                               actor.storage-writer

A binding pattern may hold ``*`` (one word) and ``#`` (any number of words), as AMQP topics do.

A message of many events has few keys (`message_keys`): those of its events, or where they are too
many their first words alone, ``quote.kraken`` or ``quote``. Whoever is bound to patterns is bound
to such keys as well (`message_patterns`), and picks from the message what its patterns cover.
"""

import re
from collections.abc import Sequence
from functools import cache
from itertools import compress
from operator import attrgetter
from typing import TypeAlias
from zlib import crc32

from market.events import ActorStatus, Episode, Event, Routes, VenueStatus
from market.instrument import Instrument

_Address: TypeAlias = tuple[type, str, Instrument | None]
_address = attrgetter("__class__", "venue", "instrument")

KEYS_AT_MOST = 8
"""Keys of a message, if fewer words make them so few.

A broker takes 15 to 30 µs for each key of four words, and 400 for all else of a message.
"""

FEWER_WORDS = (2, 1)

_ANY = {"*": r"[^.]*\.", "#": r"(?:[^.]*\.)*"}

_KINDS: dict[type, str] = {VenueStatus: "status", ActorStatus: "actor"}


def kind_of(event_type: type) -> str:
    """Return the first word of the routing keys of events of this type."""
    return _KINDS.get(event_type) or event_type.__name__.lower()


def routing_key(event: Event) -> str:
    """Return the key that ``event`` is published under."""
    try:
        return _keys[_address(event)]
    except AttributeError:  # it is not of one venue's instrument
        return f"{kind_of(type(event))}.{_subject(event)}"


def routing_keys(events: Sequence[Event]) -> list[str]:
    """Return the keys that the events are published under, each once; that of the first first."""
    try:
        return [_keys[address] for address in dict.fromkeys(map(_address, events))]
    except AttributeError:  # as above
        return list(dict.fromkeys(map(routing_key, events)))


def message_keys(events: Sequence[Event]) -> list[str]:
    """Return the keys of a message of these events: if they are too many, those of fewer words."""
    keys = routing_keys(events)
    for words in FEWER_WORDS:
        if len(keys) <= KEYS_AT_MOST:
            break
        keys = list(dict.fromkeys(_first_words(key, words) for key in keys))
    return keys


def message_patterns(patterns: Sequence[str]) -> list[str]:
    """Return the patterns, and those of the `message_keys` that what they cover may come under."""
    found = dict.fromkeys(patterns)
    for words in FEWER_WORDS:
        found |= dict.fromkeys(filter(None, (_cut(pattern, words) for pattern in patterns)))
    return list(found)


def partition_of(event: Event, count: int) -> int | None:
    """Return which of ``count`` partitions has the event; None: it is for all of them.

    All that happens to one instrument, at whatever venue, goes to one partition; what is told of a
    base asset, or of our own actors, goes by that; how a whole venue does is for all.
    """
    try:
        _, _, instrument = _address(event)
    except AttributeError:  # as above
        return _partition_of_words(_subject(event), count)
    return None if instrument is None else _partition_of_instrument(instrument, count)


class Selection:
    """Picks what any of the patterns covers; what it found out about a key it remembers."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._picks = _Picks(patterns)
        self._takes_all = "#" in patterns
        self._whole_kinds = {
            kind for kind, _, rest in (each.partition(".") for each in patterns) if rest == "#"
        }

    def of(self, events: Sequence[Event]) -> Sequence[Event]:
        """Return those of the events that are picked."""
        if self._takes_all or {kind_of(each) for each in {*map(type, events)}} <= self._whole_kinds:
            return events
        try:
            return list(compress(events, map(self._picks.__getitem__, map(_address, events))))
        except AttributeError:  # as above
            return [event for event in events if self._picks.covers(routing_key(event))]


class _Picks(dict[_Address, bool]):
    """Whether a pattern covers what happens to one venue's instrument."""

    def __init__(self, patterns: Sequence[str]) -> None:
        super().__init__()
        found = re.compile("|".join(map(_expression, patterns))).fullmatch
        self.covers = cache(lambda key: found(f"{key}.") is not None)

    def __missing__(self, address: _Address) -> bool:
        self[address] = picked = self.covers(_keys[address])
        return picked


class _Keys(dict[_Address, str]):
    """The keys of what happens at venues; each is made once."""

    def __missing__(self, address: _Address) -> str:
        event_type, venue, instrument = address
        words = [kind_of(event_type), venue]
        if instrument is not None:
            words += instrument.base, instrument.quote_currency
        self[address] = key = ".".join(words)
        return key


_keys = _Keys()


@cache
def _first_words(key: str, words: int) -> str:
    return ".".join(key.split(".", words)[:words])


def _cut(pattern: str, words: int) -> str:
    """Return the pattern of the first words of what ``pattern`` covers; empty: it covers them."""
    of_all = pattern.split(".")
    at = min(words, of_all.index("#") if "#" in of_all else words)
    if set(of_all[at:]) <= {"#"}:
        return ""
    return ".".join([*of_all[:at], *["*"] * words][:words])


def _subject(event: Event) -> str:
    """Return what an event is about that is not of one venue's instrument."""
    match event:
        case Routes() | Episode():
            return event.base
        case ActorStatus():
            return event.actor.replace(".", "-")
        case _:
            raise TypeError(f"nobody says what a {type(event).__name__} is about")


@cache
def _partition_of_instrument(instrument: Instrument, count: int) -> int:
    return _partition_of_words(f"{instrument.base}.{instrument.quote_currency}", count)


@cache
def _partition_of_words(words: str, count: int) -> int:
    return crc32(words.encode()) % count


def _expression(pattern: str) -> str:
    """Return the regular expression of the keys that a pattern covers, a dot after each word."""
    return "".join(_ANY.get(word) or re.escape(f"{word}.") for word in pattern.split("."))
