"""The bus in the AsyncAPI document: under which keys which events are published, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

import msgspec

from api_service.asyncapi_schemas import reference
from market import ActorStatus, Event, VenueStatus
from market.codec import JSON, MSGPACK
from market.instrument import Instrument
from market.routing import KEYS_AT_MOST, kind_of

Document: TypeAlias = dict[str, Any]

EXCHANGE = "market"
EVENTS_HEADER = "events"

_PARAMETERS: Mapping[str, str] = {
    "venue": "Name of the venue, such as kraken; all: across venues",
    "base": "What is traded, such as BTC",
    "quote_currency": "What prices are in, such as USD",
    "actor": "Name of the part, with dashes for dots: storage-writer",
}

KINDS: Mapping[str, type[msgspec.Struct]] = {kind_of(kind): kind for kind in get_args(Event)}
"""The events by the first word of their routing keys."""


def bus_channels() -> Document:
    """Return a channel for each kind of event."""
    return {f"bus_{word}": _channel(word, kind) for word, kind in KINDS.items()}


def bus_operations() -> Document:
    """Return that each kind is published."""
    return {
        f"publish_{word}": {
            "action": "send",
            "channel": {"$ref": f"#/channels/bus_{word}"},
            "messages": [{"$ref": f"#/channels/bus_{word}/messages/events"}],
        }
        for word in KINDS
    }


def events_message() -> Document:
    """Return the message that all events travel in."""
    return {
        "name": "events",
        "contentType": JSON,
        "summary": "A batch of events, in order; of whatever kinds and markets.",
        "description": f"Its content type says whether it is JSON or MessagePack ({MSGPACK}: the "
        "same structure). The first of its routing keys is the message's own, the others are in "
        f"BCC. Where there would be more than {KEYS_AT_MOST}, they are cut to their first two "
        "words, or to one: `quote.kraken`, `quote`. So who binds a pattern also binds what is left "
        "of it when it is cut so, and picks from each message the events that the pattern covers.",
        "headers": {
            "type": "object",
            "properties": {
                EVENTS_HEADER: {"type": "integer", "description": "How many events there are"},
                "BCC": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Further routing keys; the broker removes it",
                },
            },
            "patternProperties": {
                "^partition-of-[0-9]+$": {
                    "type": "integer",
                    "description": "Which of so many partitions its events are of; -1: of all",
                }
            },
        },
        "payload": {
            "type": "array",
            "items": {"oneOf": [reference(kind.__name__) for kind in KINDS.values()]},
        },
    }


def _channel(word: str, kind: type[msgspec.Struct]) -> Document:
    names = _names(kind)
    optional = kind is VenueStatus
    return {
        "address": ".".join([word, *(f"{{{name}}}" for name in names)]),
        "title": kind.__name__,
        "description": "Of a whole venue the key ends after its name."
        if optional
        else f"Events of the kind {kind.__name__}, among others.",
        "servers": [{"$ref": "#/servers/broker"}],
        "parameters": {name: {"description": _PARAMETERS[name]} for name in names},
        "messages": {"events": {"$ref": "#/components/messages/events"}},
        "bindings": {"amqp": _amqp()},
    }


def _names(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """Return what the words of the key after the first one are."""
    if "instrument" in kind.__struct_fields__:
        return ("venue", *Instrument.__struct_fields__)
    return ("actor",) if kind is ActorStatus else ("base",)


def _amqp() -> Document:
    exchange = {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False}
    return {"is": "routingKey", "exchange": exchange, "bindingVersion": "0.3.0"}
