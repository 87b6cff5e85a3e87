"""When a simulated market could be taken from, read off what its venues told and nothing else.

A coin that costs less to buy at one venue, fee included, than another pays for it, fee included, is
an opening there. With one quote currency and funds at every venue no longer way round pays unless
two of its trades are such an opening, so these are the whole truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import TypeAlias

import msgspec

from market import Book, Event, Instrument
from stream_service.simulator.prices import World

Times: TypeAlias = list[tuple[int, int]]
"""Start and end, in nanoseconds."""


class NotedWorld(World):
    """Remembers every book that a venue tells, in the order of telling."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # World's own
        self.told: list[Book] = []

    def close_gaps(self) -> None:
        """Let every gap end now, and open no other."""
        self.gaps.clear()
        self._next_gap_ns = 2**63

    def step(self, now_ns: int, count: int) -> Iterator[Event]:
        for event in super().step(now_ns, count):
            if isinstance(event, Book):
                self.told.append(event)
            yield event


class Opening(msgspec.Struct, frozen=True, order=True):
    """Buy an instrument at one venue, sell it at another."""

    instrument: Instrument
    buy: str
    sell: str

    @property
    def id(self) -> str:
        """Return the id of the route that takes it, with funds at both venues."""
        base, quote = self.instrument.base, self.instrument.quote_currency
        places = ((self.buy, quote), (self.buy, base), (self.sell, base), (self.sell, quote))
        return "I|" + ">".join(f"{venue}:{asset}" for venue, asset in places)


def openings(told: Iterable[Book], taker_fee: float, until_ns: int) -> dict[Opening, Times]:
    """Return when each opening was there, by the venues' books and one fee for all of them."""
    books: defaultdict[Instrument, dict[str, Book]] = defaultdict(dict)
    since: dict[Opening, int] = {}
    found: defaultdict[Opening, Times] = defaultdict(list)
    for book in told:
        there = books[book.instrument]
        there[book.venue] = book
        for buy, sell in permutations(there.values(), 2):
            if book not in (buy, sell):
                continue
            opening = Opening(book.instrument, buy.venue, sell.venue)
            proceeds = sell.bids[0].price * (1.0 - taker_fee)
            if proceeds * (1.0 - taker_fee) > buy.asks[0].price:
                since.setdefault(opening, book.event_ns)
            elif opening in since:
                found[opening].append((since.pop(opening), book.event_ns))
    for opening, start_ns in since.items():
        found[opening].append((start_ns, until_ns))
    return found
