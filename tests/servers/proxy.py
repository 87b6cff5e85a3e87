"""A proxy before a server: it can secure its connections, and do to them what a network does.

there, back     the two ways; each can be slow, thin, or let nothing pass for a while
silence()       present connections stay open and nothing passes, for ever; newer ones work
half_open()     the server's ends are closed, and the clients' not
reset()         both ends of every connection are reset
"""

import asyncio
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from math import inf
from pathlib import Path
from random import Random
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 65_536
CHUNKS_WAITING = 64


class Way:
    """One direction of every connection; changed while it is in use.

    Each piece is late by ``latency_s``, and by up to ``jitter_s`` more; none overtakes another.
    """

    def __init__(self, random: Random) -> None:
        self.latency_s = 0.0
        self.jitter_s = 0.0
        self.bytes_per_s = inf
        self._random = random
        self._is_open = asyncio.Event()
        self._is_open.set()

    def hold(self) -> None:
        """Let nothing pass, of connections that are there and of new ones; it waits."""
        self._is_open.clear()

    def let_go(self) -> None:
        """Let pass what waits, and what comes."""
        self._is_open.set()

    def delay_s(self) -> float:
        """Return how late the next piece is to be."""
        return self.latency_s + self.jitter_s * self._random.random()

    async def passed(self, size: int, due: float) -> None:
        """Wait until a piece of ``size`` bytes that is due at ``due`` has passed."""
        await self._is_open.wait()
        late_s = max(0.0, due - asyncio.get_running_loop().time()) + size / self.bytes_per_s
        if late_s:
            await asyncio.sleep(late_s)


class _Passage:
    """One connection through the proxy: its two ends, and who carries bytes between them."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.is_silent = False
        self.carrying: list[asyncio.Task[None]] = []

    def reset(self) -> None:
        self._reset(self.client)
        self._reset(self.server)

    def half_open(self) -> None:
        for task in self.carrying:
            task.cancel()
        self._reset(self.server)

    def close(self) -> None:
        self.client.close()
        self.server.close()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        end: socket.socket = writer.get_extra_info("socket")
        with suppress(OSError):  # it may be closed already
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


class Proxy:
    """Passes bytes on, as well as its network does at present.

    Args:
        server_url: Where they go to.
        secured: Whether clients are to use TLS, and with which certificate.
        seed: Fixes the jitter.
        listens_with: Makes the socket that clients connect to; it may be of another host.
        dials_with: Likewise those to the server.

    """

    def __init__(  # both ends can be elsewhere
        self,
        server_url: str,
        *,
        secured: ssl.SSLContext | None = None,
        seed: int = 0,
        listens_with: Callable[[], socket.socket] = socket.socket,
        dials_with: Callable[[], socket.socket] = socket.socket,
    ) -> None:
        self._listens_with = listens_with
        self._dials_with = dials_with
        random = Random(seed)  # noqa: S311  # no secrets
        self.there = Way(random)
        self.back = Way(random)
        self.url = ""
        self._to = urlsplit(server_url)
        self._secured = secured
        self._passages: set[_Passage] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        listener = self._listens_with()
        listener.bind(("127.0.0.1", 0))
        async with await asyncio.start_server(
            self._serve, sock=listener, ssl=self._secured
        ) as server:
            port = server.sockets[0].getsockname()[1]
            scheme = f"{self._to.scheme}s" if self._secured else self._to.scheme
            user, at, _ = self._to.netloc.rpartition("@")
            self.url = f"{scheme}://{user}{at}127.0.0.1:{port}{self._to.path}"
            try:
                yield self
            finally:
                await self._end()

    def silence(self) -> None:
        """Swallow what the present connections say and keep them open; newer ones work."""
        for passage in self._passages:
            passage.is_silent = True

    def hold(self) -> None:
        """Let nothing pass in either direction; it waits, as in a network that is cut."""
        self.there.hold()
        self.back.hold()

    def let_go(self) -> None:
        """Let pass what waits, and what comes."""
        self.there.let_go()
        self.back.let_go()

    def reset(self) -> None:
        """Reset every connection at both ends."""
        for passage in list(self._passages):
            passage.reset()

    def half_open(self) -> None:
        """Close the server's end of every connection; its client is told nothing."""
        for passage in self._passages:
            passage.half_open()

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        dialled = self._dials_with()
        dialled.setblocking(False)  # noqa: FBT003  # as the socket module has it
        try:
            where = (self._to.hostname, self._to.port)
            await asyncio.get_running_loop().sock_connect(dialled, where)
        except OSError:
            dialled.close()
            client.transport.abort()
            return
        there, server = await asyncio.open_connection(sock=dialled)
        passage = _Passage(client, server)
        passage.carrying = [
            asyncio.create_task(_carry(reader, server, self.there, passage)),
            asyncio.create_task(_carry(there, client, self.back, passage)),
        ]
        self._passages.add(passage)
        await asyncio.wait(passage.carrying)
        if not any(task.cancelled() for task in passage.carrying):
            self._passages.discard(passage)

    async def _end(self) -> None:
        for passage in self._passages:
            for task in passage.carrying:
                task.cancel()
            await asyncio.gather(*passage.carrying, return_exceptions=True)
            passage.close()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way, passage: _Passage
) -> None:
    """Carry bytes one way until either end is closed; then close the other one."""
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_WAITING)
    taking = asyncio.create_task(_take_in(reader, way, waiting))
    try:
        await _hand_on(writer, way, waiting, passage)
    finally:
        taking.cancel()


async def _take_in(
    reader: asyncio.StreamReader, way: Way, waiting: asyncio.Queue[tuple[float, bytes]]
) -> None:
    loop = asyncio.get_running_loop()
    due = 0.0
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            due = max(due, loop.time() + way.delay_s())
            await waiting.put((due, chunk))
    await waiting.put((due, b""))


async def _hand_on(
    writer: asyncio.StreamWriter,
    way: Way,
    waiting: asyncio.Queue[tuple[float, bytes]],
    passage: _Passage,
) -> None:
    with suppress(OSError):
        while (piece := await waiting.get())[1]:
            due, chunk = piece
            await way.passed(len(chunk), due)
            if not passage.is_silent:
                writer.write(chunk)
                await writer.drain()
    writer.close()


def a_certificate(folder: Path) -> Path:
    """Make a key and a certificate for 127.0.0.1, both in one file."""
    path = folder / "broker.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    subprocess.run(  # noqa: S603  # constants and a path of our own
        [
            *command,
            "-subj",
            "/CN=broker",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            path,
            "-out",
            f"{path}.crt",
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path
