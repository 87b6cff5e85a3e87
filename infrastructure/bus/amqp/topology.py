"""What exists at the broker: exchanges, queues and their arguments, the same on 3.10 and 4.x.

<exchange>                  topic    every event, under its routing key
<exchange>.<name>           quorum   a WAIT mailbox; full, it rejects what is published
<exchange>.<name>.of-<n>    headers  a WAIT mailbox that is split, by the partition in the header
<exchange>.<name>.of-<n>.p  quorum   one partition of it
<exchange>.<name>.…         classic  a DROP_OLDEST mailbox: exclusive, a new one each connection
<exchange>.<name>.lead      quorum   the token of a lead: one consumer at a time is given it; on a
                                     broker of one node a classic queue
<exchange>.leads            direct   where tokens are given
<exchange>.probe.…          quorum   round trips of one process, see `infrastructure.probes`
<exchange>.recent           fanout   what is newest, told again and again, and a stream of it
<exchange>.dead             fanout   what a mailbox's actor could not handle, and the queue of it
<exchange>.unrouted         topic    what no mailbox wanted, and a queue of what one should have

This module is the only place that says so; `definitions` writes the same to a file.
"""

import re
import secrets
from collections.abc import Iterable, Sequence
from typing import Literal

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractQueue

from infrastructure.bus.amqp.lanes import ALL
from infrastructure.bus.amqp.plan import Arguments, Binding, Exchange, Plan, Queue
from market import Candle, Episode, Event, Gap, Trade, VenueCandle
from market.routing import kind_of, message_patterns, partition_of

EXCHANGE = "market"

DELIVERIES = 20
"""Deliveries after which the broker itself puts a message aside."""

LOOKS = 1_000_000
"""Deliveries of a dead letter: each look at it is one, and none may cost it its life."""

DEAD_BYTES = 128 * 1024**2

PROBE_KEPT_MS = 60_000

TOKENS = 8
"""Tokens of one lead that are kept at most; one is enough, and more do no harm."""

MUST_ARRIVE: tuple[type[Event], ...] = (Trade, Candle, VenueCandle, Gap, Episode)
"""Kinds that somebody always keeps: one that no mailbox wanted is a fault of ours.

Nobody may want the rest, such as books while no view runs, and nothing is amiss.
"""

RECENT_BYTES = 256 * 1024**2
RECENT_SEGMENT_BYTES = 8 * 1024**2
RECENT_AGE = "10m"

UNROUTED_BYTES = 16 * 1024**2
UNROUTED_MS = 3_600_000


class Topology(msgspec.Struct, frozen=True):
    """Names and sizes.

    ``mailbox_bytes`` is what a WAIT mailbox, or a partition of it, holds before it is full.
    ``declares``: whether what lasts is declared by who uses it; else it must be there already.
    ``is_cluster``: whether the broker has several nodes, of which one may die.
    """

    exchange: str
    mailbox_bytes: int
    partitions: int = 1
    declares: bool = True
    is_cluster: bool = False

    @property
    def dead(self) -> str:
        """The name of the dead exchange and of its queue."""
        return f"{self.exchange}.dead"

    @property
    def unrouted(self) -> str:
        """The name of the exchange of what nobody wanted, and of its queue."""
        return f"{self.exchange}.unrouted"

    @property
    def recent(self) -> str:
        """The name of the exchange of what is told again, and of its stream."""
        return f"{self.exchange}.recent"

    @property
    def leads(self) -> str:
        """The name of the exchange that tokens are given to."""
        return f"{self.exchange}.leads"

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

    def queues_for(self, mailbox: str, event: Event) -> tuple[str, ...]:
        """Return the queues that ``event`` may have come to ``mailbox`` by: split, or whole."""
        if self.partitions == 1:
            return (self.queue_of(mailbox, None),)
        partition = partition_of(event, self.partitions) or 0
        return self.queue_of(mailbox, partition), self.queue_of(mailbox, None)

    def mailbox_of(self, queue: str) -> str:
        """Return the name of the mailbox that ``queue`` belongs to."""
        return re.sub(r"\.of-\d+\.\d+$", "", queue.removeprefix(f"{self.exchange}."))

    async def exchanges(
        self, channel: AbstractChannel
    ) -> tuple[AbstractExchange, AbstractExchange]:
        """Return the exchange and the dead one; both are there."""
        await self._ensure(self.core(), channel)
        live = await channel.get_exchange(self.exchange, ensure=False)
        return live, await channel.get_exchange(self.dead, ensure=False)

    async def dead_queue(self, channel: AbstractChannel) -> AbstractQueue:
        """Return the queue of dead letters, as it is now."""
        await self._ensure(self.core(), channel)
        return await channel.get_queue(self.dead)

    async def recent_exchange(self, channel: AbstractChannel) -> AbstractExchange:
        """Return the exchange of what is told again; it is there, and its stream too."""
        await self._ensure(self.recent_plan(), channel)
        return await channel.get_exchange(self.recent, ensure=False)

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

    def core(self) -> Plan:
        """Return what everybody needs."""
        return Plan(
            exchanges=(
                Exchange(self.unrouted, "topic"),
                Exchange(self.exchange, "topic", arguments={"alternate-exchange": self.unrouted}),
                Exchange(self.dead, "fanout"),
            ),
            queues=(
                Queue(self.dead, _dead_arguments()),
                Queue(self.unrouted, _unrouted_arguments()),
            ),
            bindings=(
                Binding(self.dead, self.dead),
                *_bindings(self.unrouted, self.unrouted, (f"{kind_of(k)}.#" for k in MUST_ARRIVE)),
            ),
        )

    def recent_plan(self) -> Plan:
        """Return what is needed to tell views that begin what is newest.

        It is no part of what everybody needs: where a broker makes no stream all else goes on.
        """
        return Plan(
            exchanges=(Exchange(self.recent, "fanout"),),
            queues=(Queue(self.recent, _recent_arguments()),),
            bindings=(Binding(self.recent, self.recent),),
        )

    def lead_plan(self, name: str) -> Plan:
        """Return what a lead needs; all processes must agree on the kind, or are refused.

        A quorum queue outlives the node that leads it, and goes on elsewhere within half a second.
        On a single node it is none: one that serves a single consumer at a time takes none at all
        after its node was killed (seen with 3.10, not where other nodes lived on).
        """
        queue = f"{self.exchange}.{name}.lead"
        arguments: Arguments = {
            "x-queue-type": "quorum" if self.is_cluster else "classic",
            "x-single-active-consumer": True,
            "x-max-length": TOKENS,
            "x-overflow": "drop-head",
        }
        if self.is_cluster:
            arguments = {**arguments, "x-delivery-limit": LOOKS}
        return Plan(
            exchanges=(Exchange(self.leads, "direct"),),
            queues=(Queue(queue, arguments),),
            bindings=(Binding(self.leads, queue, key=queue),),
        )

    def mailbox_plan(self, name: str, patterns: Sequence[str], *, is_split: bool) -> Plan:
        """Return what a WAIT mailbox needs; split, a queue a partition."""
        whole = f"{self.exchange}.{name}"
        if not is_split:
            return self.core() + Plan(
                queues=(Queue(whole, self._lasting_arguments()),),
                bindings=_bindings(self.exchange, whole, message_patterns(patterns)),
            )
        split = f"{whole}.of-{self.partitions}"
        queues = [self.queue_of(name, partition) for partition in range(self.partitions)]
        return self.core() + Plan(
            exchanges=(Exchange(split, "headers", internal=True),),
            queues=tuple(Queue(queue, self._lasting_arguments()) for queue in queues),
            bindings=(
                *(self._of_partition(split, q, p) for p, q in enumerate(queues)),
                *(self._of_partition(split, q, ALL) for q in queues),
                *_bindings(self.exchange, split, message_patterns(patterns), to="exchange"),
            ),
        )

    def partition_headers(self, partition: int) -> dict[str, int]:
        """Return the headers of a message of one partition, or of `ALL`."""
        return {f"partition-of-{self.partitions}": partition}

    def _of_partition(self, split: str, queue: str, partition: int) -> Binding:
        """Return the binding of what one partition is told: header exchanges route exactly."""
        arguments: Arguments = {"x-match": "all", **self.partition_headers(partition)}
        return Binding(split, queue, arguments=arguments)

    def queue_of(self, name: str, partition: int | None) -> str:
        """Return the queue of a WAIT mailbox, or of one of its partitions."""
        whole = f"{self.exchange}.{name}"
        return whole if partition is None else f"{whole}.of-{self.partitions}.{partition}"

    def _lasting_arguments(self) -> Arguments:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERIES,
            "x-dead-letter-exchange": self.dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-max-length-bytes": self.mailbox_bytes,
        }

    async def _ensure(self, plan: Plan, channel: AbstractChannel) -> None:
        if self.declares:
            await plan.declare(channel)
        else:
            await plan.look(channel)


def _bindings(
    source: str,
    destination: str,
    patterns: Iterable[str],
    *,
    to: Literal["queue", "exchange"] = "queue",
) -> tuple[Binding, ...]:
    return tuple(Binding(source, destination, to, pattern) for pattern in patterns)


def _recent_arguments() -> Arguments:
    """Return how long a stream is kept: whole segments go, the oldest first."""
    return {
        "x-queue-type": "stream",
        "x-max-age": RECENT_AGE,
        "x-max-length-bytes": RECENT_BYTES,
        "x-stream-max-segment-size-bytes": RECENT_SEGMENT_BYTES,
    }


def _dead_arguments() -> Arguments:
    """Return how dead letters are kept: full, the queue drops the oldest."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": LOOKS,
        "x-max-length-bytes": DEAD_BYTES,
        "x-overflow": "drop-head",
    }


def _unrouted_arguments() -> Arguments:
    """Return how what should have arrived is kept for a look: for an hour, the newest of it.

    Everybody declares it, and a queue that lives on one node cannot be declared while that is down.
    """
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": LOOKS,
        "x-max-length-bytes": UNROUTED_BYTES,
        "x-message-ttl": UNROUTED_MS,
        "x-overflow": "drop-head",
    }
