"""The endpoint of whole series: archive and store as one, as a stream of CSV, JSON or Parquet."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter
from fastapi import Path as InPath
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import StreamingResponse

from api_service.answers import ASKED_WRONGLY, Api, Query, Reads, promised
from api_service.pages import within_time
from api_service.problems import ProblemError, fault
from api_service.ranges import DAY_NS, Time
from api_service.times import read_time
from infrastructure.archive.formats import MEDIA_TYPES, Format, written
from infrastructure.archive.joined import Wanted, joined
from infrastructure.archive.kinds import exported_intervals, exported_kind
from infrastructure.archive.sources import Span
from infrastructure.timeseries.port import Stored
from infrastructure.timeseries.question import columns_of
from market import Instrument

AT_ONCE = 4
"""Streams that are written at one time; each has a thread and a connection."""

Exported: TypeAlias = Literal[
    "trades",
    "quotes",
    "books",
    "candles",
    "venue-candles",
    "summaries",
    "gaps",
    "premiums",
    "signals",
]

router = APIRouter(
    prefix="/v1",
    tags=["history"],
    responses=promised(*ASKED_WRONGLY, "too-many-clients", "store-unavailable", "archive-damaged"),
)


class ExportQuery(Query):
    """Which series, and how it is written."""

    venue: str = Field(max_length=100, pattern="^[A-Za-z0-9_-]+$", description="One venue")
    symbol: str = Field(
        max_length=100,
        pattern="^[A-Za-z0-9]+[-/][A-Za-z0-9]+$",
        description="One symbol, such as BTC-USDT",
    )
    interval: Literal["1s", "1m", "5m", "15m", "1h", "4h", "1d"] = Field(
        "1m", description="Length of candles and of those that signals go by"
    )
    start: Time | None = Field(None, description="From then on: RFC 3339, a day, -1h or now")
    end: Time | None = Field(None, description="Until then, exclusive; to the last if left out")
    format: Format = Field("csv", description="CSV, a line of JSON a row, or a Parquet file")


@router.get(
    "/export/{kind}",
    response_class=StreamingResponse,
    responses={200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}},
)
async def export(
    kind: Annotated[Exported, InPath(description="What is exported")],
    api: Reads,
    query: Annotated[ExportQuery, InQuery()],
) -> StreamingResponse:
    """Return a whole series, oldest first; archived days come from the archive.

    Columns are those of the archive: times in nanoseconds since the epoch (UTC), symbols parted.
    """
    wanted, span = _wanted(kind, query), _span(api, query)
    if api.exports.locked():
        raise ProblemError("too-many-clients", f"{AT_ONCE} exports are being written.")
    await api.exports.acquire()
    try:
        batches = joined(api.store, api.archive, wanted, span, now_ns=api.view.clock())
        first = await within_time(anext(batches, None))
    except BaseException:
        api.exports.release()
        raise
    name = f"{query.venue}-{wanted.instrument}-{kind}.{query.format}"
    return StreamingResponse(
        _released(api, written(wanted.kind, _chained(first, batches), query.format)),
        media_type=MEDIA_TYPES[query.format],
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
        },
    )


def _wanted(kind: str, query: ExportQuery) -> Wanted:
    found = exported_kind(kind)
    interval = query.interval if "interval" in columns_of(found) else ""
    if interval and interval not in (known := exported_intervals(found)):
        raise ProblemError(
            "invalid-parameter",
            f"There are no {kind} of that interval.",
            [fault("interval", interval, f"one of {', '.join(known)}")],
        )
    return Wanted(found, query.venue.lower(), Instrument.parse(query.symbol), interval)


def _span(api: Api, query: ExportQuery) -> Span:
    now_ns = api.view.clock()
    start_ns = read_time(query.start, now_ns) if query.start else 0
    end_ns = read_time(query.end, now_ns) if query.end else now_ns + DAY_NS
    if start_ns >= end_ns:
        raise ProblemError(
            "invalid-parameter",
            "The range is empty: start must lie before end.",
            [fault("start", query.start, f"a time before {query.end}")],
        )
    return Span(start_ns, end_ns)


async def _chained(
    first: list[Stored] | None, others: AsyncIterator[list[Stored]]
) -> AsyncIterator[list[Stored]]:
    if first is not None:
        yield first
        async for batch in others:
            yield batch


async def _released(api: Api, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass the parts on; whoever comes next may begin once all are written, or nobody reads."""
    try:
        async for part in parts:
            yield part
    finally:
        api.exports.release()
