"""The endpoints of arbitrage routes: those there are, one with its receipt, past lives."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from api_service.answers import (
    ASKED_WRONGLY,
    Names,
    Reads,
    RowsQuery,
    json_answer,
    promised,
    rows_answer,
)
from api_service.names import near_routes, read_assets, read_venue, split
from api_service.pages import newest, only
from api_service.problems import ProblemError
from api_service.ranges import PageQuery, older, ordered, span_of
from api_service.route_rows import episode_row, route_row
from api_service.route_schemas import (
    EpisodeRow,
    RouteAnswer,
    RouteKind,
    RouteMode,
    RoutesAnswer,
)
from api_service.schemas import Answer, Fault
from api_service.selection import (
    Filter,
    RouteSort,
    RouteTerms,
    count_suspicious,
    find_routes,
)
from market import Episode

router = APIRouter(prefix="/v1", tags=["routes"], responses=promised(*ASKED_WRONGLY))


class RoutesQuery(RowsQuery):
    """Which routes, in which order."""

    asset: Names = Field(None, description="What the first leg gets, with commas; or all")
    buy: Names = Field(None, description="Venue of the first trade")
    sell: Names = Field(None, description="Venue of the last trade")
    kind: RouteKind | None = Field(
        None, description="fx: a comparison through a rate; direct: one market at two venues"
    )
    mode: RouteMode | None = Field(
        None, description="inventory: funds wait at every venue; transfer: coins are sent"
    )
    takeable: bool | None = Field(None, description="Only those that can, or cannot, be taken")
    min_net_bps: float | None = Field(None, description="Leave out those that return less")
    min_profit_usd: float | None = Field(None, description="Leave out those that earn less")
    notional: float | None = Field(
        None,
        gt=0,
        description="US dollars to put in: what a route earns on them is read off its curve by "
        "interpolation, told as at_notional, and meant by min_net_bps, min_profit_usd and the "
        "order; size and profit of a row stay those of its best size, and a route that cannot "
        "take so much, or so little, is left out",
    )
    max_age_ms: float | None = Field(None, ge=0, description="Leave out those on older quotes")
    suspicious: bool = Field(
        default=False, description="Also those whose prices cannot be those of one coin"
    )
    sort: RouteSort = Field(
        "best",
        description="A minus: largest first; best: takeable ones first, then what pays, then "
        "comparisons that do, by profit in dollars",
    )
    limit: int = Field(100, ge=1, le=10_000, description="Rows at most")
    detail: bool = Field(default=True, description="With legs, curve and receipt")


class EpisodesQuery(PageQuery):
    """Which lives."""

    asset: Names = Field(None, description="What the first leg gets, with commas; or all")
    kind: RouteKind | None = Field(None, description="Of which kind; all when left out")
    mode: RouteMode | None = Field(None, description="Of which mode; all when left out")


@router.get("/routes", response_model=RoutesAnswer)
async def routes(api: Reads, query: Annotated[RoutesQuery, InQuery()]) -> Response:
    """Return the arbitrage routes there are, best first."""
    now_ns = api.view.clock()
    wanted = Filter(
        assets=read_assets(split(query.asset)),
        limit=query.limit,
        sort=query.sort,
        terms=RouteTerms(
            buy=read_venue(query.buy, api.view),
            sell=read_venue(query.sell, api.view),
            min_net_bps=query.min_net_bps,
            min_profit_usd=query.min_profit_usd,
            max_age_ms=query.max_age_ms,
            notional=query.notional,
            kind=query.kind,
            mode=query.mode,
            takeable=query.takeable,
            suspicious=query.suspicious,
        ),
    )
    found = find_routes(api.view, wanted, now_ns)
    rows = [
        route_row(one, now_ns=now_ns, number=query.number, detail=query.detail) for one in found
    ]
    hidden = 0 if query.suspicious else count_suspicious(api.view, wanted)
    stale = any("stale" in one.why_not for one in found)
    return json_answer(api, {"data": rows, "next": None}, stale=stale, about={"suspicious": hidden})


@router.get(
    "/routes/{route_id}",
    response_model=RouteAnswer,
    responses=promised(*ASKED_WRONGLY, "unknown-route"),
)
async def route(
    api: Reads,
    route_id: Annotated[str, Path(description="URL-encoded: %7C for |, %3A for :, %3E for >")],
    query: Annotated[RowsQuery, InQuery()],
) -> Response:
    """Return one route with its legs, its curve and its receipt."""
    now_ns = api.view.clock()
    wanted = Filter(limit=1, terms=RouteTerms(id=route_id, suspicious=True))
    found = find_routes(api.view, wanted, now_ns)
    if not found:
        raise _no_such_route(route_id, near_routes(route_id, api.view))
    row = route_row(found[0], now_ns=now_ns, number=query.number, detail=True)
    return json_answer(api, {"data": row, "next": None}, stale="stale" in row["why_not"])


@router.get(
    "/episodes",
    response_model=Answer[EpisodeRow],
    responses=promised(*ASKED_WRONGLY, "range-too-large", "store-unavailable"),
)
async def episodes(
    request: Request, api: Reads, query: Annotated[EpisodesQuery, InQuery()]
) -> Response:
    """Return the lives of routes that were profitable for a while, by when they ended."""
    assets = read_assets(split(query.asset))

    def is_meant(episode: Episode) -> bool:
        return query.kind in (None, episode.type) and query.mode in (None, episode.mode)

    async def read(base: str | None, start_ns: int, end_ns: int, limit: int) -> Sequence[Episode]:
        return await api.store.episodes(base, start_ns=start_ns, end_ns=end_ns, limit=limit)

    bases = [None] if assets is None else sorted(assets)
    reads = [only(partial(read, base), is_meant) for base in bases]
    fresh = (
        episode
        for episode in api.view.episodes.values()
        if is_meant(episode) and (assets is None or episode.base in assets)
    )
    page = await newest(reads, fresh, span_of(query, api.view.clock()))
    rows = [episode_row(episode) for episode in ordered(page, query)]
    return rows_answer(api, rows, older=older(request, page))


def _no_such_route(route_id: str, near: list[str]) -> ProblemError:
    found: Fault = {
        "parameter": "route_id",
        "value": route_id,
        "reason": "the id of a route that GET /v1/routes lists",
    }
    if near:
        found["did_you_mean"] = near
    return ProblemError("unknown-route", f"There is no route {route_id} now.", [found])
