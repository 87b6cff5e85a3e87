"""Routes as they are told in, signals to take some of them out.

Of several replicas one leads and publishes; the others decide all the same and keep still.
"""

from __future__ import annotations

from collections.abc import Sequence

from analytics.route_signals import signals_of
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from infrastructure.actor import Actor
from infrastructure.bus.port import Bus, Lead, Overflow
from market import Routes


class RouteSignaller(Actor[Routes]):
    """Runs the strategy that a replay of routes runs, on routes as they come.

    Args:
        bus: Where routes come from and signals go to.
        parameters: What a route must bring.

    """

    name = "refresher.route_signals"
    handles = (Routes,)
    overflow = Overflow.DROP_OLDEST

    def __init__(self, bus: Bus, parameters: TakeTerms) -> None:
        super().__init__(bus)
        self._parameters = parameters
        self._taker = RouteTaker(parameters)
        self._lead: Lead | None = None

    async def run(self) -> None:
        """See `Actor.run`."""
        async with self.bus.lead(self.name) as self._lead:
            await super().run()

    async def receive(self, events: Sequence[Routes]) -> None:
        """Decide on each list of routes; a route that is taken is told at each of its markets."""
        takes = [take for routes in events for take in self._taker.on_routes(routes)]
        said = [signal for take in takes for signal in signals_of(take, self._parameters)]
        if said and self._lead is not None and self._lead.is_held:
            await self.bus.publish(said)
