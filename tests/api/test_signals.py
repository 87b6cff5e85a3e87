"""Signals over REST and live, on a real store."""

import httpx2
from msgspec.structs import replace
from pydantic import TypeAdapter

from api_service.schemas import Answer
from api_service.server import ApiServer
from api_service.signal_rows import SignalRow
from tests.api.serving import Api, live
from tests.making import MINUTE, a_quote, a_signal

BUY = a_signal(start_ns=MINUTE)
SELL = a_signal(side="sell", start_ns=4 * MINUTE)
HOLD = a_signal(side="hold", start_ns=5 * MINUTE)
OTHER = a_signal("upbit", "BTC-KRW", strategy="rsi-reversal", interval="5m", start_ns=2 * MINUTE)


async def test_signals_come_from_store_and_view_each_once(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.store.write([BUY, OTHER])
    await api.feed(OTHER, SELL, HOLD)

    answer = (await client.get("/v1/signals")).json()
    latest = (await client.get("/v1/signals/latest")).json()

    TypeAdapter(Answer[SignalRow]).validate_python(answer, strict=True, extra="forbid")
    assert [(row["venue"], row["side"]) for row in answer["data"]] == [
        ("kraken", "buy"),
        ("upbit", "buy"),
        ("kraken", "sell"),
    ]
    assert answer["data"][0] == {
        "venue": "kraken",
        "symbol": "BTC-USDT",
        "strategy": "sma-cross",
        "parameters": "fast=10 slow=30",
        "interval": "1m",
        "start": "1970-01-01T00:01:00Z",
        "ts": "1970-01-01T00:02:00Z",
        "side": "buy",
        "target": 1.0,
        "price": "100.1",
        "reason": "the fast mean is above the slow one",
        "values": {"fast": 100.1, "slow": 0.333333333333},
        "corrected": False,
    }
    assert [(row["venue"], row["side"]) for row in latest["data"]] == [
        ("kraken", "hold"),
        ("upbit", "buy"),
    ]


async def test_signals_are_chosen_by_what_they_are_known_by(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.store.write([BUY, SELL, OTHER])
    await api.feed(HOLD, OTHER)

    found = {}
    for terms in (
        "venue=upbit",
        "symbol=BTC-KRW",
        "strategy=sma-cross,other",
        "interval=5m",
        "side=sell",
        "parameters=fast%3D10%20slow%3D30&limit=1",
        "start=1970-01-01T00:04:00Z",
    ):
        rows = (await client.get(f"/v1/signals?{terms}")).json()["data"]
        found[terms.partition("=")[0]] = [row["ts"][14:16] for row in rows]
    latest = (await client.get("/v1/signals/latest?interval=5m")).json()["data"]

    assert found == {
        "venue": ["03"],
        "symbol": ["03"],
        "strategy": ["02", "05"],
        "interval": ["03"],
        "side": ["05"],
        "parameters": ["05"],
        "start": ["05"],
    }
    assert [row["venue"] for row in latest] == ["upbit"]


async def test_pages_of_signals_lead_to_the_first(api: Api, client: httpx2.AsyncClient) -> None:
    told = [a_signal(start_ns=n * MINUTE) for n in range(5)]
    same = [replace(one, strategy="ema-cross") for one in told]
    await api.store.write([*told, *same])
    await api.feed(a_quote())

    seen: list[tuple[str, str]] = []
    path = "/v1/signals?limit=3"
    while path:
        page = (await client.get(path)).json()
        seen = [*((row["ts"], row["strategy"]) for row in page["data"]), *seen]
        path = page["next"]

    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen)


async def test_the_latest_signals_are_told_as_they_change(api: Api, server: ApiServer) -> None:
    await api.feed(BUY, OTHER)

    async with live(server) as client:
        await client.subscribe("signals", symbol="BTC-USDT", max_hz=20)
        snapshot = await client.hear("snapshot")
        await api.feed(SELL, HOLD, replace(OTHER, start_ns=9 * MINUTE))
        update = await client.hear("update")

    rows = [*snapshot["data"], *update["data"]]
    TypeAdapter(list[SignalRow]).validate_python(rows, strict=True, extra="forbid")
    assert [(row["side"], row["ts"][14:16]) for row in rows] == [("buy", "02"), ("hold", "06")]


async def test_every_signal_is_told_once_where_all_are_asked_for(
    api: Api, server: ApiServer
) -> None:
    taken_back = replace(BUY, side="hold", target=0.0, corrected=True)
    await api.feed(BUY, HOLD, OTHER)

    async with live(server) as client:
        ack = await client.subscribe("signals", venue="kraken", delivery="all", limit=10)
        snapshot = await client.hear("snapshot")
        await api.feed(SELL, SELL, replace(HOLD, start_ns=9 * MINUTE), taken_back, taken_back)
        update = await client.hear("update")

    assert ack["delivery"] == "all"
    assert [row["side"] for row in snapshot["data"]] == ["buy"]
    assert [(row["side"], row["corrected"]) for row in update["data"]] == [
        ("sell", False),
        ("hold", True),
    ]
