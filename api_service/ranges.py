"""What endpoints of history share: which part of it is asked for, and the page of it."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from pydantic import AfterValidator, Field

from api_service.answers import Api, Names, RowsQuery
from api_service.names import read_instruments, read_venues, series, split
from api_service.pages import ROWS_READ_AT_MOST, Page, Read, Span, newest, read_cursor
from api_service.problems import ProblemError, fault
from api_service.rows import S
from api_service.times import TIME_PATTERN, read_time
from api_service.view import Key
from market import Candle, Episode, Gap, Premium, Signal, Trade, VenueCandle

DAY_NS = 86_400 * S
"""How far ahead of ours a venue's clock may be."""

T = TypeVar("T", Trade, Candle, VenueCandle, Candle | VenueCandle, Gap, Episode, Premium, Signal)


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


class PageQuery(RowsQuery):
    """Which part of history; a page holds the newest rows of it."""

    start: Time | None = Field(None, description="From then on: RFC 3339, a day, -1h or now")
    end: Time | None = Field(None, description="Until then, exclusive; to the last if left out")
    limit: int = Field(100, ge=1, le=10_000, description="Rows a page")
    order: Literal["asc", "desc"] = Field("asc", description="Order of the rows within the page")
    before: Cursor | None = Field(None, description="Leads to older rows; it comes in `next`")


class RangeQuery(PageQuery):
    """Which part, and at which venues."""

    venue: Names = Field(None, description="Venues with commas; all that list it when left out")


class SeriesQuery(RangeQuery):
    """Which series."""

    symbol: str = Field(max_length=4_000, min_length=1, description="Symbols with commas")


def keys_of(api: Api, query: SeriesQuery) -> list[Key]:
    """Return the series meant; where both names are given the store may know more than the view.

    Raises:
        ProblemError: a name cannot be read, or they are too many.

    """
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


async def page_of(
    api: Api, query: RangeQuery, reads: Sequence[Read[T]], fresh: Iterable[T], symbol: str | None
) -> Page[T]:
    """Read a page; where it is empty the names may be why."""
    page = await newest(reads, fresh, span_of(query, api.view.clock()))
    if reads and not page.rows:
        check_names(api, symbol, query.venue)
    return page


def check_names(api: Api, symbol: str | None, venue: str | None) -> None:
    """Look whether there is what nothing was found of.

    Raises:
        ProblemError: there is no such symbol or venue.

    """
    read_instruments(split(symbol), api.view)
    read_venues(split(venue), api.view)


def span_of(query: PageQuery, now_ns: int) -> Span:
    """Read the range, and where in it the page ends.

    Raises:
        ProblemError: the range is empty.

    """
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


def ordered(page: Page[T], query: PageQuery) -> list[T]:
    """Return the rows in the order asked for."""
    return page.rows if query.order == "asc" else page.rows[::-1]


def older(request: Request, page: Page[T]) -> str | None:
    """Return the path of the page before; None: there is none."""
    if page.before is None:
        return None
    asked = {**request.query_params, "before": page.before}
    return f"{request.url.path}?{urlencode(asked)}"
