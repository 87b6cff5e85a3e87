"""Events to bytes and back: JSON, or MessagePack where it is chosen; a message is a batch."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from market.events import Event

ContentType: TypeAlias = Literal["application/json", "application/msgpack"]

JSON: ContentType = "application/json"
MSGPACK: ContentType = "application/msgpack"

_json_encoder = msgspec.json.Encoder()
_json_decoder: msgspec.json.Decoder[list[Event]] = msgspec.json.Decoder(list[Event])
_msgpack_encoder = msgspec.msgpack.Encoder()
_msgpack_decoder: msgspec.msgpack.Decoder[list[Event]] = msgspec.msgpack.Decoder(list[Event])


def encode(events: Sequence[Event], content_type: ContentType = JSON) -> bytes:
    """Write the events as one message body."""
    if content_type == MSGPACK:
        return _msgpack_encoder.encode(events)
    return _json_encoder.encode(events)


def decode(body: bytes, content_type: str | None = JSON) -> list[Event]:
    """Read a message body.

    Raises:
        msgspec.DecodeError: it is not a list of events in the format that its type names.

    """
    if content_type == MSGPACK:
        return _msgpack_decoder.decode(body)
    return _json_decoder.decode(body)
