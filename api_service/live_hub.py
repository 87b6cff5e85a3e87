"""The live hub: the view's news to streams, streams to clients; all is shared, nothing is copied.

It has no tasks of its own: news come in by `receive`, timers tell what is due later, and each
client's connection sends what its outbox holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeAlias

from api_service.channels import (
    BooksChannel,
    CandlesChannel,
    LatestChannel,
    PremiumsChannel,
    QuotesChannel,
    RoutesChannel,
    SignalsChannel,
    State,
    StatusChannel,
    SummariesChannel,
)
from api_service.indicator_board import IndicatorBoard
from api_service.indicator_channel import IndicatorsChannel
from api_service.indicator_terms import Question
from api_service.live_client import LiveClient
from api_service.live_protocol import write
from api_service.live_words import Delivery
from api_service.lossless import (
    EpisodesChannel,
    EveryQuoteChannel,
    LosslessChannel,
    LosslessStream,
    SignalsThatChangeChannel,
    Told,
    TradesChannel,
)
from api_service.problems import ProblemError
from api_service.streams import LatestStream, Stream, StreamKey
from api_service.view import LatestView
from infrastructure.measures import Measure
from market import ActorStatus, Candle, Episode, Event, Gap, Routes, VenueStatus

STREAMS_AT_MOST = 1_000
CLIENTS_AT_MOST = 1_000
SWEEP_S = 1.0
"""How often what goes stale by time alone is looked for."""

Opener: TypeAlias = Callable[[StreamKey, int], Stream]
"""Opens the stream of a key under a number."""

Address: TypeAlias = Hashable
"""What events have in common that the same streams care for."""


class LiveHub:
    """Knows every client and every stream.

    Args:
        view: Whose news are told on.
        indicators: Computes those that are followed.
        heartbeat_s: A heartbeat goes to each client that often.
        resume_s: A session can be resumed for that long after its connection is lost.

    """

    def __init__(
        self,
        view: LatestView,
        indicators: IndicatorBoard,
        *,
        heartbeat_s: float = 5.0,
        resume_s: float = 60.0,
    ) -> None:
        self.view = view
        self.indicators = indicators
        self.heartbeat_s = heartbeat_s
        self.resume_s = resume_s
        self._openers: Mapping[tuple[str, Delivery], Opener] = {
            ("quotes", "latest"): _latest(QuotesChannel(view)),
            ("summaries", "latest"): _latest(SummariesChannel(view)),
            ("books", "latest"): _latest(BooksChannel(view)),
            ("routes", "latest"): _latest(RoutesChannel(view)),
            ("premiums", "latest"): _latest(PremiumsChannel(view)),
            ("candles", "latest"): _latest(CandlesChannel(view)),
            ("indicators", "latest"): _latest(IndicatorsChannel(view, indicators)),
            ("status", "latest"): _latest(StatusChannel(view)),
            ("trades", "all"): _lossless(TradesChannel(view)),
            ("signals", "latest"): _latest(SignalsChannel(view)),
            ("signals", "all"): _lossless(SignalsThatChangeChannel(view)),
            ("episodes", "all"): _lossless(EpisodesChannel(view)),
            ("quotes", "all"): _lossless(EveryQuoteChannel(view)),
        }
        self._streams: dict[StreamKey, Stream] = {}
        self._wanted: dict[Address, tuple[Stream, ...]] = {}
        self._of_indicators: dict[Question, list[Stream]] = {}
        self._kinds: frozenset[type[Event]] = frozenset()
        """Of events that any stream can hear."""
        self._connected: set[LiveClient] = set()
        self._parked: dict[str, Mapping[str, Stream]] = {}
        self._numbers = itertools.count(1)
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_empty = asyncio.Event()
        view.tell(self.receive)
        indicators.tell(self.hear_of)

    @property
    def clients(self) -> int:
        """How many clients are connected."""
        return len(self._connected)

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield Measure("live_clients", self.clients)
        yield Measure("live_streams", self.streams)
        yield Measure("live_indicators", len(self._of_indicators))

    @property
    def streams(self) -> int:
        """How many different streams they follow, or may come back to."""
        return len(self._streams)

    def receive(self, events: Sequence[Event]) -> None:
        """Take the view's news to the streams that they concern."""
        if not self._streams:
            return
        touched: set[Stream] = set()
        for event in events:
            if type(event) in self._kinds:
                for stream in self._wanting(event):
                    stream.note(event)
                    touched.add(stream)
        for stream in touched:
            stream.schedule()

    def hear_of(self, question: Question) -> None:
        """Take what is new of an indicator to those who follow it."""
        for stream in self._of_indicators.get(question, ()):
            stream.schedule()

    def connect(self) -> LiveClient:
        """Let a client in.

        Raises:
            ProblemError: there are too many.

        """
        if len(self._connected) >= CLIENTS_AT_MOST:
            raise ProblemError("too-many-clients", f"{CLIENTS_AT_MOST} clients are connected.")
        client = LiveClient(self.view, self.heartbeat_s)
        self._connected.add(client)
        self._is_empty.clear()
        if self._sweeping is None:
            self._sweep()
        return client

    def disconnect(self, client: LiveClient) -> None:
        """Let a client go; for a while it may come back to what it followed."""
        if client not in self._connected:
            return
        self._connected.remove(client)
        if not self._connected:
            self._is_empty.set()
        left = {sub: stream for sub, (stream, _) in client.following.items()}
        if len(self._parked) < CLIENTS_AT_MOST and left:
            self._parked[client.session] = left
            for stream in left.values():
                stream.held += 1
            self._loop().call_later(self.resume_s, self._forget, client.session)
        for sub in left:
            self.unsubscribe(client, sub)

    def stream(self, key: StreamKey) -> Stream:
        """Return the stream of that key.

        Raises:
            ProblemError: there are too many.

        """
        stream = self._streams.get(key)
        if stream is None:
            self.indicators.check_room(key.wanted.indicator)
            if len(self._streams) >= STREAMS_AT_MOST:
                detail = f"{STREAMS_AT_MOST} different streams are followed."
                raise ProblemError("too-many-subscriptions", detail)
            stream = self._streams[key] = self._openers[key.channel, key.delivery](
                key, next(self._numbers)
            )
            self._look_who_wants()
        return stream

    def follow(self, client: LiveClient, stream: Stream, seen_seq: int | None = None) -> None:
        """Let a client follow, from a snapshot on or from the update after ``seen_seq``."""
        client.unfollow(stream.sub)
        client.following[stream.sub] = stream, stream.subscribe(client.outbox, seen_seq)

    def unsubscribe(self, client: LiveClient, sub: str) -> bool:
        """Let a client follow no longer; False: it did not."""
        stream = client.unfollow(sub)
        if stream is not None:
            self._release(stream)
        return stream is not None

    def resume(self, session: str) -> Mapping[str, Stream]:
        """Return what an earlier connection followed; where it still stands it is closed.

        Raises:
            ProblemError: there is none of that name, or it was lost too long ago.

        """
        for client in list(self._connected):
            if client.session == session:
                client.end(4409, "resumed elsewhere")
                self.disconnect(client)
        left = self._parked.get(session)
        if left is None:
            raise ProblemError("unknown-session", f"There is no session {session!r} to resume.")
        return left

    async def close(self, reason: str, *, retry_after_s: float, within_s: float) -> None:
        """Tell every client to come back later; wait for them to go, but not for long."""
        last_words = write({"type": "closing", "reason": reason, "retry_after_s": retry_after_s})
        for client in list(self._connected):
            client.end(1001, reason, last_words)
        if self._connected:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._is_empty.wait()

    def _release(self, stream: Stream) -> None:
        if not stream.subscriptions and not stream.held and self._streams.get(stream.key) is stream:
            stream.stop()
            del self._streams[stream.key]
            self._look_who_wants()

    def _look_who_wants(self) -> None:
        self._wanted.clear()
        self._kinds = frozenset(kind for each in self._streams.values() for kind in each.kinds)
        self._of_indicators = {}
        for key, stream in self._streams.items():
            if key.wanted.indicator is not None:
                self._of_indicators.setdefault(key.wanted.indicator, []).append(stream)
        self.indicators.follow(self._of_indicators)

    def _forget(self, session: str) -> None:
        for stream in self._parked.pop(session, {}).values():
            stream.held -= 1
            self._release(stream)

    def _wanting(self, event: Event) -> tuple[Stream, ...]:
        address = _address(event)
        wanting = self._wanted.get(address)
        if wanting is None:
            wanting = tuple(stream for stream in self._streams.values() if stream.hears(event))
            self._wanted[address] = wanting
        return wanting

    def _sweep(self) -> None:
        """Look for what went stale without an event; go on while anybody is there."""
        self._sweeping = None
        if self._connected:
            for stream in list(self._streams.values()):
                stream.schedule()
            self._sweeping = self._loop().call_later(SWEEP_S, self._sweep)

    @staticmethod
    def _loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()


def _latest(channel: LatestChannel[State]) -> Opener:
    return lambda key, number: LatestStream(key, number, channel)


def _lossless(channel: LosslessChannel[Told]) -> Opener:
    return lambda key, number: LosslessStream(key, number, channel)


def _address(event: Event) -> Address:
    match event:
        case Routes():
            return Routes, event.base
        case Candle():
            return Candle, event.venue, event.instrument, event.interval
        case Episode():
            return Episode, event.base
        case VenueStatus() | ActorStatus() | Gap():
            return type(event)
        case _:
            return type(event), event.venue, event.instrument
