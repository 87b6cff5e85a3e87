"""The OpenAPI document: complete, and true whatever is asked."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import BaseSchema, Case, GenerationMode
from schemathesis.checks import positive_data_acceptance

from infrastructure.bus.port import DeadLetter
from tests.api.serving import an_api
from tests.making import a_candle, a_gap, a_trade
from tests.one_of_each import one_of_each

HOST = "127.0.0.1"

WITH_PARAMETERS = (
    "/v1/quotes",
    "/v1/books",
    "/v1/routes",
    "/v1/trades",
    "/v1/candles",
    "/v1/gaps",
    "/v1/summaries",
    "/v1/listings",
    "/v1/quarantine",
    "/v1/episodes",
    "/v1/premiums",
    "/v1/premiums/history",
    "/v1/signals",
    "/v1/signals/latest",
    "/v1/indicators/{name}",
    "/v1/export/{kind}",
    "/v1/routes/{route_id}",
)

WITHOUT = (
    "/v1/venues",
    "/v1/instruments",
    "/v1/indicators",
    "/v1/strategies",
    "/v1/status",
    "/healthz",
    "/readyz",
)

ASKED_WITH_A_BODY = ("/v1/backtests",)

ASKED_RIGHTLY = [("GET", path, GenerationMode.POSITIVE) for path in (*WITH_PARAMETERS, *WITHOUT)]
ASKED_WRONGLY = [("GET", path, GenerationMode.NEGATIVE) for path in WITH_PARAMETERS]
POSTED_WRONGLY = [("POST", path, GenerationMode.NEGATIVE) for path in ASKED_WITH_A_BODY]


@pytest.fixture(scope="module")
def promised() -> Iterator[BaseSchema]:
    """The document of an API that has one of everything."""
    api = an_api()
    api.view.listening.set()
    asyncio.run(api.feed(*one_of_each(api.clock.now_ns)))
    letters = [DeadLetter("stream.kraken", "unreadable", body=body) for body in (b"{", b"\xff")]
    asyncio.run(api.view.bus.put_aside(letters))
    asyncio.run(api.store.write([a_candle(), a_trade(number=2), a_gap()]))
    yield schemathesis.openapi.from_asgi("/openapi.json", api.app, headers={"host": HOST})
    api.store.close()


@pytest.mark.parametrize(
    ("method", "path", "mode"), [*ASKED_RIGHTLY, *ASKED_WRONGLY, *POSTED_WRONGLY]
)
def test_what_is_promised_is_kept(
    method: str, path: str, mode: GenerationMode, promised: BaseSchema
) -> None:
    operation = promised[path][method]

    @given(operation.as_strategy(generation_mode=mode))
    @settings(max_examples=20, database=None, derandomize=True)
    def ask(case: Case[Any]) -> None:
        case.call_and_validate(headers={"host": HOST}, excluded_checks=[positive_data_acceptance])

    ask()


def test_every_parameter_and_every_field_is_described() -> None:
    api = an_api()
    document = api.app.openapi()
    api.store.close()

    parameters = [
        parameter
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
    ]
    fields = dict(_fields(document["components"]["schemas"]))

    assert [p["name"] for p in parameters if not p.get("description")] == []
    assert [name for name, field in fields.items() if not _is_described(field)] == []
    assert set(document["paths"]) == {*WITH_PARAMETERS, *WITHOUT, *ASKED_WITH_A_BODY}


def test_every_schema_has_a_name_of_its_own() -> None:
    api = an_api()
    names = api.app.openapi()["components"]["schemas"].keys()
    api.store.close()

    assert [name for name in names if "__" in name] == []


def test_every_fault_and_what_must_be_given_has_an_example() -> None:
    api = an_api()
    document = api.app.openapi()
    api.store.close()

    operations = [one for path in document["paths"].values() for one in path.values()]
    lacking = [
        parameter["name"]
        for operation in operations
        for parameter in operation.get("parameters", [])
        if parameter["required"] and not {"enum", "example"} & {*parameter["schema"], *parameter}
    ]
    faults = [
        content
        for operation in operations
        for answer in operation["responses"].values()
        for kind, content in answer.get("content", {}).items()
        if kind == "application/problem+json"
    ]

    assert lacking == []
    assert all(content["examples"] for content in faults)
    assert all({"400", "500"} <= set(operation["responses"]) for operation in operations)
    assert len({operation["summary"] for operation in operations}) == len(operations)


def _fields(schemas: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, found in schemas.items():
        for field, about in found.get("properties", {}).items():
            yield f"{name}.{field}", about


def _is_described(field: Mapping[str, Any]) -> bool:
    return "description" in field or "$ref" in field
