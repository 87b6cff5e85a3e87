"""The AsyncAPI document: up to date, whole, and true of what is sent.

That all that clients are told is as it says is looked at wherever a test hears it (`LiveSocket`).
"""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema_rs
import msgspec
import pytest

from api_service.asyncapi import EXAMPLES, FILE, document, written
from api_service.asyncapi_bus import EVENTS_HEADER, EXCHANGE, KINDS
from api_service.live_protocol import read_message
from api_service.live_requests import CHANNELS
from api_service.live_words import SNAPSHOTS, UPDATES
from infrastructure.bus.amqp import batch, layout
from market import ActorStatus, Episode, Event, Routes, VenueStatus, codec, routing_key
from tests.api.documented import check_message
from tests.making import SECOND, a_trade
from tests.one_of_each import one_of_each

ONE_OF_EACH = one_of_each(SECOND)


def test_the_file_is_what_the_types_say() -> None:
    assert FILE.read_text("utf-8") == written(), "write it with python -m api_service.asyncapi"


async def test_it_is_served(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/asyncapi.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.text == written()


def test_every_reference_leads_somewhere() -> None:
    broken = [path for path in _references(document()) if not _leads(path)]

    assert broken == []


def test_every_channel_is_there() -> None:
    assert set(SNAPSHOTS) == set(UPDATES) == set(CHANNELS)


def test_every_field_of_what_is_told_is_described() -> None:
    told = (f"{channel}_{kind}" for channel in CHANNELS for kind in ("snapshot", "update"))
    schemas = document()["components"]["schemas"]
    names = {document()["components"]["messages"][name]["payload"]["$ref"] for name in told}

    lacking = [
        f"{name} {field}"
        for name in names
        for field, about in schemas[name.rpartition("/")[2]]["properties"].items()
        if field != "type" and not {"description", "$ref"} & set(about)
    ]

    assert lacking == []


def test_the_bus_is_named_as_it_is() -> None:
    assert EXCHANGE == layout.EXCHANGE
    assert EVENTS_HEADER == batch.EVENTS_HEADER
    assert set(KINDS.values()) == {type(event) for event in ONE_OF_EACH}


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_events_are_sent_as_it_says_under_the_keys_it_says(event: Event) -> None:
    body = msgspec.json.decode(codec.encode([event]))

    check_message("events", body)

    key = routing_key(event)
    channel = document()["channels"][f"bus_{key.partition('.')[0]}"]
    assert key == _filled(channel["address"], event)
    assert [*channel["parameters"]] == re.findall(r"{(\w+)}", channel["address"])


def test_an_event_that_lacks_something_is_not_as_it_says() -> None:
    [body] = msgspec.json.decode(codec.encode([a_trade()]))
    del body["price"]

    with pytest.raises(jsonschema_rs.ValidationError):
        check_message("events", [body])


def test_its_examples_can_be_said() -> None:
    messages = document()["components"]["messages"]

    for name, meant in EXAMPLES.items():
        for example, message in zip(messages[name]["examples"], meant, strict=True):
            check_message(name, example["payload"])
            assert read_message(msgspec.json.encode(example["payload"])) == message


def _filled(address: str, event: Event) -> str:
    """Fill an address with what it says the words of the key are."""
    match event:
        case ActorStatus():
            return address.format(actor=event.actor.replace(".", "-"))
        case Routes() | Episode():
            return address.format(base=event.base)
        case VenueStatus(instrument=None):  # of a whole venue the key ends after its name
            return address.partition(".{base}")[0].format(venue=event.venue)
        case _:
            words = msgspec.structs.asdict(event.instrument) if event.instrument else {}
            return address.format(venue=event.venue, **words)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list):
        for one in part:
            yield from _references(one)


def _leads(path: str) -> bool:
    found: Any = document()
    for name in path.removeprefix("#/").split("/"):
        if name not in found:
            return False
        found = found[name]
    return True
