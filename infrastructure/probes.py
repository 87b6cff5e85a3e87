"""Probes: round trips through what a process stands on, again and again; the state is the result.

A server's process, port and connections may all be up while nothing works: a broker whose log
crashed on a full disk holds its connections for ever. Only what was sent and came back shows it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from infrastructure.bus.port import Bus, Check
from infrastructure.measures import Measure
from infrastructure.timeseries.port import TimeSeries
from market import UnavailableError

EVERY_S = 2.0
WITHIN_S = 4.0
"""A round trip that takes longer has failed. With the pause: a fault shows within eight seconds."""

NOT_YET = "the first round trip is not back yet"

log = structlog.get_logger()


class Probe:
    """Makes round trips for as long as the process runs; a part for the supervisor.

    Args:
        name: What the part is called.
        opened: Makes ready for round trips; entered anew after each that failed.
        counts: Books of what is probed, if it keeps any.

    """

    dead = 0

    def __init__(
        self,
        name: str,
        opened: Callable[[], AbstractAsyncContextManager[Check]],
        *,
        counts: Callable[[], Mapping[str, int]] = dict,
        every_s: float = EVERY_S,
        within_s: float = WITHIN_S,
    ) -> None:
        self.name = name
        self.listening = asyncio.Event()
        self.handled = 0
        self.failures = 0
        self.waiting_for = NOT_YET
        self._opened = opened
        self._counts = counts
        self._every_s = every_s
        self._within_s = within_s
        self._took_s = 0.0

    @property
    def counts(self) -> Mapping[str, int]:
        """The books of what is probed."""
        return self._counts()

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        whose = (self.name,)
        yield Measure("probe_up", not self.waiting_for and self.handled > 0, whose)
        yield Measure("probe_seconds", self._took_s, whose)
        yield Measure("probe_failures", self.failures, whose)

    async def run(self) -> None:
        """Probe until cancelled."""
        self.listening.set()
        while True:
            try:
                async with self._opened() as check:
                    while True:
                        await self._once(check)
                        await asyncio.sleep(self._every_s)
            except UnavailableError as error:
                self._note_failure(str(error))
            await asyncio.sleep(self._every_s / 4)

    async def _once(self, check: Check) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._within_s):
                await check()
        except TimeoutError:
            raise UnavailableError(f"no answer within {self._within_s:g} s") from None
        self._took_s = time.monotonic() - began
        self.handled += 1
        if self.waiting_for not in ("", NOT_YET):
            log.info("probe.well_again", part=self.name)
        self.waiting_for = ""

    def _note_failure(self, why: str) -> None:
        self.failures += 1
        if self.waiting_for != why:
            log.warning("probe.failed", part=self.name, why=why)
        self.waiting_for = why


def bus_probe(bus: Bus, role: str, *, every_s: float = EVERY_S) -> Probe:
    """Make the probe of the bus, which keeps the books of what was published by this process."""
    return Probe(f"bus.{role}", bus.probing, counts=lambda: bus.counts, every_s=every_s)


def store_probe(store: TimeSeries, role: str) -> Probe:
    """Make the probe of the store."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Check]:
        yield store.probe

    return Probe(f"store.{role}", opened)
