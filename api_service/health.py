"""Health: whether the process lives, and whether it has something true to say yet."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery
from starlette.responses import Response

from api_service.answers import Api, Query, Reads, json_response, promised
from api_service.pages import within_time
from api_service.rows import S
from api_service.schemas import HealthRow, ReadinessRow
from infrastructure.health import faults
from market import Instrument, StoreUnavailableError

router = APIRouter(tags=["health"], responses=promised("invalid-parameter", "unknown-host"))

NOTHING = Instrument("NONE", "NONE")
"""An instrument to ask the store for, just to see that it answers."""


@router.get("/healthz", response_model=HealthRow)
async def healthz(api: Reads, _query: Annotated[Query, InQuery()]) -> Response:
    """Tell that the process lives."""
    uptime_s = (api.view.clock() - api.view.started_ns) / S
    row: HealthRow = {"status": "ok", "version": api.version, "uptime_s": uptime_s}
    return json_response(row)


@router.get(
    "/readyz",
    response_model=ReadinessRow,
    responses={503: {"description": "Not ready yet", "model": ReadinessRow}},
)
async def readyz(api: Reads, _query: Annotated[Query, InQuery()]) -> Response:
    """Tell whether the API is of use, and what is waited for until then."""
    waiting_for = [*_not_yet(api), *await _not_stored(api), *_not_well(api)]
    row: ReadinessRow = {"ready": not waiting_for, "waiting_for": waiting_for}
    return json_response(row, 503 if waiting_for else 200)


def _not_yet(api: Api) -> list[str]:
    waiting_for = []
    if not api.view.listening.is_set():
        waiting_for.append("the bus: the view's mailbox is not open")
    if not api.view.venues.any_live(api.view.clock()):
        names = ", ".join(api.view.venues.names) or "any"
        waiting_for.append(f"a live venue: {names}")
    if not api.view.known:
        waiting_for.append("the first event of a market")
    return waiting_for


def _not_well(api: Api) -> list[str]:
    """Return what is wrong with any part of the system, here or in another process."""
    return faults(status for status, _ in api.view.current_actors(api.view.clock()))


async def _not_stored(api: Api) -> list[str]:
    try:
        await within_time(api.store.gaps("none", NOTHING, start_ns=0, end_ns=1, limit=1))
    except StoreUnavailableError as error:
        return [f"the store: {error}"]
    return []
