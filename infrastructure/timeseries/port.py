"""What the services ask of a time-series store.

Times are ``event_ns`` (candles: ``start_ns``), ranges half-open, answers oldest first. What comes
back equals what was written, field by field.
"""

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from market import Candle, Gap, Instrument, Quote, Trade

Stored: TypeAlias = Quote | Trade | Candle | Gap


class TimeSeries(Protocol):
    """Append events, read them back by venue, instrument and time."""

    async def write(self, events: Sequence[Stored]) -> None:
        """Store ``events``; when this returns they survive a crash of this process.

        Writing twice stores once: a trade is known by venue, instrument and trade id, a quote by
        venue, instrument and sequence, a candle by venue, instrument, interval and start (the one
        with more trades stays), a gap by venue, instrument, channel and start.

        Raises:
            StoreUnavailableError: the store does not answer; nothing or a part was stored.
            PoisonousError: it names the events that cannot be stored as they are (a number that is
                not finite or beyond 64 bits, a code that is empty or not printable); the store has
                all others.

        """

    async def trades(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Trade]:
        """Return the newest ``limit`` trades of ``start_ns <= event_ns < end_ns``, oldest first."""

    async def quotes(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Quote]:
        """Return the newest ``limit`` quotes of the range, oldest first."""

    async def candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[Candle]:
        """Return the newest ``limit`` closed candles of the range, oldest first."""

    async def gaps(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Gap]:
        """Return the newest ``limit`` gaps that start in the range, oldest first."""
