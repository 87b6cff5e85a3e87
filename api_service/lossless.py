"""Channels and streams of which every event is told, in order; what was missed is told as such."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar
from urllib.parse import urlencode

from api_service.frames import Frame, Lost
from api_service.live_protocol import write_rows
from api_service.route_rows import episode_row
from api_service.rows import decimal, quote_row, rfc3339, symbol_of, trade_row
from api_service.selection import Filter
from api_service.signal_rows import signal_row
from api_service.streams import Stream, StreamKey, concerns
from api_service.subscriptions import (
    WAITING_AT_MOST,
    WAITING_BYTES_AT_MOST,
    LosslessSubscription,
    Outbox,
    Subscription,
)
from api_service.view import LatestView
from market import Episode, Event, Instrument, Quote, Signal, Trade

ROWS_A_FRAME = 1_000

STARTS_KEPT = 16_384
"""Updates whose time is known, many more than the updates themselves that are."""

Told = TypeVar("Told", Quote, Trade, Episode, Signal)


class LosslessChannel(ABC, Generic[Told]):
    """Events, every one of them and in order."""

    name: ClassVar[str]
    kind: type[Told]

    def __init__(self, view: LatestView) -> None:
        self.view = view

    @abstractmethod
    def recent(self, wanted: Filter) -> Sequence[Told]:
        """Return what a snapshot holds, oldest first."""

    @abstractmethod
    def row(self, event: Told, now_ns: int) -> object:
        """Return the public form of an event."""

    def tells(self, _event: Told) -> bool:
        """Tell whether the event is one that is told."""
        return True

    def backfill(self, _wanted: Filter, _start_ns: int, _end_ns: int) -> str | None:
        """Return the path that events of that time can be read at, where there is one."""
        return None


class TradesChannel(LosslessChannel[Trade]):
    """Every execution."""

    name = "trades"
    kind = Trade

    def recent(self, wanted: Filter) -> Sequence[Trade]:
        """See `LosslessChannel.recent`."""
        found = [trade for _, kept in wanted.of(self.view.trades) for trade in kept.values()]
        found.sort(key=lambda trade: (trade.event_ns, trade.sequence))
        return found[len(found) - min(wanted.limit, len(found)) :]

    def row(self, event: Trade, now_ns: int) -> object:
        """See `LosslessChannel.row`."""
        del now_ns
        return trade_row(event, decimal)

    def backfill(self, wanted: Filter, start_ns: int, end_ns: int) -> str | None:
        """See `LosslessChannel.backfill`."""
        query = {"start": rfc3339(start_ns), "end": rfc3339(end_ns + 1), "limit": "10000"}
        if wanted.venues is not None:
            query["venue"] = ",".join(sorted(wanted.venues))
        instruments = wanted.instruments or self._instruments_of(wanted)
        query["symbol"] = ",".join(symbol_of(instrument) for instrument in sorted(instruments))
        return f"/v1/trades?{urlencode(query, safe=',:')}"

    def _instruments_of(self, wanted: Filter) -> set[Instrument]:
        return {key[1] for key, _ in wanted.of(self.view.trades)}


class EveryQuoteChannel(LosslessChannel[Quote]):
    """Every quote, none conflated."""

    name = "quotes"
    kind = Quote

    def recent(self, wanted: Filter) -> Sequence[Quote]:
        """See `LosslessChannel.recent`."""
        return [quote for _, quote in wanted.of(self.view.quotes)]

    def row(self, event: Quote, now_ns: int) -> object:
        """See `LosslessChannel.row`."""
        reason = self.view.why_stale(event, now_ns)
        return quote_row(event, stale_reason=reason, now_ns=now_ns, number=decimal)


class EpisodesChannel(LosslessChannel[Episode]):
    """Every life of a route, when it is over."""

    name = "episodes"
    kind = Episode

    def recent(self, wanted: Filter) -> Sequence[Episode]:
        """See `LosslessChannel.recent`."""
        found = [one for one in self.view.episodes.values() if concerns(one, wanted)]
        found.sort(key=lambda episode: episode.event_ns)
        return found[len(found) - min(wanted.limit, len(found)) :]

    def row(self, event: Episode, now_ns: int) -> object:
        """See `LosslessChannel.row`."""
        del now_ns
        return episode_row(event)

    def backfill(self, wanted: Filter, start_ns: int, end_ns: int) -> str | None:
        """See `LosslessChannel.backfill`."""
        query = {"start": rfc3339(start_ns), "end": rfc3339(end_ns + 1), "limit": "10000"}
        if wanted.assets is not None:
            query["asset"] = ",".join(sorted(wanted.assets))
        return f"/v1/episodes?{urlencode(query, safe=',:')}"


class SignalsThatChangeChannel(LosslessChannel[Signal]):
    """Every signal that changes something, or takes back what did."""

    name = "signals"
    kind = Signal

    def recent(self, wanted: Filter) -> Sequence[Signal]:
        """See `LosslessChannel.recent`."""
        found = [one for one in self.view.signals.told() if concerns(one, wanted)]
        found.sort(key=lambda signal: signal.event_ns)
        return found[len(found) - min(wanted.limit, len(found)) :]

    def row(self, event: Signal, now_ns: int) -> object:
        """See `LosslessChannel.row`."""
        del now_ns
        return signal_row(event, decimal)

    def tells(self, event: Signal) -> bool:
        """See `LosslessChannel.tells`."""
        return event.side != "hold" or event.corrected

    def backfill(self, wanted: Filter, start_ns: int, end_ns: int) -> str | None:
        """See `LosslessChannel.backfill`."""
        query = {"start": rfc3339(start_ns), "end": rfc3339(end_ns + 1), "limit": "10000"}
        if wanted.venues is not None:
            query["venue"] = ",".join(sorted(wanted.venues))
        if wanted.instruments is not None:
            query["symbol"] = ",".join(map(symbol_of, sorted(wanted.instruments)))
        return f"/v1/signals?{urlencode(query, safe=',:')}"


class LosslessStream(Stream, Generic[Told]):
    """Tells every event, and keeps the last updates for those who come back."""

    def __init__(self, key: StreamKey, number: int, channel: LosslessChannel[Told]) -> None:
        super().__init__(key, number)
        self.channel: LosslessChannel[Told] = channel
        self._noted: list[Told] = []
        self._kept: deque[Frame] = deque(maxlen=WAITING_AT_MOST)
        self._kept_bytes = 0
        self._starts: deque[tuple[int, int]] = deque(maxlen=STARTS_KEPT)
        """The number and first event time of each update, for longer than the update is kept."""

    @property
    def kinds(self) -> tuple[type[Event], ...]:
        """See `Stream.kinds`."""
        return (self.channel.kind,)

    def hears(self, event: Event) -> bool:
        """See `Stream.hears`."""
        return isinstance(event, self.channel.kind) and concerns(event, self.key.wanted)

    def subscribe(self, outbox: Outbox, seen_seq: int | None = None) -> Subscription:
        """See `Stream.subscribe`."""
        self.flush()
        subscription = LosslessSubscription(self, outbox)
        self.subscriptions.add(subscription)
        if seen_seq is None:
            subscription.renew()
        else:
            subscription.resume(*self._since(seen_seq))
        return subscription

    def note(self, event: Event) -> None:
        """See `Stream.note`."""
        if isinstance(event, self.channel.kind) and self.channel.tells(event):
            self._noted.append(event)

    def updates(self) -> Iterable[Frame]:
        """See `Stream.updates`; everything that was noted, in order."""
        noted, self._noted = self._noted, []
        for start in range(0, len(noted), ROWS_A_FRAME):
            frame = self._write(noted[start : start + ROWS_A_FRAME])
            self._keep(frame)
            yield frame

    def snapshot(self) -> str:
        """See `Source.snapshot`."""
        now_ns = self.channel.view.clock()
        rows = [self.channel.row(event, now_ns) for event in self.channel.recent(self.key.wanted)]
        return write_rows("snapshot", {"sub": self.sub, "seq": self.seq}, rows)

    def backfill(self, first_ns: int, last_ns: int) -> str | None:
        """See `Source.backfill`."""
        return self.channel.backfill(self.key.wanted, first_ns, last_ns)

    def _write(self, events: Sequence[Told]) -> Frame:
        self.seq += 1
        now_ns = self.channel.view.clock()
        head = {"sub": self.sub, "seq": self.seq, "merged": len(events)}
        rows = [self.channel.row(event, now_ns) for event in events]
        times = [event.event_ns for event in events]
        text = write_rows("update", head, rows, [])
        return Frame(seq=self.seq, text=text, first_ns=min(times), last_ns=max(times))

    def _keep(self, frame: Frame) -> None:
        if len(self._kept) == WAITING_AT_MOST:
            self._kept_bytes -= len(self._kept.popleft().text)
        self._kept.append(frame)
        self._starts.append((frame.seq, frame.first_ns))
        self._kept_bytes += len(frame.text)
        while self._kept_bytes > WAITING_BYTES_AT_MOST:
            self._kept_bytes -= len(self._kept.popleft().text)

    def _since(self, seen_seq: int) -> tuple[Lost | None, list[Frame]]:
        """Return what can no longer be told of what came after ``seen_seq``, and what can."""
        seen_seq = max(seen_seq, 1)
        frames = [frame for frame in self._kept if frame.seq > seen_seq]
        first_seq = frames[0].seq if frames else self.seq + 1
        if first_seq <= seen_seq + 1:
            return None, frames
        start_ns = next(start_ns for seq, start_ns in self._starts if seq > seen_seq)
        end_ns = frames[0].first_ns if frames else self.channel.view.clock()
        return Lost(seen_seq + 1, first_seq - 1, start_ns, max(start_ns, end_ns), "resume"), frames
