"""Indicators on the live feed, on a real server and a real store."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from msgspec.structs import replace

from api_service.app import create_app
from api_service.indicator_board import IndicatorBoard
from api_service.indicator_points import CandleHistory
from api_service.live_hub import LiveHub
from api_service.rows import rfc3339
from api_service.server import ApiServer
from api_service.view import LatestView
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.history import History
from infrastructure.archive.places import DAY_NS
from infrastructure.bus.port import Bus
from infrastructure.supervisor import Supervised
from infrastructure.timeseries.past import Store
from market import Candle, Instrument
from tests.api.serving import Api, LiveSocket, live, served
from tests.api.stores import AwayStore
from tests.api.test_indicators import OF_BTC, a_past
from tests.archive.making import damage_all, keep_days
from tests.making import MINUTE, a_candle
from tests.waiting import eventually

COUNT = 400
"""Minutes of the past, fewer than some indicators reach: the first are not settled."""

MARKET = {"venue": "kraken", "symbol": "BTC-USDT"}


@asynccontextmanager
async def running(*parts: Supervised) -> AsyncIterator[None]:
    """Run parts for as long as the context lasts."""
    tasks = [asyncio.create_task(part.run()) for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.fixture
async def board(api: Api) -> AsyncIterator[IndicatorBoard]:
    """The part that computes, running."""
    async with running(api.hub.indicators):
        yield api.hub.indicators


class Rows:
    """What a client knows of an indicator."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.known: dict[str, Any] = {}

    def hear(self, message: dict[str, Any]) -> None:
        self.known |= {row["start"]: row for row in message["data"]}

    def newest(self, count: int) -> list[dict[str, Any]]:
        return [self.known[start] for start in sorted(self.known)[-count:]]


async def until_told(
    socket: LiveSocket, following: dict[str, Rows], client: httpx2.AsyncClient
) -> None:
    """Hear until what is known of each subscription is what history tells."""
    for rows in following.values():
        expected = await in_history(client, rows.query)
        while rows.newest(len(expected)) != expected:
            message = await socket.hear("snapshot", "update")
            following[message["sub"]].hear(message)


@asynccontextmanager
async def following_a_mean(
    server: ApiServer, client: httpx2.AsyncClient
) -> AsyncIterator[tuple[LiveSocket, dict[str, Rows]]]:
    """Follow one indicator of one market; what history tells is told already."""
    async with live(server) as socket:
        await socket.subscribe("indicators", **MARKET, indicator=asked("ema"), max_hz=20)
        following = {"s1": Rows(f"ema?{OF_BTC}")}
        await until_told(socket, following, client)
        yield socket, following


@asynccontextmanager
async def on(bus: Bus, store: Store) -> AsyncIterator[tuple[LatestView, ApiServer]]:
    """Serve an API on a bus and a store."""
    view = LatestView(bus)
    board = IndicatorBoard(view, store)
    app = create_app(view, LiveHub(view, board), store, mode="simulated", version="1")
    async with running(view, board):
        await view.listening.wait()
        async with served(app) as server:
            yield view, server


def client_of(server: ApiServer) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}")


def is_known(view: LatestView, candle: Candle) -> bool:
    kept = view.candles.get((candle.venue, candle.instrument, candle.interval), {})
    return kept.get(candle.start_ns) == candle


async def in_history(client: httpx2.AsyncClient, query: str) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/indicators/{query}&limit=20")
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def asked(name: str, **terms: float) -> dict[str, object]:
    return {"name": name, "parameters": terms}


@pytest.mark.parametrize(
    ("store", "make_bus"),
    [
        ("embedded", "local"),
        pytest.param("influx", "amqp", marks=[pytest.mark.influxdb, pytest.mark.rabbitmq]),
    ],
    indirect=True,
)
async def test_what_is_told_live_is_what_history_tells_to_the_last_bit(
    store: Store, bus: Bus
) -> None:
    past = a_past(time.time_ns() // MINUTE * MINUTE, count=COUNT)
    coming = past[-3:]
    await store.write(past[:-3])
    terms: dict[str, dict[str, float]] = {"macd": {"fast": 5}, "vwap": {}, "atr": {"period": 30}}

    async with (
        on(bus, store) as (view, server),
        client_of(server) as client,
        live(server) as socket,
    ):
        following = {}
        for name, given in terms.items():
            ack = await socket.subscribe(
                "indicators", **MARKET, indicator=asked(name, **given), max_hz=20
            )
            query = urlencode({**MARKET, **given})
            following[ack["sub"]] = Rows(f"{name}?{query}")
        await until_told(socket, following, client)
        for candle in coming:
            grows = replace(candle, closed=False, close=candle.close * 1.5)
            for news in (grows, candle):
                await bus.publish([news])
                await eventually(partial(is_known, view, news))
                await until_told(socket, following, client)

    await store.write(coming)
    async with on(bus, store) as (_, another), client_of(another) as client:
        for rows in following.values():
            assert rows.newest(20) == await in_history(client, rows.query)


@pytest.mark.usefixtures("board")
async def test_a_candle_that_is_corrected_corrects_what_follows_from_it(
    api: Api, server: ApiServer, client: httpx2.AsyncClient
) -> None:
    past = a_past(api.clock.now_ns // MINUTE * MINUTE, count=COUNT)
    await api.store.write(past)
    await api.feed(*past[-20:])

    async with following_a_mean(server, client) as (socket, following):
        before = following["s1"].newest(20)
        for corrected in (past[-3], past[-200]):  # one that the view knows, one that it forgot
            await api.feed(replace(corrected, close=corrected.close * 2, trades=9))
            await api.store.write([replace(corrected, close=corrected.close * 2, trades=9)])
            await until_told(socket, following, client)

    assert following["s1"].newest(20) != before


@pytest.mark.usefixtures("board")
async def test_a_candle_counts_that_the_view_forgot_and_the_store_does_not_have_yet(
    api: Api, server: ApiServer, client: httpx2.AsyncClient
) -> None:
    past = a_past(api.clock.now_ns // MINUTE * MINUTE, count=COUNT)
    await api.store.write(past)
    await api.feed(*past[-20:])
    corrected = replace(past[-200], close=past[-200].close * 2, trades=9)

    async with live(server) as socket:
        mean = asked("sma", period=250)
        await socket.subscribe("indicators", **MARKET, indicator=mean, max_hz=20)
        rows = Rows(f"sma?{OF_BTC}&period=250")
        await until_told(socket, {"s1": rows}, client)
        before = rows.newest(20)
        await api.feed(corrected)
        while rows.newest(20) == before:
            rows.hear(await socket.hear("update"))

    assert not is_known(api.view, corrected)
    await api.store.write([corrected])
    assert rows.newest(20) == await in_history(client, rows.query)


@pytest.mark.usefixtures("board")
async def test_a_spread_is_told_once_both_candles_are_closed(
    api: Api, server: ApiServer, client: httpx2.AsyncClient
) -> None:
    start_ns = api.clock.now_ns // MINUTE * MINUTE
    spread = {"name": "spread", "reference_venue": "binance"}

    def of(venue: str, minute: int, close: float, *, closed: bool = True) -> Candle:
        start = start_ns + minute * MINUTE
        return a_candle(venue, start_ns=start, close=close, closed=closed)

    async with live(server) as socket:
        await api.feed(of("kraken", 0, 101.0), of("binance", 0, 100.0, closed=False))
        await socket.subscribe("indicators", **MARKET, indicator=spread, max_hz=20)
        following = {"s1": Rows(f"spread?{OF_BTC}&reference_venue=binance")}
        await until_told(socket, following, client)
        [growing] = following["s1"].newest(20)
        await api.feed(of("binance", 0, 100.5), of("kraken", 1, 100.0), of("binance", 1, 100.0))
        await until_told(socket, following, client)

    assert growing["closed"] is False
    assert [row["closed"] for row in following["s1"].newest(20)] == [True, True]
    assert float(growing["values"]["spread_bps"]) == pytest.approx(100.0)


async def test_what_it_waits_for_is_told_until_the_past_is_read(
    api: Api, server: ApiServer, board: IndicatorBoard
) -> None:
    await api.store.write([a_candle(close=3.0)])

    async with live(server) as socket:
        await socket.subscribe("indicators", **MARKET, indicator=asked("sma", period=1))
        told = [await socket.hear("snapshot", "update")]
        while not told[-1]["data"]:
            told.append(await socket.hear("update"))

    assert told[-1]["waits_for"] is None
    assert told[-1]["indicator"]["parameters"] == {"period": 1}
    assert told[-1]["data"][0]["values"] == {"sma": "3.0"}
    assert board.handled > 0


class WatchedHistory:
    """Passes questions on, but of venues that are silent; notes from when on it was asked."""

    def __init__(self, store: CandleHistory) -> None:
        self.store = store
        self.silent: set[str] = set()
        self.asked_from: list[int] = []
        self.let_go: list[str] = []

    async def candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[Candle]:
        self.asked_from.append(start_ns)
        if venue in self.silent:
            try:
                await asyncio.Event().wait()
            finally:
                self.let_go.append(venue)
        return await self.store.candles(
            venue, instrument, interval, start_ns=start_ns, end_ns=end_ns, limit=limit
        )


async def test_a_store_that_is_away_is_named_and_asked_again(
    api: Api, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.indicator_board.RETRY_S", 0.05)
    await api.store.write([a_candle(close=3.0)])
    history = WatchedHistory(AwayStore())
    api.hub.indicators.reader.history = history

    async with running(api.hub.indicators), live(server) as socket:
        await socket.subscribe("indicators", **MARKET, indicator=asked("sma", period=1), max_hz=20)
        while (told := await socket.hear("snapshot", "update"))["waits_for"] != "it is away":
            assert told["data"] == []
        history.store = api.store
        while not (told := await socket.hear("update"))["data"]:
            assert told["waits_for"] == "it is away"

    assert told["waits_for"] is None
    assert told["data"][0]["values"] == {"sma": "3.0"}


@pytest.fixture
def history(api: Api) -> WatchedHistory:
    """What the board reads."""
    api.hub.indicators.reader.history = watched = WatchedHistory(api.store)
    return watched


@pytest.mark.usefixtures("board")
async def test_a_candle_that_nobody_told_is_found_in_the_store(
    api: Api, server: ApiServer, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.indicator_line.LOOK_EVERY_S", 0.0)
    past = a_past(api.clock.now_ns // MINUTE * MINUTE, count=COUNT)
    *known, missed, newest = past
    await api.store.write(known)
    await api.feed(*known[-10:])

    async with following_a_mean(server, client) as (socket, following):
        await api.store.write([missed, newest])
        await api.feed(newest)
        await until_told(socket, following, client)

    assert following["s1"].newest(2)[0]["start"] == rfc3339(missed.start_ns)


@pytest.mark.usefixtures("board")
async def test_where_nothing_was_traded_the_past_is_read_once(
    api: Api,
    server: ApiServer,
    client: httpx2.AsyncClient,
    history: WatchedHistory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api_service.indicator_line.LOOK_EVERY_S", 0.0)
    midnight_ns = api.clock.now_ns // DAY_NS * DAY_NS
    past = [a_candle(start_ns=midnight_ns + 2 * n * MINUTE, close=9.0 + n) for n in range(710)]
    await api.store.write(past[:-5])
    await api.feed(*past[-20:-5])

    async with live(server) as socket:
        await socket.subscribe("indicators", **MARKET, indicator=asked("vwap"), max_hz=20)
        following = {"s1": Rows(f"vwap?{OF_BTC}&end=2100-01-01")}
        await until_told(socket, following, client)
        for candle in past[-5:]:
            await api.store.write([candle])
            await api.feed(candle)
            await until_told(socket, following, client)

    of_holes = [candle.start_ns - MINUTE for candle in past[-5:]]
    assert history.asked_from == [0, *of_holes], "the past, and each hole"


async def test_a_line_goes_on_while_the_history_of_another_is_silent(
    api: Api,
    server: ApiServer,
    client: httpx2.AsyncClient,
    history: WatchedHistory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api_service.pages.STORE_TIMEOUT_S", 60.0)
    history.silent.add("binance")
    past = a_past(api.clock.now_ns // MINUTE * MINUTE, count=30)
    await api.store.write(past)
    await api.feed(past[-1], a_candle("binance"))

    async with running(api.hub.indicators), live(server) as socket:
        silent = MARKET | {"venue": "binance"}
        await socket.subscribe("indicators", **silent, indicator=asked("sma"), max_hz=20)
        await eventually(lambda: history.asked_from)
        ack = await socket.subscribe("indicators", **MARKET, indicator=asked("sma"), max_hz=20)
        following = {"s1": Rows(""), ack["sub"]: Rows(f"sma?{OF_BTC}")}
        await until_told(socket, {ack["sub"]: following[ack["sub"]]}, client)

    assert len(following["s1"].known) == 0
    assert history.let_go == ["binance"], "as the board ends"


async def test_a_line_that_nobody_follows_any_longer_lets_go_of_its_reading(
    api: Api, server: ApiServer, board: IndicatorBoard, history: WatchedHistory
) -> None:
    history.silent.add("kraken")
    await api.feed(a_candle())

    async with live(server) as socket:
        ack = await socket.subscribe("indicators", **MARKET, indicator=asked("sma"))
        await eventually(lambda: history.asked_from)
        await socket.say(op="unsubscribe", sub=ack["sub"], id=2)
        await eventually(lambda: history.let_go)

    assert board.handled == 0
    assert board.dead == 0


async def test_a_file_of_the_archive_that_is_damaged_is_named_and_ends_nothing(
    api: Api, server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.indicator_board.RETRY_S", 0.05)
    yesterday_ns = api.clock.now_ns // DAY_NS * DAY_NS - DAY_NS
    keep_days(tmp_path, [a_candle(start_ns=yesterday_ns, close=3.0)])
    [damaged] = damage_all(tmp_path)
    board = api.hub.indicators
    board.reader.history = History(api.store, LocalFiles(tmp_path), clock=api.clock)

    async with running(board), live(server) as socket:
        await socket.subscribe("indicators", **MARKET, indicator=asked("sma", period=1), max_hz=20)
        while damaged.name not in (await socket.hear("snapshot", "update"))["waits_for"]:
            pass
        keep_days(tmp_path, [a_candle(start_ns=yesterday_ns, close=3.0)])
        while not (told := await socket.hear("update"))["data"]:
            assert damaged.name in told["waits_for"]

    assert told["waits_for"] is None
    assert told["data"][0]["values"] == {"sma": "3.0"}


@pytest.mark.parametrize(
    ("fields", "parameter", "reason"),
    [
        ({**MARKET}, "indicator", 'such as {"name": "sma"}'),
        ({"venue": "kraken", "indicator": {"name": "sma"}}, "symbol", "exactly one"),
        ({**MARKET, "indicator": {"name": "smaa"}}, "indicator.name", "one of sma, ema"),
        ({**MARKET, "indicator": asked("rsi", period=1)}, "period", "whole, from 2 to 250"),
        ({**MARKET, "indicator": {"name": "spread"}}, "reference_venue", "needs the venue"),
        ({**MARKET, "indicator": {"name": "sma"}, "limit": 21}, "limit", "between 1 and 20"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_the_remedy(
    fields: dict[str, object], parameter: str, reason: str, server: ApiServer
) -> None:
    async with live(server) as socket:
        await socket.say(op="subscribe", id=7, channel="indicators", **fields)
        answer = await socket.hear("error")

    [fault] = answer["problem"]["errors"]
    assert fault["parameter"] == parameter
    assert reason in fault["reason"]


async def test_a_client_follows_a_limited_number_of_indicators(server: ApiServer) -> None:
    async with live(server) as socket:
        for period in range(1, 21):
            await socket.subscribe("indicators", **MARKET, indicator=asked("sma", period=period))
        await socket.say(
            op="subscribe", id=21, channel="indicators", **MARKET, indicator=asked("ema")
        )
        answer = await socket.hear("error")

    assert answer["problem"]["type"] == "/problems/too-many-subscriptions"
    assert answer["problem"]["detail"] == "At most 20 indicators a connection."


async def test_so_many_different_indicators_are_computed_and_each_once(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.indicator_board.LINES_AT_MOST", 1)

    async with live(server) as socket, live(server) as other:
        ack = await socket.subscribe("indicators", **MARKET, indicator=asked("sma"))
        await other.subscribe("indicators", **MARKET, indicator=asked("sma"), limit=5)
        await other.say(
            op="subscribe", id=2, channel="indicators", **MARKET, indicator=asked("ema")
        )
        refused = await other.hear("error")
        for each, sub in ((socket, ack["sub"]), (other, "s2")):
            await each.say(op="unsubscribe", id=3, sub=sub)
            await each.hear("ack")
        accepted = await other.subscribe("indicators", **MARKET, indicator=asked("ema"))

    assert refused["problem"]["type"] == "/problems/too-many-subscriptions"
    assert refused["problem"]["detail"] == "1 different indicators are followed."
    assert accepted["subscriptions"] == [accepted["sub"]]


async def test_indicators_that_are_resumed_count(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api_service.live.INDICATORS_AT_MOST", 2)

    async with live(server) as lost:
        session = lost.welcome["session"]
        subs = [
            (await lost.subscribe("indicators", **MARKET, indicator=asked("sma", period=n)))["sub"]
            for n in (1, 2)
        ]
    async with live(server) as socket:
        await socket.subscribe("indicators", **MARKET, indicator=asked("ema"))
        await socket.say(op="resume", id=2, session=session, streams=dict.fromkeys(subs, 0))
        refused = await socket.hear("error")
        await socket.say(op="resume", id=3, session=session, streams={subs[0]: 0})
        resumed = await socket.hear("ack")

    assert refused["problem"]["detail"] == "At most 2 indicators a connection."
    assert len(resumed["subscriptions"]) == 2
