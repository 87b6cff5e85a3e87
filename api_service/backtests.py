"""The endpoint of backtests: a strategy and candles in, figures, equity and trades out.

Candles are those of archive and store as one. Strategies are those that the process was started
with, see `Offer`: what runs here is named, never sent.
"""

from collections.abc import Iterator
from inspect import getdoc
from typing import Annotated, Any

import msgspec
import numpy as np
from fastapi import APIRouter
from fastapi import Query as InQuery
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from analytics.backtest import DEFINITIONS, Bars, Terms
from analytics.strategies import parameters_of
from analytics.strategies.bounds import bounds_of
from api_service.answers import ASKED_WRONGLY, Api, Query, Reads, json_answer, promised
from api_service.backtest_offer import Offer
from api_service.backtest_worker import Done, job_of
from api_service.history import Interval
from api_service.names import read_instruments, read_venue
from api_service.past_bars import past_bars
from api_service.past_premiums import PastPremiums, premiums_unknown
from api_service.problems import ProblemError, fault
from api_service.ranges import Time
from api_service.rows import rfc3339
from api_service.schemas import Meta
from api_service.times import read_time
from infrastructure.archive.joined_candles import PastCandles, TooManyCandlesError
from infrastructure.archive.sources import Span
from market import Instrument

CANDLES_AT_MOST = 600_000
"""Of a market; more than a year of minutes."""

router = APIRouter(prefix="/v1", tags=["backtests"], responses=promised(*ASKED_WRONGLY))


class BacktestQuery(Query):
    """What is to be tried, on what."""

    strategy: str = Field(max_length=100, description="One that `/v1/strategies` lists")
    parameters: dict[str, float] = Field(
        {}, max_length=20, description="Those that are not as they are by default, by name"
    )
    venue: str = Field(max_length=100, description="Venue of the candles")
    symbol: str = Field(max_length=100, description="Symbol of the candles")
    interval: Interval = Field("1m", description="Length of a candle")
    start: Time | None = Field(None, description="From then on: RFC 3339, a day, -1h or now")
    end: Time | None = Field(None, description="Until then, exclusive; to the last if left out")
    capital: float = Field(10_000.0, gt=0, le=1e15, description="In the quote currency")
    fee_bps: float = Field(10.0, ge=0, lt=10_000, description="Fee of a fill")
    slippage_bps: float = Field(0.0, ge=0, lt=10_000, description="How much worse than the open")
    points: int = Field(500, ge=2, le=5_000, description="Points of the equity at most")
    trades: int = Field(100, ge=1, le=10_000, description="Newest trades that are told")


class TripRow(TypedDict):
    """A round trip, from the first purchase to the sale of all."""

    bought: Annotated[str, Field(description="When it began, RFC 3339 UTC")]
    sold: Annotated[str | None, Field(description="When it ended; null: it is open")]
    entry: Annotated[float, Field(description="Average price of purchases")]
    leave: Annotated[float, Field(description="Average price of sales, or the last close")]
    profit: Annotated[float, Field(description="After fees, in the quote currency")]
    gain: Annotated[float, Field(description="Profit as a share of what was paid in")]


class BacktestRow(TypedDict):
    """What came of it; all that is computed is JSON numbers."""

    strategy: Annotated[str, Field(description="What was tried")]
    parameters: Annotated[dict[str, float], Field(description="All of them")]
    venue: Annotated[str, Field(description="Venue of the candles")]
    symbol: Annotated[str, Field(description="Symbol of the candles")]
    interval: Annotated[str, Field(description="Length of a candle")]
    candles: Annotated[int, Field(description="How many there were")]
    premiums: Annotated[
        int | None,
        Field(description="Closes whose premium is known; null: the strategy looks at none"),
    ]
    start: Annotated[str, Field(description="When the first begins, RFC 3339 UTC")]
    end: Annotated[str, Field(description="When the last ends, RFC 3339 UTC")]
    figures: Annotated[
        dict[str, float | None], Field(description="By name; null: without meaning here")
    ]
    definitions: Annotated[dict[str, str], Field(description="What each figure is")]
    equity: Annotated[
        list[tuple[str, float]], Field(description="Worth of all at closes that are evenly apart")
    ]
    trades: Annotated[list[TripRow], Field(description="The newest round trips, oldest first")]


class BacktestAnswer(TypedDict):
    """A backtest, and what the answer is worth."""

    data: Annotated[BacktestRow, Field(description="What came of it")]
    meta: Annotated[Meta, Field(description="What the answer is worth")]


class StrategyParameterRow(TypedDict):
    """What can be chosen of a strategy."""

    name: Annotated[str, Field(description="By which it is given")]
    default: Annotated[float | str | None, Field(description="Where it is not given")]
    bounds: Annotated[str, Field(description="What it may be")]


class StrategyRow(TypedDict):
    """A strategy that may be tried."""

    strategy: Annotated[str, Field(description="Its name")]
    says: Annotated[str, Field(description="What it does, in a sentence")]
    parameters: Annotated[list[StrategyParameterRow], Field(description="What can be chosen")]


class StrategyAnswer(TypedDict):
    """The strategies, and what the answer is worth."""

    data: Annotated[list[StrategyRow], Field(description="Each once")]
    meta: Annotated[Meta, Field(description="What the answer is worth")]


@router.get("/strategies", response_model=StrategyAnswer)
async def strategies(api: Reads, _query: Annotated[Query, InQuery()]) -> Response:
    """List the strategies that `/v1/backtests` runs: those that ship, and what was installed."""
    return json_answer(api, {"data": list(_rows(api.backtests.offer))})


@router.post(
    "/backtests",
    response_model=BacktestAnswer,
    responses=promised(
        *ASKED_WRONGLY,
        "no-candles",
        "range-too-large",
        "too-many-backtests",
        "backtest-too-long",
        "store-unavailable",
        "archive-damaged",
    ),
)
async def run(api: Reads, asked: BacktestQuery) -> Response:
    """Run a strategy over candles of archive and store, as it would have run live."""
    offer = api.backtests.offer
    _check(asked, offer)
    venue = read_venue(asked.venue, api.view) or asked.venue
    found = read_instruments([asked.symbol], api.view, be_strict=False)
    instrument = next(iter(found or ()))
    terms = Terms(capital=asked.capital, fee_bps=asked.fee_bps, slippage_bps=asked.slippage_bps)
    read: list[Bars] = []

    async def job() -> bytes:
        read.append(await _read(api, asked, venue, instrument))
        return job_of(
            read[0],
            strategy=offer.found_by.get(asked.strategy, asked.strategy),
            parameters=asked.parameters,
            terms=terms,
            points=asked.points,
            trades=asked.trades,
        )

    done = await api.backtests.do(job)
    about = {"venue": venue, "symbol": str(instrument), "strategy": asked.strategy}
    return json_answer(api, {"data": about | _row(read[0], done)})


def _check(asked: BacktestQuery, offer: Offer) -> None:
    """Refuse what cannot be run.

    Raises:
        ProblemError: there is no such strategy or parameter, or a value is out of bounds.

    """
    known = offer.strategies
    if asked.strategy not in known:
        faults = [
            fault(
                "strategy",
                asked.strategy,
                f"one of {', '.join(known)}",
                close_to=asked.strategy,
                known=known,
            )
        ]
        raise ProblemError("invalid-parameter", f"There is no strategy {asked.strategy}.", faults)
    try:
        parameters_of(known[asked.strategy], asked.parameters)
    except ValueError as error:
        faults = [fault("parameters", asked.parameters, str(error))]
        raise ProblemError("invalid-parameter", f"{error}.", faults) from error


async def _read(api: Api, asked: BacktestQuery, venue: str, instrument: Instrument) -> Bars:
    """Read the candles.

    Raises:
        ProblemError: there are none, or too many.

    """
    now_ns = api.view.clock()
    start_ns = read_time(asked.start, now_ns) if asked.start else 0
    end_ns = read_time(asked.end, now_ns) if asked.end else now_ns
    past = PastCandles(api.store, api.archive, at_most=CANDLES_AT_MOST)
    span = Span(start_ns, end_ns)
    try:
        bars = await past_bars(past, venue, instrument, asked.interval, span, now_ns=now_ns)
    except TooManyCandlesError as error:
        raise ProblemError("range-too-large", f"Of that time {error}.") from error
    if bars is None:
        read_instruments([asked.symbol], api.view)
        raise ProblemError(
            "no-candles", f"There are no {asked.interval} candles of {venue} {instrument} then."
        )
    if getattr(api.backtests.offer.strategies[asked.strategy], "reads_premium", False):
        return await _with_premiums(api, bars, venue, instrument)
    return bars


async def _with_premiums(api: Api, bars: Bars, venue: str, instrument: Instrument) -> Bars:
    """Add what was known of premiums at the closes.

    Raises:
        ProblemError: nothing was, or it takes too many candles to know.

    """
    terms = api.backtests.offer.premiums
    past = PastPremiums(api.store, api.archive, terms, at_most=CANDLES_AT_MOST)
    try:
        found = await past.at_closes(bars, venue, instrument, now_ns=api.view.clock())
    except TooManyCandlesError as error:
        raise ProblemError(
            "range-too-large", f"Of the minutes that premiums are made of {error}."
        ) from error
    if not found.known:
        why = premiums_unknown((venue, instrument), terms)
        raise ProblemError("no-candles", f"{why[0].upper()}{why[1:]}.")
    return msgspec.structs.replace(bars, premium_bps=found.bps)


def _rows(offer: Offer) -> Iterator[StrategyRow]:
    for name, strategy in offer.strategies.items():
        yield {
            "strategy": name,
            "says": (getdoc(strategy) or "").partition("\n")[0],
            "parameters": [
                {
                    "name": field.name,
                    "default": getattr(strategy.Parameters(), field.name),
                    "bounds": bounds_of(strategy.Parameters, field.name),
                }
                for field in msgspec.structs.fields(strategy.Parameters)
            ],
        }


def _row(bars: Bars, done: Done) -> dict[str, Any]:
    return {
        "parameters": done.parameters,
        "interval": bars.interval,
        "candles": len(bars),
        "premiums": None if bars.premium_bps is None else int((~np.isnan(bars.premium_bps)).sum()),
        "start": rfc3339(int(bars.start_ns[0])),
        "end": rfc3339(int(bars.start_ns[-1]) + bars.length_ns),
        "figures": done.figures,
        "definitions": DEFINITIONS,
        "equity": [(rfc3339(at_ns), value) for at_ns, value in done.equity],
        "trades": [
            {
                "bought": rfc3339(trip.bought_ns),
                "sold": None if trip.sold_ns is None else rfc3339(trip.sold_ns),
                **{name: getattr(trip, name) for name in ("entry", "leave", "profit", "gain")},
            }
            for trip in done.trips
        ],
    }
