"""A round trip through the broker: published, confirmed by the log, routed, delivered.

The queue is a quorum queue like those that must lose nothing: a broker whose log crashed goes on
serving all others. It is our own, is made anew with each connection, and vanishes a minute after.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError

from infrastructure.bus.amqp.broker import Broker, Link
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.topology import Topology
from market import BusUnavailableError, codec

RESTART = "restart the broker, its log may have crashed on a full disk"

NO_EVENTS = codec.encode([])
"""What a mailbox reads that hears of a round trip, as one that is bound to everything does."""

STEP_S = 3.0
"""How long the confirm, and then the delivery, may take."""


class RoundTrip:
    """Sends a number to itself."""

    def __init__(self, link: Link, topology: Topology) -> None:
        self._link = link
        self._topology = topology
        self._key = f"probe.{secrets.token_hex(6)}"
        self._number = 0
        self._came = asyncio.Event()

    async def open(self) -> None:
        """Declare the queue and listen to it."""
        channel = self._link.channel
        self._live, queue = await self._topology.probe_queue(channel, self._key)
        await queue.consume(self._arrived, no_ack=True)

    async def make(self) -> None:
        """Make one round trip.

        Raises:
            BusUnavailableError: it did not come back; the text says what to do.

        """
        self._number += 1
        self._came.clear()
        to = f"RabbitMQ at {self._link.to}"
        try:
            async with asyncio.timeout(STEP_S):
                await self._publish()
        except (TimeoutError, DeliveryError):
            raise BusUnavailableError(f"{to} {await self._why_unconfirmed()}") from None
        try:
            async with asyncio.timeout(STEP_S):
                await self._came.wait()
        except TimeoutError:
            raise BusUnavailableError(
                f"{to} confirms messages but delivers none: restart the broker"
            ) from None

    async def ready(self, queues: Iterable[str]) -> list[int]:
        """Return how many messages wait in each of these queues, which exist.

        Raises:
            BusUnavailableError: the broker does not answer.

        """
        with told_as_ours(self._link.to):
            async with asyncio.timeout(STEP_S):
                found = [await self._link.channel.declare_queue(q, passive=True) for q in queues]
        return [queue.declaration_result.message_count or 0 for queue in found]

    async def _publish(self) -> None:
        message = Message(
            NO_EVENTS, message_id=str(self._number), delivery_mode=DeliveryMode.PERSISTENT
        )
        with told_as_ours(self._link.to):
            await self._live.publish(message, self._key, mandatory=True)

    async def _why_unconfirmed(self) -> str:
        if await self._link.is_blocked():
            return (
                "takes no messages, an alarm holds them back: free memory or disk space, "
                "`rabbitmqctl status` says which"
            )
        return f"takes connections but confirms no message: {RESTART}"

    async def _arrived(self, message: AbstractIncomingMessage) -> None:
        if message.message_id == str(self._number):
            self._came.set()


@asynccontextmanager
async def round_trips(broker: Broker, topology: Topology) -> AsyncIterator[RoundTrip]:
    """Connect for round trips.

    Raises:
        BusUnavailableError: the broker does not answer.
        SettingsError: it refuses us.

    """
    async with broker.link("probe", confirms=True) as link:
        trips = RoundTrip(link, topology)
        try:
            with told_as_ours(link.to):
                async with asyncio.timeout(STEP_S):
                    await trips.open()
        except BusUnavailableError as error:
            raise BusUnavailableError(
                f"RabbitMQ at {link.to} takes connections but makes no queue: {RESTART}"
            ) from error
        yield trips
