"""The one actor that drives every streamed venue: its instruments, parted among connections.

VenueConnection ── what the venue lists ─▶ shards ─▶ links ─▶ sessions
│                                                 │
└── back-filling, watching, telling ◀── intake ◀──┘
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from infrastructure.measures import Measure
from infrastructure.retry import Pauses
from market import BusUnavailableError, Instrument, Listed, Listing, VenueRefusedError
from market.events import VenueState
from market.spread import is_in_shard, shard_name
from stream_service.backfill import Backfill
from stream_service.candle_history import CandleHistory
from stream_service.gathering import Outlet
from stream_service.intake import Intake, Tap
from stream_service.kept import KeptFile
from stream_service.link import LOST, Gate, Link
from stream_service.measured import of_pulse
from stream_service.refusals import in_words
from stream_service.rest import VenueRest
from stream_service.shard import Shard
from stream_service.sharding import parts_of
from stream_service.transport import TransportName, asked_to_wait_s
from stream_service.venue import CHANNELS, Channel, Options, Venue

log = structlog.get_logger()

LISTED_EVERY_S = 3_600.0
KEPT_EVERY_S = 5.0
LAST_KEPT_WITHIN_S = 0.5
BUS_MINDED_EVERY_S = 0.2
AWAY = "the connection was away"
MOVED = "no connection followed it for a moment"
TAKEN_OVER = "another connection took over"


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
        history: How far back candles are asked for, by interval in nanoseconds.
        shard: Of the instruments only those are followed that are in it; see `is_in_shard`.
        clock: Nanoseconds since the epoch.
        steady: Nanoseconds of a clock that nobody sets; ``clock`` itself where that cannot be set.

    """

    dead = 0

    def __init__(  # noqa: PLR0913  # what an operator can choose
        self,
        venue: Venue,
        wanted: Sequence[Instrument],
        bus: Outlet,
        *,
        channels: frozenset[Channel] = CHANNELS,
        state: Path | None = None,
        transport: TransportName = "auto",
        tap: Tap | None = None,
        history: Mapping[str, int] | None = None,
        shard: str = "",
        clock: Callable[[], int] = time.time_ns,
        steady: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.venue = venue
        self.wanted = frozenset(wanted)
        self.bus = bus
        self.shard = shard
        self.name = f"stream.{venue.name}{f'.{shard_name(shard)}' if shard else ''}"
        self.listening = asyncio.Event()
        self.intake = Intake(venue, bus, clock=clock, steady=steady, tap=tap)
        self.pulse = self.intake.pulse
        self.pulse.shard = shard
        self._options = Options(channels=channels, keys=venue.keys)
        self._kept = KeptFile(state / f"{venue.name}.trades.json" if state else None)
        self._is_kept = True
        past = KeptFile(state / f"{venue.name}.candles.json" if state else None)
        self._history = CandleHistory(self.intake, self._link_of, history or {}, past)
        self._transport = transport
        self._clock = clock
        self._listings: dict[Instrument, Listing] = {}
        self._shards: list[Shard] = []
        self._links = 0
        self._has_run = False
        self._gate = Gate(venue.connect_interval_s)

    @property
    def handled(self) -> int:
        """Events published since the start."""
        return self.pulse.events

    @property
    def counts(self) -> dict[str, int]:
        """The books, see `infrastructure.books`."""
        return self.intake.counts

    @property
    def remark(self) -> str:
        """What else it does than to follow."""
        return self._history.remark

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from of_pulse(self.pulse)
        yield Measure("venue_known", self.intake.ledger.duplicates, (self.venue.name,))

    async def run(self) -> None:
        """Connect, and again whenever a connection is lost; ends only by cancellation."""
        self.listening.set()
        self._start_clean()
        on_date = self.intake.venue_clock.http_date
        async with (
            VenueRest(self.venue, on_date, self._clock) as rest,
            asyncio.TaskGroup() as tasks,
        ):
            backfill = Backfill(self.intake, self._link_of)
            tasks.create_task(self._mind_the_bus())
            tasks.create_task(self._tell_pulse())
            tasks.create_task(self._keep_state())
            tasks.create_task(self._put_aside())
            tasks.create_task(backfill.run())
            tasks.create_task(self._history.run())
            await self._follow_listing(rest, tasks)

    def _start_clean(self) -> None:
        """Take nothing from an earlier run but the trades that it passed on."""
        self._shards = []
        self._listings = {}
        self.intake.disconnected(list(self.intake.followed))
        if not self._has_run:
            self._has_run = True
            self.intake.restore(self._kept.read())

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
                    await self._change("down", in_words(error))
                log.warning("venue.not_listed", venue=self.venue.name, why=in_words(error))
                await asyncio.sleep(max(pauses.failed(), asked_to_wait_s(error)))
                continue
            self._part(rest, tasks)
            pauses.succeeded()
            await self._rest_until_listing_is_due()

    async def _rest_until_listing_is_due(self) -> None:
        """Wait for long; any answer tells the venue's time, so not when our clock was set."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTED_EVERY_S):
                await self.intake.was_set.wait()
        self.intake.was_set.clear()

    async def _take_listing(self, offered: Sequence[Listing]) -> None:
        """Tell the terms that are new.

        Raises:
            VenueRefusedError: the venue lists none of what we want.

        """
        wanted = {row.instrument: row for row in offered if row.instrument in self.wanted}
        if not wanted:
            raise VenueRefusedError(f"{self.venue.name} lists none of the instruments asked for")
        wanted = {one: row for one, row in wanted.items() if is_in_shard(one, self.shard)}
        if not wanted and self.pulse.state != "live":
            await self._change("live", "none of its instruments falls to this process")
        news = [row for row in wanted.values() if self._listings.get(row.instrument) != row]
        gone = [one for one in self._listings if one not in wanted]
        self._listings = wanted
        await self.intake.tell([self._listed(row) for row in news])
        for row in news:
            if row.trading:
                await self._relieve([row.instrument], "halted")
            else:
                await self._halt(row.instrument, f"{self.venue.name} does not trade it now")
        for instrument in gone:
            await self._halt(instrument, f"{self.venue.name} does not list it any more")

    async def _halt(self, instrument: Instrument, reason: str) -> None:
        """Say that the venue does not trade an instrument, and do not wait for word of it."""
        self.intake.disconnected([instrument])
        self.intake.troubles.note(instrument, "halted", "refused", reason)
        await self.intake.tell([self.intake.troubles.status(instrument, "refused", reason)])

    def _part(self, rest: VenueRest, tasks: asyncio.TaskGroup) -> None:
        """Part the instruments that are traded among connections; one that is unchanged stays."""
        traded = [row for row in self._listings.values() if row.trading]
        parts, left_out = parts_of(self.venue, traded)
        self.pulse.instruments = sum(len(part) for part in parts)
        if left_out:
            names = ", ".join(str(row.instrument) for row in left_out[:10])
            log.warning("venue.too_many", venue=self.venue.name, left_out=len(left_out), some=names)
        limit = self.venue.connections_at_most
        new = [part for part in parts if part not in [shard.listings for shard in self._shards]]
        changed = [shard for shard in self._shards if shard.listings not in parts]
        for shard in changed:
            shard.follow(new.pop(0) if new else [])
        self._shards = [shard for shard in self._shards if shard.listings]
        for part in new:
            shard = self._shard(part, rest, may_overlap=limit is None or len(parts) < limit)
            self._shards.append(shard)
            tasks.create_task(shard.run())

    def _shard(self, part: Sequence[Listing], rest: VenueRest, *, may_overlap: bool) -> Shard:
        return Shard(
            part,
            lambda shard: self._link(shard, rest),
            on_up=self._shard_up,
            on_down=self._shard_down,
            may_overlap=may_overlap,
        )

    def _link(self, shard: Shard, rest: VenueRest) -> Link:
        """Make a connection; where it follows no other, trades before its first may be missing."""
        self._links += 1
        if shard.link is None:
            self.intake.suspect([row.instrument for row in shard.listings], AWAY)
        return Link(
            self.venue,
            shard.listings,
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

    async def _shard_up(self, shard: Shard) -> None:
        """Say that a part of the venue is there."""
        instruments = [row.instrument for row in shard.listings]
        self.intake.connected(instruments)
        self.intake.suspect(shard.newcomers, MOVED)
        if not self.venue.consecutive_trade_ids:  # numbers would show what its first moments lacked
            self.intake.suspect(shard.moved - shard.newcomers, TAKEN_OVER)
        well = self.intake.left_to(shard.link.session, instruments) if shard.link else []
        await self.intake.pass_on_owed()
        await self.intake.tell(well)
        if self.pulse.state == "live":
            await self._relieve(instruments, "down")
            return
        for instrument in instruments:
            self.intake.troubles.relieve(instrument, "down")
        await self._change("live")
        await self.intake.tell(
            self.intake.troubles.told()
        )  # they ended with the venue for who listens

    async def _shard_down(self, shard: Shard, reason: str) -> None:
        """Say that a part of the venue is away, or all of it."""
        self.pulse.reconnects += 1
        log.warning("venue.lost", venue=self.venue.name, why=reason)
        instruments = [row.instrument for row in shard.listings]
        self.intake.disconnected(instruments)
        self.intake.suspect(instruments, AWAY)
        troubles = self.intake.troubles
        hit = [one for one in instruments if troubles.note(one, "down", "down", reason)]
        if any(other.is_up for other in self._shards):
            await self.intake.tell([troubles.status(one, "down", reason) for one in hit])
        else:
            await self._change("down", reason)

    async def _relieve(self, instruments: Sequence[Instrument], cause: str) -> None:
        well = [one for one in instruments if self.intake.troubles.relieve(one, cause)]
        await self.intake.tell([self.intake.troubles.status(one, "live") for one in well])

    async def _mind_the_bus(self) -> None:
        """Watch the bus; this publishes nothing, so a bus that is stuck does not stop it."""
        while True:
            await asyncio.sleep(BUS_MINDED_EVERY_S)
            self.intake.mind_the_bus()

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
                await self._keep(KEPT_EVERY_S)
        finally:
            await self._keep(LAST_KEPT_WITHIN_S)

    async def _keep(self, within_s: float) -> None:
        """Keep what is known now once it is safe; what is not is asked for after a restart."""
        kept = await self.intake.kept()
        try:
            async with asyncio.timeout(within_s):
                await self.bus.settle()
        except (TimeoutError, BusUnavailableError) as error:
            if self._is_kept:
                log.info("state.not_kept", venue=self.venue.name, why=repr(error))
            self._is_kept = False
        else:
            self._is_kept = True
            self._kept.write(kept)

    async def _put_aside(self) -> None:
        """Hand refused frames to the bus, without holding anything else up."""
        intake = self.intake
        while True:
            await intake.letters.arrived.wait()
            letter = intake.letters.take()
            is_kept = False
            try:
                await self.bus.put_aside([letter])
                is_kept = True
            except BusUnavailableError as error:
                log.warning("quarantine.waiting", venue=self.venue.name, why=str(error))
                await asyncio.sleep(1.0)
            finally:
                if is_kept:
                    intake.letters.note_kept()
                else:
                    intake.letters.give_back(letter)

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
