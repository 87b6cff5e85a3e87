"""From the bus to the store: of each instrument's books one every so many seconds.

It is the first of each stretch of the venue's time, cut to its best levels. So which ones are
stored depends on the books alone: not on when they come, how often, or to how many processes.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Overflow
from infrastructure.timeseries.port import TimeSeries
from market import Book, Instrument
from market.intervals import SECOND_NS

LEVELS = 10
"""Levels of a side that are stored; a book has no more."""


class BookWriter(Actor[Book]):
    """Lets go of the oldest books when it is behind: the next stretch has another one.

    Args:
        bus: Where its mailbox is.
        store: What keeps them; it is asked once of each instrument what it has of the stretch.
        every_s: The length of a stretch.
        levels: How many of a side are kept at most.

    """

    name = "storage.books"
    handles = (Book,)
    overflow = Overflow.DROP_OLDEST
    capacity = 20_000
    batch = 5_000
    pause_s = 0.1

    def __init__(self, bus: Bus, store: TimeSeries, *, every_s: int, levels: int = LEVELS) -> None:
        super().__init__(bus)
        self.store = store
        self.stored = 0
        self.expired = 0
        self.skipped = 0
        self._every_ns = every_s * SECOND_NS
        self._levels = levels
        self._stretches: dict[tuple[str, Instrument], int] = {}
        """Number of the stretch of each instrument's last book that the store has."""

    async def receive(self, books: Sequence[Book], /) -> None:
        """Write those that are the first of their stretch."""
        stretches = dict(self._stretches)
        wanted: list[Book] = []
        for book in books:
            market, stretch = (book.venue, book.instrument), book.event_ns // self._every_ns
            if market not in stretches and await self._has(book, stretch):
                stretches[market] = stretch
            if stretches.get(market) != stretch:
                stretches[market] = stretch
                wanted.append(self._cut(book))
        expired = self.store.expired
        await self.store.write(wanted)
        self._stretches = stretches
        self._note(books, wanted, expired=self.store.expired - expired)

    @property
    def counts(self) -> dict[str, int]:
        """See `Actor.counts` and `Writer.counts`."""
        of_store = {"stored": self.stored, "expired": self.expired, "skipped": self.skipped}
        return {**super().counts, **of_store}

    async def _has(self, book: Book, stretch: int) -> bool:
        """Tell whether the store has one of the stretch, from a process before this one."""
        start_ns = stretch * self._every_ns
        end_ns = start_ns + self._every_ns
        market = book.venue, book.instrument
        return bool(await self.store.books(*market, start_ns=start_ns, end_ns=end_ns, limit=1))

    def _cut(self, book: Book) -> Book:
        bids, asks = book.bids[: self._levels], book.asks[: self._levels]
        return replace(book, bids=bids, asks=asks)

    def _note(self, books: Sequence[Book], wanted: Sequence[Book], *, expired: int) -> None:
        self.stored += len(wanted) - expired
        self.expired += expired
        self.skipped += len(books) - len(wanted)
