"""The nodes of a broker: URLs in, a connection with one channel out."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, TimeoutType
from aiormq.abc import ConfirmationFrameType
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory
from yarl import URL

from infrastructure.bus.amqp.batch import Batch
from infrastructure.bus.amqp.faults import told_as_ours
from market import BusUnavailableError, SettingsError

ANSWER_S = 5.0
"""How long the broker may take to answer a connection attempt or a declaration."""

NODE_ANSWER_S = 2.0
"""How long one of several nodes may take; then the next is tried."""

SHUNNED_S = 15.0
"""How long a node that failed us is tried only after the others."""

CLOSE_S = 1.0
HEARTBEAT_S = 10
DEAD_PEER_MS = 4_000
"""How long sent bytes may stay unacknowledged by the peer's TCP."""

PORTS = {"amqp": 5672, "amqps": 5671}


class Link:
    """One connection with one channel; nothing of it outlives it."""

    def __init__(self, connection: aio_pika.Connection, channel: AbstractChannel, to: str) -> None:
        self.channel = channel
        self.to = to
        self._connection = connection
        self._why_ended = ""
        self._ended = asyncio.Event()

    async def watch(self) -> None:
        """Notice from now on when the channel is closed or the broker cancels its consumer."""
        self.channel.close_callbacks.add(self._note_closed)
        underlay = await self.channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(self._note_cancelled)
        if self.channel.is_closed:
            self._note_closed(self.channel, None)

    async def lost(self, *, within_s: float | None = None) -> None:
        """Wait until the link is lost; return if it is not within the time.

        Raises:
            BusUnavailableError: it is lost.

        """
        try:
            async with asyncio.timeout(within_s):
                await self._ended.wait()
        except TimeoutError:
            return
        self.give_up(self._why_ended)

    def give_up(self, why: str) -> NoReturn:
        """Declare the link dead."""
        raise BusUnavailableError(f"RabbitMQ at {self.to} {why}")

    async def send(
        self, batch: Batch, exchange: str, key: str, *, mandatory: bool
    ) -> ConfirmationFrameType | None:
        """Publish a batch and wait for its confirm; one that no queue took comes back.

        Raises:
            DeliveryError: the broker rejects it.

        """
        channel = await self.channel.get_underlay_channel()
        return await channel.basic_publish(
            batch.body,
            exchange=exchange,
            routing_key=key,
            properties=batch.properties,
            mandatory=mandatory,
        )

    async def is_blocked(self) -> bool:
        """Tell whether an alarm of the broker (memory, disk) holds back what we publish."""
        transport = self._connection.transport
        if transport is None:
            return False
        try:
            async with asyncio.timeout(0.05):
                await transport.ready()
        except TimeoutError:
            return True
        return False

    def _note_closed(self, _channel: AbstractChannel | None, error: BaseException | None) -> None:
        self._why_ended = f"was lost ({error!r})" if error else "was lost"
        self._ended.set()

    def _note_cancelled(self, _frame: object) -> None:
        self._why_ended = "ended our consumer: its queue was deleted or moved"
        self._ended.set()


class Broker:
    """One node, or the nodes of a cluster: each new connection goes to the next.

    Those that failed lately come last: where one is cut off, each attempt at it costs seconds.
    """

    def __init__(self, urls: str) -> None:
        self._urls = [_checked(url.strip()) for url in urls.split(",")]
        self._turn = random.randrange(len(self._urls))  # noqa: S311  # spreads load, no secret
        self._failed_at: dict[str, float] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def has_others(self) -> bool:
        """Whether there is another node to go to."""
        return len(self._urls) > 1

    @property
    def name(self) -> str:
        """The hosts and ports, without users and passwords."""
        return ", ".join(_address(url) for url in self._urls)

    @asynccontextmanager
    async def link(
        self, purpose: str, *, confirms: bool = False, heartbeat_s: int = HEARTBEAT_S
    ) -> AsyncIterator[Link]:
        """Connect and open a channel; ``purpose`` is the connection's name at the broker.

        A side that hears nothing of the other for ``heartbeat_s`` to twice as long gives it up.

        Raises:
            BusUnavailableError: the node does not answer.
            SettingsError: it refuses us.

        """
        connection, url = await self._connected(purpose, heartbeat_s)
        lost = False
        try:
            with told_as_ours(_address(url)):
                async with asyncio.timeout(ANSWER_S):
                    channel = await connection.channel(publisher_confirms=confirms)
                    link = Link(connection, channel, _address(url))
                    await link.watch()
            yield link
        except BusUnavailableError:
            lost = True
            self._failed_at[url] = time.monotonic()
            raise
        finally:
            closing = self._close(connection)
            if not lost:
                await asyncio.wait({closing}, timeout=CLOSE_S)

    async def _connected(self, purpose: str, heartbeat_s: int) -> tuple[_ImpatientConnection, str]:
        """Connect to the next node; where it does not answer, to the one after it, and so on."""
        failures: list[BusUnavailableError] = []
        for url in self._in_turn():
            try:
                with told_as_ours(_address(url)):
                    async with asyncio.timeout(NODE_ANSWER_S if self.has_others else ANSWER_S):
                        connection = await aio_pika.connect(
                            url,
                            heartbeat=heartbeat_s,
                            client_properties={"connection_name": f"cryptotracker {purpose}"},
                            connection_class=_ImpatientConnection,
                        )
            except BusUnavailableError as error:
                self._failed_at[url] = time.monotonic()
                failures.append(error)
            else:
                return connection, url
        raise failures[0]

    def _in_turn(self) -> list[str]:
        """Return the nodes in the order to try them."""
        self._turn = (self._turn + 1) % len(self._urls)
        long_ago = time.monotonic() - SHUNNED_S
        return sorted(
            self._urls[self._turn :] + self._urls[: self._turn],
            key=lambda url: max(self._failed_at.get(url, long_ago), long_ago),
        )

    def _close(self, connection: _ImpatientConnection) -> asyncio.Task[None]:
        """Close beside everything else: with bytes unsent to a dead peer this takes for ever."""
        closing = asyncio.create_task(_end(connection), name="bus.closing")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        return closing


async def _end(connection: _ImpatientConnection) -> None:
    """Close the connection, or end it at once when this is cancelled.

    The driver answers the first cancellation by waiting for a callback that nobody calls any more,
    which held up the end of an event loop for ever; so it is cancelled until it gives in. A socket
    with bytes unsent would stay open then.
    """
    closing = asyncio.ensure_future(connection.close())
    try:
        await asyncio.wait({closing})
    finally:
        while not closing.done():
            closing.cancel()
            await asyncio.sleep(0)
        connection.abort()
    if not closing.cancelled():
        closing.exception()  # read, or asyncio complains that nobody did


class _ImpatientConnection(aio_pika.Connection):
    """Notices a dead peer in seconds; the driver's own heartbeat takes three times its interval."""

    def __init__(self, url: URL, **kwargs: Any) -> None:
        super().__init__(url, **kwargs)
        is_secure = self.url.scheme == "amqps"
        self._dialling = _Impatient(TLSTransportFactory() if is_secure else TCPTransportFactory())
        self.kwargs["transport_factory"] = self._dialling

    async def connect(self, timeout: TimeoutType = None) -> None:  # noqa: ASYNC109  # the driver's
        """See `aio_pika.Connection.connect`; where it fails or is cut short no socket is left."""
        try:
            await super().connect(timeout)
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Close the socket at once, whatever is unsent; nothing happens where it is closed."""
        for transport in self._dialling.opened:
            transport.abort()

    def __del__(self) -> None:
        """Do nothing: a link closes its connection, and a failed one never was open.

        The driver starts a coroutine here, which is lost where a thread collects the garbage.
        """


class _Impatient(TransportFactory):
    """Has the kernel notice a dead peer, and remembers what it opened."""

    def __init__(self, dialling: TransportFactory) -> None:
        self.opened: list[asyncio.WriteTransport] = []
        self._dialling = dialling

    async def create(self, url: URL, **kwargs: Any) -> tuple[StreamReader, StreamWriter]:
        reader, writer = await self._dialling.create(url, **kwargs)
        self.opened.append(writer.transport)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_PEER_MS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        return reader, writer


def _checked(url: str) -> str:
    parts = urlsplit(url)
    try:
        fits = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        raise SettingsError(
            f"the bus is at amqp://user:password@host:port/vhost (or amqps), not at {shown!r}"
        )
    if "no_verify_ssl" in parse_qs(parts.query, keep_blank_values=True):
        raise SettingsError(
            "no_verify_ssl: certificates are always verified; name the authority's: ?cafile=..."
        )
    return url


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS[parts.scheme]}"
