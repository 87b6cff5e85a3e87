"""How a venue does: counters and the state of its connection, told as `VenueStatus`."""

from collections.abc import Sequence
from statistics import median

from market import Event, Gap, Trade, VenueStatus
from market.events import VenueState
from stream_service.venue_clock import VenueClock

SAMPLES = 512
MINDED = frozenset({Trade, Gap})
"""Events that are more to it than one more."""


class Pulse:
    """What the connections to one venue count about themselves.

    The clock is the venue's; it is told how soon the soonest trade of each second came.
    """

    def __init__(self, venue: str, clock: VenueClock) -> None:
        self.venue = venue
        self.shard = ""
        self.state: VenueState = "connecting"
        self.reason = ""
        self.instruments = 0
        self.frames = 0
        self.events = 0
        self.refused = 0
        self.reconnects = 0
        self.resyncs = 0
        self.backfilled = 0
        self.gaps = 0
        self.gap_ns = 0
        self.troubled = 0
        self.latency_ms: float | None = None
        self._clock = clock
        self._delays_ns: list[int] = []

    def change(self, state: VenueState, reason: str = "") -> None:
        """Enter a state."""
        self.state = state
        self.reason = reason

    def told(self, events: Sequence[Event]) -> None:
        """Count events that were published, and how late the live trades among them came."""
        self.events += len(events)
        if MINDED.isdisjoint(map(type, events)):
            return
        for event in events:
            if type(event) is Trade:
                if event.backfilled:
                    self.backfilled += 1
                else:
                    self._delays_ns.append(event.received_ns - event.event_ns)
            elif type(event) is Gap:
                self.gaps += 1
                self.gap_ns += event.end_ns - event.start_ns
        if len(self._delays_ns) > SAMPLES:
            del self._delays_ns[:-SAMPLES]

    def clock_was_set(self) -> None:
        """Let go of delays that were taken with our clock as it was before."""
        self._delays_ns.clear()

    def status(self, now_ns: int) -> VenueStatus:
        """Return the state of things; the delays are counted from here anew."""
        delays, self._delays_ns = self._delays_ns, []
        clock = self._clock
        if soonest := min(filter(None, delays), default=0):
            clock.event(now_ns - soonest, now_ns)
        self.latency_ms = (median(delays) + self._sure_offset_ns) / 1e6 if delays else None
        return VenueStatus(
            venue=self.venue,
            state=self.state,
            reason=self.reason,
            instruments=self.instruments,
            frames=self.frames,
            events=self.events,
            refused=self.refused,
            reconnects=self.reconnects,
            resyncs=self.resyncs,
            backfilled=self.backfilled,
            gaps=self.gaps,
            troubled=self.troubled,
            latency_ms=self.latency_ms,
            clock_offset_ms=self.clock_offset_ms,
            clock_error_ms=self.clock_error_ms,
            shard=self.shard,
            event_ns=now_ns,
            received_ns=now_ns,
            sequence=now_ns,
        )

    @property
    def clock_offset_ms(self) -> float | None:
        """How far the venue's clock is ahead of ours; None: not known."""
        return None if self._clock.error_ns is None else self._clock.offset_ns / 1e6

    @property
    def clock_error_ms(self) -> float | None:
        """Give or take."""
        return None if self._clock.error_ns is None else self._clock.error_ns / 1e6

    @property
    def _sure_offset_ns(self) -> int:
        """The offset of the venue's clock where it is surely one; 0 where the clocks may agree."""
        error_ns = self._clock.error_ns
        is_sure = error_ns is not None and abs(self._clock.offset_ns) > error_ns
        return self._clock.offset_ns if is_sure else 0
