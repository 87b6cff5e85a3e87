"""The endpoints of what was: archive and store, and what is so new that only the view has it."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Request
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from api_service.answers import ASKED_WRONGLY, Api, Reads, promised, rows_answer
from api_service.pages import Page, best_of
from api_service.ranges import SeriesQuery, keys_of, older, ordered, page_of
from api_service.rows import candle_row, trade_row
from api_service.schemas import Answer, CandleRow, TradeRow
from api_service.view import Key
from market import Candle, Trade, VenueCandle

Interval: TypeAlias = Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"]

router = APIRouter(
    prefix="/v1",
    tags=["history"],
    responses=promised(*ASKED_WRONGLY, "range-too-large", "store-unavailable", "archive-damaged"),
)


class TradesQuery(SeriesQuery):
    """Which trades."""


class CandlesQuery(SeriesQuery):
    """Which candles."""

    interval: Interval = Field("1m", description="Length of a candle")
    source: Literal["trades", "venue", "any"] = Field(
        "trades",
        description="Made by us of the trades, or by the venue itself; any: by the venue where we "
        "have none, or an incomplete one",
    )


@router.get("/trades", response_model=Answer[TradeRow])
async def trades(
    request: Request, api: Reads, query: Annotated[TradesQuery, InQuery()]
) -> Response:
    """Return executions."""

    async def read(key: Key, start_ns: int, end_ns: int, limit: int) -> Sequence[Trade]:
        return await api.history.trades(*key, start_ns=start_ns, end_ns=end_ns, limit=limit)

    keys = keys_of(api, query)
    fresh = (trade for key in keys for trade in api.view.trades.get(key, {}).values())
    page = await page_of(api, query, [partial(read, key) for key in keys], fresh, query.symbol)
    rows = [trade_row(trade, query.number) for trade in ordered(page, query)]
    return rows_answer(api, rows, older=older(request, page))


@router.get("/candles", response_model=Answer[CandleRow])
async def candles(
    request: Request, api: Reads, query: Annotated[CandlesQuery, InQuery()]
) -> Response:
    """Return candles: closed ones, and the open one where the range reaches it."""
    page: Page[Candle | VenueCandle]
    if query.source == "trades":
        own = await _own_candles(api, query)
        page = Page([*own.rows], own.before)
    elif query.source == "venue":
        theirs = await _venue_candles(api, query)
        page = Page([*theirs.rows], theirs.before)
    else:
        both = await _own_candles(api, query), await _venue_candles(api, query)
        page = best_of(*both, query.limit)
    rows = [candle_row(candle, query.number) for candle in ordered(page, query)]
    return rows_answer(api, rows, older=older(request, page))


async def _own_candles(api: Api, query: CandlesQuery) -> Page[Candle]:
    async def read(key: Key, start_ns: int, end_ns: int, limit: int) -> Sequence[Candle]:
        return await api.history.candles(
            *key, query.interval, start_ns=start_ns, end_ns=end_ns, limit=limit
        )

    keys = keys_of(api, query)
    kept = (api.view.candles.get((*key, query.interval), {}) for key in keys)
    fresh = (candle for of_key in kept for candle in of_key.values())
    return await page_of(api, query, [partial(read, key) for key in keys], fresh, query.symbol)


async def _venue_candles(api: Api, query: CandlesQuery) -> Page[VenueCandle]:
    async def read(key: Key, start_ns: int, end_ns: int, limit: int) -> Sequence[VenueCandle]:
        return await api.history.venue_candles(
            *key, query.interval, start_ns=start_ns, end_ns=end_ns, limit=limit
        )

    keys = keys_of(api, query)
    kept = (api.view.venue_candles.get((*key, query.interval), {}) for key in keys)
    fresh = (candle for of_key in kept for candle in of_key.values())
    return await page_of(api, query, [partial(read, key) for key in keys], fresh, query.symbol)
