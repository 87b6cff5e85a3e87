"""The live feed's protocol, over real sockets."""

import asyncio
from typing import Any

import pytest
from pydantic import TypeAdapter
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from api_service.live_protocol import SUBPROTOCOL
from api_service.route_schemas import RouteRow
from api_service.schemas import (
    CandleRow,
    QuoteRow,
    StatusSubject,
    SummaryRow,
    TradeRow,
)
from api_service.server import ApiServer
from tests.api.serving import Api, LiveSocket, an_api, live, served
from tests.making import (
    MINUTE,
    a_book,
    a_candle,
    a_gap,
    a_quote,
    a_route,
    a_routes,
    a_status,
    a_summary,
    a_trade,
)
from tests.waiting import eventually

UNENDING = '{"op":"subscribe","channel":"quotes","symbol":' + "[" * 9_000


async def test_a_client_is_welcomed(server: ApiServer) -> None:
    url = f"ws://127.0.0.1:{server.port}/v1/live"
    async with connect(url, proxy=None, subprotocols=[Subprotocol(SUBPROTOCOL)]) as connection:
        welcome = await LiveSocket(connection).hear()

    assert connection.subprotocol == "cryptotracker.v1" == SUBPROTOCOL
    assert welcome["type"] == "welcome"
    assert (welcome["protocol"], welcome["mode"]) == (1, "simulated")
    assert (welcome["heartbeat_s"], welcome["resume_s"]) == (5.0, 60.0)


async def test_a_subscription_is_acknowledged_then_a_snapshot_then_updates_without_a_hole(
    api: Api, server: ApiServer
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status(at_ns=now_ns), a_quote(bid=1.0, at_ns=now_ns))

    async with live(server) as client:
        ack = await client.subscribe("quotes", symbol=["BTC-USDT"], max_hz=20)
        snapshot = await client.hear()
        updates = []
        for bid in (2.0, 3.0, 4.0):
            await api.feed(a_quote(bid=bid, at_ns=now_ns))
            updates.append(await client.hear("update"))

    assert (ack["delivery"], ack["max_hz"], ack["subscriptions"]) == ("latest", 20, [ack["sub"]])
    assert snapshot["type"] == "snapshot"
    TypeAdapter(list[QuoteRow]).validate_python(snapshot["data"], strict=True, extra="forbid")
    assert [update["seq"] - snapshot["seq"] for update in updates] == [1, 2, 3]
    assert [update["data"][0]["bid"] for update in updates] == ["2.0", "3.0", "4.0"]
    assert {update["sub"] for update in updates} == {ack["sub"]}


async def test_what_comes_between_two_updates_is_merged_into_one(
    api: Api, server: ApiServer
) -> None:
    async with live(server) as client:
        await client.subscribe("quotes", max_hz=2)
        await client.hear("snapshot")
        await api.feed(a_quote(bid=1.0))
        first = await client.hear("update")
        for bid in range(2, 12):
            await api.feed(a_quote(bid=float(bid)))
        second = await client.hear("update")

    assert first["data"][0]["bid"] == "1.0"
    assert (second["merged"], len(second["data"])) == (10, 1)
    assert second["data"][0]["bid"] == "11.0"


async def test_a_route_that_is_no_longer_there_is_gone(api: Api, server: ApiServer) -> None:
    now_ns = api.clock.now_ns
    here, there = a_route("BTC"), a_route("BTC", sell_venue="bitstamp", net_bps=3.0)
    await api.feed(a_routes("BTC", here, there, at_ns=now_ns))

    async with live(server) as client:
        await client.subscribe("routes", filter={"min_net_bps": 1.0}, limit=10)
        snapshot = await client.hear("snapshot")
        await api.feed(a_routes("BTC", here, at_ns=now_ns))
        update = await client.hear("update")

    TypeAdapter(list[RouteRow]).validate_python(snapshot["data"], strict=True, extra="forbid")
    assert [route["id"] for route in snapshot["data"]] == [here.id, there.id]
    assert update["gone"] == [there.id]


async def test_a_venue_that_is_lost_makes_its_rows_stale_in_the_next_update(
    api: Api, server: ApiServer
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status("upbit", at_ns=now_ns), a_quote("upbit", at_ns=now_ns))
    await api.feed(a_book("upbit", at_ns=now_ns))

    async with live(server) as client:
        await client.subscribe("quotes")
        await client.subscribe("books")
        await client.hear("snapshot")
        await api.feed(a_status("upbit", "down", at_ns=now_ns))
        messages = [await client.hear("update") for _ in range(2)]

    [quotes] = [message for message in messages if message["data"]]
    [books] = [message for message in messages if message["gone"]]
    assert quotes["data"][0]["stale_reason"] == "upbit is down"
    assert books["gone"] == ["upbit:BTC-USDT"]


async def test_a_quote_that_grows_old_is_told_without_any_event(
    api: Api, server: ApiServer
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status(at_ns=now_ns), a_quote(at_ns=now_ns))

    async with live(server) as client:
        await client.subscribe("quotes")
        await client.hear("snapshot")
        api.clock.pass_s(6)
        update = await client.hear("update")

    assert update["data"][0]["stale_reason"] == "kraken is stale: no status for more than 5 s"


async def test_candles_across_venues_are_told_to_whoever_subscribes_to_them(
    api: Api, server: ApiServer
) -> None:
    await api.feed(a_quote("kraken", "BTC-USDT"), a_candle("all", "BTC-USD"))

    async with live(server) as client:
        await client.subscribe("candles", venue=["all"], symbol=["BTC-USD"], interval="1m")
        snapshot = await client.hear()

    assert [row["venue"] for row in snapshot["data"]] == ["all"]


async def test_closed_candles_are_all_told_however_many_close_at_once(
    api: Api, server: ApiServer
) -> None:
    async with live(server) as client:
        await client.subscribe("candles", symbol="BTC-USDT", interval="1m", max_hz=1)
        await client.hear("snapshot")
        await api.feed(a_candle(start_ns=0, closed=False))
        await client.hear("update")
        for start in range(4):
            await api.feed(a_candle(start_ns=start * MINUTE, closed=True))
        update = await client.hear("update")

    TypeAdapter(list[CandleRow]).validate_python(update["data"], strict=True, extra="forbid")
    assert [candle["closed"] for candle in update["data"]] == [True] * 4
    assert update["gone"] == []


async def test_every_trade_is_told_in_order_and_only_those_asked_for(
    api: Api, server: ApiServer
) -> None:
    await api.feed(a_trade(number=0))

    async with live(server) as client:
        ack = await client.subscribe("trades", venue=["kraken"])
        snapshot = await client.hear("snapshot")
        for number in range(1, 500):
            await api.feed(a_trade(number=number), a_trade("upbit", number=number))
        heard: list[dict[str, Any]] = []
        seqs = [snapshot["seq"]]
        while len(heard) < 499:
            update = await client.hear("update")
            seqs.append(update["seq"])
            heard += update["data"]

    TypeAdapter(list[TradeRow]).validate_python(heard, strict=True, extra="forbid")
    assert ack["delivery"] == "all"
    assert [trade["id"] for trade in snapshot["data"]] == ["0"]
    assert [int(trade["id"]) for trade in heard] == list(range(1, 500))
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_status_tells_of_venues_and_of_each_new_gap(api: Api, server: ApiServer) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status(at_ns=now_ns), a_gap())

    async with live(server) as client:
        await client.subscribe("status")
        snapshot = await client.hear("snapshot")
        await api.feed(a_gap("upbit"))
        update = await client.hear("update")

    TypeAdapter(list[StatusSubject]).validate_python(snapshot["data"], strict=True, extra="forbid")
    assert [item["subject"] for item in snapshot["data"]] == ["venue:kraken"]
    assert [item["subject"] for item in update["data"]] == ["gap"]
    assert update["data"][0]["gap"]["venue"] == "upbit"


async def test_summaries_are_told_as_they_change_and_go_stale(api: Api, server: ApiServer) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status(at_ns=now_ns), a_summary(last=100.0, at_ns=now_ns))

    async with live(server) as client:
        await client.subscribe("summaries", symbol="BTC-USDT")
        snapshot = await client.hear("snapshot")
        await api.feed(a_summary(last=101.0, at_ns=now_ns + 1))
        changed = await client.hear("update")
        await api.feed(a_status(state="down", at_ns=now_ns + 1))
        stale = await client.hear("update")

    TypeAdapter(list[SummaryRow]).validate_python(snapshot["data"], strict=True, extra="forbid")
    rows = [message["data"][0] for message in (snapshot, changed, stale)]
    assert [row["last"] for row in rows] == ["100.0", "101.0", "101.0"]
    assert [row["stale_reason"] for row in rows] == [None, None, "kraken is down"]


async def test_the_same_question_is_the_same_subscription(api: Api, server: ApiServer) -> None:
    async with live(server) as one, live(server) as other:
        first = await one.subscribe("quotes", venue=[], max_hz=5)
        again = await one.subscribe("quotes", max_hz=4)
        shared = await other.subscribe("quotes")

        assert first["sub"] == again["sub"] == shared["sub"]
        assert (api.hub.clients, api.hub.streams) == (2, 1)


async def test_nothing_is_told_after_an_unsubscription(api: Api, server: ApiServer) -> None:
    async with live(server) as client:
        ack = await client.subscribe("quotes")
        await client.hear("snapshot")
        await client.say(op="unsubscribe", id=2, sub=ack["sub"])
        left = await client.hear("ack")
        await api.feed(a_quote())
        await client.say(op="ping", id=3)
        pong = await client.hear()

    assert (left["id"], left["subscriptions"]) == (2, [])
    assert (pong["type"], pong["id"]) == ("pong", 3)
    assert api.hub.streams == 0


async def test_a_heartbeat_comes_unasked_with_the_number_of_each_stream() -> None:
    api = an_api(heartbeat_s=0.1)
    async with served(api.app) as server, live(server) as client:
        ack = await client.subscribe("quotes")
        snapshot = await client.hear("snapshot")
        beat = await client.hear("heartbeat")

    assert beat["streams"] == {ack["stream"]: snapshot["seq"]}
    assert beat["lag_ms"] >= 0
    api.store.close()


@pytest.mark.parametrize(
    ("message", "kind", "parameter", "meant"),
    [
        ({"channel": "quote"}, "invalid-parameter", "channel", "quotes"),
        ({"channel": "quotes", "symbol": ["BTC-USDTT"]}, "unknown-symbol", "symbol", "BTC-USDT"),
        ({"channel": "quotes", "venue": "krakn"}, "unknown-venue", "venue", "kraken"),
        ({"channel": "candles", "interval": "1min"}, "invalid-parameter", "interval", "1m"),
        ({"channel": "trades", "delivery": "latest"}, "invalid-parameter", "delivery", None),
        ({"channel": "quotes", "interval": "1m"}, "invalid-parameter", "interval", None),
        ({"channel": "routes", "filter": {"buy": "krakn"}}, "unknown-venue", "venue", "kraken"),
        ({"channel": "routes", "limit": 0}, "invalid-parameter", "limit", None),
        ({"channel": "routes", "max_hz": 0.1}, "invalid-parameter", "max_hz", None),
        ({"channel": "routes", "filter": {"min": 1}}, "invalid-parameter", "filter", None),
    ],
)
async def test_a_request_that_makes_no_sense_is_answered_with_the_remedy(
    message: dict[str, Any],
    kind: str,
    parameter: str,
    meant: str | None,
    api: Api,
    server: ApiServer,
) -> None:
    await api.feed(a_quote())

    async with live(server) as client:
        await client.say(op="subscribe", id="mine", **message)
        error = await client.hear()

    [fault] = error["problem"]["errors"]
    assert (error["type"], error["id"]) == ("error", "mine")
    assert error["problem"]["type"] == f"/problems/{kind}"
    assert fault["parameter"] == parameter
    assert fault.get("did_you_mean", [None])[0] == meant


@pytest.mark.parametrize(
    "text", ["{", "hello", "", "[]", '{"op":"sing"}', '{"op":5}', "[" * 9_000, UNENDING]
)
async def test_a_message_that_cannot_be_read_is_answered_and_the_third_closes(
    text: str, server: ApiServer
) -> None:
    async with live(server) as client:
        for _ in range(3):
            await client.connection.send(text)
        errors = [await client.hear() for _ in range(3)]
        if text in ("{", "hello", ""):
            await client.connection.wait_closed()

    assert [error["type"] for error in errors] == ["error"] * 3
    assert client.connection.close_code == (4400 if text in ("{", "hello", "") else 1000)


async def test_subscriptions_beyond_the_limit_are_refused_then_the_connection_is(
    api: Api, server: ApiServer
) -> None:
    async with live(server) as client:
        for limit in range(1, 204):
            await client.say(op="subscribe", id=limit, channel="routes", limit=limit)
        answers = [await client.hear("ack", "error") for _ in range(203)]
        await client.connection.wait_closed()

    assert [answer["type"] for answer in answers] == ["ack"] * 200 + ["error"] * 3
    assert answers[-1]["problem"]["type"] == "/problems/too-many-subscriptions"
    assert client.connection.close_code == 4429
    await eventually(lambda: api.hub.clients == 0)


async def test_a_frame_that_is_too_big_closes_the_connection(server: ApiServer) -> None:
    async with live(server) as client:
        await client.connection.send("x" * 70_000)
        await client.connection.wait_closed()

    assert client.connection.close_code == 1009


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
async def test_a_page_of_another_site_is_refused(origin: str, server: ApiServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with live(server, additional_headers={"origin": origin}):
            pass

    assert refused.value.response.status_code == 403
    assert b"foreign-origin" in refused.value.response.body


async def test_our_own_page_is_let_in(server: ApiServer) -> None:
    origin = f"http://127.0.0.1:{server.port}"

    async with live(server, additional_headers={"origin": origin}) as client:
        ack = await client.subscribe("status")

    assert ack["stream"].startswith("status/")


async def test_a_foreign_host_is_refused(server: ApiServer) -> None:
    url = f"ws://evil.example:{server.port}/v1/live"

    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, proxy=None, host="127.0.0.1", port=server.port):
            pass

    assert refused.value.response.status_code == 421


async def test_who_comes_back_gets_the_trades_that_were_missed(api: Api, server: ApiServer) -> None:
    async with live(server) as client:
        welcome = client.welcome
        trades = await client.subscribe("trades")
        seen = (await client.hear("snapshot"))["seq"]
        quotes = await client.subscribe("quotes")
    await eventually(lambda: api.hub.clients == 0)
    await api.feed(a_trade(number=1))
    await asyncio.sleep(0)
    await api.feed(a_trade(number=2))

    async with live(server) as client:
        streams = {trades["sub"]: seen, quotes["sub"]: 1}
        await client.say(op="resume", id=5, session=welcome["session"], streams=streams)
        first = await client.hear("ack")
        missed: list[dict[str, Any]] = []
        kinds = []
        while len(missed) < 2 or "snapshot" not in kinds:
            message = await client.hear("update", "snapshot", "gap")
            kinds.append(message["type"])
            missed += message["data"] if message["type"] == "update" else []

    assert (first["id"], first["sub"]) == (5, trades["sub"])
    assert [trade["id"] for trade in missed] == ["1", "2"]
    assert "gap" not in kinds


async def test_a_session_that_nobody_knows_cannot_be_resumed(server: ApiServer) -> None:
    async with live(server) as client:
        await client.say(op="resume", id=5, session="none", streams={"s1": 3})
        error = await client.hear()

    assert error["problem"]["type"] == "/problems/unknown-session"
