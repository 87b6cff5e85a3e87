"""What an archive asks of a store: what it has of days that are over, and that it keeps them."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeAlias

import msgspec

from infrastructure.timeseries.port import Stored, TimeSeries
from market import Instrument

Row: TypeAlias = tuple[object, ...]
"""The columns of an event in the order of `columns_of`; what is not known is None."""


class Held(msgspec.Struct, frozen=True, order=True):
    """How many rows of one series a store has, and when the last of them was received.

    What a kind lacks is empty: most have no interval, the life of a route no venue.
    """

    venue: str
    base: str
    quote_currency: str
    interval: str
    rows: int
    received_ns: int


class Past(Protocol):
    """Tell what there is of a time that is over, whole; ranges are half-open, as in `TimeSeries`.

    Ranges begin and end with a millisecond. All of it may raise a StoreUnavailableError. Candles of
    a second are a kind of their own, see `question.SecondCandle`; those of venues are left out.
    """

    async def oldest(self, kind: type[Stored], *, since_ns: int = 0) -> int | None:
        """Return when the oldest row of a kind from then on is, or less than a millisecond before.

        None: there is none.
        """

    async def held(self, kind: type[Stored], *, start_ns: int, end_ns: int) -> Sequence[Held]:
        """Return how much there is of each series in the range; open candles do not count."""

    def rows(
        self,
        kind: type[Stored],
        venue: str,
        instrument: Instrument | None = None,
        *,
        start_ns: int,
        end_ns: int,
    ) -> AsyncIterator[Sequence[Row]]:
        """Yield all that `held` counts of a venue, in batches and whatever order.

        With an instrument only that one's; not for kinds that have none.
        A store may hold an event twice and tell one of both; then it yields both.
        """

    async def keep_from(self, time_ns: int) -> None:
        """Let nothing expire from that time on, until told another one."""


class Store(TimeSeries, Past, Protocol):
    """All that a store can do."""
