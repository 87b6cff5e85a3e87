"""From the bus to the store: an event is acknowledged once the store has it."""

import time
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from functools import partial

from infrastructure.actor import Actor
from infrastructure.bus.port import Bus
from infrastructure.measures import SECONDS, Measure, Spread
from infrastructure.timeseries.port import Stored, TimeSeries
from market import (
    Candle,
    Episode,
    Gap,
    Listed,
    PoisonousError,
    Premium,
    Quote,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from market.intervals import SECOND_NS, start_of

LOOKED_AT = 64
"""Events of a batch, its oldest, whose lateness is looked at: one a venue is noted."""


class Writer(Actor[Stored]):
    """Batches grow with the load, so a slow store slows nothing but itself.

    Candles are stored once they are closed. Summaries tell of a day and come many times a second,
    venues tell every second how they do, premiums come every few seconds: of each minute the first
    one is stored. A signal that changes nothing is not, unless it takes another one back.
    """

    name = "storage.writer"
    handles = (
        Trade,
        Quote,
        Candle,
        VenueCandle,
        Summary,
        Listed,
        Gap,
        VenueStatus,
        Episode,
        Premium,
        Signal,
    )
    batch = 14_000
    pause_s = 0.05

    def __init__(self, bus: Bus, store: TimeSeries, *, partition: int | None = None) -> None:
        super().__init__(bus, partition=partition)
        self.store = store
        self.stored = 0
        self.expired = 0
        self.skipped = 0
        self._latencies: defaultdict[str, Spread] = defaultdict(partial(Spread, SECONDS))
        self._times = Spread(SECONDS)
        self._stored: dict[Hashable, int] = {}
        """Start of the minute of the last summary, status and premium that the store has."""

    async def receive(self, events: Sequence[Stored], /) -> None:
        """Write the batch whole, but for open candles and for more of a minute than one."""
        minutes = dict(self._stored)
        wanted = [event for event in events if _is_wanted(event, minutes)]
        began, expired = time.monotonic(), self.store.expired
        try:
            await self.store.write(wanted)
        except PoisonousError as error:
            gone = len(error.reasons) + self._note_expired(expired)
            self._note_stored(events, wanted, gone=gone)
            raise
        self._times.note(time.monotonic() - began)
        self._note_stored(events, wanted, gone=self._note_expired(expired))
        self._stored = minutes

    @property
    def counts(self) -> dict[str, int]:
        """See `Actor.counts`; what was handled is stored, too late or no matter for the store."""
        of_store = {"stored": self.stored, "expired": self.expired, "skipped": self.skipped}
        return {**super().counts, **of_store}

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from super().measures()
        yield Measure("store_write_seconds", self._times)
        for venue, latencies in self._latencies.items():
            yield Measure("store_latency_seconds", latencies, (venue,))

    def _note_expired(self, before: int) -> int:
        """Count what the store dropped as too late since it had dropped so many; return that."""
        dropped = self.store.expired - before
        self.expired += dropped
        return dropped

    def _note_stored(
        self, events: Sequence[Stored], wanted: Sequence[Stored], *, gone: int
    ) -> None:
        """Count a batch, and note how late the oldest live event of each venue is in the store."""
        self.stored += len(wanted) - gone
        self.skipped += len(events) - len(wanted)
        now_ns = time.time_ns()
        for venue, event_ns in _oldest(wanted[:LOOKED_AT]).items():
            self._latencies[venue].note(max(0, now_ns - event_ns) / SECOND_NS)


def _oldest(events: Sequence[Stored]) -> dict[str, int]:
    """Return the venue's time of the first quote or live trade of each venue."""
    first: dict[str, int] = {}
    for event in events:
        if type(event) is Quote or (type(event) is Trade and not event.backfilled):
            first.setdefault(event.venue, event.event_ns)
    return first


def _is_wanted(event: Stored, minutes: dict[Hashable, int]) -> bool:
    """Tell whether to store it; ``minutes`` is told of what is once a minute."""
    if type(event) in (Quote, Trade):  # most are, and the match below takes its time
        return True
    match event:
        case Candle() | VenueCandle():
            return event.closed
        case Signal():
            return event.corrected or event.side != "hold"
        case _:
            return _is_first_of_minute(event, minutes)


def _is_first_of_minute(event: Stored, minutes: dict[Hashable, int]) -> bool:
    """Tell of what is told again and again whether to store it; all else is stored."""
    match event:
        case Summary():
            return _is_first((event.venue, event.instrument), event.event_ns, minutes)
        case Premium():
            return _is_first(_comparison_of(event), event.event_ns, minutes)
        case VenueStatus():
            of_what = event.venue, event.shard, event.state
            return event.instrument is None and _is_first(of_what, event.event_ns, minutes)
        case _:
            return True


def _is_first(key: Hashable, event_ns: int, minutes: dict[Hashable, int]) -> bool:
    """Tell whether nothing of its minute or a later one was stored under the key; note that."""
    minute = start_of(event_ns, "1m")
    is_first = minute > minutes.get(key, -1)
    if is_first:
        minutes[key] = minute
    return is_first


def _comparison_of(premium: Premium) -> Hashable:
    """Return what is held against what, and by which kind of rate."""
    market, reference = premium.instrument, premium.reference
    return premium.venue, market, premium.reference_venue, reference, premium.basis
