"""From quotes to routes: keeps the latest quotes, publishes each base currency's routes."""

import asyncio
import time
from collections.abc import Callable, Sequence

from analytics.routes.comparison import FeeBps, RouteBook
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Overflow
from market import Quote, VenueStatus
from market.intervals import SECOND_NS
from refresher_service.pace import Pace, every


class Refresher(Actor[Quote | VenueStatus]):
    """Publishes what changed at once, then at most ``publish_hz`` times a second a base currency.

    The last change always comes, if need be when the slot is over. Quotes that grow too old and
    venues that fall silent change routes as well, though no event says so. No state is kept on
    disk: a second after a restart the flow has brought it back, but for when routes opened.

    Args:
        bus: Where quotes and statuses come from and routes go to.
        fee_bps: The taker fee; an instrument without one is not traded.
        max_quote_age_s: Older quotes are not used.
        publish_hz: Per base currency.
        clock: The time of receipt, in nanoseconds.

    """

    name = "refresher.routes"
    handles = (Quote, VenueStatus)
    overflow = Overflow.DROP_OLDEST

    def __init__(
        self,
        bus: Bus,
        fee_bps: FeeBps,
        *,
        max_quote_age_s: float,
        publish_hz: float = 10.0,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(bus)
        self._book = RouteBook(fee_bps, max_age_ns=round(max_quote_age_s * SECOND_NS))
        self._pace: Pace[str] = Pace(publish_hz)
        self._clock = clock

    async def recover(self) -> None:
        """See `Actor.recover`; what came while nobody listened is missing, so all starts anew."""
        self._book.forget()

    async def run(self) -> None:
        """See `Actor.run`; beside it, what waits for its slot or grew too old is published."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(every(self._pace.tick_s, self._publish), name=f"{self.name}.tick")
            await super().run()

    async def receive(self, events: Sequence[Quote | VenueStatus]) -> None:
        """Take in the whole batch, then publish the routes that it changed."""
        for event in events:
            self._book.take(event)
        await self._publish()

    async def _publish(self) -> None:
        now_ns = self._clock()
        due = [base for base in self._book.changed(now_ns) if self._pace.admits(base, now_ns)]
        for base in sorted(due):
            await self.bus.publish([self._book.refresh(base, now_ns)])
            await asyncio.sleep(0)  # between two base currencies others have their turn
