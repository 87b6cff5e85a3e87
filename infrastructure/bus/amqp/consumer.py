"""Keeps a mailbox's queue declared, bound and consumed, over one connection after another."""

import asyncio
from contextlib import AbstractAsyncContextManager

from aio_pika.abc import AbstractQueue
from aiormq.abc import DeliveredMessage

from infrastructure.bus.amqp.broker import ANSWER_S, Broker, Link
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.mailbox import AmqpMailbox
from infrastructure.bus.amqp.sessions import Sessions
from infrastructure.bus.amqp.topology import Topology
from infrastructure.bus.port import Overflow

PROVE_EVERY_S = 1.0


class Consumer:
    """Owns the connection that a mailbox's messages come by."""

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        mailbox: AmqpMailbox,
        *,
        capacity: int,
        overflow: Overflow,
        partition: int | None = None,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._mailbox = mailbox
        self._capacity = capacity
        self._overflow = overflow
        self._partition = partition
        self._sessions = Sessions(f"mailbox {mailbox.name}", self._serve)

    def running(self, *, within_s: float) -> AbstractAsyncContextManager[None]:
        """Consume while the context lasts; see `Sessions.kept`."""
        return self._sessions.kept(within_s=within_s)

    async def _serve(self) -> None:
        async with self._broker.link(f"mailbox {self._mailbox.name}") as link:
            self._mailbox.begin(link)
            try:
                with told_as_ours(link.to):
                    async with asyncio.timeout(ANSWER_S):
                        queue = await self._queue(link)
                        await self._consume(queue, link)
                self._sessions.note_up()
                await _prove(queue, link)
            finally:
                self._mailbox.forget()

    async def _queue(self, link: Link) -> AbstractQueue:
        await link.channel.set_qos(prefetch_count=self._mailbox.prefetch)
        name, patterns = self._mailbox.name, self._mailbox.patterns
        if self._overflow is Overflow.WAIT:
            return await self._topology.mailbox(link.channel, name, patterns, self._partition)
        return await self._topology.view(link.channel, name, patterns, self._capacity)

    async def _consume(self, queue: AbstractQueue, link: Link) -> None:
        """Have messages come as the driver reads them: what aio-pika makes of them takes longer."""

        async def arrived(message: DeliveredMessage) -> None:
            self._mailbox.arrived(message, link)

        channel = await link.channel.get_underlay_channel()
        await channel.basic_consume(queue.name, arrived)


async def _prove(queue: AbstractQueue, link: Link) -> None:
    """Ask for the queue again and again until the link is lost or nobody answers.

    Whoever only listens does not notice a broker, or something on the way to it, that keeps the
    connection and says nothing: heartbeats take half a minute for that.
    """
    while True:
        await link.lost(within_s=PROVE_EVERY_S)
        with told_as_ours(link.to):
            async with asyncio.timeout(ANSWER_S):
                await link.channel.declare_queue(queue.name, passive=True)
