"""Dead letters at the broker: read without being taken."""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from aio_pika.abc import AbstractIncomingMessage

from infrastructure.bus.amqp.broker import ANSWER_S, Broker
from infrastructure.bus.amqp.faults import told_as_ours
from infrastructure.bus.amqp.topology import Topology
from infrastructure.bus.port import DeadLetter
from market import Event, codec

LONGEST_REASON = 2_000
"""Characters of a reason; a message's headers must fit into one frame."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What `codec.decode` raises about bytes that are no events."""


RAW = "application/octet-stream"
"""Type of bytes that no event could be made of."""


def headers_of(mailbox: str, reason: str, at_ns: int | None = None) -> dict[str, str]:
    """Return the headers that tell where a dead letter comes from, why, and since when."""
    at = str(time.time_ns() if at_ns is None else at_ns)
    return {"mailbox": mailbox, "reason": reason[:LONGEST_REASON], "at_ns": at}


async def read_dead_letters(
    broker: Broker, topology: Topology, at_most: int
) -> Sequence[DeadLetter]:
    """Return the oldest dead letters and put them back as they were."""
    letters: list[DeadLetter] = []
    async with broker.link("dead letters") as link:
        with told_as_ours(link.to):
            async with asyncio.timeout(ANSWER_S):
                queue = await topology.dead_queue(link.channel)
            last: AbstractIncomingMessage | None = None
            while len(letters) < at_most:
                message = await queue.get(fail=False, timeout=ANSWER_S)
                if message is None:
                    break
                last = message
                letters.extend(_letters_of(message, topology))
            if last is not None:
                await last.nack(multiple=True, requeue=True)
    return letters[:at_most]


def _letters_of(message: AbstractIncomingMessage, topology: Topology) -> Iterator[DeadLetter]:
    mailbox, reason = _origin(message.headers, topology)
    at_ns = int(str(message.headers.get("at_ns", "0")))
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


def _origin(headers: Mapping[str, object], topology: Topology) -> tuple[str, str]:
    """Return mailbox and reason as we wrote them, or as the broker did (``x-death``)."""
    match headers:
        case {"mailbox": str(mailbox), "reason": str(reason)}:
            return mailbox, reason
        case {"x-death": [{"queue": str(queue), "reason": str(reason)}, *_]}:
            return topology.mailbox_of(queue), reason
        case _:
            return "", "of unknown origin"
