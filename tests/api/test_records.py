"""The endpoints of what is on record, on a real store and bus."""

import httpx2
from msgspec.structs import replace
from pydantic import TypeAdapter

from api_service.app import create_app
from api_service.schemas import Answer, GapsAnswer, ListingRow, QuarantineRow
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import DeadLetter
from market import BusUnavailableError
from tests.api.serving import Api
from tests.making import SECOND, a_gap, a_listed, a_quote, a_trade


async def test_gaps_of_all_instruments_come_from_store_and_view(
    api: Api, client: httpx2.AsyncClient
) -> None:
    stored = [a_gap(start_ns=2 * SECOND), a_gap("upbit", "BTC-KRW", start_ns=3 * SECOND)]
    await api.store.write([*stored, a_gap(start_ns=1 * SECOND)])
    await api.feed(stored[0], a_gap("kraken", "ETH-USDT", start_ns=4 * SECOND))

    answer = (await client.get("/v1/gaps")).json()

    TypeAdapter(GapsAnswer).validate_python(answer, strict=True, extra="forbid")
    assert [(gap["venue"], gap["symbol"]) for gap in answer["data"]] == [
        ("kraken", "BTC-USDT"),
        ("kraken", "BTC-USDT"),
        ("upbit", "BTC-KRW"),
        ("kraken", "ETH-USDT"),
    ]


async def test_gaps_are_chosen_by_venue_symbol_channel_and_time(
    api: Api, client: httpx2.AsyncClient
) -> None:
    gap, later = a_gap(start_ns=0), a_gap("upbit", start_ns=5 * SECOND)
    book = replace(a_gap(instrument="ETH-USDT", start_ns=SECOND), channel="book")
    await api.store.write([gap, book])
    await api.feed(later)

    starts = {}
    for terms in ("venue=upbit", "symbol=ETH-USDT", "channel=book", "end=1970-01-01T00:00:01Z"):
        rows = (await client.get(f"/v1/gaps?{terms}")).json()["data"]
        starts[terms.partition("=")[0]] = [row["start"][-3:] for row in rows]

    assert starts == {"venue": ["05Z"], "symbol": ["01Z"], "channel": ["01Z"], "end": ["00Z"]}


async def test_gaps_are_added_up_by_venue_over_all_pages(
    api: Api, client: httpx2.AsyncClient
) -> None:
    gaps = [
        replace(a_gap(start_ns=n * SECOND, end_ns=(n + 2) * SECOND), missing=n) for n in range(5)
    ]
    await api.store.write(gaps)
    await api.feed(gaps[-1], a_gap("upbit", end_ns=500_000_000))

    answer = (await client.get("/v1/gaps?limit=2")).json()

    assert answer["next"] is not None
    assert len(answer["data"]) == 2
    assert answer["totals"] == [
        {"venue": "kraken", "gaps": 5, "seconds": 10.0, "missing": 10},
        {"venue": "upbit", "gaps": 1, "seconds": 0.5, "missing": 0},
    ]


async def test_gaps_that_start_together_are_each_on_one_page(
    api: Api, client: httpx2.AsyncClient
) -> None:
    venues = ["binance", "bitstamp", "coinbase", "kraken", "upbit"]
    await api.store.write([a_gap(venue) for venue in venues])

    seen: list[str] = []
    path: str | None = "/v1/gaps?limit=2"
    while path is not None:
        answer = (await client.get(path)).json()
        seen = [gap["venue"] for gap in answer["data"]] + seen
        path = answer["next"]

    assert seen == venues


async def test_a_venue_without_gaps_has_none_and_an_unknown_one_is_refused(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_quote("kraken"))

    none = (await client.get("/v1/gaps?venue=kraken")).json()
    unknown = (await client.get("/v1/gaps?venue=krakn")).json()

    assert (none["data"], none["totals"]) == ([], [])
    assert unknown["type"] == "/problems/unknown-venue"


async def test_the_last_terms_of_each_listing_are_told(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.store.write([a_listed(), a_listed("upbit", "BTC-KRW", tick_size=None)])
    await api.feed(a_listed(trading=False, at_ns=2))

    answer = (await client.get("/v1/listings")).json()
    of_upbit = (await client.get("/v1/listings?venue=upbit&symbol=btc-krw")).json()

    TypeAdapter(Answer[ListingRow]).validate_python(answer, strict=True, extra="forbid")
    kraken, upbit = answer["data"]
    assert (kraken["venue"], kraken["status"], kraken["tick_size"]) == ("kraken", "halted", "0.1")
    assert (upbit["status"], upbit["tick_size"], upbit["lot_size"]) == ("trading", None, "0.0001")
    assert of_upbit["data"] == [upbit]


async def test_what_was_put_aside_is_told_with_the_reason(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.view.bus.put_aside(
        [
            DeadLetter("stream.kraken", "no such channel", body=b'{"a":1}', at_ns=SECOND),
            DeadLetter("stream.upbit", "not JSON", body=b"\xff\xfe", at_ns=2 * SECOND),
            DeadLetter("storage.writer", "price cannot be nan", event=a_trade(), at_ns=3 * SECOND),
        ]
    )

    answer = (await client.get("/v1/quarantine?limit=2")).json()
    of_kraken = (await client.get("/v1/quarantine?venue=kraken")).json()

    TypeAdapter(Answer[QuarantineRow]).validate_python(answer, strict=True, extra="forbid")
    upbit, trade = answer["data"]
    assert (upbit["time"], upbit["body"], upbit["body_base64"]) == (
        "1970-01-01T00:00:02Z",
        None,
        "//4=",
    )
    assert '"kind":"trade"' in trade["body"]
    assert [row["body"] for row in of_kraken["data"]] == ['{"a":1}', trade["body"]]


class AwayBus(LocalBus):
    """Does not answer, as a broker that was lost."""

    async def dead_letters(self, at_most: int) -> list[DeadLetter]:
        raise BusUnavailableError(f"nobody to ask for {at_most} letters")


async def test_a_bus_that_is_away_is_a_problem_that_passes(api: Api) -> None:
    api.view.bus = AwayBus()
    app = create_app(api.view, api.hub, api.store, mode="live", version="1")
    transport = httpx2.ASGITransport(app)

    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.get("/v1/quarantine")

    assert response.status_code == 503
    assert response.json()["type"] == "/problems/bus-unavailable"
