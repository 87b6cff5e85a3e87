"""The API put together for a test: a view that is fed by hand, a real store, a real server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from api_service.app import create_app
from api_service.backtest_offer import OF_SHIPPED, Offer
from api_service.indicator_board import IndicatorBoard
from api_service.live_hub import LiveHub
from api_service.server import ApiServer, bind
from api_service.view import LatestView
from infrastructure.archive.files import Files
from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Event
from tests.api.documented import check_told
from tests.making import SECOND

WAIT_S = 10.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * SECOND)


class Api(msgspec.Struct):
    """The parts of an API."""

    view: LatestView
    hub: LiveHub
    store: EmbeddedTimeSeries
    app: FastAPI
    clock: Clock

    async def feed(self, *events: Event) -> None:
        """Hand events to the view, as its mailbox would."""
        await self.view.receive(events)


def an_api(
    *,
    write_timeout_s: float = 10.0,
    heartbeat_s: float = 5.0,
    resume_s: float = 60.0,
    archive: Files | None = None,
    offer: Offer = OF_SHIPPED,
) -> Api:
    clock = Clock(time.time_ns() // SECOND * SECOND)
    view = LatestView(LocalBus(), clock=clock, polled_age_s={"coingecko": 3_600.0})
    store = EmbeddedTimeSeries.open(None)
    indicators = IndicatorBoard(view, store)
    hub = LiveHub(view, indicators, heartbeat_s=heartbeat_s, resume_s=resume_s)
    app = create_app(
        view,
        hub,
        store,
        mode="simulated",
        version="1.2.3",
        archive=archive,
        offer=offer,
        write_timeout_s=write_timeout_s,
    )
    return Api(view, hub, store, app, clock)


@asynccontextmanager
async def served(app: FastAPI, *, dead_after_ms: int = 8_000) -> AsyncIterator[ApiServer]:
    """Serve ``app`` on loopback for as long as the context lasts."""
    listener = bind("127.0.0.1", 0, dead_after_ms=dead_after_ms)
    server = ApiServer(app, "127.0.0.1", 0, listener=listener)
    running = asyncio.create_task(server.run())
    try:
        async with asyncio.timeout(WAIT_S):
            await server.listening.wait()
        yield server
    finally:
        running.cancel()
        await asyncio.wait([running], timeout=WAIT_S)


class LiveSocket:
    """A client of the live feed."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.welcome: dict[str, Any] = {}
        self._channels: dict[str, str] = {}

    async def say(self, **message: object) -> None:
        await self.connection.send(json.dumps(message))

    async def hear(self, *types: str) -> dict[str, Any]:
        """Return the next message, or the next of these types; all are as they are documented."""
        async with asyncio.timeout(WAIT_S):
            while True:
                message: dict[str, Any] = json.loads(await self.connection.recv())
                if "stream" in message:
                    self._channels[message["sub"]] = message["stream"].partition("/")[0]
                check_told(message, self._channels.get(message.get("sub", ""), ""))
                if not types or message["type"] in types:
                    return message

    async def subscribe(self, channel: str, **fields: object) -> dict[str, Any]:
        """Subscribe and return the ack."""
        await self.say(op="subscribe", id=1, channel=channel, **fields)
        return await self.hear("ack")


@asynccontextmanager
async def live(server: ApiServer, **options: Any) -> AsyncIterator[LiveSocket]:
    """Connect to the live feed; the welcome is heard already."""
    url = f"ws://127.0.0.1:{server.port}/v1/live"
    async with connect(url, proxy=None, max_size=None, **options) as connection:
        socket = LiveSocket(connection)
        socket.welcome = await socket.hear("welcome")
        yield socket
