"""What hears venues, and plays those that are simulated, each made from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from cryptotracker.choice import with_keys
from cryptotracker.settings import Settings
from cryptotracker.simulating import simulating
from infrastructure.bus.port import Bus
from infrastructure.supervisor import Supervised
from market.spread import shard_name, shard_of
from stream_service.connection import VenueConnection
from stream_service.gathering import Outlet
from stream_service.intake import Tap
from stream_service.past_candles import history_of
from stream_service.polled import PolledVenue
from stream_service.polling import VenuePolling
from stream_service.simulator.server import simulated, simulated_polled
from stream_service.venue import Venue

SPOOL = "spool"
"""Folder of the state folder that keeps what streams told while the broker is away."""


class Streams:
    """The venues of one process, live ones or those that are simulated, here or elsewhere.

    Args:
        settings: What an operator can change.
        venues: Those that are streamed.
        polled: Those that are polled.
        shard: The part of the instruments that is followed; empty: all of them.
        is_simulating: Whether simulated venues are played by this process.
        tap: Hears what venues send, as it came.

    """

    def __init__(
        self,
        settings: Settings,
        *,
        venues: Sequence[Venue],
        polled: Sequence[PolledVenue],
        shard: str,
        is_simulating: bool,
        tap: Tap | None,
    ) -> None:
        self._settings = settings
        self._venues = venues
        self._polled = polled
        self._shard = shard
        self._is_simulating = is_simulating
        self._tap = tap

    @property
    def spool(self) -> Path | None:
        """Where what venues told waits for a broker that is away; None: there is none."""
        if self._past is None or not self._settings.is_distributed:
            return None
        return self._past / SPOOL

    async def simulators(
        self, opened: AsyncExitStack, *, fault_every_s: float | None
    ) -> tuple[list[Supervised], str]:
        """Serve simulated venues where that is this process's part; return their address too.

        Args:
            opened: Ends what is served.
            fault_every_s: Mean time between two faults; None: there are none.

        Raises:
            PortError: the address is taken.

        """
        if self._settings.mode == "live":
            return [], ""
        if not self._is_simulating:
            return [], self._settings.simulator
        served = simulating(self._settings, self._venues, self._polled, fault_every_s=fault_every_s)
        simulator, address = await opened.enter_async_context(served)
        return [simulator], address

    def connections(self, bus: Bus, outlet: Outlet, address: str) -> list[Supervised]:
        """Make what hears each venue; with an address the simulated one that is served there."""
        venues = with_keys(self._settings, self._venues)
        polled = with_keys(self._settings, _of_shard(self._shard, self._polled))
        if address:
            venues = [simulated(venue, address) for venue in venues]
            polled = [simulated_polled(venue, address) for venue in polled]
        return [
            *(self._connection(venue, outlet) for venue in venues),
            *(self._polling(venue, bus) for venue in polled),
        ]

    def _connection(self, venue: Venue, outlet: Outlet) -> VenueConnection:
        settings = self._settings
        return VenueConnection(
            venue,
            settings.instruments,
            outlet,
            channels=settings.followed,
            state=self._past,
            transport=settings.transport,
            tap=self._tap,
            history=self._history,
            shard=self._shard,
        )

    def _polling(self, venue: PolledVenue, bus: Bus) -> VenuePolling:
        state = self._settings.state_dir if self._settings.mode == "live" else None
        tap = partial(self._tap.answer, venue.name) if self._tap else None
        return VenuePolling(venue, self._settings.instruments, bus, state=state, tap=tap)

    @property
    def _history(self) -> dict[str, int]:
        """How far back venues are asked for candles; simulated ones begin with us."""
        days = self._settings.candle_history_days
        return history_of(days) if self._settings.mode == "live" else {}

    @property
    def _past(self) -> Path | None:
        """Where streams keep what they know; None: the simulated past ends with this process."""
        if self._is_simulating:
            return None
        return self._settings.state_folder / shard_name(self._shard)


def _of_shard(shard: str, polled: Sequence[PolledVenue]) -> list[PolledVenue]:
    """Return those that one process asks: a budget of calls cannot be shared out."""
    number, _, count = shard.partition("/")
    return [one for one in polled if not shard or shard_of(one.name, int(count)) == int(number) - 1]
