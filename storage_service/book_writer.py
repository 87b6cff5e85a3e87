"""From the bus to the store: of each instrument's books one every so many seconds.

It is the first of each stretch of the venue's time, cut to its best levels; none of a stretch
before it follows. So which ones are stored depends on the books and their order alone: not on when
they come, how often, or to how many processes.
"""

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from infrastructure.actor import Actor
from infrastructure.archive.rows import maker
from infrastructure.bus.port import Bus, Overflow
from infrastructure.timeseries.line_protocol import millisecond_of
from infrastructure.timeseries.past import Store
from infrastructure.timeseries.question import columns_of
from market import Book, Instrument
from market.intervals import INTERVALS, SECOND_NS

Market: TypeAlias = tuple[str, Instrument]

LEVELS = 10
"""Levels of a side that are stored; a book has no more."""

OFF_AT_MOST_NS = INTERVALS["1m"]
"""How far the clocks of venues and ours may be apart."""


class BookWriter(Actor[Book]):
    """Lets go of the oldest books when it is behind: the next stretch has another one.

    Args:
        bus: Where its mailbox is.
        store: What keeps them; it is asked at the start what it has of the stretch.
        every_s: The length of a stretch.
        levels: How many of a side are kept at most.
        clock: The time now, in nanoseconds.

    """

    name = "storage.books"
    handles = (Book,)
    overflow = Overflow.DROP_OLDEST
    capacity = 20_000
    batch = 5_000
    pause_s = 0.1

    def __init__(
        self,
        bus: Bus,
        store: Store,
        *,
        every_s: int,
        levels: int = LEVELS,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(bus)
        self.store = store
        self.stored = 0
        self.expired = 0
        self.skipped = 0
        self._every_ns = every_s * SECOND_NS
        self._levels = levels
        self._clock = clock
        self._stretches: dict[Market, int] = {}
        """Number of the stretch of each instrument's last book that the store has."""

    async def recover(self) -> None:
        """See `Actor.recover`; a process before this one may have stored the stretch's book."""
        now_ns = millisecond_of(self._clock())
        off_ns = OFF_AT_MOST_NS + self._every_ns
        start_ns, end_ns = now_ns - off_ns, now_ns + off_ns
        book_of, stretches = maker(Book, columns_of(Book)), self._stretches
        held = await self.store.held(Book, start_ns=start_ns, end_ns=end_ns)
        for venue in {one.venue for one in held}:
            told = self.store.rows(Book, venue, start_ns=start_ns, end_ns=end_ns)
            async for rows in told:
                for market, stretch in map(self._place, map(book_of, rows)):
                    stretches[market] = max(stretch, stretches.get(market, stretch))

    async def receive(self, books: Sequence[Book], /) -> None:
        """Write those that are the first of their stretch."""
        stretches = dict(self._stretches)
        wanted = [self._cut(book) for book in books if self._is_first(book, stretches)]
        expired = self.store.expired
        await self.store.write(wanted)
        self._stretches = stretches
        self._note(books, wanted, expired=self.store.expired - expired)

    @property
    def counts(self) -> dict[str, int]:
        """See `Actor.counts` and `Writer.counts`."""
        of_store = {"stored": self.stored, "expired": self.expired, "skipped": self.skipped}
        return {**super().counts, **of_store}

    def _place(self, book: Book) -> tuple[Market, int]:
        """Return whose book it is, and the number of the stretch that it lies in."""
        return (book.venue, book.instrument), book.event_ns // self._every_ns

    def _is_first(self, book: Book, stretches: dict[Market, int]) -> bool:
        """Tell whether nothing of its stretch, or of a later one, is known; note that it is."""
        market, stretch = self._place(book)
        is_first = stretch > stretches.get(market, -1)
        if is_first:
            stretches[market] = stretch
        return is_first

    def _cut(self, book: Book) -> Book:
        bids, asks = book.bids[: self._levels], book.asks[: self._levels]
        return replace(book, bids=bids, asks=asks)

    def _note(self, books: Sequence[Book], wanted: Sequence[Book], *, expired: int) -> None:
        self.stored += len(wanted) - expired
        self.expired += expired
        self.skipped += len(books) - len(wanted)
