"""Tells what is newest again, for views that begin; and reads what was told.

    AmqpBus.publish ─▶ Recent ─▶ Reteller ─▶ recent exchange ─▶ stream ─▶ read_recent

A process tells what changed every two seconds, and all that it knows once a minute, over a
connection of its own: nothing that must be kept ever waits for this. A stream can be read by any
number of readers from any moment of its past; who begins reads the last minute and a bit.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

import structlog
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError

from infrastructure.bus.amqp.batch import EVENTS_AT_MOST, batch_of
from infrastructure.bus.amqp.broker import ANSWER_S, Broker, Link
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.sessions import Sessions, beside
from infrastructure.bus.amqp.topology import Topology
from infrastructure.bus.recent import Recent
from market import BusUnavailableError, Event, SettingsError, codec

log = structlog.get_logger()

CHANGED_EVERY_S = 2.0
ALL_EVERY_S = 60.0
READ_FROM = "75s"
"""How far back a reader begins, so that each process told all it knows within that time."""

QUIET_S = 0.5
"""A stream that was silent for so long was read to its end; it is sent as fast as it is read."""

READ_S = 10.0
PREFETCH = 32


class Reteller:
    """Owns the connection that what is newest is told again by; there is none before anything is.

    Args:
        broker: Where to.
        topology: What is there.
        recent: What is newest.
        content_type: What it is written in.

    """

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        recent: Recent,
        *,
        content_type: codec.ContentType,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._recent = recent
        self._content_type = content_type
        self._sessions = Sessions("recent", self._serve)

    def running(self) -> AbstractAsyncContextManager[None]:
        """Tell while the context lasts."""
        return beside(self._tell_once_there_is_something(), name="bus.recent")

    async def _tell_once_there_is_something(self) -> None:
        await self._recent.came.wait()
        try:
            await self._sessions.keep()
        except SettingsError as error:  # nothing that must be kept depends on it
            log.error("recent.refused", why=str(error))  # noqa: TRY400  # said in full

    async def _serve(self) -> None:
        async with self._broker.link("recent", confirms=True) as link:
            with told_as_ours(link.to):
                async with asyncio.timeout(ANSWER_S):
                    await self._topology.keep_recent(link.channel)
            self._sessions.note_up()
            all_told_at = 0.0
            while True:
                changed = self._recent.changed()
                if (now := time.monotonic()) - all_told_at > ALL_EVERY_S:
                    changed, all_told_at = self._recent.of(["#"]), now
                await self._tell(changed, link)
                await link.lost(within_s=CHANGED_EVERY_S)
                await self._something_new(link)

    async def _something_new(self, link: Link) -> None:
        """Return once something changed, or all is to be told again."""
        async with beside(link.lost(), name="bus.recent.link"):
            try:
                async with asyncio.timeout(ALL_EVERY_S):
                    await self._recent.came.wait()
            except TimeoutError:
                return

    async def _tell(self, events: Sequence[Event], link: Link) -> None:
        while events:
            batch = batch_of(events[:EVENTS_AT_MOST], self._content_type, {})
            try:
                with told_as_ours(link.to):
                    async with asyncio.timeout(ANSWER_S):
                        await link.send(batch, self._topology.recent, "", mandatory=False)
            except DeliveryError:
                link.give_up(f"does not take what {self._topology.recent} is told")
            events = events[len(batch.events) :]


async def read_recent(
    broker: Broker, topology: Topology, patterns: Sequence[str]
) -> Sequence[Event]:
    """See `Bus.recent`."""
    async with broker.link("recent") as link:
        inbox: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        with told_as_ours(link.to):
            async with asyncio.timeout(ANSWER_S):
                await link.channel.set_qos(prefetch_count=PREFETCH)
                stream = await topology.recent_stream(link.channel)
                await stream.consume(inbox.put, arguments={"x-stream-offset": READ_FROM})
            try:
                async with asyncio.timeout(READ_S):
                    return (await _read_to_the_end(inbox)).of(patterns)
            except TimeoutError:
                raise BusUnavailableError(
                    f"{topology.recent} is longer than {READ_S:g} s"
                ) from None


async def _read_to_the_end(inbox: "asyncio.Queue[AbstractIncomingMessage]") -> Recent:
    read = Recent()
    while True:
        try:
            async with asyncio.timeout(QUIET_S):
                message = await inbox.get()
        except TimeoutError:
            return read
        read.meet(codec.decode(message.body, message.content_type))
        await message.ack()
