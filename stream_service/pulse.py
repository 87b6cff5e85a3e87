"""How a venue does: counters and the state of its connection, told as `VenueStatus`."""

from collections.abc import Sequence
from statistics import median

from market import Event, Trade, VenueStatus
from market.events import VenueState

SAMPLES = 512


class Pulse:
    """What one connection counts about itself."""

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.state: VenueState = "connecting"
        self.reason = ""
        self.instruments = 0
        self.frames = 0
        self.events = 0
        self.refused = 0
        self.reconnects = 0
        self._delays_ns: list[int] = []

    def change(self, state: VenueState, reason: str = "") -> None:
        """Enter a state."""
        self.state = state
        self.reason = reason

    def told(self, events: Sequence[Event]) -> None:
        """Count events, and how late the live trades among them came."""
        self.events += len(events)
        for event in events:
            if isinstance(event, Trade) and not event.backfilled:
                self._delays_ns.append(event.received_ns - event.event_ns)
        if len(self._delays_ns) > SAMPLES:
            del self._delays_ns[:-SAMPLES]

    def status(self, now_ns: int) -> VenueStatus:
        """Return the state of things; the delays are counted from here anew."""
        delays, self._delays_ns = self._delays_ns, []
        return VenueStatus(
            venue=self.venue,
            state=self.state,
            reason=self.reason,
            instruments=self.instruments,
            frames=self.frames,
            events=self.events,
            refused=self.refused,
            reconnects=self.reconnects,
            latency_ms=median(delays) / 1e6 if delays else None,
            event_ns=now_ns,
            received_ns=now_ns,
            sequence=now_ns,
        )
