"""A proxy before a server: it can secure its connections, and make them fall silent."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on, until the connections that it has are made to fall silent."""

    def __init__(self, broker_url: str, *, secured: ssl.SSLContext | None = None) -> None:
        self._broker = urlsplit(broker_url)
        self._secured = secured
        self._silenced = asyncio.Event()
        self._serving: set[asyncio.Task[None]] = set()
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        async with await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._secured
        ) as server:
            port = server.sockets[0].getsockname()[1]
            scheme = "amqps" if self._secured else "amqp"
            self.url = f"{scheme}://guest:guest@127.0.0.1:{port}{self._broker.path}"
            yield self
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    def silence(self) -> None:
        """Swallow what the present connections say and keep them open; newer ones work."""
        self._silenced.set()
        self._silenced = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silenced = self._silenced
        there, back = await asyncio.open_connection(self._broker.hostname, self._broker.port)
        both_ways = [_pass_on(reader, back, silenced), _pass_on(there, writer, silenced)]
        tasks = {asyncio.create_task(way) for way in both_ways}
        self._serving |= tasks
        await asyncio.wait(tasks)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silenced: asyncio.Event
) -> None:
    try:
        while chunk := await reader.read(65_536):
            if not silenced.is_set():
                writer.write(chunk)
                await writer.drain()
    finally:
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
