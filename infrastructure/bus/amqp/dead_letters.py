"""Dead letters at the broker: read without being taken."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
from aio_pika.abc import AbstractIncomingMessage, AbstractQueue

from infrastructure.bus.amqp.broker import ANSWER_S, Broker
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.topology import Topology
from infrastructure.bus.port import DeadLetter, Decide
from market import Event, codec

LONGEST_REASON = 2_000
"""Characters of a reason; a message's headers must fit into one frame."""

LONGEST_TIME = 19
"""Digits of a time in nanoseconds that fits 64 bits."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What `codec.decode` raises about bytes that are no events."""

LOOKED_AT = 10_000
"""Messages that are looked at, at most: what was looked at once lies in any order after that."""

RAW = "application/octet-stream"
"""Type of bytes that no event could be made of."""


def headers_of(mailbox: str, reason: str, at_ns: int = 0) -> dict[str, str]:
    """Return the headers that tell where a dead letter comes from, why, and since when.

    Args:
        mailbox: See `DeadLetter`.
        reason: As above; a long one is cut.
        at_ns: As above; 0 is now.

    """
    at = str(at_ns or time.time_ns())
    return {"mailbox": mailbox, "reason": reason[:LONGEST_REASON], "at_ns": at}


async def read_dead_letters(
    broker: Broker, topology: Topology, at_most: int
) -> Sequence[DeadLetter]:
    """Return the oldest dead letters of those that are looked at; they stay where they are.

    Raises:
        BusUnavailableError: the broker does not answer.

    """
    async with broker.link("dead letters") as link:
        with told_as_ours(link.to):
            async with asyncio.timeout(ANSWER_S):
                await link.channel.set_qos(prefetch_count=LOOKED_AT)
                queue = await topology.dead_queue(link.channel)
            messages = await _read(queue)
    letters = [letter for one in messages for letter in _letters_of(one, topology)]
    return sorted(letters, key=_since)[:at_most]


async def revise_dead_letters(
    broker: Broker,
    topology: Topology,
    ids: Collection[str],
    decide: Decide,
    put_aside: Callable[[DeadLetter], Awaitable[None]],
) -> None:
    """See `Bus.revise`; a message is acknowledged once what is left of it is safe elsewhere.

    Raises:
        BusUnavailableError: the broker does not answer.

    """
    async with broker.link("dead letters") as link:
        with told_as_ours(link.to):
            async with asyncio.timeout(ANSWER_S):
                await link.channel.set_qos(prefetch_count=LOOKED_AT)
                queue = await topology.dead_queue(link.channel)
            messages = await _deliver(queue)
        messages.sort(key=_since_of)
        for message in messages:
            if any(letter.id in ids for letter in _letters_of(message, topology)):
                is_changed = await _revise(message, topology, ids, decide, put_aside)
                with told_as_ours(link.to):
                    await (message.ack() if is_changed else message.nack(requeue=True))
    # what is not acknowledged goes back with the channel


async def _revise(
    message: AbstractIncomingMessage,
    topology: Topology,
    ids: Collection[str],
    decide: Decide,
    put_aside: Callable[[DeadLetter], Awaitable[None]],
) -> bool:
    """Decide on the letters of a message, put aside anew those that stay; False: all do so."""
    before = list(_letters_of(message, topology))
    after = [await decide(one) if one.id in ids else one for one in before]
    if after == before:
        return False
    for letter in after:
        if letter is not None:
            await put_aside(letter)
    return True


def _since_of(message: AbstractIncomingMessage) -> int:
    return _since_ns(message.headers)


async def _read(queue: AbstractQueue) -> list[AbstractIncomingMessage]:
    """Have the messages delivered and give them back."""
    messages = await _deliver(queue)
    if messages:
        await messages[-1].nack(multiple=True, requeue=True)
    return messages


async def _deliver(queue: AbstractQueue) -> list[AbstractIncomingMessage]:
    """Have the messages delivered; those that another reader holds are not."""
    count = min(LOOKED_AT, queue.declaration_result.message_count or 0)
    messages: list[AbstractIncomingMessage] = []
    if not count:
        return messages
    arriving: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await queue.consume(arriving.put, timeout=ANSWER_S)
    with suppress(TimeoutError):
        while len(messages) < count:
            messages.append(await asyncio.wait_for(arriving.get(), ANSWER_S))
    return messages


def _letters_of(message: AbstractIncomingMessage, topology: Topology) -> Iterator[DeadLetter]:
    mailbox, reason = _origin(message.headers, topology)
    at_ns = _since_ns(message.headers)
    if message.content_type == RAW:
        yield DeadLetter(mailbox=mailbox, reason=reason, body=message.body, at_ns=at_ns)
        return
    try:
        events: list[Event] = codec.decode(message.body, message.content_type)
    except UNREADABLE:
        yield DeadLetter(mailbox=mailbox, reason=reason, body=message.body, at_ns=at_ns)
        return
    for event in events:
        yield DeadLetter(mailbox=mailbox, reason=reason, event=event, at_ns=at_ns)


def _since(letter: DeadLetter) -> int:
    return letter.at_ns


def _origin(headers: Mapping[str, object], topology: Topology) -> tuple[str, str]:
    """Return mailbox and reason as we wrote them, or as the broker did (``x-death``)."""
    match headers:
        case {"mailbox": str(mailbox), "reason": str(reason)}:
            return mailbox, reason
        case {"x-death": [{"queue": str(queue), "reason": str(reason)}, *_]}:
            return topology.mailbox_of(queue), reason
        case _:
            return "", "of unknown origin"


def _since_ns(headers: Mapping[str, object]) -> int:
    """Return when we put it aside, or the broker did; 0: neither says."""
    match headers:
        case {"at_ns": str(text)} if text.isdecimal() and len(text) <= LONGEST_TIME:
            return int(text)
        case {"x-death": [{"time": datetime() as moment}, *_]}:
            return int(moment.timestamp()) * 1_000_000_000
        case _:
            return 0
