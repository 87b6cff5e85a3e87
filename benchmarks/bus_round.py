"""One round over the bus: two ends start beside a broker, begin together, say what they did."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from benchmarks.bus_ends import Done, End, Job
from tests.servers.rabbitmq_node import RabbitMQServer

ANSWER_WITHIN_S = 120.0


class Round(msgspec.Struct, kw_only=True):
    """What one round gave; processor time in µs an event."""

    per_s: float
    publisher_us: float
    reader_us: float
    broker_us: float
    per_message: float
    p50_ms: float
    p99_ms: float

    @property
    def all_us(self) -> float:
        """Processor time of all three."""
        return self.publisher_us + self.reader_us + self.broker_us


class Process:
    """One end; see `benchmarks.bus_ends`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("it has no pipes")
        self._process, self._orders, self._answers = process, process.stdin, process.stdout

    @classmethod
    async def started(cls, *command: str) -> Process:
        """Start it and wait until it is ready."""
        self = cls(
            await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        )
        if await self._line() != b"ready\n":
            raise RuntimeError(f"{' '.join(command)} did not start")
        return self

    def begin(self) -> None:
        """Let it begin."""
        self._orders.write(b"\n")

    async def done(self) -> Done:
        """Return what it did."""
        return msgspec.json.decode(await self._line(), type=Done)

    async def end(self) -> None:
        """End it, if it has not."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _line(self) -> bytes:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            return await self._answers.readline()


class Floor(msgspec.Struct, frozen=True):
    """Bodies of so many bytes, each of so many events, moved by a C program."""

    program: Path
    body_bytes: int
    per_body: int


async def one_round(
    broker: RabbitMQServer, way: str | Floor, count: int, *, rate: float = 0.0
) -> Round:
    """Have so many events published and received."""
    job = Job(url=broker.url, exchange=f"bus-{secrets.token_hex(4)}", count=count, rate=rate)
    async with AsyncExitStack() as opened:
        reader = await _started(opened, way, "consume", job)
        publisher = await _started(opened, way, "publish", job)
        used = broker.cpu_s()
        reader.begin()
        publisher.begin()
        published, read = await publisher.done(), await reader.done()
        used = broker.cpu_s() - used
    return Round(
        per_s=count / (read.ended - published.began),
        publisher_us=published.cpu_s / count * 1e6,
        reader_us=read.cpu_s / count * 1e6,
        broker_us=used / count * 1e6,
        per_message=count / published.messages,
        p50_ms=read.p50_ms,
        p99_ms=read.p99_ms,
    )


async def _started(opened: AsyncExitStack, way: str | Floor, end: End, job: Job) -> Process:
    process = await Process.started(*_command(way, end, job))
    opened.push_async_callback(process.end)
    return process


def _command(way: str | Floor, end: End, job: Job) -> Sequence[str]:
    if isinstance(way, str):
        text = msgspec.json.encode(job).decode()
        return sys.executable, "-m", "benchmarks.bus_ends", way, end, text
    host, _, port = urlsplit(job.url).netloc.rpartition("@")[2].partition(":")
    bodies = max(1, job.count // way.per_body)
    return str(way.program), end, host, port, job.exchange, str(bodies), str(way.body_bytes)
