"""Streams: one channel through one filter at one rate, encoded once for all who follow it.

A stream numbers its updates: ``seq`` rises by one with each. After a quiet spell the first change
is told at once; those that follow are gathered until the next update is due.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Generic

import msgspec

from api_service.channels import LatestChannel, State
from api_service.frames import Frame
from api_service.live_protocol import write_rows
from api_service.live_words import Delivery
from api_service.selection import Filter
from api_service.subscriptions import LatestSubscription, Outbox, Subscription
from market import ActorStatus, Candle, Episode, Event, Gap, Routes, VenueStatus


class StreamKey(msgspec.Struct, frozen=True):
    """What makes two subscriptions share a stream."""

    channel: str
    wanted: Filter
    max_hz: int
    delivery: Delivery


class Stream(ABC):
    """What its subscribers are told, and when.

    Args:
        key: What it is about.
        number: Names it; no two streams have the same.

    """

    def __init__(self, key: StreamKey, number: int) -> None:
        self.key = key
        self.sub = f"s{number}"
        self.name = f"{key.channel}/{number}"
        self.seq = 1
        self.held = 0
        """Sessions that may come back to it."""
        self.subscriptions: set[Subscription] = set()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._flushed_at = float("-inf")

    @property
    @abstractmethod
    def kinds(self) -> tuple[type[Event], ...]:
        """What kinds of events it can hear."""

    @abstractmethod
    def hears(self, event: Event) -> bool:
        """Tell whether it must take note of such an event."""

    @abstractmethod
    def subscribe(self, outbox: Outbox, seen_seq: int | None = None) -> Subscription:
        """Let a client follow, from a snapshot on or from the update after ``seen_seq``."""

    @abstractmethod
    def note(self, event: Event) -> None:
        """Take note of what may have to be told."""

    @abstractmethod
    def updates(self) -> Iterable[Frame]:
        """Write what is to be told now."""

    def schedule(self) -> None:
        """Tell what was noted: at once after a quiet spell, else when the next update is due."""
        if self._timer is not None:
            return
        wait_s = self._flushed_at + 1 / self.key.max_hz - self._loop.time()
        if wait_s <= 0:
            self.flush()
        else:
            self._timer = self._loop.call_later(wait_s, self.flush)

    def flush(self) -> None:
        """Tell it now."""
        self.stop()
        self._flushed_at = self._loop.time()
        for frame in self.updates():
            for subscription in self.subscriptions:
                subscription.offer(frame)

    def stop(self) -> None:
        """Call off the update that is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class LatestStream(Stream, Generic[State]):
    """Tells the difference to what it told last."""

    def __init__(self, key: StreamKey, number: int, channel: LatestChannel[State]) -> None:
        super().__init__(key, number)
        self.channel = channel
        self._told = channel.current(key.wanted, channel.view.clock())
        self._about = channel.about(key.wanted)
        self._noted = 0

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """See `Stream.kinds`."""
        return self.channel.kinds

    def hears(self, event: Event) -> bool:
        """See `Stream.hears`."""
        return isinstance(event, self.channel.kinds) and concerns(event, self.key.wanted)

    def subscribe(self, outbox: Outbox, seen_seq: int | None = None) -> Subscription:
        """See `Stream.subscribe`; who comes back gets a snapshot too."""
        del seen_seq
        if not self.subscriptions:
            self.flush()
        subscription = LatestSubscription(self, outbox)
        self.subscriptions.add(subscription)
        subscription.renew()
        return subscription

    def note(self, event: Event) -> None:
        """See `Stream.note`."""
        del event
        self._noted += 1

    def schedule(self) -> None:
        """See `Stream.schedule`; it rests while nobody follows."""
        if self.subscriptions:
            super().schedule()

    def updates(self) -> Iterable[Frame]:
        """See `Stream.updates`."""
        now_ns = self.channel.view.clock()
        told, current = self._told, self.channel.current(self.key.wanted, now_ns)
        changed = [state for key, state in current.items() if told.get(key) != state]
        gone = [
            key for key, state in told.items() if key not in current and self.channel.forgets(state)
        ]
        noted, self._noted = self._noted, 0
        known, self._about = self._about, self.channel.about(self.key.wanted)
        self._told = current
        if changed or gone or known != self._about:
            self.seq += 1
            head = {"sub": self.sub, "seq": self.seq, "merged": noted, **self._about}
            rows = [self.channel.row(state, now_ns) for state in changed]
            yield Frame(seq=self.seq, text=write_rows("update", head, rows, gone))

    def snapshot(self) -> str:
        """See `Source.snapshot`; it is what was told up to ``seq``, so that no key is forgotten."""
        now_ns = self.channel.view.clock()
        rows = [
            self.channel.row(state, now_ns)
            for state in self._told.values()
            if self.channel.opens_with(state)
        ]
        return write_rows("snapshot", {"sub": self.sub, "seq": self.seq, **self._about}, rows)

    def backfill(self, first_ns: int, last_ns: int) -> None:
        """See `Source.backfill`; the latest needs none."""
        del first_ns, last_ns


def concerns(event: Event, wanted: Filter) -> bool:
    """Tell whether an event may change what is wanted; statuses may always."""
    match event:
        case VenueStatus() | ActorStatus() | Gap():
            return True
        case Routes() | Episode():
            return wanted.assets is None or event.base in wanted.assets
        case Candle():
            return event.interval == wanted.interval and wanted.covers(
                (event.venue, event.instrument)
            )
        case _:
            return wanted.covers((event.venue, event.instrument))
