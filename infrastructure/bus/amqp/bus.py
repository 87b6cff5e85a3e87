"""The bus on RabbitMQ: what the services see of it; `connect` opens it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager

from msgspec.structs import asdict

from infrastructure.bus.amqp.broker import ANSWER_S, Broker
from infrastructure.bus.amqp.candidate import Candidate
from infrastructure.bus.amqp.consumer import Consumer
from infrastructure.bus.amqp.dead_letters import (
    RAW,
    headers_of,
    read_dead_letters,
    revise_dead_letters,
)
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.mailbox import AmqpMailbox
from infrastructure.bus.amqp.probe import round_trips
from infrastructure.bus.amqp.publisher import Counters, Publisher
from infrastructure.bus.amqp.retelling import read_recent
from infrastructure.bus.amqp.topology import Topology
from infrastructure.bus.port import Check, DeadLetter, Decide, Overflow, of_bus
from infrastructure.bus.recent import Recent
from infrastructure.measures import Measure
from infrastructure.retry import patience
from market import BusUnavailableError, Event, codec
from market.codec import JSON

PREFETCH = 32
"""Messages that the broker sends ahead of their acknowledgement, of a megabyte each at most."""


class AmqpBus:
    """Publishes to and listens on one topic exchange."""

    def __init__(
        self,
        broker: Broker,
        topology: Topology,
        publisher: Publisher,
        recent: Recent,
        *,
        connect_timeout_s: float,
    ) -> None:
        self._broker = broker
        self._topology = topology
        self._publisher = publisher
        self._recent = recent
        self._connect_timeout_s = connect_timeout_s
        self._lasting: dict[str, str] = {}
        """Mailboxes that are open here, by the queues that they come by."""
        self._ready: dict[str, int] = {}

    @property
    def counters(self) -> Counters:
        """What was published so far, and what became of it."""
        return self._publisher.counters

    @property
    def counts(self) -> dict[str, int]:
        """See `Bus.counts`."""
        counters = asdict(self._publisher.counters)
        del counters["connects"], counters["messages"]
        return counters

    def measures(self) -> Iterable[Measure]:
        """See `Measured.measures`."""
        yield from of_bus(self.counts)
        yield Measure("bus_connects", self.counters.connects)
        yield Measure("bus_spooled_bytes", self._publisher.spooled_bytes)
        for kind, count in self._publisher.unroutable.items():
            yield Measure("bus_unroutable", count, (kind,))
        for mailbox, ready in self._waiting_at_the_broker().items():
            yield Measure("queue_ready", ready, (mailbox,))
        yield Measure("bus_confirm_seconds", self._publisher.confirm_times)
        yield Measure("bus_batch_events", self._publisher.batches)

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Bus.publish`."""
        self._recent.note(events)
        await self._publisher.publish(events)

    async def flush(self) -> None:
        """See `Bus.flush`."""
        await self._publisher.flush()

    async def settle(self) -> None:
        """See `Bus.settle`; what the broker confirmed is on its disk."""
        await self._publisher.flush()

    @property
    def partitions(self) -> int:
        """See `Bus.partitions`."""
        return self._topology.partitions

    @asynccontextmanager
    async def mailbox(
        self,
        name: str,
        patterns: Sequence[str],
        *,
        capacity: int,
        overflow: Overflow,
        partition: int | None = None,
    ) -> AsyncIterator[AmqpMailbox]:
        """See `Bus.mailbox`; here ``capacity`` counts messages, and DROP_OLDEST keeps to it.

        Raises:
            BusUnavailableError: the broker does not answer within the connect timeout.
            SettingsError: it refuses us, or has that queue with other arguments.

        """
        prefetch = min(PREFETCH, capacity)
        mailbox = AmqpMailbox(name, patterns, self._publisher, prefetch=prefetch)
        consumer = Consumer(
            self._broker,
            self._topology,
            mailbox,
            capacity=capacity,
            overflow=overflow,
            partition=partition,
        )
        queue = self._topology.queue_of(name, partition)
        async with consumer.running(within_s=self._connect_timeout_s):
            if overflow is Overflow.WAIT:
                self._lasting[queue] = name
            try:
                yield mailbox
            finally:
                self._lasting.pop(queue, None)
                await mailbox.close()

    @asynccontextmanager
    async def lead(self, name: str) -> AsyncIterator[Candidate]:
        """See `Bus.lead`; how, see `candidate`.

        Raises:
            BusUnavailableError: the broker does not answer within the connect timeout.
            SettingsError: it refuses us, or has that queue with other arguments.

        """
        candidate = Candidate(self._broker, self._topology, name)
        async with candidate.running(within_s=self._connect_timeout_s):
            yield candidate

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[Check]:
        """See `Bus.probing`."""
        async with round_trips(self._broker, self._topology) as trips:

            async def check() -> None:
                await trips.make()
                queues = list(self._lasting)
                self._ready = dict(zip(queues, await trips.ready(queues), strict=True))

            yield check

    def _waiting_at_the_broker(self) -> Counter[str]:
        """Return how many messages waited for each mailbox at the last round trip."""
        found: Counter[str] = Counter()
        for queue, mailbox in self._lasting.items():
            found[mailbox] += self._ready.get(queue, 0)
        return found

    async def recent(self, patterns: Sequence[str]) -> Sequence[Event]:
        """See `Bus.recent`; what was told more than ten minutes ago is gone."""
        patiently = patience(BusUnavailableError, within_s=ANSWER_S)
        return await patiently(read_recent, self._broker, self._topology, patterns)

    async def keep(self, name: str, patterns: Sequence[str]) -> None:
        """See `Bus.keep`."""
        async with self._broker.link(f"mailbox {name}") as link:
            with told_as_ours(link.to):
                async with asyncio.timeout(self._connect_timeout_s):
                    await self._topology.keep(
                        link.channel, name, patterns, is_split=self.partitions > 1
                    )

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        """See `Bus.put_aside`."""
        for letter in letters:
            headers = headers_of(letter.mailbox, letter.reason, letter.at_ns)
            body, kind = letter.body, RAW
            if letter.event is not None:
                body, kind = codec.encode([letter.event]), JSON
            await self._publisher.put_aside(body, kind, headers)

    async def dead_letters(self, at_most: int) -> Sequence[DeadLetter]:
        """See `Bus.dead_letters`; those that the broker itself put aside are among them."""
        return await read_dead_letters(self._broker, self._topology, at_most)

    async def revise(self, ids: Collection[str], decide: Decide) -> None:
        """See `Bus.revise`."""
        await revise_dead_letters(self._broker, self._topology, ids, decide, self._keep_letter)

    async def _keep_letter(self, letter: DeadLetter) -> None:
        await self.put_aside([letter])

    async def give_back(self, letter: DeadLetter) -> bool:
        """See `Bus.give_back`; a view's mailbox has no name that lasts, so nobody has it."""
        event = letter.event
        if event is None:
            return False
        if letter.mailbox:
            body = codec.encode([event])
            for queue in self._topology.queues_for(letter.mailbox, event):
                if await self._publisher.hand_to(queue, body, JSON):
                    return True
            return False
        await self.publish([event])
        await self.flush()
        return True

    async def being_given_back(self) -> int:
        """See `Bus.being_given_back`; the broker has them in their mailboxes at once."""
        return 0
