"""The simulated venues of a process: served on loopback, played from a made-up market."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from cryptotracker.settings import Settings
from market import PortError
from stream_service.polled import PolledVenue
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues, Simulator
from stream_service.venue import Venue


@asynccontextmanager
async def simulating(
    settings: Settings,
    venues: Sequence[Venue],
    polled: Sequence[PolledVenue],
    *,
    fault_every_s: float | None,
) -> AsyncIterator[tuple[Simulator, str]]:
    """Serve the venues; enter with the part that plays them, and their address.

    Args:
        settings: Where they listen, what they list, seed and pace.
        venues: Those that are streamed.
        polled: Those that are polled.
        fault_every_s: Mean time between two faults; None: there are none.

    Raises:
        PortError: the address is taken.

    """
    host, _, port = settings.simulator.rpartition(":")
    every: list[Venue | PolledVenue] = [*venues, *polled]
    world = World(
        {venue.name: simulated_listings(venue, settings.instruments) for venue in every},
        seed=settings.simulator_seed,
        start_ns=time.time_ns(),
    )
    served = SimulatedVenues(
        venues, world.markets, polled=polled, host=host or "127.0.0.1", port=int(port or 0)
    )
    simulator = Simulator(
        served,
        world,
        events_per_s=settings.simulator_events_per_s,
        fault_every_s=fault_every_s,
        seed=settings.simulator_seed,
    )
    async with AsyncExitStack() as opened:
        try:
            await opened.enter_async_context(served.serving())
        except OSError as error:
            raise PortError(
                f"The simulator cannot listen on {served.address} ({error.strerror}): name another "
                "address, such as `cryptotracker simulate 127.0.0.1:9101`."
            ) from error
        yield simulator, served.address
