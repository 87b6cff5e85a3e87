"""Events to the message that carries them, within the sizes that a broker takes."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import NamedTuple

from aio_pika import DeliveryMode
from aiormq import spec
from aiormq.abc import FieldValue

from market import Event, codec
from market.routing import message_keys

EVENTS_AT_MOST = 4_096
"""Each message and each key of it costs the broker, however many events share it: so many do."""

EVENTS_HEADER = "events"
"""The header that says how many events a message holds."""

LARGEST_BODY = 1024**2
"""RabbitMQ 4 refuses messages of more than 16 MiB."""

SAMPLED = 64
"""So many of the events at most show how large all of them are, and one in `FEW` of fewer."""

FEW = 32


_numbers = count(1)


class Batch(NamedTuple):
    """The first of some events, as the message that they leave in, and its routing key.

    Its properties are those of the protocol: to make a `Message` of aio-pika takes longer than all
    else here together.
    """

    events: Sequence[Event]
    body: bytes
    properties: spec.Basic.Properties
    key: str


def batch_of(
    events: Sequence[Event],
    content_type: codec.ContentType,
    headers: Mapping[str, int],
) -> Batch:
    """Return a message of the events, or of the first part of them that is small enough.

    The first of its keys is the message's, the others are in the ``BCC`` header.
    """
    events = events[: likely_fitting(events, content_type)]
    body = codec.encode(events, content_type)
    while len(events) > 1 and len(body) > LARGEST_BODY:
        events = events[: max(1, min(len(events) // 2, _share(len(events), len(body))))]
        body = codec.encode(events, content_type)
    keys = message_keys(events)
    all_headers: dict[str, FieldValue] = {EVENTS_HEADER: len(events), **headers}
    if len(keys) > 1:
        all_headers["BCC"] = list(keys[1:])
    properties = spec.Basic.Properties(
        content_type=content_type,
        headers=all_headers,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=str(next(_numbers)),  # by which the driver knows a message that is returned
    )
    return Batch(events, body, properties, keys[0])


def likely_fitting(events: Sequence[Event], content_type: codec.ContentType) -> int:
    """Guess how many of the first events are a message, from the size of a few of them.

    Where thousands of large ones wait, to encode all of them for each message that holds ten would
    leave no time for anything else, and more would wait ever after.
    """
    few = events[:: max(len(events) // SAMPLED, FEW)]
    if len(few) <= 1:
        return len(events)
    return max(1, min(len(events), _share(len(few), len(codec.encode(few, content_type)))))


def _share(events: int, size: int) -> int:
    """Return how many events are as large as a message may be, where so many are of that size."""
    return events * LARGEST_BODY // size
