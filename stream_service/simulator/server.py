"""Venues on loopback: real sockets, native frames, one port for all.

    ws://127.0.0.1:PORT/binance                           the venue's WebSocket
    http://127.0.0.1:PORT/binance/rest/…                  its REST interface
    http://127.0.0.1:PORT/faults/binance/hang-up          causes a fault, see `faults`
    http://127.0.0.1:PORT/faults/binance/silence?seconds=5

What a venue says is made by its own `ExchangeSide` and ``Venue.answer`` from a `SimulatedMarket`.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from math import inf, nan
from random import Random
from typing import get_args

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from market import Event
from stream_service import wire
from stream_service.polled import PolledVenue
from stream_service.simulator.answering import AnyMethod, response
from stream_service.simulator.faults import FAULTS, SKEW_NS, SLOW_S, Fault, Faults, garbage
from stream_service.simulator.prices import SimulatedMarket, World
from stream_service.venue import ExchangeSide, Venue

log = structlog.get_logger()

FRAMES_WAITING = 50_000
"""Frames that wait for a client at most; one that reads slower is hung up on, as venues do."""


class _Client:
    """One connected client, with what waits to be sent to it."""

    def __init__(
        self, socket: ServerConnection, side: ExchangeSide, faults: Faults, *, binary: bool
    ) -> None:
        self.socket = socket
        self.side = side
        self.faults = faults
        self._opcode = Opcode.BINARY if binary else Opcode.TEXT
        self._waiting: list[bytes] = []
        self._arrived = asyncio.Event()

    def push(self) -> None:
        """Hand what the venue's side has posted to the writer."""
        self._waiting += map(self.faults.spoilt, self.side.outgoing())
        self._arrived.set()
        if len(self._waiting) > FRAMES_WAITING:
            self.socket.transport.abort()

    async def write(self) -> None:
        """Send what waits, oldest first and all at once, until cancelled or the client is gone."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            frames, self._waiting = self._waiting, []
            if self.socket.state is not State.OPEN:
                return
            self.socket.transport.write(b"".join([self._framed(frame) for frame in frames]))
            try:
                await self.socket.drain()
            except OSError:
                return

    def _framed(self, payload: bytes) -> bytes:
        """Put the header of a whole, unmasked frame (RFC 6455, 5.2) before what it carries."""
        size = len(payload)
        first = 0x80 | self._opcode
        if size < 126:  # noqa: PLR2004  # the header says 126 and 127 of what is longer
            return bytes((first, size)) + payload
        if size < 2**16:
            return struct.pack("!BBH", first, 126, size) + payload
        return struct.pack("!BBQ", first, 127, size) + payload


class SimulatedVenues:
    """The venues' side of the wire; tests tell events through it, the `Simulator` plays a world.

    A venue named in ``silent`` says nothing though it is connected; one in ``refusing`` lets nobody
    connect, one in ``without_rest`` answers no request. `cause` does the like for a while.
    ``accepted`` and ``asked`` count connections and requests, the refused ones among them.
    """

    def __init__(
        self,
        venues: Sequence[Venue],
        markets: Mapping[str, SimulatedMarket],
        *,
        polled: Sequence[PolledVenue] = (),
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.markets = markets
        self.silent: set[str] = set()
        self.refusing: set[str] = set()
        self.without_rest: set[str] = set()
        every: list[Venue | PolledVenue] = [*venues, *polled]
        self.faults = {venue.name: Faults() for venue in every}
        self.accepted: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self._random = Random(0)  # noqa: S311  # no secrets
        self._venues = {venue.name: venue for venue in venues}
        self._polled = {venue.name: venue for venue in polled}
        self._clients: dict[str, set[_Client]] = {venue.name: set() for venue in every}
        self._host = host
        self._port = port

    @property
    def address(self) -> str:
        """Host and port that are served, such as ``127.0.0.1:43117``."""
        return f"{self._host}:{self._port}"

    def venue(self, name: str) -> Venue:
        """Return the venue with its addresses here."""
        return simulated(self._venues[name], self.address)

    def polled_venue(self, name: str) -> PolledVenue:
        """Return the service that is polled with its address here."""
        return simulated_polled(self._polled[name], self.address)

    def clients(self, name: str) -> int:
        """Return how many clients are connected to a venue."""
        return len(self._clients[name])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[SimulatedVenues]:
        """Listen for as long as the context lasts, on a free port if none was named."""
        async with serve(
            self._serve,
            self._host,
            self._port,
            compression=None,
            process_request=self._answer,
            create_connection=AnyMethod,
            close_timeout=0.5,
        ) as server:
            self._port = _port(server)
            for name in self._venues:
                self.markets[name].websocket_url = self.venue(name).websocket_url
            log.info("simulator.listening", address=self.address)
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat())
                yield self
                beating.cancel()

    def tell(self, event: Event) -> None:
        """Note ``event`` in its venue's market and tell every client subscribed to it."""
        venue = getattr(event, "venue", "")
        self.markets[venue].note(event)
        self._tell(venue, event)

    def play(self, events: Sequence[Event]) -> None:
        """Tell events that stand in their markets already."""
        for event in events:
            self._tell(getattr(event, "venue", ""), event)

    async def hang_up(self, name: str, *, at_most: int | None = None) -> None:
        """Close every connection to a venue, as venues do once a day, or ``at_most`` so many."""
        for client in list(self._clients[name])[:at_most]:
            await client.socket.close()

    def send_raw(self, name: str, *frames: bytes) -> None:
        """Send the same frames to every client of a venue."""
        for client in self._clients[name]:
            for frame in frames:
                client.side.post(frame)
            client.push()

    async def cause(self, name: str, fault: Fault, seconds: float = 5.0) -> None:
        """Cause a fault at a venue; ``seconds`` is how long one lasts that does.

        Raises:
            LookupError: there is no such venue or fault.

        """
        faults = self.faults.get(name)
        if faults is None:
            raise LookupError(f"there is no venue {name!r}: {', '.join(self.faults)}")
        match fault:
            case "hang-up":
                await self.hang_up(name)
            case "garbage":
                self.send_raw(name, garbage(self._random))
            case "silence" | "clock-skew" | "refusal" | "rate-limit" | "slow-snapshot":
                faults.last(fault, seconds)
            case _ if fault in get_args(Fault):
                faults.hit_next(fault)
            case _:
                raise LookupError(f"there is no fault {fault}: {', '.join(get_args(Fault))}")

    def skew_ns(self, name: str) -> int:
        """Return how far the clock of a venue is ahead of ours."""
        return SKEW_NS if self.faults[name].is_on("clock-skew") else 0

    def _is_silent(self, name: str) -> bool:
        return name in self.silent or self.faults[name].is_on("silence")

    def _tell(self, venue: str, event: Event) -> None:
        if self._is_silent(venue):
            return
        faults = self.faults[venue]
        is_lost = faults.loses(event)
        for told in faults.told(event):
            for client in self._clients[venue]:
                client.side.tell(told)
                if is_lost:
                    client.side.outgoing()
                client.push()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for name, clients in self._clients.items():
                if self._is_silent(name):
                    continue
                for late in self.faults[name].due():
                    self._tell(name, late)
                for client in clients:
                    client.side.beat()
                    client.push()

    async def _serve(self, socket: ServerConnection) -> None:
        name = (socket.request.path if socket.request else "/").split("?")[0].strip("/")
        venue = self._venues[name]
        side = venue.exchange_side(self.markets[name])
        client = _Client(socket, side, self.faults[name], binary=venue.binary_frames)
        self._clients[name].add(client)
        self.accepted[name] += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(client.write())
                side.opened()
                self._push(client, name)
                async for frame in socket:
                    side.receive(frame if isinstance(frame, bytes) else frame.encode())
                    self._push(client, name)
                writing.cancel()
        except* ConnectionClosed:
            log.debug("simulator.client_gone", venue=name)
        finally:
            self._clients[name].discard(client)

    def _push(self, client: _Client, name: str) -> None:
        """Reply to a client, unless the venue says nothing now."""
        if self._is_silent(name):
            client.side.outgoing()
        client.push()

    async def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Answer a REST request; let a WebSocket handshake through."""
        name, _, path = request.path.lstrip("/").partition("/")
        name = name.partition("?")[0]
        venue = self._venues.get(name) or self._polled.get(name)
        if name == "faults":
            return await self._caused(path)
        is_rest = path.startswith("rest/")
        if venue is None or not (is_rest or name in self._venues):
            return response(HTTPStatus.NOT_FOUND, b'{"error":"no such venue"}')
        faults = self.faults[venue.name]
        self.asked[venue.name] += is_rest
        is_refused = venue.name in self.refusing or faults.is_on("refusal")
        if is_refused or (is_rest and venue.name in self.without_rest):
            return response(HTTPStatus.SERVICE_UNAVAILABLE, b'{"error":"maintenance"}')
        return await self._rest(venue, path.removeprefix("rest")) if is_rest else None

    async def _rest(self, venue: Venue | PolledVenue, path: str) -> Response:
        faults = self.faults[venue.name]
        if faults.is_on("slow-snapshot"):
            await asyncio.sleep(SLOW_S)
        if faults.is_on("rate-limit"):
            return response(HTTPStatus.TOO_MANY_REQUESTS, b"{}", retry_after="1")
        try:
            body = venue.answer(path, self.markets[venue.name])
        except LookupError as error:
            return response(HTTPStatus.NOT_FOUND, repr(error).encode())
        return response(HTTPStatus.OK, body, date_ns=time.time_ns() + self.skew_ns(venue.name))

    async def _caused(self, path: str) -> Response:
        """Cause the fault that ``venue/fault?seconds=`` names."""
        route, query = wire.route_of(path)
        name, _, fault = route.partition("/")
        try:
            seconds = _seconds(query.get("seconds", "5"))
            await self.cause(name, fault, seconds)  # type: ignore[arg-type]  # checked there
        except LookupError as error:
            return response(HTTPStatus.NOT_FOUND, f"{error}\n".encode())
        except ValueError as error:
            return response(HTTPStatus.BAD_REQUEST, f"{error}\n".encode())
        return response(HTTPStatus.OK, f"{name}: {fault}\n".encode())


class Simulator:
    """Plays a world through served venues until cancelled; a part for the supervisor.

    Args:
        served: The venues, serving.
        events_per_s: Events told in a second, over all venues: books, quotes and trades; candles
            and summaries come on top, once a second at most.
        fault_every_s: Mean time between two faults, each at a venue chosen at random; None: none.
        seed: Fixes which faults come where.

    """

    name = "simulator"

    def __init__(
        self,
        served: SimulatedVenues,
        world: World,
        *,
        events_per_s: float = 300.0,
        fault_every_s: float | None = None,
        seed: int = 0,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.world = world
        self.served = served
        self.listening = asyncio.Event()
        self.handled = 0
        self.dead = 0
        self._moves_per_s = events_per_s / 2.5  # a move is a book, a quote and every other a trade
        self._clock = clock
        self._fault_every_s = fault_every_s
        self._random = Random(seed)  # noqa: S311  # no secrets

    async def run(self) -> None:
        """Move the world on; the venues are served while `SimulatedVenues.serving` is open."""
        self.listening.set()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._move())
            if self._fault_every_s is not None:
                tasks.create_task(self._cause_faults(self._fault_every_s))

    async def _cause_faults(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / every_s))
            name, fault = (
                self._random.choice(sorted(self.served.markets)),
                self._random.choice(FAULTS),
            )
            log.info("simulator.fault", venue=name, fault=fault)
            await self.served.cause(name, fault, self._random.uniform(1.0, 8.0))

    async def _move(self) -> None:
        loop = asyncio.get_running_loop()
        started, moved = loop.time(), 0
        while True:
            await asyncio.sleep(max(0.01, 1 / self._moves_per_s))
            due = int((loop.time() - started) * self._moves_per_s) - moved
            self.world.skew_ns = {name: self.served.skew_ns(name) for name in self.served.markets}
            events = list(self.world.step(self._clock(), due))
            self.served.play(events)
            self.handled += len(events)
            moved += due


def simulated(venue: Venue, address: str) -> Venue:
    """Return ``venue`` with the addresses it has at a simulator on ``address``."""
    return venue.at(f"ws://{address}/{venue.name}", f"http://{address}/{venue.name}/rest")


def simulated_polled(venue: PolledVenue, address: str) -> PolledVenue:
    """Return ``venue`` with the address it has at a simulator on ``address``."""
    return venue.at(f"http://{address}/{venue.name}/rest")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = nan
    if not 0.0 < seconds < inf:
        raise ValueError(f"seconds is {text!r}: it must be a number above 0")
    return seconds


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])
