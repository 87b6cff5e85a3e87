"""One of several processes that stand for a lead: the one that holds the token has it.

The token is a message in a queue that serves a single consumer at a time. Whoever is given it keeps
it unacknowledged; when its process dies the broker gives it to the next. The holder asks the broker
every half second whether it is still there. Where no answer came for `LEASE_S` the lead is taken
for lost, which is before the broker gives us up: a process that was stopped for a while does not
lead when it goes on. A broker also closes the channel of who holds a message for long (half an hour
unless it is told otherwise), so the token is changed for a new one every few minutes.
"""

import asyncio
import time
from contextlib import AbstractAsyncContextManager

import structlog
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from infrastructure.bus.amqp.broker import ANSWER_S, Broker, Link
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.sessions import Sessions, beside
from infrastructure.bus.amqp.topology import Topology

HEARTBEAT_S = 3
"""The broker gives us up when it heard nothing for so long, or for twice as long."""

PROVE_EVERY_S = 0.5
LEASE_S = 2.5
CHANGE_EVERY_S = 300.0

log = structlog.get_logger()


class Candidate:
    """See `Lead`."""

    def __init__(self, broker: Broker, topology: Topology, name: str) -> None:
        self._broker = broker
        self._topology = topology
        self._name = name
        self._sessions = Sessions(f"lead {name}", self._serve)
        self._token: AbstractIncomingMessage | None = None
        self._changed: AbstractIncomingMessage | None = None
        self._proved_at = 0.0
        self._held = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def is_held(self) -> bool:
        """See `Lead.is_held`."""
        return self._token is not None and time.monotonic() - self._proved_at < LEASE_S

    async def held(self) -> None:
        """See `Lead.held`."""
        await self._held.wait()

    async def lost(self) -> None:
        """See `Lead.lost`."""
        await self._lost.wait()

    def running(self, *, within_s: float) -> AbstractAsyncContextManager[None]:
        """Stand while the context lasts; see `Sessions.kept`."""
        return self._sessions.kept(within_s=within_s)

    async def _serve(self) -> None:
        async with self._broker.link(f"lead {self._name}", heartbeat_s=HEARTBEAT_S) as link:
            try:
                with told_as_ours(link.to):
                    async with asyncio.timeout(ANSWER_S):
                        queue = await self._stand(link)
                self._sessions.note_up()
                async with beside(self._prove(link, queue), name=f"bus.lead.{self._name}"):
                    await link.lost()
            finally:
                self._let_go()

    async def _stand(self, link: Link) -> AbstractQueue:
        await link.channel.set_qos(prefetch_count=1)
        queue = await self._topology.lead(link.channel, self._name)
        self._proved_at = time.monotonic()
        await queue.consume(self._take)
        return queue

    async def _take(self, token: AbstractIncomingMessage) -> None:
        if self._token is None:
            log.info("lead.taken", lead=self._name)
        self._token = token
        self._held.set()
        self._lost.clear()

    def _let_go(self) -> None:
        if self._token is not None:
            log.warning("lead.lost", lead=self._name)
        self._token = None
        self._held.clear()
        self._lost.set()

    async def _prove(self, link: Link, queue: AbstractQueue) -> None:
        """Ask the broker again and again; give the link up when it does not answer."""
        change_at = time.monotonic() + CHANGE_EVERY_S
        while True:
            asked_at = time.monotonic()
            try:
                with told_as_ours(link.to):
                    async with asyncio.timeout(LEASE_S):
                        await link.channel.declare_queue(queue.name, passive=True)
                        token = self._token
                        if token and token is not self._changed and asked_at > change_at:
                            await self._change(link, queue, token)
                            change_at = asked_at + CHANGE_EVERY_S
            except TimeoutError:
                link.give_up(f"did not answer within {LEASE_S:g} s")
            self._proved_at = asked_at
            await asyncio.sleep(PROVE_EVERY_S)

    async def _change(
        self, link: Link, queue: AbstractQueue, token: AbstractIncomingMessage
    ) -> None:
        """Give the token for a new one; the queue stays ours meanwhile."""
        self._changed = token
        await self._topology.offer(link.channel, queue)
        await token.ack()
