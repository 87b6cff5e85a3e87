"""From the bus to the store: an event is acknowledged once the store has it."""

from collections.abc import Sequence

from infrastructure.actor import Actor
from infrastructure.bus.port import Bus
from infrastructure.timeseries.port import Stored, TimeSeries
from market import Candle, Gap, Instrument, Listed, Quote, Summary, Trade, VenueCandle
from market.intervals import start_of


class Writer(Actor[Stored]):
    """Batches grow with the load, so a slow store slows nothing but itself.

    Candles are stored once they are closed. Summaries tell of a day and come many times a second:
    the first of each minute is stored.
    """

    name = "storage.writer"
    handles = (Trade, Quote, Candle, VenueCandle, Summary, Listed, Gap)
    batch = 5_000
    pause_s = 0.05

    def __init__(self, bus: Bus, store: TimeSeries) -> None:
        super().__init__(bus)
        self.store = store
        self._stored: dict[tuple[str, Instrument], int] = {}
        """Start of the minute of the last summary that the store has."""

    async def receive(self, events: Sequence[Stored], /) -> None:
        """Write the batch whole, but for open candles and for summaries of a minute that is had."""
        minutes = dict(self._stored)
        await self.store.write([event for event in events if _is_wanted(event, minutes)])
        self._stored = minutes


def _is_wanted(event: Stored, minutes: dict[tuple[str, Instrument], int]) -> bool:
    """Tell whether to store it; ``minutes`` is told of a summary that is."""
    match event:
        case Candle() | VenueCandle():
            return event.closed
        case Summary():
            key, minute = (event.venue, event.instrument), start_of(event.event_ns, "1m")
            is_news = minutes.get(key) != minute
            minutes[key] = minute
            return is_news
        case _:
            return True
