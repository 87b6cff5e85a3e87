"""What exists at the broker: exchanges, queues and their arguments, the same on 3.10 and 4.x.

<exchange>              topic    every event, under its routing key
<exchange>.<name>       quorum   a WAIT mailbox; full, it rejects what is published
<exchange>.<name>.…     classic  a DROP_OLDEST mailbox: exclusive, a new one each connection
<exchange>.<name>.lead  classic  the token of a lead: one consumer at a time is given it
<exchange>.dead         fanout   what a mailbox's actor could not handle, and the queue of it
"""

import secrets
from collections.abc import Sequence

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

from infrastructure.bus.port import Overflow

DELIVERIES = 20
"""Deliveries after which the broker itself puts a message aside."""

LOOKS = 1_000_000
"""Deliveries of a dead letter: each look at it is one, and none may cost it its life."""

DEAD_BYTES = 128 * 1024**2

TOKENS = 8
"""Tokens of one lead that are kept at most; one is enough, and more do no harm."""


class Topology(msgspec.Struct, frozen=True):
    """Names and sizes; ``mailbox_bytes`` is what a WAIT mailbox holds before it is full."""

    exchange: str
    mailbox_bytes: int

    @property
    def dead(self) -> str:
        """The name of the dead exchange and of its queue."""
        return f"{self.exchange}.dead"

    def mailbox_of(self, queue: str) -> str:
        """Return the name of the mailbox that ``queue`` belongs to."""
        return queue.removeprefix(f"{self.exchange}.")

    async def exchanges(
        self, channel: AbstractChannel
    ) -> tuple[AbstractExchange, AbstractExchange]:
        """Declare the exchange and the dead one, with its queue."""
        live = await channel.declare_exchange(
            self.exchange, aio_pika.ExchangeType.TOPIC, durable=True
        )
        dead = await channel.declare_exchange(self.dead, aio_pika.ExchangeType.FANOUT, durable=True)
        queue = await self.dead_queue(channel)
        await queue.bind(dead)
        return live, dead

    async def dead_queue(self, channel: AbstractChannel) -> AbstractQueue:
        """Declare the queue of dead letters; full, it drops the oldest."""
        return await channel.declare_queue(
            self.dead,
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-delivery-limit": LOOKS,
                "x-max-length-bytes": DEAD_BYTES,
                "x-overflow": "drop-head",
            },
        )

    async def lead(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        """Declare the queue of a lead, with a token in it unless one waits there.

        It is no quorum queue: one that serves a single consumer at a time takes none at all after
        its node was killed (seen with 3.10). So nobody leads while the node that has it is down.
        """
        queue = await channel.declare_queue(
            f"{self.exchange}.{name}.lead",
            durable=True,
            arguments={
                "x-queue-type": "classic",
                "x-single-active-consumer": True,
                "x-max-length": TOKENS,
                "x-overflow": "drop-head",
            },
        )
        if not queue.declaration_result.message_count:
            await self.offer(channel, queue)
        return queue

    async def offer(self, channel: AbstractChannel, queue: AbstractQueue) -> None:
        """Put a token into the queue of a lead."""
        token = aio_pika.Message(b"", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(token, queue.name, mandatory=False)

    async def mailbox(
        self,
        channel: AbstractChannel,
        name: str,
        patterns: Sequence[str],
        *,
        capacity: int,
        overflow: Overflow,
    ) -> AbstractQueue:
        """Declare the queue of a mailbox and bind it; ``capacity`` counts messages."""
        live, _ = await self.exchanges(channel)
        if overflow is Overflow.WAIT:
            queue = await self._lasting(channel, name)
        else:
            queue = await self._passing(channel, name, capacity)
        for pattern in patterns:
            await queue.bind(live, pattern)
        return queue

    async def _lasting(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        return await channel.declare_queue(
            f"{self.exchange}.{name}",
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-delivery-limit": DELIVERIES,
                "x-dead-letter-exchange": self.dead,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
                "x-max-length-bytes": self.mailbox_bytes,
            },
        )

    async def _passing(self, channel: AbstractChannel, name: str, capacity: int) -> AbstractQueue:
        return await channel.declare_queue(
            f"{self.exchange}.{name}.{secrets.token_hex(6)}",
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length": capacity, "x-overflow": "drop-head"},
        )
