"""What the services ask of a time-series store.

Times are ``event_ns`` (candles: ``start_ns``), ranges half-open, answers oldest first. What comes
back equals what was written, field by field.
"""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeAlias

import msgspec

from market import (
    Book,
    Candle,
    Episode,
    Gap,
    Instrument,
    Listed,
    Premium,
    Quote,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)

Stored: TypeAlias = (
    Quote
    | Trade
    | Book
    | Candle
    | VenueCandle
    | Summary
    | Listed
    | Gap
    | VenueStatus
    | Episode
    | Premium
    | Signal
)


PROBE_WITHIN_S = 3.0
"""How long a store may take to show that it stores and answers."""


class GapTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Which gaps are meant; None: no matter."""

    venues: Collection[str] | None = None
    instruments: Collection[Instrument] | None = None
    channel: str | None = None

    def cover(self, gap: Gap) -> bool:
        """Tell whether a gap is meant."""
        return (
            (self.venues is None or gap.venue in self.venues)
            and (self.instruments is None or gap.instrument in self.instruments)
            and self.channel in (None, gap.channel)
        )


class SignalTerms(msgspec.Struct, frozen=True, kw_only=True):
    """Which signals are meant; None: no matter."""

    venues: Collection[str] | None = None
    instruments: Collection[Instrument] | None = None
    strategies: Collection[str] | None = None
    intervals: Collection[str] | None = None
    sides: Collection[str] | None = None
    parameters: str | None = None

    def cover(self, signal: Signal) -> bool:
        """Tell whether a signal is meant."""
        return (
            (self.venues is None or signal.venue in self.venues)
            and (self.instruments is None or signal.instrument in self.instruments)
            and (self.strategies is None or signal.strategy in self.strategies)
            and (self.intervals is None or signal.interval in self.intervals)
            and (self.sides is None or signal.side in self.sides)
            and self.parameters in (None, signal.parameters)
        )


class TimeSeries(Protocol):
    """Append events, read them back by venue, instrument and time."""

    async def write(self, events: Sequence[Stored]) -> None:
        """Store ``events``; when this returns they survive a crash of this process.

        Writing twice stores once: a trade is known by venue, instrument and trade id, a quote by
        venue, instrument and sequence, a candle by venue, instrument, interval and start (the one
        with more trades stays), a gap by venue, instrument, channel and start. A candle of the
        venue's is known as ours are: a closed one stays over an open one, else the one that was
        received later. A book, a summary or a status is known by venue, instrument and time; of
        what a venue lists only the terms that were received last stay. An episode is known by route
        and end, a premium by both its markets, basis and time, a signal by venue, instrument,
        strategy, parameters, interval and start.

        Raises:
            StoreUnavailableError: the store does not answer; nothing or a part was stored.
            PoisonousError: it names the events that cannot be stored as they are (a number that is
                not finite or beyond 64 bits, one below zero that need not be told, a code that is
                empty or not printable); the store has all others.

        """

    @property
    def expired(self) -> int:
        """Events since the start that came too late to be kept, and were dropped."""

    async def trades(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Trade]:
        """Return the newest ``limit`` trades of ``start_ns <= event_ns < end_ns``, oldest first."""

    async def quotes(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Quote]:
        """Return the newest ``limit`` quotes of the range, oldest first."""

    async def books(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Book]:
        """Return the newest ``limit`` books of the range, oldest first."""

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

    async def all_gaps(
        self, terms: GapTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Gap]:
        """Return the newest ``limit`` gaps that meet the terms and start in the range.

        Oldest first; those that start together by venue, instrument and channel.
        """

    async def venue_candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[VenueCandle]:
        """Return the newest ``limit`` candles of the venue's own, open ones too, oldest first."""

    async def summaries(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Summary]:
        """Return the newest ``limit`` summaries of the range, oldest first."""

    async def statuses(
        self, venue: str, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[VenueStatus]:
        """Return the newest ``limit`` statuses of the whole venue in the range, oldest first."""

    async def episodes(
        self, base: str | None, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Episode]:
        """Return the newest ``limit`` episodes that ended in the range, oldest first.

        Args:
            base: The asset that their routes get first; None: no matter.
            start_ns: The first end that is meant.
            end_ns: The first end that is meant no more.
            limit: How many at most.

        """

    async def premiums(
        self, venue: str, instrument: Instrument, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Premium]:
        """Return the newest ``limit`` premiums over whatever market in the range, oldest first."""

    async def signals(
        self, terms: SignalTerms, *, start_ns: int, end_ns: int, limit: int
    ) -> Sequence[Signal]:
        """Return the newest ``limit`` signals that meet the terms, of the range of ``event_ns``.

        Oldest first; those of one moment by venue, instrument, strategy, parameters and interval.
        """

    async def listings(self) -> Sequence[Listed]:
        """Return the last terms of each venue and instrument, by venue and instrument."""

    async def probe(self) -> None:
        """Write a mark of its own and read it back, which is more than being reachable.

        Raises:
            StoreUnavailableError: it is not there within `PROBE_WITHIN_S`; the text says what to
                do.

        """
