"""Backtests over REST, each in a process of its own."""

import asyncio

import httpx2
import pytest
from pydantic import TypeAdapter

from analytics.backtest import DEFINITIONS, Terms, backtest, bars_of
from analytics.strategies import SmaCross
from api_service.backtest_desk import TOGETHER, BacktestDesk
from api_service.backtest_worker import job_of
from api_service.backtests import BacktestAnswer
from api_service.problems import ProblemError
from tests.analytics.backtest.candles import walk
from tests.api.serving import Api
from tests.making import a_candle, a_quote

BARS = walk(600)
CANDLES = [
    a_candle(start_ns=start, close=close)
    for start, close in zip(BARS.start_ns.tolist(), BARS.close.tolist(), strict=True)
]
ASKED = {
    "strategy": "sma-cross",
    "parameters": {"fast": 3, "slow": 10},
    "venue": "kraken",
    "symbol": "BTC-USDT",
    "fee_bps": 5,
    "points": 11,
}


def a_job() -> bytes:
    given = {"strategy": "sma-cross", "parameters": {}, "terms": Terms()}
    return job_of(BARS, points=2, trades=1, **given)


async def test_a_backtest_of_stored_candles_is_that_of_python(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.store.write(CANDLES)
    await api.feed(a_quote(at_ns=api.clock.now_ns))

    answer = (await client.post("/v1/backtests", json=ASKED)).json()

    TypeAdapter(BacktestAnswer).validate_python(answer, extra="forbid")
    told = answer["data"]
    bars = bars_of(CANDLES, "1m")
    found = backtest(SmaCross, bars, Terms(fee_bps=5), fast=3, slow=10)
    assert told["figures"]["end_value"] == found.figures.end_value
    assert told["figures"]["fills"] == found.figures.fills
    assert told["definitions"] == DEFINITIONS
    assert (told["candles"], len(told["equity"])) == (600, 11)
    assert told["equity"][-1] == ["1970-01-01T10:00:00Z", found.account.equity[-1]]
    assert told["trades"][-1]["profit"] == found.account.trips[-1].profit


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"strategy": "sma-crss"}, 400, "invalid-parameter"),
        ({"parameters": {"quick": 3}}, 400, "invalid-parameter"),
        ({"parameters": {"fast": 300}}, 400, "invalid-parameter"),
        ({"capital": -1}, 400, "invalid-parameter"),
        ({"luck": 1}, 400, "invalid-parameter"),
        ({"venue": "nowhere"}, 404, "unknown-venue"),
        ({"symbol": "ETH-USDT"}, 404, "unknown-symbol"),
        ({"start": "now"}, 404, "no-candles"),
    ],
)
async def test_what_cannot_be_run_is_refused(
    api: Api, client: httpx2.AsyncClient, change: dict[str, object], status: int, kind: str
) -> None:
    await api.feed(a_quote(at_ns=api.clock.now_ns))

    answer = await client.post("/v1/backtests", json=ASKED | change)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


async def test_what_takes_too_long_is_ended() -> None:
    desk = BacktestDesk(within_s=0.01)

    with pytest.raises(ProblemError, match=r"more than 0\.01 s"):
        await desk.do(a_job())


async def test_no_more_than_a_few_are_taken() -> None:
    desk = BacktestDesk()
    waiting = [asyncio.create_task(desk.do(a_job())) for _ in range(TOGETHER)]
    await asyncio.sleep(0)

    with pytest.raises(ProblemError, match="are under way"):
        await desk.do(a_job())

    for task in waiting:
        task.cancel()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)
