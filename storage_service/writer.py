"""From the bus to the store: an event is acknowledged once the store has it."""

from collections.abc import Sequence

from infrastructure.actor import Actor
from infrastructure.bus.port import Bus
from infrastructure.timeseries.port import Stored, TimeSeries
from market import Candle, Gap, Quote, Trade


class Writer(Actor[Stored]):
    """Batches grow with the load, so a slow store slows nothing but itself."""

    name = "storage.writer"
    handles = (Trade, Quote, Candle, Gap)
    batch = 5_000
    pause_s = 0.05

    def __init__(self, bus: Bus, store: TimeSeries) -> None:
        super().__init__(bus)
        self.store = store

    async def receive(self, events: Sequence[Stored], /) -> None:
        """Write the batch whole, but for candles that are still open."""
        await self.store.write([event for event in events if not _is_open(event)])


def _is_open(event: Stored) -> bool:
    return isinstance(event, Candle) and not event.closed
