"""What is to exist at a broker, as plain facts; declared over a channel, or written to a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias, TypeVar

from aio_pika.abc import AbstractChannel
from aiormq.exceptions import ChannelAccessRefused
from msgspec import Struct

T = TypeVar("T")

Arguments: TypeAlias = Mapping[str, str | int]


class Exchange(Struct, frozen=True):
    """A durable exchange; nobody publishes to an ``internal`` one but other exchanges."""

    name: str
    type: Literal["topic", "fanout", "direct", "headers"]
    internal: bool = False
    arguments: Arguments = {}


class Queue(Struct, frozen=True):
    """A durable queue."""

    name: str
    arguments: Arguments


class Binding(Struct, frozen=True):
    """What ``source`` hands on to a queue or an exchange."""

    source: str
    destination: str
    to: Literal["queue", "exchange"] = "queue"
    key: str = ""
    arguments: Arguments = {}


class Plan(Struct, frozen=True):
    """Exchanges, queues and bindings; what is bound comes before its binding."""

    exchanges: tuple[Exchange, ...] = ()
    queues: tuple[Queue, ...] = ()
    bindings: tuple[Binding, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        """Return what is in either."""
        return Plan(
            _either(self.exchanges, other.exchanges),
            _either(self.queues, other.queues),
            _either(self.bindings, other.bindings),
        )

    async def declare(self, channel: AbstractChannel) -> None:
        """Have the broker make what it lacks; what it has otherwise it refuses."""
        for exchange in self.exchanges:
            await channel.declare_exchange(
                exchange.name,
                exchange.type,
                durable=True,
                internal=exchange.internal,
                arguments=dict(exchange.arguments),
            )
        for queue in self.queues:
            await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
        for binding in self.bindings:
            await _bind(binding, channel)

    async def look(self, channel: AbstractChannel, *, but: str) -> None:
        """Ask whether exchanges and queues are there, but for those of one name.

        Up to 4.1 a broker says that to everybody, since then to whoever may use them in any way.
        What it does not say is taken to be there, and missed when it is used.
        """
        connection = (await channel.get_underlay_channel()).connection
        asking = await connection.channel(publisher_confirms=False)
        named: tuple[Exchange | Queue, ...] = (*self.exchanges, *self.queues)
        for one in named:
            ask = asking.exchange_declare if isinstance(one, Exchange) else asking.queue_declare
            if one.name != but:
                try:
                    await ask(one.name, passive=True)
                except ChannelAccessRefused:  # which ends the channel, so this is not the caller's
                    asking = await connection.channel(publisher_confirms=False)
        await asking.close()


async def _bind(binding: Binding, channel: AbstractChannel) -> None:
    if binding.to == "queue":
        queue = await channel.get_queue(binding.destination, ensure=False)
        await queue.bind(binding.source, binding.key, arguments=dict(binding.arguments))
        return
    exchange = await channel.get_exchange(binding.destination, ensure=False)
    await exchange.bind(binding.source, binding.key, arguments=dict(binding.arguments))


def _either(some: tuple[T, ...], others: tuple[T, ...]) -> tuple[T, ...]:
    return some + tuple(one for one in others if one not in some)
