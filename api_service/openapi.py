"""The OpenAPI document: the library's own, with our problems in place of its errors, and examples.

The live feed is described in a document of its own, see `asyncapi`.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

from api_service.answers import promised
from api_service.schemas import ProblemBody

EXAMPLES: Mapping[str, object] = {
    "symbol": "BTC-USDT",
    "venue": "kraken",
    "asset": "BTC",
    "buy": "kraken",
    "sell": "upbit",
    "route_id": "I|kraken:USDT>kraken:BTC>binance:BTC>binance:USDT",
    "start": "-1d",
    "end": "2026-11-22T08:00:00Z",
    "reference": "kraken",
    "reference_venue": "binance",
    "reference_symbol": "BTC-USDT",
    "rate_venue": "upbit",
    "strategy": "sma-cross",
    "parameters": "fast=10 slow=30",
    "max_age_ms": 5_000,
    "min_net_bps": 5,
    "min_profit_usd": 1,
    "notional": 500,
    "period": 20,
    "width": 2,
    "fast": 12,
    "slow": 26,
    "signal": 9,
}
"""Values of parameters, by name."""

BODIES: Mapping[str, object] = {
    "/v1/backtests": {
        "strategy": "sma-cross",
        "parameters": {"fast": 10, "slow": 30},
        "venue": "kraken",
        "symbol": "BTC-USDT",
        "interval": "5m",
        "start": "-30d",
    }
}
"""Bodies of requests, by path."""

LIVE = {"url": "/v1/asyncapi.json", "description": "The live feed at /v1/live, as AsyncAPI"}


class Application(FastAPI):
    """Documents its problems as they are answered, in place of the library's own."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["externalDocs"] = LIVE
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _complete(path, operation)
            _put_problems(document["components"]["schemas"])
        return self.openapi_schema or {}


def _complete(path: str, operation: dict[str, Any]) -> None:
    operation["summary"] = operation["description"].partition("\n")[0].rstrip(".")
    responses = operation["responses"]
    responses.pop("422", None)
    for status, about in promised().items():
        responses.setdefault(str(status), about)
    for parameter in operation.get("parameters", []):
        if parameter["name"] in EXAMPLES and "enum" not in str(parameter["schema"]):
            parameter["example"] = EXAMPLES[parameter["name"]]
    if path in BODIES:
        operation["requestBody"]["content"]["application/json"]["example"] = BODIES[path]


def _put_problems(schemas: dict[str, Any]) -> None:
    for unused in ("HTTPValidationError", "ValidationError"):
        del schemas[unused]
    adapter = TypeAdapter(ProblemBody)
    problem = adapter.json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"), ProblemBody=problem)
