"""What endpoints share: the parts they read from, and answers with rows and what they are worth."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api_service.backtest_desk import BacktestDesk
from api_service.live_hub import LiveHub
from api_service.problems import KINDS, ProblemError
from api_service.rows import NumberFormat, decimal, rfc3339
from api_service.schemas import Mode, ProblemBody
from api_service.view import LatestView
from infrastructure.archive.files import Files
from infrastructure.archive.history import History
from infrastructure.timeseries.past import Store

Names: TypeAlias = Annotated[str | None, Field(max_length=4_000)]

PROBLEM_SCHEMA = "#/components/schemas/ProblemBody"

ASKED_WRONGLY = ("invalid-parameter", "unknown-symbol", "unknown-venue", "unknown-host")

Responses: TypeAlias = dict[int | str, dict[str, Any]]


def promised(*kinds: str) -> Responses:
    """Describe the kinds of problem that an endpoint may answer with, for the OpenAPI document.

    Any may answer that the fault is ours.
    """
    by_status: dict[int, list[str]] = {}
    for kind in (*kinds, "internal"):
        by_status.setdefault(KINDS[kind].status, []).append(kind)
    return {
        status: {
            "description": "; ".join(f"{KINDS[kind].title}: {kind}" for kind in of_status),
            "content": {
                "application/problem+json": {
                    "schema": {"$ref": PROBLEM_SCHEMA},
                    "examples": {kind: {"value": _problem(kind)} for kind in of_status},
                }
            },
        }
        for status, of_status in by_status.items()
    }


def _problem(kind: str) -> ProblemBody:
    """Return what such a problem looks like; its detail says more where it is met."""
    return ProblemError(kind, KINDS[kind].remedy).body("/v1/quotes")


class Api(msgspec.Struct, frozen=True):
    """What the endpoints read from."""

    view: LatestView
    hub: LiveHub
    store: Store
    history: History
    mode: Mode
    version: str
    exports: asyncio.Semaphore
    archive: Files | None = None
    backtests: BacktestDesk = msgspec.field(default_factory=BacktestDesk)


def api_of(request: Request) -> Api:
    """Give an endpoint what the composition root made."""
    api: Api = request.app.state.api
    return api


Reads = Annotated[Api, Depends(api_of)]


class Query(BaseModel):
    """The parameters of an endpoint that has none of its own; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RowsQuery(Query):
    """The parameters of every endpoint with rows."""

    numbers: Literal["string", "float"] = Field(
        "string", description="Prices and sizes as exact decimal strings, or as JSON numbers"
    )

    @property
    def number(self) -> NumberFormat:
        """How a price or size is written."""
        return decimal if self.numbers == "string" else _as_it_is


def rows_answer(
    api: Api, rows: Iterable[object], *, stale: bool = False, older: str | None = None
) -> Response:
    """Answer with rows.

    Args:
        api: What they were read from.
        rows: As the schemas have them.
        stale: Whether a row must not be relied on; that no venue is live is added here.
        older: Path of the page of older rows.

    """
    return json_answer(api, {"data": list(rows), "next": older}, stale=stale)


def json_answer(
    api: Api,
    body: Mapping[str, object],
    *,
    stale: bool = False,
    about: Mapping[str, object] | None = None,
) -> Response:
    """Answer with ``body``, what it is worth and ``about`` it what else there is to say."""
    now_ns = api.view.clock()
    meta = {
        **(about or {}),
        "mode": api.mode,
        "as_of": rfc3339(now_ns),
        "stale": stale or not api.view.venues.any_live(now_ns),
    }
    return json_response({**body, "meta": meta})


def json_response(body: object, status: int = 200) -> Response:
    """Answer with JSON that nobody keeps."""
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _as_it_is(value: float) -> float:
    return value
