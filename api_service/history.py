"""The endpoints of what was: the store's rows, and those so new that only the view has them."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeAlias, TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi import Query as InQuery
from pydantic import AfterValidator, Field
from starlette.responses import Response

from api_service.answers import ASKED_WRONGLY, Api, Names, Reads, RowsQuery, promised, rows_answer
from api_service.names import read_instruments, read_venues, series, split
from api_service.pages import Page, Read, Span, newest, read_cursor
from api_service.problems import ProblemError, fault
from api_service.rows import S, candle_row, gap_row, trade_row
from api_service.schemas import Answer, CandleRow, GapRow, TradeRow
from api_service.times import TIME_PATTERN, read_time
from api_service.view import Key
from market import Candle, Gap, Trade

ROWS_READ_AT_MOST = 200_000
DAY_NS = 86_400 * S
"""How far ahead of ours a venue's clock may be."""

T = TypeVar("T", Trade, Candle, Gap)

Interval: TypeAlias = Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]

router = APIRouter(
    prefix="/v1",
    tags=["history"],
    responses=promised(*ASKED_WRONGLY, "range-too-large", "store-unavailable"),
)


def _checked_time(text: str) -> str:
    read_time(text, 0)
    return text


def _checked_cursor(text: str) -> str:
    read_cursor(text)
    return text


Time = Annotated[
    str,
    Field(max_length=40, json_schema_extra={"pattern": TIME_PATTERN}),
    AfterValidator(_checked_time),
]
Cursor = Annotated[str, Field(max_length=500), AfterValidator(_checked_cursor)]


class RangeQuery(RowsQuery):
    """Which part of history; a page holds the newest rows of it."""

    venue: Names = Field(None, description="Venues with commas; all that list it when left out")
    start: Time | None = Field(None, description="From then on: RFC 3339, a day, -1h or now")
    end: Time | None = Field(None, description="Until then, exclusive; to the last if left out")
    limit: int = Field(100, ge=1, le=10_000, description="Rows a page")
    order: Literal["asc", "desc"] = Field("asc", description="Order of the rows within the page")
    before: Cursor | None = Field(None, description="Leads to older rows; it comes in `next`")


class TradesQuery(RangeQuery):
    """Which trades."""

    symbol: str = Field(max_length=4_000, min_length=1, description="Symbols with commas")


class CandlesQuery(TradesQuery):
    """Which candles."""

    interval: Interval = Field("1m", description="Length of a candle")


class GapsQuery(RangeQuery):
    """Which gaps."""

    symbol: Names = Field(
        None, description="Symbols with commas; left out: gaps seen since the API was started"
    )


@router.get("/trades", response_model=Answer[TradeRow])
async def trades(
    request: Request, api: Reads, query: Annotated[TradesQuery, InQuery()]
) -> Response:
    """Return executions."""

    async def read(key: Key, start_ns: int, end_ns: int, limit: int) -> Sequence[Trade]:
        return await api.store.trades(*key, start_ns=start_ns, end_ns=end_ns, limit=limit)

    keys = _keys(api, query)
    fresh = (trade for key in keys for trade in api.view.trades.get(key, {}).values())
    page = await _page(api, query, keys, read, fresh)
    rows = [trade_row(trade, query.number) for trade in _ordered(page, query)]
    return rows_answer(api, rows, older=_older(request, page))


@router.get("/candles", response_model=Answer[CandleRow])
async def candles(
    request: Request, api: Reads, query: Annotated[CandlesQuery, InQuery()]
) -> Response:
    """Return candles: closed ones, and the open one where the range reaches it."""

    async def read(key: Key, start_ns: int, end_ns: int, limit: int) -> Sequence[Candle]:
        return await api.store.candles(
            *key, query.interval, start_ns=start_ns, end_ns=end_ns, limit=limit
        )

    keys = _keys(api, query)
    kept = (api.view.candles.get((*key, query.interval), {}) for key in keys)
    page = await _page(api, query, keys, read, (c for of in kept for c in of.values()))
    rows = [candle_row(candle, query.number) for candle in _ordered(page, query)]
    return rows_answer(api, rows, older=_older(request, page))


@router.get("/gaps", response_model=Answer[GapRow])
async def gaps(request: Request, api: Reads, query: Annotated[GapsQuery, InQuery()]) -> Response:
    """Return what is known to have been missed."""

    async def read(key: Key, start_ns: int, end_ns: int, limit: int) -> Sequence[Gap]:
        return await api.store.gaps(*key, start_ns=start_ns, end_ns=end_ns, limit=limit)

    keys = _keys(api, query) if query.symbol else []
    venues = read_venues(split(query.venue), api.view)
    fresh = (
        gap
        for gap in api.view.gaps
        if (gap.venue, gap.instrument) in keys
        or (not query.symbol and (venues is None or gap.venue in venues))
    )
    page = await _page(api, query, keys, read, fresh)
    rows = [gap_row(gap) for gap in _ordered(page, query)]
    return rows_answer(api, rows, older=_older(request, page))


def _keys(api: Api, query: TradesQuery | GapsQuery) -> list[Key]:
    """Return the series meant; where both names are given the store may know more than the view."""
    venues = frozenset(name.lower() for name in split(query.venue)) or None
    instruments = read_instruments(split(query.symbol), api.view, be_strict=venues is None)
    keys = series(instruments or (), venues, api.view)
    if len(keys) * query.limit > ROWS_READ_AT_MOST:
        raise ProblemError(
            "range-too-large",
            f"{len(keys)} series of {query.limit} rows are more than {ROWS_READ_AT_MOST} rows.",
            [fault("limit", query.limit, f"at most {ROWS_READ_AT_MOST // len(keys)} here")],
        )
    return keys


async def _page(
    api: Api, query: TradesQuery | GapsQuery, keys: Sequence[Key], read: Read[T], fresh: Iterable[T]
) -> Page[T]:
    page = await newest(keys, read, fresh, _span(query, api.view.clock()))
    if keys and not page.rows:
        read_instruments(split(query.symbol), api.view)
        read_venues(split(query.venue), api.view)
    return page


def _span(query: RangeQuery, now_ns: int) -> Span:
    start_ns = read_time(query.start, now_ns) if query.start else 0
    end_ns = read_time(query.end, now_ns) if query.end else now_ns + DAY_NS
    if start_ns >= end_ns:
        raise ProblemError(
            "invalid-parameter",
            "The range is empty: start must lie before end.",
            [fault("start", query.start, f"a time before {query.end}")],
        )
    before = read_cursor(query.before) if query.before else None
    return Span(start_ns=start_ns, end_ns=end_ns, limit=query.limit, before=before)


def _ordered(page: Page[T], query: RangeQuery) -> list[T]:
    return page.rows if query.order == "asc" else page.rows[::-1]


def _older(request: Request, page: Page[T]) -> str | None:
    if page.before is None:
        return None
    asked = {**request.query_params, "before": page.before}
    return f"{request.url.path}?{urlencode(asked)}"
