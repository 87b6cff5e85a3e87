"""The newest event of each routing key, for views that begin: events in, the newest of each out."""

import asyncio
from collections.abc import Hashable, Sequence
from operator import attrgetter

from infrastructure.bus.port import RECENT
from market import Event, Routes
from market.routing import Selection

_OF_MARKETS = frozenset(RECENT) - {Routes}
_market = attrgetter("__class__", "venue", "instrument")


class Recent:
    """What a view would know that had listened all the time; ``came`` is set by what is news."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self._newest: dict[Hashable, Event] = {}
        self._changed: dict[Hashable, Event] = {}

    def note(self, events: Sequence[Event]) -> None:
        """Take in those of the events that are kept, in the order they were published.

        It is called with all that is published: 0.2 µs a quote, 0.05 a trade.
        """
        if kept := [event for event in events if type(event) in _OF_MARKETS]:
            self._changed.update(zip(map(_market, kept), kept, strict=True))
            self.came.set()
        if Routes in map(type, events):
            self._changed.update((event.base, event) for event in events if type(event) is Routes)
            self.came.set()

    def meet(self, events: Sequence[Event]) -> None:
        """Take in what several processes told, in whatever order: the one received last is kept."""
        for event in events:
            key = event.base if isinstance(event, Routes) else _market(event)
            known = self._changed.get(key)
            if known is None or known.received_ns <= event.received_ns:
                self._changed[key] = event

    def changed(self) -> list[Event]:
        """Return the newest of what came since this was asked last."""
        self.came.clear()
        self._newest |= self._changed
        changed, self._changed = self._changed, {}
        return list(changed.values())

    def of(self, patterns: Sequence[str]) -> list[Event]:
        """Return the newest of each key that the patterns cover, the one received first first."""
        known = self._newest | self._changed
        return sorted(Selection(patterns).of([*known.values()]), key=lambda one: one.received_ns)
