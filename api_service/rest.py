"""The endpoints of what is latest: each reads the view, none computes."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from api_service.answers import (
    ASKED_WRONGLY,
    Names,
    Query,
    Reads,
    RowsQuery,
    json_answer,
    promised,
    rows_answer,
)
from api_service.names import read_instruments, read_venues, split
from api_service.rows import (
    MS,
    S,
    actor_row,
    book_row,
    books_row,
    quote_row,
    rfc3339,
    summary_row,
    symbol_of,
)
from api_service.schemas import (
    Answer,
    BookRow,
    InstrumentRow,
    QuoteRow,
    StatusAnswer,
    StatusRow,
    SummaryRow,
    VenueRow,
)
from api_service.selection import Filter
from api_service.view import Key
from infrastructure.health import faults

router = APIRouter(prefix="/v1", tags=["latest"], responses=promised(*ASKED_WRONGLY))


class MarketsQuery(RowsQuery):
    """Which instruments at which venues."""

    symbol: Names = Field(None, description="Symbols with commas; all when left out")
    venue: Names = Field(None, description="Venues with commas; all when left out")


class QuotesQuery(MarketsQuery):
    """Which quotes."""

    max_age_ms: float | None = Field(None, ge=0, description="Leave out quotes received earlier")


class BooksQuery(MarketsQuery):
    """Which books, how deep."""

    depth: int = Field(10, ge=1, le=1_000, description="Levels a side at most")


@router.get("/quotes", response_model=Answer[QuoteRow])
async def quotes(api: Reads, query: Annotated[QuotesQuery, InQuery()]) -> Response:
    """Return the latest best bid and ask of each venue and instrument."""
    now_ns = api.view.clock()
    oldest_ns = 0 if query.max_age_ms is None else now_ns - query.max_age_ms * MS
    rows = [
        quote_row(
            quote,
            stale_reason=api.view.why_stale(quote, now_ns),
            now_ns=now_ns,
            number=query.number,
        )
        for _, quote in sorted(_markets(api, query).of(api.view.quotes), key=_by_market)
        if quote.received_ns >= oldest_ns
    ]
    return rows_answer(api, rows, stale=any(row["stale"] for row in rows))


@router.get("/summaries", response_model=Answer[SummaryRow])
async def summaries(api: Reads, query: Annotated[MarketsQuery, InQuery()]) -> Response:
    """Return the last 24 hours of each instrument, as venues and price services tell them."""
    now_ns = api.view.clock()
    rows = [
        summary_row(
            summary,
            stale_reason=api.view.venues.why_troubled(*key, now_ns),
            now_ns=now_ns,
            number=query.number,
        )
        for key, summary in sorted(_markets(api, query).of(api.view.summaries), key=_by_market)
    ]
    return rows_answer(api, rows, stale=any(row["stale"] for row in rows))


@router.get("/books", response_model=Answer[BookRow])
async def books(api: Reads, query: Annotated[BooksQuery, InQuery()]) -> Response:
    """Return the latest books; one that is being rebuilt is left out."""
    found = sorted(_markets(api, query).of(api.view.books), key=_by_market)
    return rows_answer(api, [book_row(book, query.number, depth=query.depth) for _, book in found])


@router.get("/venues", response_model=Answer[VenueRow])
async def venues(api: Reads, _query: Annotated[Query, InQuery()]) -> Response:
    """Return how each venue does."""
    return rows_answer(api, _venue_rows(api))


@router.get("/instruments", response_model=Answer[InstrumentRow])
async def instruments(api: Reads, _query: Annotated[Query, InQuery()]) -> Response:
    """Return each instrument that was heard of, and where."""
    rows: list[InstrumentRow] = [
        {
            "symbol": symbol_of(instrument),
            "base": instrument.base,
            "quote_currency": instrument.quote_currency,
            "venues": sorted(api.view.known[instrument]),
        }
        for instrument in sorted(api.view.known)
    ]
    return rows_answer(api, rows)


@router.get("/status", response_model=StatusAnswer)
async def status(api: Reads, _query: Annotated[Query, InQuery()]) -> Response:
    """Return how the system does: venues, our parts, what was counted."""
    view = api.view
    now_ns = view.clock()
    told = list(view.current_actors(now_ns))
    statuses = [status for status, _ in told]
    row: StatusRow = {
        "mode": api.mode,
        "version": api.version,
        "started": rfc3339(view.started_ns),
        "uptime_s": (now_ns - view.started_ns) / S,
        "events": view.seen,
        "faults": faults(statuses),
        "books": books_row(statuses),
        "actors": [
            actor_row(status, heard_ns=heard_ns, now_ns=now_ns) for status, heard_ns in told
        ],
        "venues": _venue_rows(api),
        "gaps": view.seen["gap"],
        "live": {"clients": api.hub.clients, "streams": api.hub.streams},
    }
    return json_answer(api, {"data": row, "next": None})


def _venue_rows(api: Reads) -> list[VenueRow]:
    now_ns = api.view.clock()
    return [api.view.venues.row(name, now_ns) for name in api.view.venues.names]


def _markets(api: Reads, query: MarketsQuery) -> Filter:
    return Filter(
        instruments=read_instruments(split(query.symbol), api.view),
        venues=read_venues(split(query.venue), api.view),
    )


def _by_market(item: tuple[Key, object]) -> Key:
    return item[0]
