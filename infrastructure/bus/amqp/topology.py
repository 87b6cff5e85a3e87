"""Has the broker make what `layout` says, where it may; else looks whether it is there."""

import secrets
from collections.abc import Sequence

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

from infrastructure.bus.amqp.layout import Layout
from infrastructure.bus.amqp.plan import Plan
from market.routing import message_patterns

PROBE_KEPT_MS = 60_000


class Topology(Layout, frozen=True):
    """``declares``: whether who uses what lasts declares it; else it must be there already."""

    declares: bool = True

    async def exchanges(
        self, channel: AbstractChannel
    ) -> tuple[AbstractExchange, AbstractExchange]:
        """Return the exchange and the dead one; both are there."""
        await self._ensure(self.core(), channel)
        live = await channel.get_exchange(self.exchange, ensure=False)
        return live, await channel.get_exchange(self.dead, ensure=False)

    async def mailbox(
        self, channel: AbstractChannel, name: str, patterns: Sequence[str], partition: int | None
    ) -> AbstractQueue:
        """Return the queue of a WAIT mailbox, or of one of its partitions."""
        await self.keep(channel, name, patterns, is_split=partition is not None)
        return await channel.get_queue(self.queue_of(name, partition), ensure=False)

    async def keep(
        self, channel: AbstractChannel, name: str, patterns: Sequence[str], *, is_split: bool
    ) -> None:
        """Have a WAIT mailbox gather, or all partitions of it."""
        await self._ensure(self.mailbox_plan(name, patterns, is_split=is_split), channel)

    async def view(
        self, channel: AbstractChannel, name: str, patterns: Sequence[str], capacity: int
    ) -> AbstractQueue:
        """Declare the queue of a DROP_OLDEST mailbox; ``capacity`` counts messages."""
        await self._ensure(self.core(), channel)
        queue = await channel.declare_queue(
            f"{self.exchange}.{name}.{secrets.token_hex(6)}",
            exclusive=True,
            auto_delete=True,
            arguments={"x-max-length": capacity, "x-overflow": "drop-head"},
        )
        for pattern in message_patterns(patterns):
            await queue.bind(self.exchange, pattern)
        return queue

    async def dead_queue(self, channel: AbstractChannel) -> AbstractQueue:
        """Return the queue of dead letters, as it is now."""
        await self._ensure(self.core(), channel)
        return await channel.get_queue(self.dead)

    async def keep_recent(self, channel: AbstractChannel) -> None:
        """Have the exchange of what is told again, and its stream."""
        await self._ensure(self.recent_plan(), channel)

    async def recent_stream(self, channel: AbstractChannel) -> AbstractQueue:
        """Return the stream of what is told again."""
        await self._ensure(self.recent_plan(), channel)
        return await channel.get_queue(self.recent, ensure=False)

    async def lead(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        """Return the queue of a lead, with a token in it unless one waits there."""
        plan = self.lead_plan(name)
        await self._ensure(plan, channel)
        queue = await channel.get_queue(plan.queues[0].name)
        if not queue.declaration_result.message_count:
            await self.offer(channel, queue)
        return queue

    async def offer(self, channel: AbstractChannel, queue: AbstractQueue) -> None:
        """Put a token into the queue of a lead."""
        token = aio_pika.Message(b"", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        leads = await channel.get_exchange(self.leads, ensure=False)
        await leads.publish(token, queue.name, mandatory=False)

    async def probe_queue(
        self, channel: AbstractChannel, key: str
    ) -> tuple[AbstractExchange, AbstractQueue]:
        """Declare a queue for round trips under ``key``; it outlives who has it by a minute."""
        live, _ = await self.exchanges(channel)
        queue = await channel.declare_queue(
            f"{self.exchange}.{key}",
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-expires": PROBE_KEPT_MS,
                "x-max-length": 100,
                "x-overflow": "drop-head",
            },
        )
        await queue.bind(live, key)
        return live, queue

    async def _ensure(self, plan: Plan, channel: AbstractChannel) -> None:
        if self.declares:
            await plan.declare(channel)
        else:
            await plan.look(channel, but=self.unrouted)  # which the broker alone uses
