"""One connection to a venue: a socket, its session, and the requests that the session makes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from market import FrameError, Instrument, Listing, VenueBusyError, VenueRefusedError
from stream_service.intake import Intake
from stream_service.refusals import in_words
from stream_service.rest import UNANSWERED, VenueRest
from stream_service.transport import Socket, TransportName, open_socket, socket_errors
from stream_service.venue import HttpRequest, Options, Session, Venue

log = structlog.get_logger()

LOST: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    VenueRefusedError,
    *UNANSWERED,
    *socket_errors(),
)
"""What ends a connection, so that another one is made."""

REQUESTS_AT_ONCE = 4
TICK_S = 0.5
FRAMES_AT_ONCE = 128
"""Frames whose events are published together, where so many are there."""


class Gate:
    """Lets one pass at a time, and leaves a pause after each."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._lock = asyncio.Lock()
        self._free_at = 0.0

    async def pass_through(self) -> None:
        """Wait until it is our turn."""
        async with self._lock:
            await asyncio.sleep(self._free_at - time.monotonic())
            self._free_at = time.monotonic() + self._pause_s


class Link:
    """Lives once: `run` connects, subscribes, reads until the connection is lost or closed.

    ``up`` is set with the first frame, ``settled`` once the subscription stands, at ``settled_at``
    of the steady clock, ``due`` when another link should take over, ``ended`` when all is over;
    ``lost`` is then why. ``understood_ns`` is when a frame came last that could be read. Each step
    is bounded in time, so it stands or ends.
    """

    def __init__(  # noqa: PLR0913  # one of each thing that it joins
        self,
        venue: Venue,
        listings: Sequence[Listing],
        options: Options,
        *,
        rest: VenueRest,
        intake: Intake,
        gate: Gate,
        number: int = 0,
        transport: TransportName = "auto",
    ) -> None:
        self.listings = listings
        self.session: Session = venue.session(listings, options)
        self.instruments: frozenset[Instrument] = frozenset(row.instrument for row in listings)
        self.up = asyncio.Event()
        self.settled = asyncio.Event()
        self.due = asyncio.Event()
        self.ended = asyncio.Event()
        self.settled_at = 0.0
        self.understood_ns = 0
        self.lost: BaseException | None = None
        self.why_due = ""
        self._venue = venue
        self._rest = rest
        self._intake = intake
        self._gate = gate
        self._number = number
        self._transport = transport
        self._closing = asyncio.Event()
        self._wake = asyncio.Event()
        self._is_written = asyncio.Event()
        self._is_written.set()
        self._has_requests = asyncio.Event()
        self._frames = 0
        self._written = 0
        self._times_set = intake.times_set
        self._is_held_back = False
        self._asking = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def run(self) -> None:
        """Live; a connection that is lost is no error here, see ``lost``."""
        try:
            await self._live()
        except LOST as error:
            self.lost = error
        finally:
            self.ended.set()

    def close(self) -> None:
        """End it soon."""
        self._closing.set()

    def renew(self, reason: str) -> None:
        """Ask for another link to take over."""
        self.why_due = self.why_due or reason
        self.due.set()

    async def ask(self, request: HttpRequest) -> bytes:
        """Make one request of the session's; see `VenueRest.body`."""
        body = await self._rest.body(request)
        if self._intake.tap:
            self._intake.tap.answer(self._venue.name, request, body, self._intake.clock())
        return body

    async def _live(self) -> None:
        url = await self._rest.dialogue(self._venue.dial(self._venue, self.listings))
        await self._gate.pass_through()
        async with open_socket(
            url, transport=self._transport, through_proxy=not self._venue.is_simulated
        ) as socket:
            self.session.opened()
            self._look_around()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read(socket))
                    tasks.create_task(self._write(socket))
                    tasks.create_task(self._settle())
                    tasks.create_task(self._ask_all(tasks))
                    tasks.create_task(self._tick())
                    tasks.create_task(self._beat())
                    tasks.create_task(self._listen_for_silence())
                    await self._closing.wait()
                    raise ConnectionAbortedError("another connection took over")
            except* LOST as lost:
                error = _first(lost)
            raise error

    async def _read(self, socket: Socket) -> None:
        session, intake = self.session, self._intake
        while not self._closing.is_set():  # what comes then is the next link's to tell
            frames = await socket.frames()
            if not self._frames:
                intake.connected(self.instruments)
            self._frames += len(frames)
            self._is_held_back = True  # while the bus holds us back the venue is not silent
            received_ns = intake.clock()
            if intake.tap:
                for frame in frames:
                    intake.tap.frame(self._venue.name, self._number, frame, received_ns)
            refused = intake.pulse.refused
            for at in range(0, len(frames), FRAMES_AT_ONCE):
                await intake.take_all(session, frames[at : at + FRAMES_AT_ONCE], received_ns)
            if intake.pulse.refused - refused < len(frames):
                self.understood_ns = received_ns
            self._is_held_back = False
            self._look_around()
            self.up.set()

    def _look_around(self) -> None:
        """Wake who sends, asks or ends, where the session has something for them."""
        session = self.session
        if session.has_outgoing:
            self._is_written.clear()
            self._wake.set()
        if session.has_requests:
            self._has_requests.set()
        if session.renewal:
            self.renew(session.renewal)

    async def _write(self, socket: Socket) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for frame in self.session.outgoing():
                await socket.send(frame, text=True)
                self._written += 1
                if self._venue.send_interval_s:
                    await asyncio.sleep(self._venue.send_interval_s)
            if not self.session.has_outgoing:
                self._is_written.set()

    async def _settle(self) -> None:
        """Wait until the venue had time to take all that subscribes, also what it asked for first.

        A venue that wants to know who we are takes the subscription only after its first frames.
        """
        await self.up.wait()
        written = -1
        while written != self._written or not self._is_written.is_set():
            await self._is_written.wait()
            written = self._written
            await asyncio.sleep(self._venue.settle_s)
        self.settled_at = time.monotonic()
        self.settled.set()

    async def _ask_all(self, tasks: asyncio.TaskGroup) -> None:
        """Make the session's requests, a few at once, once the subscription stands.

        Asked earlier, a change could fall in between the answer and the stream.
        """
        await self.settled.wait()
        while True:
            await self._has_requests.wait()
            self._has_requests.clear()
            for request in self.session.requests():
                await self._asking.acquire()
                tasks.create_task(self._make(request))

    async def _make(self, request: HttpRequest) -> None:
        """Make one request; one that stays without an answer is asked again by the session."""
        try:
            body = await self.ask(request)
            await self._intake.answer(self.session, request, body, self._intake.clock())
        except VenueBusyError as error:
            log.warning("venue.busy", venue=self._venue.name, wait_s=error.wait_s)
            await asyncio.sleep(error.wait_s)
            self.session.ask(request)
        except (*UNANSWERED, VenueRefusedError, FrameError) as error:
            log.warning("venue.not_answered", venue=self._venue.name, why=in_words(error))
        finally:
            self._asking.release()
        self._look_around()

    async def _tick(self) -> None:
        lifetime_s = self._venue.lifetime_s
        ends_at = None if lifetime_s is None else time.monotonic() + lifetime_s
        while True:
            await asyncio.sleep(TICK_S)
            self.session.tick(self._intake.clock())
            self._look_around()
            if self._intake.times_set != self._times_set:
                self.renew("our clock was set")  # a session goes by the time
            if ends_at is not None and time.monotonic() >= ends_at:
                self.renew("the venue ends a connection of this age")

    async def _beat(self) -> None:
        while self._venue.heartbeat_s is not None:
            await asyncio.sleep(self._venue.heartbeat_s)
            self.session.heartbeat()
            self._look_around()

    async def _listen_for_silence(self) -> None:
        limit_s = self._venue.max_silence_s
        frames, heard_at = self._frames, time.monotonic()
        while True:
            await asyncio.sleep(min(1.0, limit_s / 4))
            if self._frames != frames or self._is_held_back:
                frames, heard_at = self._frames, time.monotonic()
            elif (silent_s := time.monotonic() - heard_at) > limit_s:
                raise TimeoutError(f"nothing heard for {silent_s:.1f} s")


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
