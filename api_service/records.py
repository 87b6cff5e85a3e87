"""The endpoints of what is on record: what was missed, what was refused, what venues list."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from api_service.answers import (
    ASKED_WRONGLY,
    Api,
    Names,
    Query,
    Reads,
    json_answer,
    promised,
    rows_answer,
)
from api_service.names import read_instruments, split
from api_service.pages import STORE_TIMEOUT_S, place_of, within_time
from api_service.ranges import RangeQuery, check_names, older, ordered, page_of, span_of
from api_service.rest import MarketsQuery
from api_service.rows import S, gap_row, listing_row, quarantine_row
from api_service.schemas import (
    Answer,
    GapsAnswer,
    GapTotal,
    ListingRow,
    QuarantineRow,
)
from infrastructure.bus.port import DeadLetter
from infrastructure.timeseries.port import GapTerms
from market import BusUnavailableError, Gap

COUNTED_AT_MOST = 10_000
"""Gaps that totals are made of."""

LETTERS_READ_AT_MOST = 10_000

router = APIRouter(prefix="/v1", tags=["records"])


class GapsQuery(RangeQuery):
    """Which gaps."""

    symbol: Names = Field(None, description="Symbols with commas; all when left out")
    channel: Literal["trade", "quote", "book", "candle"] | None = Field(
        None, description="Of what; all when left out"
    )


class QuarantineQuery(Query):
    """What of it."""

    venue: Names = Field(None, description="Venues with commas; all when left out")
    limit: int = Field(100, ge=1, le=1_000, description="Rows; the newest are given")


@router.get(
    "/gaps",
    response_model=GapsAnswer,
    responses=promised(*ASKED_WRONGLY, "range-too-large", "store-unavailable"),
)
async def gaps(request: Request, api: Reads, query: Annotated[GapsQuery, InQuery()]) -> Response:
    """Return what is known to have been missed, and what that comes to at each venue."""
    terms = _terms(api, query)
    fresh = [gap for gap in api.view.gaps if terms.cover(gap)]

    async def read(start_ns: int, end_ns: int, limit: int) -> Sequence[Gap]:
        return await api.store.all_gaps(terms, start_ns=start_ns, end_ns=end_ns, limit=limit)

    page = await page_of(api, query, [read], fresh, query.symbol)
    span = span_of(query, api.view.clock())
    counted = await within_time(read(span.start_ns, span.end_ns, COUNTED_AT_MOST))
    recent = (gap for gap in fresh if span.start_ns <= gap.start_ns < span.end_ns)
    body = {
        "data": [gap_row(gap) for gap in ordered(page, query)],
        "next": older(request, page),
        "totals": _totals([*counted, *recent]),
    }
    return json_answer(api, body)


@router.get(
    "/listings",
    response_model=Answer[ListingRow],
    responses=promised(*ASKED_WRONGLY, "store-unavailable"),
)
async def listings(api: Reads, query: Annotated[MarketsQuery, InQuery()]) -> Response:
    """Return the terms on which venues list what is followed."""
    venues = {name.lower() for name in split(query.venue)}
    symbols = read_instruments(split(query.symbol), api.view, be_strict=False)
    stored = {(one.venue, one.instrument): one for one in await within_time(api.store.listings())}
    found = [
        listing_row(listed, query.number)
        for (venue, instrument), listed in sorted({**stored, **api.view.listings}.items())
        if (not venues or venue in venues) and (symbols is None or instrument in symbols)
    ]
    if not found:
        check_names(api, query.symbol, query.venue)
    return rows_answer(api, found)


@router.get(
    "/quarantine",
    response_model=Answer[QuarantineRow],
    responses=promised(*ASKED_WRONGLY, "bus-unavailable"),
)
async def quarantine(api: Reads, query: Annotated[QuarantineQuery, InQuery()]) -> Response:
    """Return frames that could not be read and events that could not be handled, oldest first."""
    venues = {name.lower() for name in split(query.venue)}
    letters = await _letters(api)
    found = [one for one in letters if not venues or one.venue in venues]
    if not found:
        check_names(api, None, query.venue)
    return rows_answer(api, [quarantine_row(letter) for letter in found[-query.limit :]])


def _terms(api: Api, query: GapsQuery) -> GapTerms:
    venues = frozenset(name.lower() for name in split(query.venue)) or None
    instruments = read_instruments(split(query.symbol), api.view, be_strict=False)
    return GapTerms(venues=venues, instruments=instruments, channel=query.channel)


def _totals(gaps: Iterable[Gap]) -> list[GapTotal]:
    by_venue: dict[str, list[Gap]] = {}
    for gap in {place_of(gap): gap for gap in gaps}.values():
        by_venue.setdefault(gap.venue, []).append(gap)
    return [
        {
            "venue": venue,
            "gaps": len(of_venue),
            "seconds": sum(gap.end_ns - gap.start_ns for gap in of_venue) / S,
            "missing": sum(gap.missing or 0 for gap in of_venue),
        }
        for venue, of_venue in sorted(by_venue.items())
    ]


async def _letters(api: Api) -> Sequence[DeadLetter]:
    try:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            return await api.view.bus.dead_letters(LETTERS_READ_AT_MOST)
    except TimeoutError as error:
        raise BusUnavailableError(f"no answer within {STORE_TIMEOUT_S:g} s") from error
