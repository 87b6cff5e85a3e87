"""The endpoints of premiums: the latest of each, and how they came to be so."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from analytics.routes.crossing import over
from api_service.answers import ASKED_WRONGLY, Names, Reads, RowsQuery, promised, rows_answer
from api_service.names import read_assets, read_venues, split
from api_service.pages import only
from api_service.ranges import SeriesQuery, keys_of, older, ordered, page_of
from api_service.route_rows import premium_row
from api_service.route_schemas import Basis, PremiumRow
from api_service.schemas import Answer
from api_service.view import Key
from market import Premium

router = APIRouter(prefix="/v1", tags=["routes"], responses=promised(*ASKED_WRONGLY))


class PremiumsQuery(RowsQuery):
    """Which premiums."""

    asset: Names = Field(None, description="What is compared, with commas; all when left out")
    venue: Names = Field(None, description="Venues that may be dearer; all when left out")
    basis: Basis | None = Field(None, description="Kind of rate used; all when left out")
    reference: str | None = Field(
        None, description="Venue that all are held against; as they are told when left out"
    )


class PremiumHistoryQuery(SeriesQuery):
    """Which part of which."""

    reference: Names = Field(None, description="Venue that they are held against")
    basis: Basis | None = Field(None, description="Kind of rate used; all when left out")


@router.get("/premiums", response_model=Answer[PremiumRow])
async def premiums(api: Reads, query: Annotated[PremiumsQuery, InQuery()]) -> Response:
    """Return by how much assets are dearer at one venue than at another, the latest of each."""
    now_ns = api.view.clock()
    assets = read_assets(split(query.asset))
    venues = read_venues(split(query.venue), api.view)
    latest = [premium for _, premium in api.view.current_premiums(now_ns)]
    if query.reference is not None:
        [reference] = read_venues([query.reference], api.view) or [query.reference]
        latest = list(over(reference, latest))
    rows = [
        premium_row(premium, now_ns=now_ns, number=query.number)
        for premium in latest
        if (assets is None or premium.instrument.base in assets)
        and (venues is None or premium.venue in venues)
        and query.basis in (None, premium.basis)
    ]
    return rows_answer(api, rows, stale=any(row["stale"] for row in rows))


@router.get(
    "/premiums/history",
    response_model=Answer[PremiumRow],
    responses=promised(*ASKED_WRONGLY, "range-too-large", "store-unavailable"),
)
async def history(
    request: Request, api: Reads, query: Annotated[PremiumHistoryQuery, InQuery()]
) -> Response:
    """Return premiums as they were, one a minute at most; the last ones as they are."""

    def is_meant(premium: Premium) -> bool:
        return query.basis in (None, premium.basis) and (
            query.reference in (None, premium.reference_venue)
        )

    async def read(key: Key, start_ns: int, end_ns: int, limit: int) -> Sequence[Premium]:
        return await api.store.premiums(*key, start_ns=start_ns, end_ns=end_ns, limit=limit)

    keys = keys_of(api, query)
    reads = [only(partial(read, key), is_meant) for key in keys]
    fresh = (
        premium
        for key, premium in api.view.premiums.items()
        if key[:2] in keys and is_meant(premium)
    )
    page = await page_of(api, query, reads, fresh, query.symbol)
    rows = [
        premium_row(premium, now_ns=premium.received_ns, number=query.number)
        for premium in ordered(page, query)
    ]
    return rows_answer(api, rows, older=older(request, page))
