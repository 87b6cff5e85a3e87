"""The endpoints of what is latest."""

import httpx2
import pytest
import structlog
from msgspec.structs import replace
from pydantic import TypeAdapter

from api_service.schemas import (
    Answer,
    BookRow,
    InstrumentRow,
    QuoteRow,
    StatusAnswer,
    SummaryRow,
    VenueRow,
)
from tests.api.serving import Api
from tests.books import assert_balanced
from tests.making import a_book, a_gap, a_quote, a_status, a_summary, a_trade, an_actor_status


async def test_a_quote_has_every_field_of_the_contract(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status(at_ns=now_ns), a_quote(bid=99.5, ask=1e-7, at_ns=now_ns, sequence=7))
    api.clock.pass_s(1.5)

    answer = (await client.get("/v1/quotes")).json()

    TypeAdapter(Answer[QuoteRow]).validate_python(answer, strict=True, extra="forbid")
    [quote] = answer["data"]
    assert (quote["bid"], quote["ask"], quote["sequence"]) == ("99.5", "0.0000001", "7")
    assert (quote["age_ms"], quote["stale"], quote["stale_reason"]) == (1500.0, False, None)
    assert answer["meta"]["mode"] == "simulated"
    assert answer["next"] is None


async def test_numbers_are_numbers_when_asked_for(api: Api, client: httpx2.AsyncClient) -> None:
    await api.feed(a_quote(bid=99.5))

    [quote] = (await client.get("/v1/quotes?numbers=float")).json()["data"]

    assert quote["bid"] == 99.5


async def test_a_quote_of_a_venue_that_is_down_is_stale_and_says_why(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_quote("upbit", at_ns=now_ns), a_status("upbit", "down", at_ns=now_ns))

    answer = (await client.get("/v1/quotes")).json()

    assert answer["data"][0]["stale_reason"] == "upbit is down"
    assert answer["meta"]["stale"] is True


@pytest.mark.parametrize(
    "symbol", ["BTC-USDT", "btc/usdt", "btcusdt", "XBT-USDT", "ETH-USDT,BTC-USDT"]
)
async def test_a_symbol_is_understood_as_people_write_it(
    symbol: str, api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_quote(), a_quote(instrument="ETH-USDT"))

    answer = (await client.get("/v1/quotes", params={"symbol": symbol})).json()

    assert "BTC-USDT" in [quote["symbol"] for quote in answer["data"]]


async def test_old_quotes_can_be_left_out(api: Api, client: httpx2.AsyncClient) -> None:
    await api.feed(a_quote("kraken", at_ns=api.clock.now_ns))
    api.clock.pass_s(2)
    await api.feed(a_quote("upbit", at_ns=api.clock.now_ns))

    answer = (await client.get("/v1/quotes?max_age_ms=1000")).json()

    assert [quote["venue"] for quote in answer["data"]] == ["upbit"]


async def test_every_fault_is_told_at_once_with_what_was_meant(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_quote())

    response = await client.get("/v1/routes?lmit=3&sort=nicest&min_net_bps=much")

    problem = response.json()
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "/problems/invalid-parameter"
    assert {fault["parameter"] for fault in problem["errors"]} == {"lmit", "sort", "min_net_bps"}
    [unknown] = [fault for fault in problem["errors"] if fault["parameter"] == "lmit"]
    assert unknown["did_you_mean"] == ["limit"]


async def test_a_missing_parameter_is_told_without_a_value_and_a_far_one_without_a_guess(
    client: httpx2.AsyncClient,
) -> None:
    problem = (await client.get("/v1/candles?instrument=BTC-USDT")).json()

    missing, unknown = problem["errors"]
    assert (missing["parameter"], missing["value"]) == ("symbol", None)
    assert unknown["parameter"] == "instrument"
    assert "did_you_mean" not in unknown


async def test_the_live_feed_tells_who_asks_for_a_page_that_it_is_a_websocket(
    client: httpx2.AsyncClient,
) -> None:
    response = await client.get("/v1/live")

    assert response.status_code == 426
    assert response.json()["type"] == "/problems/upgrade-required"
    assert "ws://127.0.0.1/v1/live" in response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "kind", "meant"),
    [
        ("/v1/quotes?symbol=BTC-USDTT", "unknown-symbol", "BTC-USDT"),
        ("/v1/quotes?symbol=nonsense", "unknown-symbol", None),
        ("/v1/quotes?venue=krakn", "unknown-venue", "kraken"),
        ("/v1/routes?buy=krakn", "unknown-venue", "kraken"),
    ],
)
async def test_an_unknown_name_is_refused_with_what_was_meant(
    path: str, kind: str, meant: str | None, api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_quote())

    response = await client.get(path)

    assert response.status_code == 404
    assert response.json()["type"] == f"/problems/{kind}"
    assert response.json()["errors"][0].get("did_you_mean", [None])[0] == meant


async def test_a_book_is_as_deep_as_asked(api: Api, client: httpx2.AsyncClient) -> None:
    await api.feed(a_book(bids=((99.0, 1.0), (98.0, 2.0)), asks=((100.0, 1.0),)))

    answer = (await client.get("/v1/books?depth=1")).json()

    TypeAdapter(Answer[BookRow]).validate_python(answer, strict=True, extra="forbid")
    assert answer["data"][0]["bids"] == [["99.0", "1.0"]]


async def test_instruments_are_those_heard_of(api: Api, client: httpx2.AsyncClient) -> None:
    await api.feed(a_quote("upbit"), a_trade("kraken"))

    answer = (await client.get("/v1/instruments")).json()

    TypeAdapter(Answer[InstrumentRow]).validate_python(answer, strict=True, extra="forbid")
    assert answer["data"][0]["venues"] == ["kraken", "upbit"]


async def test_the_last_day_of_an_instrument_is_told_in_one_form(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns
    plain = replace(
        a_summary("upbit", "BTC-KRW", at_ns=now_ns), open=None, bid=None, name="비트코인"
    )
    await api.feed(a_status(at_ns=now_ns), a_summary(last=1e-7, at_ns=now_ns), plain)

    answer = (await client.get("/v1/summaries")).json()
    of_upbit = (await client.get("/v1/summaries?venue=upbit&numbers=float")).json()

    TypeAdapter(Answer[SummaryRow]).validate_python(answer, strict=True, extra="forbid")
    kraken, upbit = answer["data"]
    assert (kraken["exchange"], kraken["last"], kraken["stale"]) == ("kraken", "0.0000001", False)
    assert (upbit["name"], upbit["open"], upbit["bid"]) == ("비트코인", None, None)
    assert upbit["stale_reason"] == "upbit has not told its state yet"
    assert of_upbit["data"][0]["high"] == 105.0


async def test_a_venue_tells_which_instruments_are_not_live_and_why(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns
    whole = replace(
        a_status(at_ns=now_ns),
        resyncs=3,
        backfilled=41,
        gaps=2,
        troubled=2,
        clock_offset_ms=-12.5,
        clock_error_ms=4.0,
    )
    book = replace(
        a_status("kraken", "resyncing", instrument="ETH-USDT", at_ns=now_ns), reason="checksum"
    )
    await api.feed(whole, book)

    answer = (await client.get("/v1/venues")).json()

    TypeAdapter(Answer[VenueRow]).validate_python(answer, strict=True, extra="forbid")
    [venue] = answer["data"]
    assert (venue["resyncs"], venue["backfilled"], venue["gaps"]) == (3, 41, 2)
    assert (venue["clock_offset_ms"], venue["clock_error_ms"]) == (-12.5, 4.0)
    assert (venue["polled"], venue["lasts_s"]) == (False, 15.0)
    assert venue["not_live"] == 2
    [trouble] = venue["troubled"]
    assert (trouble["symbol"], trouble["state"], trouble["reason"]) == (
        "ETH-USDT",
        "resyncing",
        "checksum",
    )


async def test_the_status_counts_and_names_what_runs(api: Api, client: httpx2.AsyncClient) -> None:
    now_ns = api.clock.now_ns
    counts = {"received": 13, "handled": 12, "dead": 0, "given_back": 0, "in_hand": 1}
    actor = an_actor_status("running", "", counts, at_ns=now_ns)
    await api.feed(actor, a_status(at_ns=now_ns), a_gap(), a_quote(), a_trade(), a_trade())
    api.clock.pass_s(2)

    answer = (await client.get("/v1/status")).json()

    TypeAdapter(StatusAnswer).validate_python(answer, strict=True, extra="forbid")
    status = answer["data"]
    assert status["events"]["trade"] == 1
    assert (status["gaps"], status["uptime_s"], status["version"]) == (1, 2.0, "1.2.3")
    assert (status["actors"][0]["actor"], status["actors"][0]["age_ms"]) == ("storage.writer", 2000)
    assert status["venues"][0]["state"] == "live"
    assert status["faults"] == []
    assert_balanced(answer)


async def test_the_status_says_what_vanished_and_what_is_wrong(
    api: Api, client: httpx2.AsyncClient
) -> None:
    writer = an_actor_status(
        "waiting",
        "InfluxDB answers 500: restart it",
        {"received": 13, "handled": 12, "dead": 0, "given_back": 0, "in_hand": 0},
    )
    await api.feed(writer)

    status = (await client.get("/v1/status")).json()["data"]

    assert status["faults"] == ["storage.writer is waiting: InfluxDB answers 500: restart it"]
    assert not status["books"]["balanced"]
    assert [(row["name"], row["difference"]) for row in status["books"]["balances"]] == [
        ("mailbox", 1)
    ]


async def test_a_path_that_is_not_there_is_a_problem_too(client: httpx2.AsyncClient) -> None:
    missing = await client.get("/v1/nothing")
    refused = await client.post("/v1/quotes")

    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/not-found")
    assert (refused.status_code, refused.json()["type"]) == (405, "/problems/method-not-allowed")


async def test_a_fault_of_ours_is_told_by_its_trace_and_nothing_else(api: Api) -> None:
    api.view.quotes["kraken"] = "no quote"  # type: ignore[assignment, index]  # a bug, on purpose
    transport = httpx2.ASGITransport(api.app, raise_app_exceptions=False)

    with structlog.testing.capture_logs() as logs:
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            response = await client.get("/v1/quotes")

    assert response.status_code == 500
    assert response.json()["trace_id"] == logs[0]["trace_id"]
    assert "Error" not in response.text


async def test_the_pages_of_the_api_need_no_other_site(client: httpx2.AsyncClient) -> None:
    docs = await client.get("/docs")
    problem = await client.get("/problems/unknown-symbol")

    assert "/v1/candles" in docs.text
    assert "http://" not in docs.text.replace("http://127.0.0.1", "")
    assert "https://" not in docs.text
    assert "GET /v1/instruments" in problem.text
