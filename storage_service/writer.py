"""From the bus to the store: an event is acknowledged once the store has it."""

from collections.abc import Hashable, Sequence

from infrastructure.actor import Actor
from infrastructure.bus.port import Bus
from infrastructure.timeseries.port import Stored, TimeSeries
from market import (
    Candle,
    Episode,
    Gap,
    Listed,
    Premium,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from market.intervals import start_of


class Writer(Actor[Stored]):
    """Batches grow with the load, so a slow store slows nothing but itself.

    Candles are stored once they are closed. Summaries tell of a day and come many times a second,
    venues tell every second how they do, premiums come every few seconds: of each minute the first
    one is stored.
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
    )
    batch = 5_000
    pause_s = 0.05

    def __init__(self, bus: Bus, store: TimeSeries) -> None:
        super().__init__(bus)
        self.store = store
        self._stored: dict[Hashable, int] = {}
        """Start of the minute of the last summary, status and premium that the store has."""

    async def receive(self, events: Sequence[Stored], /) -> None:
        """Write the batch whole, but for open candles and for more of a minute than one."""
        minutes = dict(self._stored)
        await self.store.write([event for event in events if _is_wanted(event, minutes)])
        self._stored = minutes


def _is_wanted(event: Stored, minutes: dict[Hashable, int]) -> bool:
    """Tell whether to store it; ``minutes`` is told of what is once a minute."""
    match event:
        case Candle() | VenueCandle():
            return event.closed
        case Summary():
            return _is_first((event.venue, event.instrument), event.event_ns, minutes)
        case Premium():
            return _is_first(_comparison_of(event), event.event_ns, minutes)
        case VenueStatus():
            is_whole = event.instrument is None
            return is_whole and _is_first((event.venue, event.state), event.event_ns, minutes)
        case _:
            return True


def _is_first(key: Hashable, event_ns: int, minutes: dict[Hashable, int]) -> bool:
    """Tell whether nothing of its minute was stored under the key; note that it is."""
    minute = start_of(event_ns, "1m")
    is_first = minutes.get(key) != minute
    minutes[key] = minute
    return is_first


def _comparison_of(premium: Premium) -> Hashable:
    """Return what is held against what, and by which kind of rate."""
    market, reference = premium.instrument, premium.reference
    return premium.venue, market, premium.reference_venue, reference, premium.basis
