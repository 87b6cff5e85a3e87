"""Venues on loopback: real sockets, native frames, one port for all.

    ws://127.0.0.1:PORT/binance           the venue's WebSocket
    http://127.0.0.1:PORT/binance/rest/…  its REST interface

What a venue says is made by its own `ExchangeSide` and ``Venue.answer`` from a `SimulatedMarket`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from market import Event
from stream_service.simulator.prices import SimulatedMarket, World
from stream_service.venue import ExchangeSide, Venue

log = structlog.get_logger()

FRAMES_WAITING = 50_000
"""Frames that wait for a client at most; one that reads slower is hung up on, as venues do."""


class _Client:
    """One connected client, with what waits to be sent to it."""

    def __init__(self, socket: ServerConnection, side: ExchangeSide, *, binary: bool) -> None:
        self.socket = socket
        self.side = side
        self.binary = binary
        self.waiting: asyncio.Queue[bytes] = asyncio.Queue(FRAMES_WAITING)

    def push(self) -> None:
        """Hand what the venue's side has posted to the writer."""
        for frame in self.side.outgoing():
            if self.waiting.full():
                self.socket.transport.abort()
                return
            self.waiting.put_nowait(frame)

    async def write(self) -> None:
        """Send what waits, oldest first, until cancelled or the client is gone."""
        try:
            while True:
                await self.socket.send(await self.waiting.get(), text=not self.binary)
        except ConnectionClosed:
            return


class SimulatedVenues:
    """The venues' side of the wire; tests tell events through it, the `Simulator` plays a world.

    A venue named in ``silent`` says nothing though it is connected; one in ``refusing`` lets nobody
    connect, one in ``without_rest`` answers no request.
    """

    def __init__(
        self,
        venues: Sequence[Venue],
        markets: Mapping[str, SimulatedMarket],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.markets = markets
        self.silent: set[str] = set()
        self.refusing: set[str] = set()
        self.without_rest: set[str] = set()
        self._venues = {venue.name: venue for venue in venues}
        self._clients: dict[str, set[_Client]] = {venue.name: set() for venue in venues}
        self._host = host
        self._port = port

    @property
    def address(self) -> str:
        """Host and port that are served, such as ``127.0.0.1:43117``."""
        return f"{self._host}:{self._port}"

    def venue(self, name: str) -> Venue:
        """Return the venue with its addresses here."""
        return simulated(self._venues[name], self.address)

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
            close_timeout=0.5,
        ) as server:
            self._port = _port(server)
            for name, market in self.markets.items():
                market.websocket_url = self.venue(name).websocket_url
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

    async def hang_up(self, name: str) -> None:
        """Close every connection to a venue, as venues do once a day."""
        for client in list(self._clients[name]):
            await client.socket.close()

    def send_raw(self, name: str, frame: bytes) -> None:
        """Send the same bytes to every client of a venue."""
        for client in self._clients[name]:
            client.side.post(frame)
            client.push()

    def _tell(self, venue: str, event: Event) -> None:
        if venue in self.silent:
            return
        for client in self._clients[venue]:
            client.side.tell(event)
            client.push()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for name, clients in self._clients.items():
                for client in clients if name not in self.silent else ():
                    client.side.beat()
                    client.push()

    async def _serve(self, socket: ServerConnection) -> None:
        name = (socket.request.path if socket.request else "/").split("?")[0].strip("/")
        venue = self._venues[name]
        side = venue.exchange_side(self.markets[name])
        client = _Client(socket, side, binary=venue.binary_frames)
        self._clients[name].add(client)
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(client.write())
                side.opened()
                client.push()
                async for frame in socket:
                    side.receive(frame if isinstance(frame, bytes) else frame.encode())
                    client.push()
                writing.cancel()
        except* ConnectionClosed:
            log.debug("simulator.client_gone", venue=name)
        finally:
            self._clients[name].discard(client)

    def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Answer a REST request; let a WebSocket handshake through."""
        name, _, path = request.path.lstrip("/").partition("/")
        venue = self._venues.get(name.partition("?")[0])
        if venue is None:
            return _response(HTTPStatus.NOT_FOUND, b'{"error":"no such venue"}')
        is_rest = path.startswith("rest/")
        if venue.name in (self.refusing | self.without_rest if is_rest else self.refusing):
            return _response(HTTPStatus.SERVICE_UNAVAILABLE, b'{"error":"maintenance"}')
        if not is_rest:
            return None
        try:
            body = venue.answer(path.removeprefix("rest"), self.markets[venue.name])
        except LookupError as error:
            return _response(HTTPStatus.NOT_FOUND, repr(error).encode())
        return _response(HTTPStatus.OK, body)


class Simulator:
    """Plays a world through served venues until cancelled; a part for the supervisor.

    Args:
        served: The venues, serving.
        events_per_s: Events told in a second, over all venues: books, quotes and trades.

    """

    name = "simulator"

    def __init__(
        self,
        served: SimulatedVenues,
        world: World,
        *,
        events_per_s: float = 300.0,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.world = world
        self.served = served
        self.listening = asyncio.Event()
        self.handled = 0
        self.dead = 0
        self._moves_per_s = events_per_s / 2.5  # a move is a book, a quote and every other a trade
        self._clock = clock

    async def run(self) -> None:
        """Move the world on; the venues are served while `SimulatedVenues.serving` is open."""
        self.listening.set()
        loop = asyncio.get_running_loop()
        started, moved = loop.time(), 0
        while True:
            await asyncio.sleep(max(0.01, 1 / self._moves_per_s))
            due = int((loop.time() - started) * self._moves_per_s) - moved
            events = list(self.world.step(self._clock(), due))
            self.served.play(events)
            self.handled += len(events)
            moved += due


def simulated(venue: Venue, address: str) -> Venue:
    """Return ``venue`` with the addresses it has at a simulator on ``address``."""
    return venue.at(f"ws://{address}/{venue.name}", f"http://{address}/{venue.name}/rest")


def _port(server: Server) -> int:
    return int(next(iter(server.sockets)).getsockname()[1])


def _response(status: HTTPStatus, body: bytes) -> Response:
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    return Response(status.value, status.phrase, headers, body)
