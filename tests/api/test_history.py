"""The endpoints of what was, on a real store."""

from pathlib import Path
from typing import get_args

import httpx2
import pytest
from msgspec.structs import replace
from pydantic import TypeAdapter

from api_service.app import create_app
from api_service.history import Interval
from api_service.schemas import Answer, CandleRow, TradeRow
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.places import DAY_NS
from infrastructure.timeseries.past import Store
from market.intervals import INTERVALS
from tests.api.serving import Api
from tests.api.stores import AwayStore, SilentStore
from tests.archive.making import damage_all, keep_days
from tests.making import MINUTE, SECOND, a_candle, a_quote, a_trade, a_venue_candle


def test_every_interval_can_be_asked_for() -> None:
    assert get_args(Interval) == tuple(INTERVALS)


async def test_closed_candles_come_from_the_store_and_the_open_one_from_the_view(
    api: Api, client: httpx2.AsyncClient
) -> None:
    start_ns = api.clock.now_ns // MINUTE * MINUTE
    await api.store.write([a_candle(start_ns=start_ns - n * MINUTE) for n in (3, 2, 1)])
    await api.feed(a_candle(start_ns=start_ns, closed=False))

    answer = (await client.get("/v1/candles?symbol=BTC-USDT&venue=kraken&start=-1h")).json()

    TypeAdapter(Answer[CandleRow]).validate_python(answer, strict=True, extra="forbid")
    assert [candle["closed"] for candle in answer["data"]] == [True, True, True, False]
    assert answer["data"][0]["start"] < answer["data"][1]["start"]


async def test_a_candle_that_both_know_is_given_with_more_trades(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.store.write([a_candle(trades=5)])
    await api.feed(a_candle(trades=3))

    [candle] = (await client.get("/v1/candles?symbol=BTC-USDT")).json()["data"]

    assert candle["trades"] == 5


async def test_a_time_that_cannot_be_read_is_answered_with_those_that_can(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_quote())

    response = await client.get("/v1/candles?symbol=BTC-USDT&start=yesterday")

    [fault] = response.json()["errors"]
    assert response.status_code == 400
    assert fault["reason"].startswith("a time is now, -1h, 2026-11-20 or")


async def test_a_range_is_taken_from_its_start_up_to_its_end(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.store.write([a_candle(start_ns=n * MINUTE) for n in range(5)])

    answer = await client.get(
        "/v1/candles",
        params={
            "symbol": "BTC-USDT",
            "venue": "kraken",
            "start": "1970-01-01T00:01:00Z",
            "end": "1970-01-01T00:03",
            "order": "desc",
        },
    )

    starts = [candle["start"] for candle in answer.json()["data"]]
    assert starts == ["1970-01-01T00:02:00Z", "1970-01-01T00:01:00Z"]


@pytest.mark.parametrize("stored", [True, False])
async def test_pages_together_hold_every_trade_once_even_those_of_one_moment(
    stored: bool,  # noqa: FBT001  # a case of the test
    api: Api,
    client: httpx2.AsyncClient,
) -> None:
    trades = [a_trade(number=n, at_ns=SECOND * (1 + n // 7)) for n in range(1, 30)]
    if stored:
        await api.store.write(trades)
    await api.feed(a_quote(), *([] if stored else trades))

    pages = []
    path: str | None = "/v1/trades?symbol=BTC-USDT&limit=4"
    while path is not None:
        answer = (await client.get(path)).json()
        TypeAdapter(Answer[TradeRow]).validate_python(answer, strict=True, extra="forbid")
        pages.append([int(trade["id"]) for trade in answer["data"]])
        path = answer["next"]

    assert sorted(number for page in pages for number in page) == list(range(1, 30))
    assert len(pages) == 8


async def test_several_venues_are_merged_by_time(api: Api, client: httpx2.AsyncClient) -> None:
    await api.feed(
        a_trade("kraken", number=1, at_ns=1 * SECOND),
        a_trade("upbit", number=2, at_ns=2 * SECOND),
        a_trade("kraken", number=3, at_ns=3 * SECOND),
    )

    answer = (await client.get("/v1/trades?symbol=BTC-USDT&limit=2")).json()

    assert [trade["venue"] for trade in answer["data"]] == ["upbit", "kraken"]


async def test_history_of_a_venue_that_is_not_followed_now_can_be_read(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_quote("kraken"))
    await api.store.write([a_candle("upbit", "BTC-KRW")])

    kept = await client.get("/v1/candles?symbol=BTC-KRW&venue=upbit")
    unknown = await client.get("/v1/candles?symbol=ETH-KRW&venue=upbit")

    assert len(kept.json()["data"]) == 1
    assert unknown.json()["type"] == "/problems/unknown-symbol"


async def test_candles_of_the_venue_itself_are_kept_apart_from_ours(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns // MINUTE * MINUTE
    stored = a_venue_candle(start_ns=now_ns - MINUTE, close=103.0, trades=None, closed=True)
    await api.store.write([stored])
    await api.feed(a_candle(start_ns=now_ns), a_venue_candle(start_ns=now_ns, close=104.0))

    theirs = (await client.get("/v1/candles?symbol=BTC-USDT&source=venue")).json()
    ours = (await client.get("/v1/candles?symbol=BTC-USDT")).json()

    TypeAdapter(Answer[CandleRow]).validate_python(theirs, strict=True, extra="forbid")
    assert [(c["close"], c["trades"], c["closed"]) for c in theirs["data"]] == [
        ("103.0", None, True),
        ("104.0", 1, False),
    ]
    assert [candle["close"] for candle in ours["data"]] == ["100.0"]


@pytest.mark.parametrize(
    "query",
    [
        "start=tomorrow",
        "start=2026-02-30",
        "start=2026-01-02&end=2026-01-01",
        "limit=0",
        "limit=10001",
        "interval=2m",
        "before=nonsense",
        "before=W10",
        "order=up",
    ],
)
async def test_a_range_that_makes_no_sense_is_refused(
    query: str, api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_quote())

    response = await client.get(f"/v1/candles?symbol=BTC-USDT&{query}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["parameter"] in query


async def test_more_rows_than_can_be_read_at_once_are_refused(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(*(a_quote(instrument=f"A{n}-USDT") for n in range(30)))
    symbols = ",".join(f"A{n}-USDT" for n in range(30))

    response = await client.get(f"/v1/trades?symbol={symbols}&limit=10000")

    assert response.status_code == 413
    assert response.json()["type"] == "/problems/range-too-large"


@pytest.mark.parametrize("store", [AwayStore(), SilentStore()])
async def test_a_store_that_is_away_is_a_problem_that_passes(
    store: Store, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.pages.STORE_TIMEOUT_S", 0.05)
    await api.feed(a_quote())
    app = create_app(api.view, api.hub, store, mode="live", version="1")
    transport = httpx2.ASGITransport(app)

    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.get("/v1/candles?symbol=BTC-USDT")

    assert response.status_code == 503
    assert response.json()["type"] == "/problems/store-unavailable"
    assert response.headers["retry-after"] == "5"


async def test_what_we_have_no_candle_of_is_filled_from_the_venue(
    api: Api, client: httpx2.AsyncClient
) -> None:
    lacking = replace(a_candle(start_ns=2 * MINUTE), complete=False)
    ours = [a_candle(start_ns=MINUTE), lacking, a_candle(start_ns=4 * MINUTE)]
    theirs = [a_venue_candle(start_ns=n * MINUTE, close=103.0, closed=True) for n in range(4)]
    await api.store.write([*ours, *theirs])
    await api.feed(a_candle(start_ns=4 * MINUTE))

    query = "symbol=BTC-USDT&venue=kraken&source=any"
    whole = (await client.get(f"/v1/candles?{query}")).json()
    page = (await client.get(f"/v1/candles?{query}&limit=2")).json()
    before = (await client.get(page["next"])).json()

    assert [row["source"] for row in whole["data"]] == [
        "venue",
        "trades",
        "venue",
        "venue",
        "trades",
    ]
    assert all(row["complete"] for row in whole["data"])
    assert [*before["data"], *page["data"]] == whole["data"][1:]


async def test_candles_across_venues_are_given_to_whoever_asks_for_them(
    api: Api, client: httpx2.AsyncClient
) -> None:
    across = a_candle("all", "BTC-USD", start_ns=MINUTE)
    await api.store.write([a_candle("kraken", "BTC-USD"), across])
    await api.feed(a_candle("kraken", "BTC-USD"), replace(across, start_ns=2 * MINUTE))

    asked = (await client.get("/v1/candles?symbol=BTC-USD&venue=all")).json()
    every = (await client.get("/v1/candles?symbol=BTC-USD")).json()

    assert [row["venue"] for row in asked["data"]] == ["all", "all"]
    assert [row["venue"] for row in every["data"]] == ["kraken"]


async def test_pages_go_back_into_the_archive(api: Api, tmp_path: Path) -> None:
    today_ns = api.clock.now_ns // DAY_NS * DAY_NS
    trades = [a_trade(number=n, at_ns=today_ns + (n - 8) * DAY_NS // 4) for n in range(10)]
    keep_days(tmp_path, trades[:8])
    await api.store.write(trades[6:])
    app = create_app(
        api.view, api.hub, api.store, mode="live", version="1", archive=LocalFiles(tmp_path)
    )

    told: list[int] = []
    path: str | None = "/v1/trades?venue=kraken&symbol=BTC-USDT&limit=3&order=desc&end=2100-01-01"
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1"
    ) as client:
        while path is not None:
            answer = (await client.get(path)).json()
            told += [int(trade["id"]) for trade in answer["data"]]
            path = answer["next"]

    assert told == list(range(9, -1, -1))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/candles?venue=kraken&symbol=BTC-USDT",
        "/v1/trades?venue=kraken&symbol=BTC-USDT",
        "/v1/indicators/sma?venue=kraken&symbol=BTC-USDT",
    ],
)
async def test_file_of_the_archive_that_is_damaged_is_named_with_the_remedy(
    path: str, api: Api, tmp_path: Path
) -> None:
    yesterday_ns = api.clock.now_ns // DAY_NS * DAY_NS - DAY_NS
    keep_days(tmp_path, [a_trade(at_ns=yesterday_ns), a_candle(start_ns=yesterday_ns)])
    damaged = damage_all(tmp_path)
    archive = LocalFiles(tmp_path)
    app = create_app(api.view, api.hub, api.store, mode="live", version="1", archive=archive)
    await api.feed(a_trade(), a_candle(start_ns=yesterday_ns))

    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1"
    ) as client:
        answer = await client.get(path)

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (500, "/problems/archive-damaged")
    assert any(file.name in problem["detail"] for file in damaged)
    assert "run `cryptotracker archive`" in problem["detail"]
