"""Runs the API: a listening socket of our own making, uvicorn on it, an end in good order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from api_service.answers import Api
from api_service.ports import owner_of
from market import SettingsError

SEND_BUFFER_BYTES = 128 * 1024
"""A client that stops reading has at most that of old prices waiting for it in the kernel."""

DEAD_AFTER_MS = 8_000
"""The kernel drops a connection whose peer has taken nothing for that long, where it can."""

FRAME_BYTES_AT_MOST = 64 * 1024
CLOSING_S = 1.0
GRACE_S = 2

log = structlog.get_logger()


def bind(host: str, port: int, *, dead_after_ms: int = DEAD_AFTER_MS) -> socket.socket:
    """Take the address to listen on; port 0 is any that is free.

    Raises:
        SettingsError: it is in use, or not an address of this machine; the text says what to do.

    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise SettingsError(f"{host!r} is no address to listen on: {error.strerror}.") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, dead_after_ms)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise SettingsError(_why_not_bound(host, port, error)) from error
    listener.setblocking(False)  # noqa: FBT003  # the library has it so
    return listener


class ApiServer:
    """Serves an application; a part for the supervisor.

    Args:
        app: As `create_app` makes it.
        host: Address to listen on.
        port: As above; 0 is any that is free, see ``port`` once it is listening.
        listener: What `bind` took beforehand; used for the first run, and closed by it.

    """

    name = "api.server"

    def __init__(
        self, app: FastAPI, host: str, port: int, *, listener: socket.socket | None = None
    ) -> None:
        self.app = app
        self.host = host
        self.port = port
        self.listening = asyncio.Event()
        self.handled = 0
        self.dead = 0
        self._listener = listener
        self._server: _Server | None = None

    @property
    def connections(self) -> int:
        """TCP connections that are open."""
        return len(self._server.server_state.connections) if self._server else 0

    async def run(self) -> None:
        """Serve until cancelled; then tell live clients, and let requests end for a moment."""
        listener, self._listener = self._listener or bind(self.host, self.port), None
        self.port = int(listener.getsockname()[1])
        log.info("api.listening", url=f"http://{self.host}:{self.port}/")
        server = self._server = _Server(_config(self._answer, self.host), self.listening)
        try:
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(server.serve(sockets=[listener]), name="api.uvicorn")
                try:
                    await asyncio.wait([serving])
                finally:
                    await self._end(server, serving)
        finally:
            listener.close()
            self._server = None

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.handled += 1
        await self.app(scope, receive, send)

    async def _end(self, server: _Server, serving: asyncio.Task[None]) -> None:
        self.listening.clear()
        server.stop_listening()
        api: Api = self.app.state.api
        await api.hub.close("restart", retry_after_s=2, within_s=CLOSING_S)
        server.should_exit = True
        await asyncio.wait([serving], timeout=GRACE_S + CLOSING_S)


class _Server(uvicorn.Server):
    """Leaves signals to the process and tells when it listens."""

    def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
        super().__init__(config)
        self.listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self.listening.set()

    def stop_listening(self) -> None:
        """Take no more connections; those there are go on."""
        for listener in getattr(self, "servers", []):
            listener.close()


def _config(app: ASGIApp, host: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=30,
        ws_max_size=FRAME_BYTES_AT_MOST,
        ws_per_message_deflate=not _is_loopback(host),
    )


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _why_not_bound(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is used by {owner_of(port)}. Use --port {port + 1}, or stop it."
        case errno.EACCES:
            return f"Port {port} is for the system alone. Use --port 8000."
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine. Use --host 127.0.0.1."
        case _:
            return f"Cannot listen on {host}, port {port}: {error.strerror}."
