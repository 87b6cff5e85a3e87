"""The endpoints of indicators: which there are, and their values over stored candles."""

import asyncio
import csv
import io
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from analytics.indicators.named import Asked, Point, points_of
from analytics.indicators.runs import Told, told_of
from analytics.indicators.shipped import INDICATORS
from api_service.answers import ASKED_WRONGLY, Api, Query, Reads, json_answer, promised, rows_answer
from api_service.history import Interval
from api_service.indicator_points import PointReader, Wanted
from api_service.indicator_rows import (
    IndicatorAnswer,
    IndicatorKindRow,
    IndicatorRow,
    indicator_row,
    kind_row,
    of_row,
)
from api_service.indicator_terms import Markets, Question, question_of
from api_service.pages import Page, newest
from api_service.ranges import PageQuery, check_names, older, span_of
from api_service.schemas import Answer
from infrastructure.archive.formats import MEDIA_TYPES
from market import Candle

Name: TypeAlias = Literal[
    "sma",
    "ema",
    "rsi",
    "macd",
    "bollinger",
    "atr",
    "vwap",
    "spread",
    "spread-z-score",
    "premium",
    "premium-z-score",
]

router = APIRouter(prefix="/v1", tags=["indicators"])

_Name = Annotated[str, Field(min_length=1, max_length=100)]


class IndicatorQuery(PageQuery):
    """Of which candles, with which parameters."""

    venue: _Name = Field(description="One venue; all: across venues")
    symbol: _Name = Field(description="One symbol, such as BTC-USDT")
    interval: Interval = Field("1m", description="Length of a candle")
    period: int | None = Field(None, ge=1, le=1_000, description="Candles that a mean is of")
    width: float | None = Field(None, gt=0, le=100, description="Deviations to each bound")
    fast: int | None = Field(None, ge=1, le=1_000, description="Period of the fast mean")
    slow: int | None = Field(None, ge=1, le=1_000, description="Period of the slow mean")
    signal: int | None = Field(None, ge=1, le=1_000, description="Period of the signal line")
    reference_venue: _Name | None = Field(
        None, description="Venue of the market that it is held against"
    )
    reference_symbol: _Name | None = Field(
        None, description="Symbol of that market; the same when left out"
    )
    rate_venue: _Name | None = Field(
        None, description="Where the currency of that market is traded; the venue when left out"
    )
    format: Literal["json", "csv"] = Field("json", description="JSON, or CSV with a line a row")

    @property
    def parameters(self) -> dict[str, float]:
        """Those parameters that are given."""
        given = {name: getattr(self, name) for name in _PARAMETERS}
        return {name: value for name, value in given.items() if value is not None}

    @property
    def markets(self) -> Markets:
        """The markets that are named."""
        return Markets(**{name: getattr(self, name) for name in Markets.__struct_fields__})


_PARAMETERS = ("period", "width", "fast", "slow", "signal")


@router.get(
    "/indicators", response_model=Answer[IndicatorKindRow], responses=promised(*ASKED_WRONGLY)
)
async def indicators(api: Reads, _query: Annotated[Query, InQuery()]) -> Response:
    """Return the indicators that can be asked for, with their parameters and definitions."""
    return rows_answer(api, map(kind_row, INDICATORS.values()))


@router.get(
    "/indicators/{name}",
    response_model=IndicatorAnswer,
    responses={
        200: {"content": {MEDIA_TYPES["csv"]: {}}},
        **promised(*ASKED_WRONGLY, "range-too-large", "store-unavailable", "archive-damaged"),
    },
)
async def indicator(
    request: Request,
    name: Annotated[Name, InPath(description="Which indicator")],
    api: Reads,
    query: Annotated[IndicatorQuery, InQuery()],
) -> Response:
    """Return an indicator over our candles: a value a candle, the same wherever a page begins."""
    kind = INDICATORS[name]
    question = question_of(kind, query.parameters, query.interval, query.markets, api.view)
    page = await _candles(api, question, query)
    rows = await _rows(api, question, page.rows, query)
    if query.order == "desc":
        rows.reverse()
    next_path = older(request, page)
    if query.format == "csv":
        return _csv(question, rows, next_path)
    body = {"data": rows, "next": next_path}
    return json_answer(api, body, about={"indicator": of_row(question)})


async def _candles(api: Api, question: Question, query: IndicatorQuery) -> Page[Candle]:
    """Return the candles of its own market that the page is of."""

    async def read(start_ns: int, end_ns: int, limit: int) -> Sequence[Candle]:
        return await api.history.candles(
            *question.own, query.interval, start_ns=start_ns, end_ns=end_ns, limit=limit
        )

    fresh = api.view.candles.get((*question.own, query.interval), {}).values()
    page = await newest([read], fresh, span_of(query, api.view.clock()))
    if not page.rows:
        for venue, instrument in question.markets:
            check_names(api, str(instrument), venue)
    return page


async def _rows(
    api: Api, question: Question, candles: Sequence[Candle], query: IndicatorQuery
) -> list[IndicatorRow]:
    if not candles:
        return []
    first_ns, last_ns = candles[0].start_ns, candles[-1].start_ns
    reader = PointReader(api.history, api.view)
    wanted = Wanted(last_ns + 1, newest=len(candles), first_ns=first_ns)
    known = await reader.read(question, wanted)
    points = [*known.points, *([known.growing] if known.growing else [])]
    told = await asyncio.to_thread(_told, question.asked, points, first_ns)
    before = len(points) - len(told)
    return [
        indicator_row(question, one, query.number, closed=place < len(known.points))
        for place, one in enumerate(told, start=before)
    ]


def _told(asked: Asked, points: Sequence[Point], since_ns: int) -> list[Told]:
    return list(told_of(asked, points_of(points), since_ns=since_ns))


def _csv(question: Question, rows: Sequence[IndicatorRow], next_path: str | None) -> Response:
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["start", "closed", "settled", *question.asked.kind.tells])
    for row in rows:
        states = (str(row[name]).lower() for name in ("closed", "settled"))
        lines.writerow([row["start"], *states, *row["values"].values()])
    headers = {"cache-control": "no-store"}
    if next_path is not None:
        headers["link"] = f'<{next_path}>; rel="next"'
    return Response(text.getvalue(), media_type=MEDIA_TYPES["csv"], headers=headers)
