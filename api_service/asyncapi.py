"""From the types of the live feed and of the bus to their AsyncAPI document, and into its file.

``python -m api_service.asyncapi`` writes ``docs/asyncapi.json``. See
https://www.asyncapi.com/docs/reference/specification/v3.0.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import msgspec
from pydantic import TypeAdapter

from api_service.asyncapi_bus import bus_channels, bus_operations, events_message
from api_service.asyncapi_schemas import REF, plain, reference
from api_service.live_protocol import (
    PATH,
    PROTOCOL,
    SUBPROTOCOL,
    IndicatorTerms,
    Message,
    Ping,
    Resume,
    Subscribe,
    Unsubscribe,
)
from api_service.live_requests import CHANNELS
from api_service.live_words import (
    SNAPSHOTS,
    UPDATES,
    Ack,
    Closing,
    Heartbeat,
    Missed,
    Pong,
    Refusal,
    Welcome,
)
from market import Event
from market.intervals import INTERVALS

Document: TypeAlias = dict[str, Any]

FILE = Path(__file__).parent.parent / "docs" / "asyncapi.json"

ABOUT = (
    "Two ways to hear events as they happen. The live feed is a WebSocket for anyone; prices and "
    "sizes are decimal strings, times RFC 3339 in UTC. The bus is RabbitMQ, between the services "
    "of one system: prices are numbers, times nanoseconds since the epoch (UTC)."
)

SAID: Mapping[str, type[msgspec.Struct]] = {
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "ping": Ping,
    "resume": Resume,
}
"""What clients say."""

TOLD: Mapping[str, Any] = {
    "welcome": Welcome,
    "ack": Ack,
    "gap": Missed,
    "heartbeat": Heartbeat,
    "pong": Pong,
    "error": Refusal,
    "closing": Closing,
    **{f"{channel}_snapshot": kind for channel, kind in SNAPSHOTS.items()},
    **{f"{channel}_update": kind for channel, kind in UPDATES.items()},
}
"""What they are told."""

ANSWERS = {"subscribe": "ack", "unsubscribe": "ack", "ping": "pong", "resume": "ack"}

EXAMPLES: Mapping[str, Sequence[Message]] = {
    "subscribe": (
        Subscribe(channel="quotes", id=1, symbol=["BTC-USDT"], venue=["binance", "kraken"]),
        Subscribe(channel="trades", id=2, symbol="BTC-USDT", limit=0, delivery="all"),
        Subscribe(
            channel="indicators",
            id=3,
            venue="kraken",
            symbol="BTC-USD",
            interval="5m",
            indicator=IndicatorTerms(name="macd", parameters={"fast": 8, "slow": 21}),
        ),
    ),
    "unsubscribe": (Unsubscribe(sub="s1", id=4),),
    "ping": (Ping(id=5),),
    "resume": (Resume(session="q4w…", streams={"s1": 41}, id=6),),
}


@cache
def document() -> Document:
    """Return the document."""
    names = [*SAID, *TOLD]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "CryptoTracker",
            "version": f"{PROTOCOL}.0.0",
            "description": ABOUT,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "api": {"host": "127.0.0.1:8000", "protocol": "ws", "description": "The API"},
            "broker": {
                "host": "127.0.0.1:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "RabbitMQ, where services are processes of their own",
            },
        },
        "channels": {"live": _live(names), **bus_channels()},
        "operations": {**_operations(), **bus_operations()},
        "components": {
            "messages": {**dict(map(_message, names)), "events": events_message()},
            "schemas": _schemas(),
        },
    }


def written() -> str:
    """Return the document as it stands in its file."""
    return msgspec.json.format(msgspec.json.encode(document())).decode() + "\n"


def _live(names: Iterable[str]) -> Document:
    return {
        "address": PATH,
        "title": "Live feed",
        "description": "One JSON object a frame. A client subscribes to channels of it; each row "
        f"has a key, and a later one takes its place. Subprotocol: {SUBPROTOCOL}, or none.",
        "servers": [{"$ref": "#/servers/api"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _operations() -> Document:
    asked = {
        name: {
            "action": "receive",
            "channel": {"$ref": "#/channels/live"},
            "summary": _summary(SAID[name]),
            "messages": [_of_live(name)],
            "reply": {
                "channel": {"$ref": "#/channels/live"},
                "messages": [_of_live(answer), _of_live("error")],
            },
        }
        for name, answer in ANSWERS.items()
    }
    unasked = [name for name in TOLD if name not in {*ANSWERS.values(), "error"}]
    tell = {
        "action": "send",
        "channel": {"$ref": "#/channels/live"},
        "summary": "What clients are told unasked, or because they subscribed.",
        "messages": [_of_live(name) for name in unasked],
    }
    return {**asked, "tell": tell}


def _of_live(name: str) -> Document:
    return {"$ref": f"#/channels/live/messages/{name}"}


def _message(name: str) -> tuple[str, Document]:
    kind = SAID.get(name) or TOLD[name]
    found: Document = {"name": name, "summary": _summary(kind), "payload": _payload(name)}
    if examples := EXAMPLES.get(name):
        found["examples"] = [{"payload": _without_defaults(one)} for one in examples]
    return name, found


def _payload(name: str) -> Document:
    if name in SAID:
        return reference(SAID[name].__name__)
    found: Document = _adapted()[0][name, "serialization"]
    return found


def _summary(kind: object) -> str:
    return cleandoc(getattr(kind, "__doc__", None) or "").partition("\n")[0]


def _without_defaults(message: Message) -> Document:
    known: Document = msgspec.to_builtins(message)
    defaults = {field.name: field.default for field in msgspec.structs.fields(message)}
    return {name: value for name, value in known.items() if value not in (defaults.get(name), [])}


def _schemas() -> Document:
    _, said = msgspec.json.schema_components([*SAID.values()], ref_template=REF)
    _, events = msgspec.json.schema_components(get_args(Event), ref_template=REF)
    asked = said["Subscribe"]["properties"]
    asked["channel"]["enum"] = sorted(CHANNELS)
    asked["interval"]["anyOf"][0]["enum"] = [*INTERVALS]
    told = _adapted()[1]
    if shared := (said.keys() & events.keys()) | (told.keys() & {*said, *events}):
        raise ValueError(f"two types are called {min(shared)}; name one of them otherwise")
    return {name: plain(one) for name, one in sorted({**said, **events, **told}.items())}


@cache
def _adapted() -> tuple[dict[Any, Any], dict[str, Any]]:
    """Return the references to what is told, and the schemas that they refer to."""
    mode: Literal["serialization"] = "serialization"
    adapters = [(name, mode, TypeAdapter(kind)) for name, kind in TOLD.items()]
    references, found = TypeAdapter.json_schemas(
        adapters,
        ref_template=REF.replace("name", "model"),
    )
    return dict(references), found["$defs"]


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
