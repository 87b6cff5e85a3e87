"""Recorded venues on loopback: recordings in, the sockets and answers of then out.

    ws://127.0.0.1:PORT/binance                           the frames of a recorded connection
    http://127.0.0.1:PORT/binance/rest/…                  the recorded answers, in their order

The client is of this process: as a `Tap` the replay hears what it has read, and sends what came
next only then.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from market import Listing
from stream_service import wire
from stream_service.polled import PolledVenue
from stream_service.simulator.answering import AnyMethod, response
from stream_service.simulator.player import Player
from stream_service.simulator.recorded_venue import RecordedVenue, name_of
from stream_service.venue import Dialling, HttpRequest, ListingRequests, Venue

LISTINGS = "/replay/listings"
_listings: msgspec.json.Decoder[list[Listing]] = msgspec.json.Decoder(list[Listing])


class Replay:
    """Serves recorded venues; a `Tap` of the connections to them.

    Args:
        recorded: By venue.
        venues: Those venues, as they are known.
        speed: Times as fast as it was; None: as fast as it is read.
        tells_time: Whether answers bear the time of then, so that a client which lives now takes
            the venue's clock for one that is behind; without it the client uses `clock`.

    """

    def __init__(
        self,
        recorded: Sequence[RecordedVenue],
        venues: Sequence[Venue | PolledVenue],
        *,
        speed: float | None,
        tells_time: bool,
    ) -> None:
        self.address = ""
        self.ended = asyncio.Event()
        begins_ns = min((one.first_ns for one in recorded), default=0)
        binary = {venue.name for venue in venues if getattr(venue, "binary_frames", False)}
        self._players = {
            one.name: Player(one, speed=speed, begins_ns=begins_ns, binary=one.name in binary)
            for one in recorded
        }
        self._tells_time = tells_time
        self._links: defaultdict[str, int] = defaultdict(int)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Replay]:
        """Listen on a free port and play, for as long as the context lasts."""
        async with serve(
            self._serve,
            "127.0.0.1",
            0,
            compression=None,
            process_request=self._answer,
            create_connection=AnyMethod,
            close_timeout=0.5,
        ) as server:
            host, port = next(iter(server.sockets)).getsockname()[:2]
            self.address = f"{host}:{port}"
            async with asyncio.TaskGroup() as tasks:
                playing = tasks.create_task(self._play())
                yield self
                playing.cancel()

    def venue(self, venue: Venue) -> Venue:
        """Return the venue with its recorded listing; its address is still to be set."""
        name = venue.name

        def list_instruments(_venue: Venue) -> ListingRequests:
            body = yield HttpRequest(LISTINGS)
            return _listings.decode(body)

        def dial(dialled: Venue, listings: Sequence[Listing]) -> Dialling:
            self._links[name] += 1  # as the connection numbers them
            of = name_of(listing.symbol for listing in listings)
            return _dialled(f"{dialled.websocket_url}?link={self._links[name]}&of={of}")

        return msgspec.structs.replace(venue, list_instruments=list_instruments, dial=dial)

    def clock(self, venue: str) -> int:
        """Return the time of receipt, then, of what is read next."""
        return self._players[venue].now_ns()

    def frame(self, venue: str, link: int, body: bytes, received_ns: int) -> None:
        """See `Tap.frame`."""
        del body, received_ns
        self._players[venue].frame_read(link)

    def answer(self, venue: str, request: HttpRequest, body: bytes, received_ns: int) -> None:
        """See `Tap.answer`."""
        del body, received_ns
        self._players[venue].answer_read(request.path)

    async def _play(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for player in self._players.values():
                tasks.create_task(player.run())
        self.ended.set()

    async def _serve(self, socket: ServerConnection) -> None:
        path, query = wire.route_of(socket.request.path if socket.request else "")
        player = self._players[path.strip("/")]
        try:
            await player.connected(socket, query.get("of", ""), int(query.get("link", "0")))
        except ConnectionClosed:
            return

    async def _answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """Answer a REST request; let a WebSocket handshake through."""
        name, _, path = request.path.lstrip("/").partition("/")
        player = self._players.get(name.partition("?")[0])
        if player is None:
            return response(HTTPStatus.NOT_FOUND, b'{"error":"no recording of that venue"}')
        if not path.startswith("rest/"):
            return None
        path = path.removeprefix("rest")
        if path == LISTINGS:
            listings = msgspec.json.encode(player.recorded.listings)
            return self._response((listings, player.now_ns()))
        try:
            return self._response(await player.answer(path))
        except TimeoutError:
            return response(HTTPStatus.SERVICE_UNAVAILABLE, b'{"error":"not yet"}')

    def _response(self, found: tuple[bytes, int] | None) -> Response:
        if found is None:
            return response(HTTPStatus.NOT_FOUND, b'{"error":"not in the recording"}')
        body, at_ns = found
        return response(HTTPStatus.OK, body, date_ns=at_ns if self._tells_time else None)


def _dialled(url: str) -> Dialling:
    yield from ()
    return url
