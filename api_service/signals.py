"""The endpoints of signals: what strategies say now, and what they said that changed something."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response

from api_service.answers import ASKED_WRONGLY, Api, Names, Reads, RowsQuery, promised, rows_answer
from api_service.names import read_instruments, split
from api_service.ranges import RangeQuery, check_names, older, ordered, page_of
from api_service.schemas import Answer
from api_service.signal_rows import SignalRow, signal_row
from infrastructure.timeseries.port import SignalTerms
from market import Signal

router = APIRouter(prefix="/v1", tags=["signals"], responses=promised(*ASKED_WRONGLY))

_SYMBOL = Field(None, description="Symbols with commas; all when left out")
_STRATEGY = Field(None, description="Names of strategies with commas; all when left out")
_INTERVAL = Field(
    None, description="What they are told of, with commas: 1m, 5m, quotes; all when left out"
)


class LatestSignalsQuery(RowsQuery):
    """Which signals."""

    symbol: Names = _SYMBOL
    venue: Names = Field(None, description="Venues with commas; all when left out")
    strategy: Names = _STRATEGY
    interval: Names = _INTERVAL


class SignalsQuery(RangeQuery):
    """Which part of which."""

    symbol: Names = _SYMBOL
    strategy: Names = _STRATEGY
    interval: Names = _INTERVAL
    parameters: str | None = Field(
        None, max_length=1_000, description="Exactly these, such as fast=10 slow=30"
    )
    side: Literal["buy", "sell", "hold"] | None = Field(
        None, description="hold: what was taken back; all when left out"
    )


@router.get(
    "/signals",
    response_model=Answer[SignalRow],
    responses=promised(*ASKED_WRONGLY, "range-too-large", "store-unavailable"),
)
async def signals(
    request: Request, api: Reads, query: Annotated[SignalsQuery, InQuery()]
) -> Response:
    """Return what strategies said that changed something, or took back what they had said."""
    terms = _terms(api, query)

    async def read(start_ns: int, end_ns: int, limit: int) -> Sequence[Signal]:
        return await api.store.signals(terms, start_ns=start_ns, end_ns=end_ns, limit=limit)

    fresh = [signal for signal in api.view.signals.told() if terms.cover(signal)]
    page = await page_of(api, query, [read], fresh, query.symbol)
    rows = [signal_row(signal, query.number) for signal in ordered(page, query)]
    return rows_answer(api, rows, older=older(request, page))


@router.get("/signals/latest", response_model=Answer[SignalRow])
async def latest(api: Reads, query: Annotated[LatestSignalsQuery, InQuery()]) -> Response:
    """Return the last thing that each strategy said of each market, also that nothing changes."""
    terms = _terms(api, query)
    found = [signal for signal in api.view.signals.latest() if terms.cover(signal)]
    if not found:
        check_names(api, query.symbol, query.venue)
    return rows_answer(api, [signal_row(signal, query.number) for signal in found])


def _terms(api: Api, query: SignalsQuery | LatestSignalsQuery) -> SignalTerms:
    return SignalTerms(
        venues=frozenset(name.lower() for name in split(query.venue)) or None,
        instruments=read_instruments(split(query.symbol), api.view, be_strict=False),
        strategies=frozenset(split(query.strategy)) or None,
        intervals=frozenset(split(query.interval)) or None,
        parameters=query.parameters if isinstance(query, SignalsQuery) else None,
        sides=[query.side] if isinstance(query, SignalsQuery) and query.side else None,
    )
