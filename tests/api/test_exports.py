"""The endpoint of whole series, on a real store and a real archive."""

import csv
import io
from contextlib import closing
from pathlib import Path

import httpx2
import msgspec
import pytest

from api_service.app import create_app
from infrastructure.archive.catching_up import days_to_archive
from infrastructure.archive.day import archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.places import DAY_NS
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from tests.api.serving import Api
from tests.api.stores import AwayStore
from tests.making import a_book, a_candle, a_trade

BOOKS = "/v1/export/books?venue=kraken&symbol=BTC-USDT"
CANDLES = "/v1/export/candles?venue=kraken&symbol=BTC-USDT"


def client_of(api: Api, store: EmbeddedTimeSeries | AwayStore, root: Path) -> httpx2.AsyncClient:
    app = create_app(api.view, api.hub, store, mode="live", version="1", archive=LocalFiles(root))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1")


async def test_series_goes_on_from_the_archive_to_the_store(api: Api, tmp_path: Path) -> None:
    today_ns = api.clock.now_ns // DAY_NS * DAY_NS
    candles = [a_candle(start_ns=today_ns - n * DAY_NS, close=100.0 + n) for n in (9, 8, 1, 0)]
    files = LocalFiles(tmp_path)
    with closing(EmbeddedTimeSeries.open(None)) as whole:
        await whole.write(candles)
        for day in await days_to_archive(whole, files, now_ns=api.clock.now_ns):
            await archive_day(whole, files, day, now_ns=api.clock.now_ns)
    await api.store.write(candles[2:])

    async with client_of(api, api.store, tmp_path) as client:
        response = await client.get(CANDLES)

    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [float(row["close"]) for row in rows] == [109.0, 108.0, 101.0, 100.0]
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "kraken-BTC-USDT-candles.csv" in response.headers["content-disposition"]


async def test_range_and_format_are_heeded(api: Api, client: httpx2.AsyncClient) -> None:
    now_ns = api.clock.now_ns
    await api.store.write([a_trade(number=n, at_ns=now_ns - n * 10**9) for n in (5_000, 3, 2)])

    response = await client.get(
        "/v1/export/trades?venue=kraken&symbol=btc/usdt&start=-1h&format=ndjson"
    )

    assert [line.split(b'"trade_id":')[1][:3] for line in response.content.splitlines()] == [
        b'"3"',
        b'"2"',
    ]


async def test_books_come_from_archive_and_store_with_all_levels(api: Api, tmp_path: Path) -> None:
    today_ns = api.clock.now_ns // DAY_NS * DAY_NS
    levels = [(99.5, 2.0), (99.0, 0.25)]
    books = [a_book(bids=levels, asks=[], at_ns=today_ns - n * DAY_NS + 7) for n in (1, 0)]
    files = LocalFiles(tmp_path)
    with closing(EmbeddedTimeSeries.open(None)) as whole:
        await whole.write(books)
        for day in await days_to_archive(whole, files, now_ns=api.clock.now_ns):
            await archive_day(whole, files, day, now_ns=api.clock.now_ns)
    await api.store.write(books[1:])

    async with client_of(api, api.store, tmp_path) as client:
        lines = await client.get(f"{BOOKS}&format=ndjson")
        table = await client.get(BOOKS)

    told = [msgspec.json.decode(line) for line in lines.content.splitlines()]
    row = next(csv.DictReader(io.StringIO(table.text)))
    assert [one["event_ns"] for one in told] == [book.event_ns for book in books]
    assert {name: told[0][name] for name in ("bid_prices", "bid_sizes", "ask_prices")} == {
        "bid_prices": [99.5, 99.0],
        "bid_sizes": [2.0, 0.25],
        "ask_prices": [],
    }
    assert msgspec.json.decode(row["bid_prices"]) == [99.5, 99.0]


async def test_parquet_file_comes_whole(api: Api, client: httpx2.AsyncClient) -> None:
    await api.store.write([a_candle(start_ns=0)])

    response = await client.get(f"{CANDLES}&format=parquet")

    assert response.content[:4] == response.content[-4:] == b"PAR1"


async def test_store_that_is_away_is_told_before_the_stream_begins(
    api: Api, tmp_path: Path
) -> None:
    async with client_of(api, AwayStore(), tmp_path) as client:
        response = await client.get(CANDLES)

    assert (response.status_code, response.json()["type"]) == (503, "/problems/store-unavailable")


@pytest.mark.parametrize("wrong", ["&start=now&end=-1h", "&interval=2s", "&format=xlsx"])
async def test_what_makes_no_sense_is_refused(client: httpx2.AsyncClient, wrong: str) -> None:
    response = await client.get(CANDLES + wrong)

    assert response.status_code == 400


async def test_only_candles_are_of_a_second(api: Api, client: httpx2.AsyncClient) -> None:
    await api.store.write([a_candle(start_ns=0, interval="1s"), a_candle(start_ns=0)])

    found = await client.get(f"{CANDLES}&interval=1s")
    refused = await client.get(CANDLES.replace("candles", "signals") + "&interval=1s")

    assert [row["interval"] for row in csv.DictReader(io.StringIO(found.text))] == ["1s"]
    assert refused.status_code == 400


async def test_exports_end_one_after_another(api: Api, client: httpx2.AsyncClient) -> None:
    await api.store.write([a_candle(start_ns=0)])

    answers = [await client.get(CANDLES) for _ in range(6)]

    assert {answer.status_code for answer in answers} == {200}
