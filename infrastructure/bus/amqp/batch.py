"""Events to the message that carries them, within the sizes that a broker takes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from aio_pika import DeliveryMode, Message
from aiormq.abc import FieldValue

from market import Event, codec
from market.routing import routing_keys, venue_keys

Keys: TypeAlias = Literal["instrument", "venue"]
"""How far the keys of messages go; a broker takes some 15 µs for each."""

KEYS_OF: Mapping[Keys, Callable[[Sequence[Event]], Sequence[str]]] = {
    "instrument": routing_keys,
    "venue": venue_keys,
}

EVENTS_AT_MOST = 4_096
"""Each key of a message costs the broker, however many events share it: so many share it."""

EVENTS_HEADER = "events"
"""The header that says how many events a message holds."""

LARGEST_BODY = 1024**2
"""RabbitMQ 4 refuses messages of more than 16 MiB."""

LARGEST_KEYS = 100_000
"""Bytes of keys in the header: all of it must fit into one frame, of 131,072 bytes by default."""

KEY_EXTRA = 5
"""Bytes that the header takes for a key beside its own."""


class Batch(NamedTuple):
    """The first of some events, as the message that they leave in, and its routing key."""

    events: Sequence[Event]
    message: Message
    key: str


def batch_of(
    events: Sequence[Event],
    content_type: codec.ContentType,
    headers: Mapping[str, int],
    keys_of: Callable[[Sequence[Event]], Sequence[str]] = routing_keys,
) -> Batch:
    """Return a message of the events, or of the first part of them that is small enough.

    The key of the first event is the message's, those of the others are in the ``BCC`` header.
    """
    body, keys = codec.encode(events, content_type), keys_of(events)
    while len(events) > 1 and (len(body) > LARGEST_BODY or _size_of(keys) > LARGEST_KEYS):
        events = events[: len(events) // 2]
        body, keys = codec.encode(events, content_type), keys_of(events)
    all_headers: dict[str, FieldValue] = {EVENTS_HEADER: len(events), **headers}
    if len(keys) > 1:
        all_headers["BCC"] = list(keys[1:])
    message = Message(
        body,
        content_type=content_type,
        delivery_mode=DeliveryMode.PERSISTENT,
        headers=all_headers,
    )
    return Batch(events, message, keys[0])


def _size_of(keys: Sequence[str]) -> int:
    return sum(map(len, keys)) + KEY_EXTRA * len(keys)
