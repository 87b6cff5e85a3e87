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

Nothing else says so: `topology` declares it, `definitions` writes the same to a file.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

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


class Layout(msgspec.Struct, frozen=True):
    """Names and sizes.

    ``mailbox_bytes`` is what a WAIT mailbox, or a partition of it, holds before it is full.
    ``is_cluster``: whether the broker has several nodes, of which one may die.
    """

    exchange: str
    mailbox_bytes: int
    partitions: int = 1
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

    def mailbox_of(self, queue: str) -> str:
        """Return the name of the mailbox that ``queue`` belongs to."""
        return re.sub(r"\.of-\d+\.\d+$", "", queue.removeprefix(f"{self.exchange}."))

    def queue_of(self, name: str, partition: int | None) -> str:
        """Return the queue of a WAIT mailbox, or of one of its partitions."""
        whole = f"{self.exchange}.{name}"
        return whole if partition is None else f"{whole}.of-{self.partitions}.{partition}"

    def queues_for(self, mailbox: str, event: Event) -> tuple[str, ...]:
        """Return the queues that ``event`` may have come to ``mailbox`` by: split, or whole."""
        if self.partitions == 1:
            return (self.queue_of(mailbox, None),)
        partition = partition_of(event, self.partitions) or 0
        return self.queue_of(mailbox, partition), self.queue_of(mailbox, None)

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

    def _lasting_arguments(self) -> Arguments:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERIES,
            "x-dead-letter-exchange": self.dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            "x-max-length-bytes": self.mailbox_bytes,
        }


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
