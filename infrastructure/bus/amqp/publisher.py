"""Events from the outbox to the exchange, a batch a message, one message of each lane at a time.

With one unconfirmed message, what gathers until its confirm is the next batch: one event when idle,
hundreds under load, without a timer. It is also what keeps the order: a message that is rejected,
or whose confirm is lost with the connection, is sent again before anything newer of its lane.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractExchange
from aio_pika.exceptions import DeliveryError
from aiormq.abc import DeliveredMessage
from msgspec import Struct

from infrastructure.bus.amqp.batch import EVENTS_AT_MOST, Batch, batch_of
from infrastructure.bus.amqp.broker import ANSWER_S, Broker, Link
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.lanes import Lane
from infrastructure.bus.amqp.outbox import Outbox
from infrastructure.bus.amqp.rejections import WHY, Rejections
from infrastructure.bus.amqp.sessions import Sessions, beside
from infrastructure.bus.amqp.topology import Topology
from infrastructure.measures import EVENTS, SECONDS, Spread
from infrastructure.retry import Pauses
from market import BusUnavailableError, Event, codec
from market.routing import kind_of

FIRST_CONFIRM_S = 2.0
"""How long the first confirm of a link may take where there are other nodes to go to.

A node of a cluster that just lost another may take connections and still hand each message to the
lost one. Every second link has the whole confirm timeout, lest a slow broker confirm to nobody.
"""


class Counters(Struct):
    """What the publisher did: events, but for ``connects`` and ``messages`` (confirmed ones).

    Rejected: each time that the broker did not take them; they are among those resent.
    Unroutable: no mailbox wanted them. Spooled: written to disk; unspooled: read from there again.
    At any moment ``published`` equals ``confirmed`` and ``conflated`` and what is ``waiting``.
    """

    published: int = 0
    messages: int = 0
    confirmed: int = 0
    conflated: int = 0
    resent: int = 0
    rejected: int = 0
    unroutable: int = 0
    waiting: int = 0
    spooled: int = 0
    unspooled: int = 0
    connects: int = 0


class Publisher:
    """Owns the connection that events and dead letters leave by."""

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        outbox: Outbox,
        *,
        content_type: codec.ContentType,
        confirm_timeout_s: float,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._outbox = outbox
        self._content_type = content_type
        self._confirm_timeout_s = confirm_timeout_s
        self._sessions = Sessions("publisher", self._serve)
        self._counters = Counters()
        self._rejections = Rejections()
        self.confirm_times = Spread(SECONDS)
        self.batches = Spread(EVENTS)
        self.unroutable: Counter[str] = Counter()
        self._sent_at: dict[Lane, float] = {}
        self._is_hurried = False
        self._dead: AbstractExchange | None = None
        self._any_queue: AbstractExchange | None = None

    @property
    def counters(self) -> Counters:
        """What was done so far."""
        self._counters.published = self._outbox.published
        self._counters.conflated = self._outbox.conflated
        self._counters.waiting = self._outbox.unsettled
        self._counters.rejected = self._rejections.events
        self._counters.connects = self._sessions.count
        if spill := self._outbox.spill:
            self._counters.spooled = spill.spool.spooled
            self._counters.unspooled = spill.spool.unspooled
        return self._counters

    @property
    def spooled_bytes(self) -> int:
        """What waits on disk."""
        return self._outbox.spill.spool.bytes if self._outbox.spill else 0

    def running(self, *, within_s: float) -> AbstractAsyncContextManager[None]:
        """Send while the context lasts; see `Sessions.kept`."""
        return self._sessions.kept(within_s=within_s)

    async def publish(self, events: Sequence[Event]) -> None:
        """Put the events in the outbox."""
        await self._outbox.add(events)

    async def flush(self, *, within_s: float | None = None) -> None:
        """Wait until all that was published is confirmed.

        Raises:
            BusUnavailableError: it is not within the time, which is the confirm timeout at most.

        """
        limit_s = min(within_s or self._confirm_timeout_s, self._confirm_timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                await self._outbox.settled()
        except TimeoutError:
            why = self._why_late()
            raise BusUnavailableError(
                f"{self._outbox.unsettled} events are not confirmed within "
                f"{limit_s:g} s, they are still tried: {why}"
            ) from None

    def _why_late(self) -> str:
        if not self._sessions.up.is_set():
            return self._sessions.why_down
        return f"RabbitMQ {WHY}" if self._rejections.lasting else "it takes too long"

    async def put_aside(self, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        """Publish one dead letter; it is safe once this returns.

        Raises:
            BusUnavailableError: it is not confirmed.

        """
        if not await self._put(self._dead, "", body, content_type, headers):
            raise BusUnavailableError(f"{self._topology.dead} has no queue")

    async def hand_to(self, queue: str, body: bytes, content_type: str) -> bool:
        """Publish a message to one queue alone; return whether there is that queue.

        Raises:
            BusUnavailableError: it is not confirmed.

        """
        return await self._put(self._any_queue, queue, body, content_type, {})

    async def _put(
        self,
        exchange: AbstractExchange | None,
        key: str,
        body: bytes,
        content_type: str,
        headers: Mapping[str, str],
    ) -> bool:
        """Publish one message beside the events; return whether a queue took it."""
        if exchange is None:
            raise BusUnavailableError(self._sessions.why_down)
        message = Message(
            body,
            content_type=content_type,
            delivery_mode=DeliveryMode.PERSISTENT,
            headers=dict(headers),
        )
        try:
            with told_as_ours(self._broker.name):
                async with asyncio.timeout(self._confirm_timeout_s):
                    answer = await exchange.publish(message, key, mandatory=True)
        except DeliveryError as error:
            raise BusUnavailableError(f"{key or self._topology.dead} takes no message") from error
        return not isinstance(answer, DeliveredMessage)

    async def _serve(self) -> None:
        async with self._broker.link("publisher", confirms=True) as link:
            with told_as_ours(link.to):
                async with asyncio.timeout(ANSWER_S):
                    _, self._dead = await self._topology.exchanges(link.channel)
            self._any_queue = link.channel.default_exchange
            self._rejections.begin()
            self._is_hurried = self._broker.has_others and not self._is_hurried
            self._sessions.note_up()
            sending = [self._send_all(lane, link) for lane in self._outbox.lanes]
            try:
                async with beside(self._watch(link), *sending, name="bus.publisher"):
                    await link.lost()
            finally:
                self._dead = self._any_queue = None

    async def _watch(self, link: Link) -> None:
        """Raise once the broker confirms nothing though no alarm holds it back."""
        while True:
            limit_s = self._confirm_timeout_s
            if self._is_hurried:
                limit_s = min(limit_s, FIRST_CONFIRM_S)
            await asyncio.sleep(limit_s / 4)
            if self._sent_at and await link.is_blocked():
                self._sent_at = dict.fromkeys(self._sent_at, time.monotonic())
            oldest = min(self._sent_at.values(), default=math.inf)
            if time.monotonic() - oldest > limit_s:
                link.give_up(f"did not confirm a message within {limit_s:g} s")

    async def _send_all(self, lane: Lane, link: Link) -> None:
        """Send what is in the lane and what comes; what is unconfirmed in the end is given back."""
        try:
            while True:
                await self._send_next(lane, link)
        finally:
            unconfirmed = lane.taken - lane.settled
            self._counters.resent += unconfirmed
            self._outbox.give_back(lane, unconfirmed)

    async def _send_next(self, lane: Lane, link: Link) -> None:
        events = await self._outbox.take(lane, EVENTS_AT_MOST)
        batch = batch_of(events, self._content_type, self._headers_of(lane))
        self._outbox.give_back(lane, len(events) - len(batch.events))
        pauses = Pauses(longest_s=2.0)
        while not await self._send(lane, batch, link):  # noqa: ASYNC110  # nobody says when
            await asyncio.sleep(pauses.failed())
        self._outbox.settle(lane, len(batch.events))
        self._counters.confirmed += len(batch.events)
        self._counters.messages += 1

    async def _send(self, lane: Lane, batch: Batch, link: Link) -> bool:
        """Send a batch; return whether the broker took it."""
        began = self._sent_at[lane] = time.monotonic()
        try:
            with told_as_ours(link.to):
                answer = await link.send(batch, self._topology.exchange, batch.key, mandatory=True)
        except DeliveryError:
            self._rejections.note(lane, len(batch.events), to=link.to)
            self._counters.resent += len(batch.events)
            return False
        finally:
            del self._sent_at[lane]
        self._is_hurried = False
        self._rejections.over(lane)
        self.confirm_times.note(time.monotonic() - began)
        self.batches.note(len(batch.events))
        if isinstance(answer, DeliveredMessage):  # it was returned: no queue took it
            self._counters.unroutable += len(batch.events)
            self.unroutable.update(kind_of(type(event)) for event in batch.events)
        return True

    def _headers_of(self, lane: Lane) -> Mapping[str, int]:
        if self._outbox.partitions == 1:
            return {}
        return self._topology.partition_headers(lane.partition)
