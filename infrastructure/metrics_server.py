"""Serves ``/metrics`` and ``/healthz`` on a port of its own, apart from the public API.

It answers on the event loop that the parts run on: what it reads is of one moment, so the books in
it balance, and a loop that hangs answers nothing, which is the truth about it.
"""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from http import HTTPStatus

import structlog

from infrastructure.health import faults
from infrastructure.metrics import CONTENT_TYPE, Metrics
from market import PortError

ASKED_WITHIN_S = 5.0
"""How long a client may take to say what it wants."""

REQUEST_BYTES_AT_MOST = 8 * 1024
PLAIN = "text/plain; charset=utf-8"

log = structlog.get_logger()


def listen(address: str) -> socket.socket:
    """Take ``host:port`` to listen on; port 0 is any that is free.

    Raises:
        PortError: it is taken or no address of this machine; the text says what to do.

    """
    host, _, port = address.rpartition(":")
    try:
        listener = socket.create_server((host, int(port)), backlog=64)
    except OSError as error:
        raise PortError(
            f"Metrics cannot be served on {address} ({error.strerror}): name another address in "
            "CRYPTOTRACKER_METRICS, such as 127.0.0.1:9464, or leave it empty."
        ) from error
    listener.setblocking(False)  # noqa: FBT003  # the library has it so
    return listener


class MetricsServer:
    """Answers whoever asks for the numbers or for the health of this process."""

    name = "metrics.server"

    def __init__(self, metrics: Metrics, listener: socket.socket) -> None:
        self.listening = asyncio.Event()
        self.handled = 0
        self.dead = 0
        self._metrics = metrics
        self._listener = listener

    async def run(self) -> None:
        """Serve until cancelled."""
        server = await asyncio.start_server(
            self._serve, sock=self._listener.dup(), limit=REQUEST_BYTES_AT_MOST
        )
        async with server:
            host, port = self._listener.getsockname()[:2]
            log.info("metrics.listening", url=f"http://{host}:{port}/metrics")
            self.listening.set()
            try:
                await server.serve_forever()
            finally:
                self.listening.clear()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one request and hang up; one that is none or too slow gets no answer."""
        try:
            async with asyncio.timeout(ASKED_WITHIN_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head.split(b"\r\n", 1)[0].decode("latin-1")))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            log.debug("metrics.not_asked")
        finally:
            writer.close()

    def _answer(self, request: str) -> bytes:
        self.handled += 1
        method, _, rest = request.partition(" ")
        path = rest.partition(" ")[0].partition("?")[0]
        if method not in ("GET", "HEAD"):
            return _response(HTTPStatus.METHOD_NOT_ALLOWED, PLAIN, b"only GET\n")
        match path:
            case "/metrics":
                status, kind, body = HTTPStatus.OK, CONTENT_TYPE, self._metrics.text()
            case "/healthz":
                status, body = self._health()
                kind = PLAIN
            case _:
                status, kind, body = HTTPStatus.NOT_FOUND, PLAIN, b"/metrics or /healthz\n"
        return _response(status, kind, body, is_whole=method == "GET")

    def _health(self) -> tuple[HTTPStatus, bytes]:
        wrong = faults(self._metrics.statuses())
        if wrong:
            return HTTPStatus.SERVICE_UNAVAILABLE, "".join(f"{one}\n" for one in wrong).encode()
        return HTTPStatus.OK, b"ok\n"


def _response(status: HTTPStatus, kind: str, body: bytes, *, is_whole: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if is_whole else b"")
