"""The endpoints of indicators, on a real store."""

import csv
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, get_args

import httpx2
import numpy as np
import pytest
import talib
from pydantic import TypeAdapter

from analytics.indicators.shipped import INDICATORS
from api_service.app import create_app
from api_service.indicator_rows import IndicatorAnswer, IndicatorKindRow
from api_service.indicators import Name
from api_service.schemas import Answer
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.places import DAY_NS
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Candle
from tests.api.serving import Api
from tests.archive.making import keep_days
from tests.making import MINUTE, a_candle

OF_BTC = "venue=kraken&symbol=BTC-USDT"
COUNT = 1_300


def a_past(
    end_ns: int, venue: str = "kraken", *, seed: int = 1, count: int = COUNT
) -> list[Candle]:
    """Minutes up to a time, of which one in ten had no trade."""
    chance = np.random.default_rng(seed)
    closes = (30_000.0 * np.exp(np.cumsum(chance.normal(0.0, 0.002, count)))).tolist()
    first_ns = end_ns - count * MINUTE
    return [
        a_candle(venue, start_ns=first_ns + place * MINUTE, close=close)
        for place, close in enumerate(closes)
        if chance.uniform() > 0.1
    ]


async def asked(client: httpx2.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    TypeAdapter(IndicatorAnswer).validate_python(found, strict=True, extra="forbid")
    return found


def test_every_indicator_can_be_asked_for() -> None:
    assert get_args(Name) == tuple(INDICATORS)


async def test_what_there_is_is_told_with_definitions_and_bounds(
    client: httpx2.AsyncClient,
) -> None:
    answer = (await client.get("/v1/indicators")).json()

    TypeAdapter(Answer[IndicatorKindRow]).validate_python(answer, strict=True, extra="forbid")
    macd = next(row for row in answer["data"] if row["name"] == "macd")
    assert [*macd["values"]] == ["macd", "signal", "histogram"]
    assert macd["parameters"][2] == {
        "name": "signal",
        "type": "integer",
        "default": 9,
        "least": 1,
        "most": 250,
        "bounds": "whole, from 1 to 250",
    }


async def test_pages_hold_what_a_single_one_does_to_the_last_bit(
    api: Api, client: httpx2.AsyncClient
) -> None:
    minute = api.clock.now_ns // MINUTE * MINUTE
    past = [a_past(minute), a_past(minute, "binance", seed=2)]
    await api.store.write([*past[0], *past[1]])

    for kind in ("macd", "vwap", "spread-z-score&reference_venue=binance"):
        name, _, beside = kind.partition("&")
        path = f"/v1/indicators/{name}?{OF_BTC}&{beside}".rstrip("&")
        whole = await asked(client, f"{path}&limit=2000")
        pages: list[list[object]] = []
        further: str | None = f"{path}&limit=300"
        while further is not None:
            page = await asked(client, further)
            pages.insert(0, page["data"])
            further = page["next"]

        assert [row for page in pages for row in page] == whole["data"]
        assert len(pages) > 3


async def test_days_that_are_archived_count_as_those_in_the_store(
    api: Api, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    midnight = api.clock.now_ns // DAY_NS * DAY_NS - DAY_NS
    past = a_past(midnight + 100 * MINUTE, count=300)
    await api.store.write(past)
    path = f"/v1/indicators/ema?{OF_BTC}&period=9&limit=200"
    with closing(EmbeddedTimeSeries.open(None)) as store:
        keep_days(tmp_path, [one for one in past if one.start_ns < midnight])
        await store.write([one for one in past if one.start_ns >= midnight])
        archive = LocalFiles(tmp_path)
        app = create_app(api.view, api.hub, store, mode="live", version="1", archive=archive)
        transport = httpx2.ASGITransport(app)

        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as other:
            archived = await asked(other, path)

    assert archived["data"] == (await asked(client, path))["data"]
    assert len(archived["data"]) == 200


async def test_candles_beyond_those_of_the_other_market_are_not_looked_through(
    api: Api, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = api.clock.now_ns // MINUTE * MINUTE
    await api.store.write([*a_past(minute), *a_past(minute, "binance", count=100)])
    asked_for: list[int] = []
    candles = api.store.candles

    async def counted(*market: Any, limit: int, **span: Any) -> Sequence[Candle]:
        asked_for.append(limit)
        return await candles(*market, limit=limit, **span)

    monkeypatch.setattr(api.store, "candles", counted)

    path = f"/v1/indicators/spread-z-score?{OF_BTC}&reference_venue=binance&period=10&limit=50"
    rows = (await asked(client, path))["data"]

    assert all(row["settled"] for row in rows)
    assert len(asked_for) == 3, "the page, and each market once"


async def test_values_are_those_of_talib(api: Api, client: httpx2.AsyncClient) -> None:
    past = a_past(api.clock.now_ns // MINUTE * MINUTE, count=600)
    await api.store.write(past)

    path = f"/v1/indicators/rsi?{OF_BTC}&period=9&numbers=float&limit=50"
    rows = (await asked(client, path))["data"]

    expected = talib.RSI(np.array([candle.close for candle in past]), 9)[-50:]
    np.testing.assert_allclose([row["values"]["rsi"] for row in rows], expected, rtol=1e-9)
    assert all(row["settled"] and row["closed"] for row in rows)


async def test_a_mean_worked_by_hand_has_no_value_before_there_is_one(
    api: Api, client: httpx2.AsyncClient
) -> None:
    start_ns = api.clock.now_ns // MINUTE * MINUTE - 3 * MINUTE
    prices = (1.0, 2.0, 6.0)
    await api.store.write(
        [a_candle(start_ns=start_ns + n * MINUTE, close=price) for n, price in enumerate(prices)]
    )
    await api.feed(a_candle(start_ns=start_ns + 3 * MINUTE, close=10.0, closed=False))

    answer = await asked(client, f"/v1/indicators/sma?{OF_BTC}&period=3")

    told = [(row["values"]["sma"], row["settled"], row["closed"]) for row in answer["data"]]
    assert told == [
        (None, False, True),
        (None, False, True),
        ("3.0", True, True),
        ("6.0", True, False),
    ]
    assert answer["meta"]["indicator"]["parameters"] == {"period": 3}


async def test_a_premium_worked_by_hand(api: Api, client: httpx2.AsyncClient) -> None:
    # 143,360,000 won a coin; 100,000 dollars a coin at 1,400 won a dollar are 140,000,000 won
    await api.store.write(
        [
            a_candle("upbit", "BTC-KRW", start_ns=MINUTE, close=143_360_000.0),
            a_candle("binance", "BTC-USDT", start_ns=MINUTE, close=100_000.0),
            a_candle("upbit", "USDT-KRW", start_ns=MINUTE, close=1_400.0),
            a_candle("upbit", "BTC-KRW", start_ns=2 * MINUTE, close=1.0),
        ]
    )

    markets = "venue=upbit&symbol=BTC-KRW&reference_venue=binance&reference_symbol=BTC-USDT"
    answer = await asked(client, f"/v1/indicators/premium?{markets}&numbers=float")

    [row] = answer["data"]
    assert row["start"] == "1970-01-01T00:01:00Z"
    assert row["values"]["premium_bps"] == pytest.approx(240.0)
    assert answer["meta"]["indicator"]["rate"] == {"venue": "upbit", "symbol": "USDT-KRW"}


async def test_a_table_has_a_line_a_candle_and_says_where_older_ones_are(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.store.write([a_candle(start_ns=n * MINUTE, close=1.0 + n) for n in range(5)])

    answer = await client.get(f"/v1/indicators/sma?{OF_BTC}&period=2&limit=2&format=csv")

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["link"].endswith('; rel="next"')
    assert list(csv.reader(answer.text.splitlines())) == [
        ["start", "closed", "settled", "sma"],
        ["1970-01-01T00:03:00Z", "true", "true", "3.5"],
        ["1970-01-01T00:04:00Z", "true", "true", "4.5"],
    ]


@pytest.mark.parametrize(
    ("query", "parameter", "reason"),
    [
        ("rsi?period=300", "period", "period is 300; it must be whole, from 2 to 250"),
        ("vwap?period=3", "period", "vwap has no such parameter; it has none"),
        ("sma?period=3&fast=3", "fast", "sma has no such parameter; it has period"),
        ("macd?fast=30", "fast", "fast (30) must be less than slow (26)"),
        ("sma?period=2.5", "period", "valid integer"),
        ("sma?peroid=2", "peroid", "there is no such parameter"),
        ("spread", "reference_venue", "needs the venue of the market that kraken is held against"),
        ("sma?reference_venue=upbit", "reference_venue", "looks at no such market; leave it out"),
        ("spread?reference_venue=kraken", "reference_venue", "name another venue or symbol"),
        (
            "spread?reference_venue=upbit&reference_symbol=BTC-KRW",
            "reference_symbol",
            "are in different currencies; ask for premium",
        ),
        (
            "premium-z-score?reference_venue=upbit",
            "reference_symbol",
            "are in the same currency; ask for spread-z-score",
        ),
        ("williams", "name", "Input should be 'sma', 'ema'"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_remedy(
    query: str, parameter: str, reason: str, client: httpx2.AsyncClient
) -> None:
    name, _, terms = query.partition("?")

    answer = await client.get(f"/v1/indicators/{name}?{OF_BTC}&{terms}".rstrip("&"))

    [fault, *_] = answer.json()["errors"]
    assert answer.status_code == 400
    assert fault["parameter"] == parameter
    assert reason in fault["reason"]


async def test_a_symbol_that_nobody_lists_is_no_empty_answer(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_candle())

    answer = await client.get("/v1/indicators/sma?venue=kraken&symbol=BTC-USDC")

    assert answer.status_code == 404
    assert answer.json()["errors"][0]["did_you_mean"] == ["BTC-USDT"]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "btc/usdt"])
async def test_a_symbol_is_understood_however_it_is_written(
    symbol: str, api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_candle(close=3.0))

    answer = await asked(client, f"/v1/indicators/sma?venue=Kraken&symbol={symbol}&period=1")

    assert answer["meta"]["indicator"]["market"] == {"venue": "kraken", "symbol": "BTC-USDT"}
    assert answer["data"][0]["values"] == {"sma": "3.0"}
