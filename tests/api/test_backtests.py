"""Backtests over REST, each in a process of its own."""

import asyncio
from pathlib import Path

import httpx2
import msgspec
import pytest
from msgspec.structs import replace
from pydantic import TypeAdapter

from analytics.backtest import DEFINITIONS, Terms, backtest, bars_of, folded
from analytics.strategies import SHIPPED, PremiumReversion, SmaCross
from api_service.backtest_desk import TOGETHER, BacktestDesk
from api_service.backtest_offer import OF_SHIPPED
from api_service.backtest_worker import Job, job_of, worked
from api_service.backtests import BacktestAnswer, StrategyAnswer
from api_service.past_premiums import PremiumTerms
from api_service.problems import ProblemError
from cryptotracker.backtesting.worker import strategy_of
from cryptotracker.offered_strategies import offered
from infrastructure.archive.files import LocalFiles
from market import SettingsError
from tests.analytics.backtest.candles import walk
from tests.api.serving import Api, an_api
from tests.archive.making import keep_days
from tests.making import MINUTE, a_candle, a_quote

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

OF_RISE = {"strategy": "rise", "parameters": {"days": 2}}
OWN = """
from typing import Annotated

import msgspec

from analytics.strategies import Reason


class Terms(msgspec.Struct, frozen=True):
    days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 3


class Rise:
    name, Parameters = "rise", Terms

    def __init__(self, terms):
        self.warm_up, self.last, self.risen = terms.days, 0.0, 0

    def on_candle(self, bar):
        print("what is printed is no answer")
        self.risen, self.last = (self.risen + 1 if bar.close > self.last else 0), bar.close
        return 1.0 if self.risen >= self.warm_up else 0.0

    def why(self):
        return Reason("", {})


class Shadow(Rise):
    name = "sma-cross"


class Fails(Rise):
    name = "fails"

    def on_candle(self, bar):
        raise RuntimeError("no idea")


class OnQuotes:
    name, Parameters, warm_up = "on-quotes", Terms, 1

    def __init__(self, terms):
        pass

    def on_quote(self, moment):
        return None

    def why(self):
        return Reason("", {})
"""


def client_of(api: Api) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(api.app)
    return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def a_job() -> bytes:
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
        ({"strategy": "premium-reversion", "parameters": {}}, 404, "no-candles"),
    ],
)
async def test_what_cannot_be_run_is_refused(
    api: Api, client: httpx2.AsyncClient, change: dict[str, object], status: int, kind: str
) -> None:
    await api.feed(a_quote(at_ns=api.clock.now_ns))

    answer = await client.post("/v1/backtests", json=ASKED | change)

    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


async def test_archive_and_store_are_one_past_which_is_folded(tmp_path: Path) -> None:
    keep_days(tmp_path, CANDLES[:400])
    api = an_api(archive=LocalFiles(tmp_path))
    mended = replace(CANDLES[399], close=CANDLES[399].high, trades=CANDLES[399].trades + 1)
    await api.store.write([mended, *CANDLES[400:]])
    await api.feed(a_quote(at_ns=api.clock.now_ns))

    async with client_of(api) as client:
        answer = await client.post("/v1/backtests", json=ASKED | {"interval": "5m"})
    api.store.close()

    bars = bars_of([*CANDLES[:399], mended, *CANDLES[400:]], "1m")
    found = backtest(SmaCross, folded(bars, "5m"), Terms(fee_bps=5), fast=3, slow=10)
    told = answer.json()["data"]
    assert (told["interval"], told["candles"]) == ("5m", 120)
    assert told["figures"]["end_value"] == found.figures.end_value


async def test_strategies_of_ones_own_are_listed_and_run(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    api = an_api(offer=offered(f"{file}:Rise", PremiumTerms()))
    await api.store.write(CANDLES)
    await api.feed(a_quote(at_ns=api.clock.now_ns))

    async with client_of(api) as client:
        listed = (await client.get("/v1/strategies")).json()
        ran = await client.post("/v1/backtests", json=ASKED | OF_RISE)
    api.store.close()

    TypeAdapter(StrategyAnswer).validate_python(listed, extra="forbid")
    rows = {row["strategy"]: row for row in listed["data"]}
    assert set(SHIPPED) < set(rows)
    assert rows["rise"]["parameters"] == [
        {"name": "days", "default": 3, "bounds": "whole, from 1 to 30"}
    ]
    rise = offered(f"{file}:Rise", PremiumTerms()).strategies["rise"]
    found = backtest(rise, bars_of(CANDLES, "1m"), Terms(fee_bps=5), days=2)
    assert ran.json()["data"]["figures"]["end_value"] == found.figures.end_value


async def test_minutes_that_premiums_are_made_of_are_limited_as_candles_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api_service.backtests.CANDLES_AT_MOST", 10)
    api = an_api(offer=replace(OF_SHIPPED, premiums=PremiumTerms(reference_venue="binance")))
    of_five = [a_candle(start_ns=5 * n * MINUTE, interval="5m") for n in range(1, 4)]
    await api.store.write([*of_five, *(a_candle(start_ns=n * MINUTE) for n in range(20))])
    await api.feed(a_quote(at_ns=api.clock.now_ns))

    async with client_of(api) as client:
        asked = {"strategy": "premium-reversion", "parameters": {}, "interval": "5m"}
        answer = await client.post("/v1/backtests", json=ASKED | asked)
    api.store.close()

    assert answer.json()["type"] == "/problems/range-too-large"
    assert "minutes that premiums are made of there are more than 10" in answer.json()["detail"]


async def test_premiums_are_told_to_the_process_of_a_backtest() -> None:
    bars = replace(BARS, premium_bps=BARS.close)
    given = {"strategy": "premium-reversion", "parameters": {"period": 20}, "terms": Terms()}
    job = msgspec.msgpack.decode(job_of(bars, points=2, trades=1, **given), type=Job)

    done = worked(job, strategy_of)

    found = backtest(PremiumReversion, bars, Terms(), period=20)
    assert found.figures.fills > 10
    assert done.figures == msgspec.structs.asdict(found.figures)


async def test_what_a_strategy_of_ones_own_raises_is_told(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    job = msgspec.msgpack.decode(await a_job(), type=Job)

    done = worked(replace(job, strategy=f"{file}:Fails"), strategy_of)

    assert done.why_not.endswith("failed: RuntimeError('no idea')")


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("Rise", "no class of a file"),
        ("{file}:Missing", "the file has no 'Missing'"),
        ("{file}:Shadow", "has the name 'sma-cross' of another"),
        ("{file}:OnQuotes", "decides on quotes"),
    ],
)
def test_what_cannot_be_offered_is_said_at_the_start(tmp_path: Path, named: str, why: str) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)

    with pytest.raises(SettingsError, match=why) as raised:
        offered(named.format(file=file), PremiumTerms())

    assert str(raised.value).startswith("CRYPTOTRACKER_OWN_STRATEGIES: ")


async def test_what_takes_too_long_is_ended() -> None:
    desk = BacktestDesk(within_s=0.01)

    with pytest.raises(ProblemError, match=r"more than 0\.01 s"):
        await desk.do(a_job)


async def test_no_more_than_a_few_are_taken() -> None:
    desk = BacktestDesk()
    waiting = [asyncio.create_task(desk.do(a_job)) for _ in range(TOGETHER)]
    await asyncio.sleep(0)

    with pytest.raises(ProblemError, match="are under way"):
        await desk.do(a_job)

    for task in waiting:
        task.cancel()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended)
