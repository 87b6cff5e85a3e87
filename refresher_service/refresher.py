"""From quotes and books to routes: what pays now, how long it paid, how much dearer it is there.

Of several replicas one leads and publishes; the others compute all the same and keep still, so that
each can take over at once. What a leader told of lives that ended is heard by all: whoever takes
over tells those of the last seconds that nobody told, and no other.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import cast

import structlog

from analytics.routes.board import RouteBoard
from analytics.routes.costs import Costs
from analytics.routes.lives import DAY_NS
from analytics.routes.terms import BoardTerms
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Lead, Overflow
from infrastructure.measures import Measure
from infrastructure.timeseries.port import TimeSeries
from market import (
    Book,
    BusUnavailableError,
    Episode,
    Listed,
    Quote,
    Routes,
    StoreUnavailableError,
    Summary,
    VenueStatus,
)
from market.intervals import SECOND_NS
from market.routing import kind_of
from refresher_service.closings import Closings
from refresher_service.pace import Pace, every

RECOVER_S = 2.0
"""How long the store may take to tell of the time before our start; routes do not wait longer."""

EPISODES_READ = 20_000
TOLD_TOGETHER = 16
"""Base currencies whose routes leave together: each message costs whoever it passes the same."""

PREMIUM_EVERY_NS = 2 * SECOND_NS

_MARKET, _RECEIVED_NS = attrgetter("venue", "instrument"), attrgetter("received_ns")

log = structlog.get_logger()


class Refresher(Actor[Quote | Book | Listed | Summary | VenueStatus | Episode]):
    """Publishes what changed at once, then at most ``publish_hz`` times a second a base currency.

    The last change always comes, if need be when the slot is over. Quotes that grow too old and
    venues that fall silent change routes as well, though no event says so. No state is kept on
    disk: a second after a restart the flow has brought it back.

    Args:
        bus: Where quotes, books and statuses come from and routes go to.
        costs: What trades and transfers cost; a market of an unknown fee is not traded.
        terms: What routes keep to.
        store: Where listings and lives from before our start are read.
        publish_hz: Per base currency.
        clock: The time of receipt, in nanoseconds.

    """

    name = "refresher.routes"
    handles = (Quote, Book, Listed, Summary, VenueStatus, Episode)
    overflow = Overflow.DROP_OLDEST
    pause_s = 0.02

    def __init__(
        self,
        bus: Bus,
        costs: Costs,
        terms: BoardTerms,
        *,
        store: TimeSeries | None = None,
        publish_hz: float = 10.0,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(bus)
        self._board = RouteBoard(costs, terms)
        self._bank_venues = terms.bank_venues
        self._store = store
        self._closings = Closings(self._board.lives)
        self._pace: Pace[str] = Pace(publish_hz)
        self._clock = clock
        self._lead: Lead | None = None
        self._premiums_ns = 0
        self._told: list[Routes | Episode] = []

    @property
    def patterns(self) -> list[str]:
        """See `Actor.patterns`; of summaries, which tell of a day, only those that are rates."""
        kinds = [f"{kind_of(kind)}.#" for kind in self.handles if kind is not Summary]
        return kinds + [f"{kind_of(Summary)}.{venue}.#" for venue in sorted(self._bank_venues)]

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from super().measures()
        yield Measure("lead_held", self._lead is not None and self._lead.is_held, (self.name,))

    async def recover(self) -> None:
        """See `Actor.recover`; what came while nobody listened is missing, so all starts anew."""
        self._board.forget()
        await self._hear_recent()
        if self._store is None:
            return
        try:
            async with asyncio.timeout(RECOVER_S):
                now_ns = self._clock()
                for listed in await self._store.listings():
                    self._board.take(listed)
                self._board.lives.remember(
                    await self._store.episodes(
                        None, start_ns=now_ns - DAY_NS, end_ns=now_ns, limit=EPISODES_READ
                    )
                )
        except (TimeoutError, StoreUnavailableError) as error:
            log.warning("routes.begun_without_past", why=str(error) or "the store is too slow")

    async def _hear_recent(self) -> None:
        """Hear of rates and listings again; a quote must not outlive a venue's end unheard of."""
        try:
            recent = await self.bus.recent(self.patterns)
        except BusUnavailableError as error:
            log.warning("routes.begun_without_rates", why=str(error))
            return
        for event in recent:
            if isinstance(event, Listed | Summary):
                self._board.take(event)

    async def run(self) -> None:
        """See `Actor.run`; beside it, what waits for its slot or grew too old is published."""
        async with self.bus.lead(self.name) as self._lead, asyncio.TaskGroup() as tasks:
            tasks.create_task(every(self._pace.tick_s, self._refresh), name=f"{self.name}.tick")
            await super().run()

    async def receive(
        self, events: Sequence[Quote | Book | Listed | Summary | VenueStatus | Episode]
    ) -> None:
        """Take in the whole batch, then publish the routes that it changed."""
        for kind, run in groupby(events, type):
            told = list(run)
            for event in newest(cast("list[Quote]", told)) if kind is Quote else told:
                if isinstance(event, Episode):
                    self._board.lives.hear(event)
                else:
                    self._board.take(event)
        await self._refresh()

    async def _refresh(self) -> None:
        now_ns = self._clock()
        leads = self._lead is not None and self._lead.is_held
        if self._closings.note(leads=leads, now_ns=now_ns):
            log.info("routes.taken_over")
            self._board.touch_all()
        while due := self._due(now_ns):  # what is found of one may change the routes of another
            for base in due:
                routes = self._board.refresh(base, now_ns)
                if leads:
                    self._told.append(routes)
                if len(self._told) >= TOLD_TOGETHER:
                    await self._tell()
                await asyncio.sleep(0)  # between two base currencies others have their turn
        self._told += self._closings.due(now_ns)
        await self._tell()
        if leads and not 0 <= now_ns - self._premiums_ns < PREMIUM_EVERY_NS:
            self._premiums_ns = now_ns
            await self.bus.publish(self._board.premiums(now_ns))

    def _due(self, now_ns: int) -> list[str]:
        changed = self._board.changed(now_ns)
        return sorted(base for base in changed if self._pace.admits(base, now_ns))

    async def _tell(self) -> None:
        """Publish what was found, in that order, whoever of those that refresh comes first."""
        told, self._told = self._told, []
        if told:
            await self.bus.publish(told)


def newest(quotes: Sequence[Quote]) -> Collection[Quote]:
    """Return the last quote of each market; all of them where some came out of their order."""
    received_ns = list(map(_RECEIVED_NS, quotes))
    if received_ns != sorted(received_ns):
        return quotes
    return dict(zip(map(_MARKET, quotes), quotes, strict=True)).values()
