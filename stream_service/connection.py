"""The one actor that drives every venue: it owns the socket, the clock and the retries."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from math import inf

import httpx2
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from infrastructure.bus.port import Bus
from infrastructure.retry import backoff
from market import (
    CryptoTrackerError,
    Event,
    FrameError,
    Instrument,
    Listing,
    Trade,
    VenueRefusedError,
)
from market.events import VenueState
from stream_service.pulse import Pulse
from stream_service.rest import VenueRest
from stream_service.trades import TradeMemory
from stream_service.venue import Options, Session, Venue

log = structlog.get_logger()

LOST = (OSError, TimeoutError, WebSocketException, httpx2.HTTPError, VenueRefusedError)
DIAL_TIMEOUT_S = 10.0
PING_EVERY_S = 15.0
SHORT_S = 5.0
"""A connection that lasted less than this counts as a failure, which the next one waits after."""


class VenueConnection:
    """Keeps one venue connected and publishes what it says.

    Args:
        venue: Where to connect.
        wanted: Instruments to follow; those that the venue does not list are left out.

    """

    dead = 0

    def __init__(
        self,
        venue: Venue,
        wanted: Sequence[Instrument],
        bus: Bus,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.venue = venue
        self.wanted = wanted
        self.bus = bus
        self.name = f"stream.{venue.name}"
        self.listening = asyncio.Event()
        self.pulse = Pulse(venue.name)
        self._clock = clock
        self._trades = TradeMemory()
        self._listings: list[Listing] = []
        self._quiet_since = inf

    @property
    def handled(self) -> int:
        """Events published since the start."""
        return self.pulse.events

    async def run(self) -> None:
        """Connect, and again whenever the connection is lost; ends only by cancellation."""
        self.listening.set()
        async with VenueRest(self.venue) as rest, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_pulse())
            tasks.create_task(self._stay_connected(rest))

    async def _stay_connected(self, rest: VenueRest) -> None:
        """Start anew at once after a connection that lasted, else wait ever longer."""
        while True:
            async for attempt in backoff(*LOST, is_told=True):
                with attempt:
                    started = time.monotonic()
                    error = await self._connect_and_read(rest)
                    if time.monotonic() - started < SHORT_S:
                        raise error

    async def _connect_and_read(self, rest: VenueRest) -> BaseException:
        """Return the error that ended the connection."""
        lost: BaseException
        try:
            await self._change("connecting")
            self._listings = await self._list(rest)
            url = await rest.dialogue(self.venue.dial(self.venue, self._listings))
            async with connect(
                url,
                compression=None,
                open_timeout=DIAL_TIMEOUT_S,
                close_timeout=1.0,
                ping_interval=PING_EVERY_S,
                ping_timeout=PING_EVERY_S,
                max_size=8 * 2**20,
                max_queue=1_024,
                proxy=None if self.venue.is_on_this_machine else True,
            ) as socket:
                lost = await self._converse(socket, rest)
        except LOST as error:
            lost = error
        self.pulse.reconnects += 1
        log.warning("venue.lost", venue=self.venue.name, why=_reason(lost))
        await self._change("down", _reason(lost))
        return lost

    async def _converse(self, socket: ClientConnection, rest: VenueRest) -> BaseException:
        """Subscribe, then read frames and make requests side by side until one of them is lost."""
        session = self.venue.session(self._listings, Options(keys=self.venue.keys))
        self._trades.reconnected()
        session.opened()
        for listing in self._listings:
            if request := session.recall(listing.instrument):
                session.ask(request)
        await _send(session, socket)
        asked = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._make_requests(session, socket, rest, asked))
                tasks.create_task(self._beat(session, socket))
                tasks.create_task(self._listen_for_silence())
                await self._read(session, socket, asked)
                raise ConnectionResetError("the venue closed the connection")
        except* LOST as lost:
            ended = _first(lost)
        return ended

    async def _read(self, session: Session, socket: ClientConnection, asked: asyncio.Event) -> None:
        self._quiet_since = time.monotonic()
        async for frame in socket:
            self._quiet_since = inf  # while the bus holds us back the venue is not silent
            body = frame if isinstance(frame, bytes) else frame.encode()
            received_ns = self._clock()
            self.pulse.frames += 1
            try:
                events = list(session.receive(body, received_ns))
            except FrameError as error:
                self._refuse(error)
                events = []
            if events:
                await self._publish(events)
            await _send(session, socket)
            asked.set()
            self._quiet_since = time.monotonic()

    async def _publish(self, events: Sequence[Event]) -> None:
        fresh = [
            event for event in events if not isinstance(event, Trade) or self._trades.is_new(event)
        ]
        if not fresh:
            return
        with self._trades.passing_on([event for event in fresh if isinstance(event, Trade)]):
            if self.pulse.state != "live":
                await self._change("live")
            await self.bus.publish(fresh)
        self.pulse.told(fresh)

    async def _make_requests(
        self,
        session: Session,
        socket: ClientConnection,
        rest: VenueRest,
        asked: asyncio.Event,
    ) -> None:
        """Make the session's requests one after the other, in the rhythm that the venue allows.

        The first ones wait until the subscription stands, so that no trade falls in between the
        answer and the stream.
        """
        await asked.wait()
        await asyncio.sleep(self.venue.settle_s)
        while True:
            await asked.wait()
            asked.clear()
            for request in session.requests():
                try:
                    body = await rest.body(request)
                    received_ns = self._clock()
                    events = list(session.answered(request, body, received_ns))
                except (FrameError, VenueRefusedError) as error:
                    self._refuse(error)
                    continue
                await self._publish([*self._holes(events, received_ns), *events])
                await _send(session, socket)
                asked.set()

    def _holes(self, events: Sequence[Event], received_ns: int) -> Iterable[Event]:
        trades = [event for event in events if isinstance(event, Trade)]
        hole = self._trades.hole(trades, received_ns)
        return () if hole is None else (hole,)

    async def _list(self, rest: VenueRest) -> list[Listing]:
        """Return the listings of the wanted instruments that are traded.

        Those of the last connection do while REST is away: the stream may well be there.
        """
        try:
            offered = await rest.dialogue(self.venue.list_instruments(self.venue))
        except (httpx2.HTTPError, TimeoutError) as error:
            if not self._listings:
                raise
            log.warning("venue.listing_kept", venue=self.venue.name, why=_reason(error))
            return self._listings
        wanted = set(self.wanted)
        listings = [row for row in offered if row.instrument in wanted and row.trading]
        if not listings:
            raise VenueRefusedError(f"{self.venue.name} lists none of the instruments asked for")
        self.pulse.instruments = len(listings)
        return listings

    async def _beat(self, session: Session, socket: ClientConnection) -> None:
        while self.venue.heartbeat_s is not None:
            await asyncio.sleep(self.venue.heartbeat_s)
            session.heartbeat()
            await _send(session, socket)

    async def _listen_for_silence(self) -> None:
        limit_s = self.venue.max_silence_s
        while True:
            await asyncio.sleep(min(1.0, limit_s / 4))
            silent_s = time.monotonic() - self._quiet_since
            if silent_s > limit_s:
                raise TimeoutError(f"nothing heard for {silent_s:.1f} s")

    async def _tell_pulse(self) -> None:
        """Say once a second how the venue does."""
        while True:
            await asyncio.sleep(1.0)
            await self.bus.publish([self.pulse.status(self._clock())])

    async def _change(self, state: VenueState, reason: str = "") -> None:
        self.pulse.change(state, reason)
        log.info("venue.changed", venue=self.venue.name, state=state, reason=reason)
        await self.bus.publish([self.pulse.status(self._clock())])

    def _refuse(self, error: CryptoTrackerError) -> None:
        self.pulse.refused += 1
        log.warning("venue.refused", venue=self.venue.name, why=str(error))


async def _send(session: Session, socket: ClientConnection) -> None:
    for frame in session.outgoing():
        await socket.send(frame, text=True)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
