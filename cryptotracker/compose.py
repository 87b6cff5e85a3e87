"""The composition root: which parts run where, each made from the settings."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import (
    AsyncExitStack,
    closing,
    contextmanager,
)
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal, TypeAlias

from api_service.app import create_app
from api_service.indicator_board import IndicatorBoard
from api_service.live_hub import LiveHub
from api_service.server import ApiServer
from api_service.view import LatestView
from cryptotracker import __version__
from cryptotracker.adapters import open_bus, open_store
from cryptotracker.board_terms import board_terms
from cryptotracker.choice import chosen_polled, chosen_venues
from cryptotracker.costs import read_costs
from cryptotracker.offered_strategies import offered
from cryptotracker.premium_terms import premium_terms
from cryptotracker.settings import Settings
from cryptotracker.strategies import strategies_set, take_terms
from cryptotracker.streaming import Streams
from infrastructure.actor import patterns_of
from infrastructure.archive.files import Files
from infrastructure.archive.history import History
from infrastructure.archive.reading import files_at
from infrastructure.bus.local import LocalBus
from infrastructure.bus.local_letters import ReturnedMail
from infrastructure.bus.port import Bus
from infrastructure.probes import bus_probe, store_probe
from infrastructure.sharing import Share
from infrastructure.supervisor import Supervised, Supervisor
from infrastructure.timeseries.past import Store
from market.spread import ANY
from refresher_service.across_venues import AcrossVenues
from refresher_service.candle_builder import CandleBuilder
from refresher_service.refresher import Refresher
from refresher_service.route_signaller import RouteSignaller
from refresher_service.signaller import Signaller
from storage_service.archivist import Archivist
from storage_service.book_writer import BookWriter
from storage_service.writer import Writer
from stream_service.gathering import gathered
from stream_service.intake import Tap
from stream_service.part import Part

Role: TypeAlias = Literal["simulate", "stream", "store", "refresh", "serve"]

Ready: TypeAlias = Callable[[LatestView, str], None]
"""Told the view and the page's URL once they are made."""

KEPT = (Writer, CandleBuilder)
"""Readers whose mailboxes gather from the first event on."""

STOP_WITHIN_S, DRAIN_WITHIN_S = 2.5, 1.5
"""How long a process may take to stop, and what is on its way to the store, out of that."""

STOP_WITH_SERVERS_WITHIN_S, DRAIN_WITH_SERVERS_WITHIN_S = 8.0, 3.0
"""The same where events may wait for a broker to confirm them; what it holds is not lost."""

WEB = Path(__file__).parent.parent / "web"


class System:
    """The parts of one process, made but not yet running.

    Args:
        roles: What this process does; all of it in embedded mode.
        listener: The socket that the API serves on, where it is among the roles.
        tap: Hears what venues send, as it came.
        fault_every_s: Mean time between two faults of simulated venues; None: there are none.

    """

    def __init__(
        self,
        settings: Settings,
        roles: frozenset[Role],
        *,
        listener: socket.socket | None = None,
        tap: Tap | None = None,
        fault_every_s: float | None = None,
    ) -> None:
        self.settings = settings
        self.roles = roles
        self.listener = listener
        self.tap = tap
        self.fault_every_s = fault_every_s
        self.measured: list[object] = []
        self.view: LatestView | None = None
        self.shard = settings.stream_shard
        self.part: Part | None = None
        self.venues = chosen_venues(settings)
        self.polled = chosen_polled(settings)

    async def run(self, ready: Ready | None = None) -> None:
        """Open bus and store, run the parts until cancelled, close what was opened."""
        async with AsyncExitStack() as opened:
            await self._take_part(opened)
            streams, is_stream = self._streams(), "stream" in self.roles
            metrics = self._metrics_listener(opened)
            spool = streams.spool if is_stream else None
            bus = await opened.enter_async_context(open_bus(self.settings, spool=spool))
            if self.roles & {"stream", "refresh"} and self.settings.is_distributed:
                for reader in KEPT:  # whoever listens may start later than we
                    await bus.keep(reader.name, patterns_of(reader.handles))
            store = None
            if self.roles & {"store", "refresh", "serve"}:
                store = await opened.enter_async_context(open_store(self.settings))
            simulators, address = await streams.simulators(opened, fault_every_s=self.fault_every_s)
            tiers = [] if store is None else self._listeners(bus, store, ready)
            outlet = await opened.enter_async_context(gathered(bus))
            heard = streams.connections(bus, outlet, address) if is_stream else []
            tiers.append([*simulators, *heard])
            distributed = self.settings.is_distributed
            drain_s = DRAIN_WITH_SERVERS_WITHIN_S if distributed else DRAIN_WITHIN_S
            supervisor = Supervisor(bus, drain_s=drain_s)
            if self.view:
                self.view.ours = supervisor.statuses
            tiers[0] = [*self._probes(bus, store), *([self.part] if self.part else []), *tiers[0]]
            if metrics:
                tiers[0].append(self._metrics(supervisor, [bus, *chain(*tiers)], metrics))
            with _out_of_garbage_collection():
                await supervisor.run(*tiers)

    async def _take_part(self, opened: AsyncExitStack) -> None:
        """Take a part of the instruments where any will do; while all are taken, stand by."""
        number, _, count = self.shard.partition("/")
        if number != ANY or "stream" not in self.roles:
            return
        self.part = Part(int(count), self.settings.state_folder)
        opened.callback(self.part.close)
        if not self.part.take():
            await self._stand_by(self.part)
        self.shard = self.part.shard

    async def _stand_by(self, part: Part) -> None:
        """Tell that this process is well until there is a part for it."""
        async with AsyncExitStack() as opened:
            metrics = self._metrics_listener(opened)
            bus = await opened.enter_async_context(open_bus(self.settings))
            parts = [*self._probes(bus, None), part]
            supervisor = Supervisor(bus)
            if metrics:
                parts.append(self._metrics(supervisor, [bus, *parts], metrics))
            async with asyncio.TaskGroup() as tasks:
                standing = tasks.create_task(supervisor.run(parts))
                await part.taken.wait()
                standing.cancel()

    def _probes(self, bus: Bus, store: Store | None) -> list[Supervised]:
        """Make what shows whether bus and store work; an embedded store is part of this process.

        Who only reads the store does not probe it: that writes, which his token may not allow.
        """
        name = self._name
        probes: list[Supervised] = [bus_probe(bus, name)]
        if self.settings.is_distributed and store is not None and "store" in self.roles:
            probes.append(store_probe(store, name))
        if isinstance(bus, LocalBus):
            probes.append(ReturnedMail(bus))
        return probes

    @property
    def _name(self) -> str:
        """What this process does, in a word."""
        return next(iter(self.roles)) if len(self.roles) == 1 else "all"

    def _metrics_listener(self, opened: AsyncExitStack) -> socket.socket | None:
        """Take the port of the metrics before anything else is started; None: there are none."""
        if not self.settings.metrics:
            return None
        from infrastructure.metrics_server import listen  # noqa: PLC0415  # slow to import

        return opened.enter_context(closing(listen(self.settings.metrics)))

    def _metrics(
        self, supervisor: Supervisor, measured: Iterable[object], listener: socket.socket
    ) -> Supervised:
        from infrastructure.metrics import Metrics  # noqa: PLC0415  # as above
        from infrastructure.metrics_server import MetricsServer  # noqa: PLC0415  # as above

        metrics = Metrics(
            supervisor.statuses,
            [*measured, *self.measured],
            version=__version__,
            process=self._name,
        )
        return MetricsServer(metrics, listener)

    def _listeners(self, bus: Bus, store: Store, ready: Ready | None) -> list[list[Supervised]]:
        """Make the actors that listen: those that keep and show, then those that compute."""
        keeping: list[Supervised] = []
        computing: list[Supervised] = []
        if "store" in self.roles:
            keeping.append(writing(bus, store))
            if every_s := self.settings.book_every_s:
                levels = self.settings.book_levels
                keeping.append(BookWriter(bus, store, every_s=every_s, levels=levels))
            if self.settings.archive:
                keeping.append(archiving(store, self.settings))
        if "serve" in self.roles:
            keeping.extend(self._api(bus, store, ready))
        if "refresh" in self.roles:
            costs = read_costs(self.settings)
            terms = board_terms(self.settings, (venue.name for venue in self.polled))
            computing.append(Refresher(bus, costs, terms, store=store))
            computing.append(candle_building(bus, store))
            computing.append(AcrossVenues(bus, store))
            if choices := strategies_set(self.settings.strategies):
                computing.append(Signaller(bus, store, choices))
            if (least := take_terms(self.settings.route_taker)) is not None:
                computing.append(RouteSignaller(bus, least))
        return [keeping, computing]

    def _api(self, bus: Bus, store: Store, ready: Ready | None) -> list[Supervised]:
        settings = self.settings
        polled_age_s = {venue.name: settings.max_bank_rate_age_s for venue in self.polled}
        view = LatestView(bus, max_age_s=settings.max_quote_age_s, polled_age_s=polled_age_s)
        archive = _archive(settings)
        # Apart from the one of the endpoints: no page waits in line behind indicators' pasts.
        indicators = IndicatorBoard(view, History(store, archive, clock=view.clock))
        self.view, hub = view, LiveHub(view, indicators)
        self.measured.append(hub)
        app = create_app(
            view,
            hub,
            store,
            mode=settings.mode,
            version=__version__,
            archive=archive,
            offer=offered(settings.own_strategies, premium_terms(settings)),
            web=WEB,
            allowed_hosts=(*settings.allowed_hosts, settings.host),
        )
        listener = self.listener
        server = ApiServer(app, settings.host, settings.port, listener=listener)
        if ready is not None and listener is not None:
            ready(view, f"http://{settings.host}:{listener.getsockname()[1]}/")
        return [view, indicators, server]

    def _streams(self) -> Streams:
        """Make what hears venues, once the part of the instruments is known."""
        return Streams(
            self.settings,
            venues=self.venues,
            polled=self.polled,
            shard=self.shard,
            is_simulating="simulate" in self.roles,
            tap=self.tap,
        )


def writing(bus: Bus, store: Store) -> Supervised:
    """Make what stores: all share a mailbox that is whole; of a split one each part has one."""
    if bus.partitions == 1:
        return Writer(bus, store)
    make = partial(Writer, bus, store)
    return Share(bus, Writer.name, patterns_of(Writer.handles), lambda p: make(partition=p))


def archiving(store: Store, settings: Settings) -> Supervised:
    """Make what archives days that are over."""
    return Archivist(store, files_at(settings.archive))


def candle_building(bus: Bus, store: Store) -> Supervised:
    """Make what builds candles: one of all processes does, or one has each partition."""
    make = partial(CandleBuilder, bus, store)
    patterns = patterns_of(CandleBuilder.handles)
    return Share(bus, CandleBuilder.name, patterns, lambda p: make(partition=p))


def _archive(settings: Settings) -> Files | None:
    return files_at(settings.archive) if settings.archive else None


@contextmanager
def _out_of_garbage_collection() -> Iterator[None]:
    """Take what is there now out of it: walking all of it stalls everybody for 100 ms."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
