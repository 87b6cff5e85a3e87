"""The one actor that drives every streamed venue: its instruments, parted among connections.

VenueConnection ── what the venue lists ─▶ shards ─▶ links ─▶ sessions
│                                                 │
└── back-filling, watching, telling ◀── intake ◀──┘
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from infrastructure.bus.port import Bus
from infrastructure.retry import Pauses
from market import BusUnavailableError, Instrument, Listed, Listing, VenueRefusedError
from market.events import VenueState
from stream_service.backfill import Backfill
from stream_service.intake import Intake, Tap
from stream_service.kept import read_kept, write_kept
from stream_service.link import LOST, Gate, Link
from stream_service.rest import VenueRest
from stream_service.shard import Shard
from stream_service.sharding import parts_of
from stream_service.transport import TransportName
from stream_service.venue import CHANNELS, Channel, Options, Venue

log = structlog.get_logger()

LISTED_EVERY_S = 3_600.0
KEPT_EVERY_S = 5.0


class VenueConnection:
    """Keeps one venue connected and publishes what it says.

    Args:
        venue: Where to connect.
        wanted: Instruments to follow; those that the venue does not list are left out.
        bus: Where events go.
        channels: What to follow of each instrument.
        state: Directory that keeps what a restart needs to know what it missed; None: nothing is.
        transport: The WebSocket library.
        tap: Hears every frame and answer as it came.
        clock: Nanoseconds since the epoch.

    """

    dead = 0

    def __init__(  # noqa: PLR0913  # what an operator can choose
        self,
        venue: Venue,
        wanted: Sequence[Instrument],
        bus: Bus,
        *,
        channels: frozenset[Channel] = CHANNELS,
        state: Path | None = None,
        transport: TransportName = "auto",
        tap: Tap | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.venue = venue
        self.wanted = frozenset(wanted)
        self.bus = bus
        self.name = f"stream.{venue.name}"
        self.listening = asyncio.Event()
        self.intake = Intake(venue, bus, clock=clock, tap=tap)
        self.pulse = self.intake.pulse
        self._options = Options(channels=channels, keys=venue.keys)
        self._kept = state / f"{venue.name}.trades.json" if state else None
        self._transport = transport
        self._clock = clock
        self._listings: dict[Instrument, Listing] = {}
        self._shards: list[Shard] = []
        self._links = 0
        self._gate = Gate(venue.connect_interval_s)

    @property
    def handled(self) -> int:
        """Events published since the start."""
        return self.pulse.events

    async def run(self) -> None:
        """Connect, and again whenever a connection is lost; ends only by cancellation."""
        self.listening.set()
        self.intake.restore(read_kept(self._kept))
        on_date = self.intake.venue_clock.http_date
        async with VenueRest(self.venue, on_date) as rest, asyncio.TaskGroup() as tasks:
            backfill = Backfill(self.intake, self._link_of)
            tasks.create_task(self._tell_pulse())
            tasks.create_task(self._keep_state())
            tasks.create_task(self._put_aside())
            tasks.create_task(backfill.run())
            await self._follow_listing(rest, tasks)

    async def _follow_listing(self, rest: VenueRest, tasks: asyncio.TaskGroup) -> None:
        """Connect what the venue lists, and look again from time to time."""
        pauses = Pauses()
        await self._change("connecting")
        while True:
            try:
                offered = await rest.dialogue(self.venue.list_instruments(self.venue))
                await self._take_listing(offered)
            except LOST as error:
                if not self._shards:
                    await self._change("down", _reason(error))
                log.warning("venue.not_listed", venue=self.venue.name, why=_reason(error))
                await asyncio.sleep(pauses.failed())
                continue
            self._part(rest, tasks)
            pauses.succeeded()
            await asyncio.sleep(LISTED_EVERY_S)

    async def _take_listing(self, offered: Sequence[Listing]) -> None:
        """Tell the terms that are new.

        Raises:
            VenueRefusedError: the venue lists none of what we want.

        """
        wanted = [row for row in offered if row.instrument in self.wanted]
        if not any(row.trading for row in wanted):
            raise VenueRefusedError(f"{self.venue.name} lists none of the instruments asked for")
        news = [row for row in wanted if self._listings.get(row.instrument) != row]
        self._listings = {row.instrument: row for row in wanted}
        await self.intake.tell([self._listed(row) for row in news])
        for row in news:
            if row.trading and self.intake.relieve(row.instrument, "halted"):
                await self.intake.tell([self.intake.status(row.instrument, "live")])
            elif not row.trading and self.intake.trouble(row.instrument, "halted", "refused"):
                why = f"{self.venue.name} does not trade it now"
                await self.intake.tell([self.intake.status(row.instrument, "refused", why)])

    def _part(self, rest: VenueRest, tasks: asyncio.TaskGroup) -> None:
        """Part the instruments that are traded among connections; one that is unchanged stays."""
        traded = [row for row in self._listings.values() if row.trading]
        parts, left_out = parts_of(self.venue, traded)
        self.pulse.instruments = sum(len(part) for part in parts)
        if left_out:
            names = ", ".join(str(row.instrument) for row in left_out[:10])
            log.warning("venue.too_many", venue=self.venue.name, left_out=len(left_out), some=names)
        for shard, part in zip(self._shards, parts, strict=False):
            if list(shard.listings) != part:
                shard.follow(part)
        for part in parts[len(self._shards) :]:
            shard = Shard(
                part,
                lambda listings: self._link(listings, rest),
                on_up=self._shard_up,
                on_down=self._shard_down,
                may_overlap=self.venue.connections_at_most is None,
            )
            self._shards.append(shard)
            tasks.create_task(shard.run())

    def _link(self, listings: Sequence[Listing], rest: VenueRest) -> Link:
        self._links += 1
        return Link(
            self.venue,
            listings,
            self._options,
            rest=rest,
            intake=self.intake,
            gate=self._gate,
            number=self._links,
            transport=self._transport,
        )

    def _link_of(self, instrument: Instrument) -> Link | None:
        """Return the connection that follows an instrument, once its subscription stands."""
        for shard in self._shards:
            link = shard.link
            if link and link.settled.is_set() and instrument in link.instruments:
                return link
        return None

    async def _shard_up(self, shard: Shard, _reason: str) -> None:
        instruments = [row.instrument for row in shard.listings]
        self.intake.connected(instruments)
        if self.pulse.state != "live":
            await self._change("live")
        relieved = [one for one in instruments if self.intake.relieve(one, "down")]
        await self.intake.tell([self.intake.status(one, "live") for one in relieved])

    async def _shard_down(self, shard: Shard, reason: str) -> None:
        """Say that a part of the venue is away, or all of it."""
        self.pulse.reconnects += 1
        log.warning("venue.lost", venue=self.venue.name, why=reason)
        instruments = [row.instrument for row in shard.listings]
        self.intake.disconnected(instruments)
        if not any(other.is_up for other in self._shards):
            await self._change("down", reason)
        else:
            hit = [one for one in instruments if self.intake.trouble(one, "down", "down")]
            await self.intake.tell([self.intake.status(one, "down", reason) for one in hit])

    async def _tell_pulse(self) -> None:
        """Say once a second how the venue does, and which of its streams fell silent."""
        while True:
            await asyncio.sleep(1.0)
            await self.intake.tell(self.intake.silences())
            await self.bus.publish([self.pulse.status(self._clock())])

    async def _keep_state(self) -> None:
        """Keep on disk which trades were passed on last."""
        try:
            while True:
                await asyncio.sleep(KEPT_EVERY_S)
                write_kept(self._kept, self.intake.kept())
        finally:
            write_kept(self._kept, self.intake.kept())

    async def _put_aside(self) -> None:
        """Hand refused frames to the bus, without holding anything else up."""
        letters = self.intake.letters
        while True:
            await self.intake.has_letters.wait()
            self.intake.has_letters.clear()
            while letters:
                try:
                    await self.bus.put_aside([letters[0]])
                except BusUnavailableError as error:
                    log.warning("quarantine.waiting", venue=self.venue.name, why=str(error))
                    await asyncio.sleep(1.0)
                else:
                    letters.popleft()

    async def _change(self, state: VenueState, reason: str = "") -> None:
        self.pulse.change(state, reason)
        log.info("venue.changed", venue=self.venue.name, state=state, reason=reason)
        await self.bus.publish([self.pulse.status(self._clock())])

    def _listed(self, row: Listing) -> Listed:
        now_ns = self._clock()
        return Listed(
            venue=self.venue.name,
            instrument=row.instrument,
            symbol=row.symbol,
            trading=row.trading,
            tick_size=row.tick_size,
            lot_size=row.lot_size,
            minimum_notional=row.minimum_notional,
            event_ns=now_ns,
            received_ns=now_ns,
            sequence=now_ns,
        )


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
