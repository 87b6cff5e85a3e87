"""The endpoints of routes, their lives and premiums."""

from urllib.parse import quote

import httpx2
import pytest
from msgspec.structs import replace
from pydantic import TypeAdapter

from api_service.route_schemas import (
    EpisodeRow,
    PremiumRow,
    RouteAnswer,
    RoutesAnswer,
)
from api_service.schemas import Answer
from market import CurvePoint, Event, Premium
from tests.api.serving import Api
from tests.making import (
    SECOND,
    a_premium,
    a_quote,
    a_route,
    a_routes,
    a_status,
    an_episode,
)


def live(api: Api, *venues: str) -> list[Event]:
    return [a_status(venue, at_ns=api.clock.now_ns) for venue in ("kraken", "upbit", *venues)]


async def test_routes_come_best_first_and_meet_the_terms(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(
        a_status("kraken", at_ns=now_ns),
        a_status("upbit", at_ns=now_ns),
        a_routes("BTC", a_route("BTC", net_bps=5.0), at_ns=now_ns),
        a_routes("ETH", a_route("ETH", net_bps=9.0), at_ns=now_ns),
        a_routes("XRP", a_route("XRP", net_bps=-2.0), at_ns=now_ns),
    )

    answer = (await client.get("/v1/routes?min_net_bps=0")).json()

    TypeAdapter(RoutesAnswer).validate_python(answer, strict=True, extra="forbid")
    assert [route["asset"] for route in answer["data"]] == ["ETH", "BTC"]
    assert answer["data"][0]["takeable"] is True


async def test_a_route_through_a_venue_that_is_down_cannot_be_taken(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(
        a_status("kraken", at_ns=now_ns),
        a_status("upbit", "down", at_ns=now_ns),
        a_routes("BTC", a_route("BTC", why_not=("fx_comparison",)), at_ns=now_ns),
    )

    [route] = (await client.get("/v1/routes")).json()["data"]

    assert route["why_not"] == ["fx_comparison", "stale"]
    assert route["takeable"] is False
    assert (await client.get("/v1/routes?takeable=true")).json()["data"] == []


async def test_routes_that_do_not_meet_the_terms_are_left_out(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_routes("BTC", a_route("BTC"), at_ns=api.clock.now_ns), a_quote("upbit"))

    found = [
        (await client.get(f"/v1/routes?{terms}")).json()["data"]
        for terms in (
            "asset=btc",
            "asset=ETH",
            "sell=upbit",
            "buy=upbit",
            "kind=fx",
            "max_age_ms=9",
        )
    ]

    assert [len(rows) for rows in found] == [1, 0, 1, 0, 0, 0]


async def test_takeable_routes_come_first_then_those_that_earn_most_dollars(
    api: Api, client: httpx2.AsyncClient
) -> None:
    routes = [
        a_route("BTC", net_bps=9.0, profit_usd=3.0),
        a_route("BTC", sell_venue="okx", net_bps=2.0, profit_usd=7.0),
        a_route("BTC", sell_venue="bybit", profit_usd=9.0, why_not=("fx_comparison",)),
    ]
    unknown = replace(a_route("BTC", sell_venue="bithumb", net_bps=99.0), profit_usd=None)
    now_ns = api.clock.now_ns
    await api.feed(*live(api, "okx", "bybit", "bithumb"))
    await api.feed(a_routes("BTC", unknown, *routes, at_ns=now_ns))

    best = (await client.get("/v1/routes")).json()["data"]
    dollars = (await client.get("/v1/routes?sort=-profit_usd")).json()["data"]

    assert [row["sell"]["venue"] for row in best] == ["okx", "upbit", "bithumb", "bybit"]
    assert [row["profit_usd"] for row in dollars] == [9.0, 7.0, 3.0, None]


async def test_what_pays_comes_before_comparisons_and_those_before_losses(
    api: Api, client: httpx2.AsyncClient
) -> None:
    doubts = ("transfer_unknown",)
    loss = a_route(sell_venue="okx", net_bps=-1.0, why_not=doubts)
    compared = a_route(kind="fx", profit_usd=900.0, why_not=doubts)
    await api.feed(a_routes("BTC", loss, compared, a_route(why_not=doubts)))

    best = (await client.get("/v1/routes")).json()["data"]

    assert [(row["kind"], row["net_bps"]) for row in best] == [
        ("direct", 5.0),
        ("fx", 5.0),
        ("direct", -1.0),
    ]


async def test_of_losses_the_smaller_return_is_the_worse_however_small_its_size(
    api: Api, client: httpx2.AsyncClient
) -> None:
    little = a_route(net_bps=-90.0, profit_usd=-0.1, why_not=("no_profit",))
    much = a_route(sell_venue="okx", net_bps=-4.0, profit_usd=-80.0, why_not=("no_profit",))
    await api.feed(a_routes("BTC", little, much))

    best = (await client.get("/v1/routes")).json()["data"]

    assert [row["net_bps"] for row in best] == [-4.0, -90.0]


async def test_a_route_is_chosen_by_kind_and_mode(api: Api, client: httpx2.AsyncClient) -> None:
    loop = replace(a_route("XRP", kind="cycle"), mode="transfer")
    await api.feed(a_routes("XRP", loop, a_route("XRP", kind="fx"), a_route("XRP")))

    kinds = {
        terms: [row["kind"] for row in (await client.get(f"/v1/routes?{terms}")).json()["data"]]
        for terms in ("kind=cycle", "mode=transfer", "mode=comparison", "min_profit_usd=0.09")
    }

    assert kinds == {
        "kind=cycle": ["cycle"],
        "mode=transfer": ["cycle"],
        "mode=comparison": ["fx"],
        "min_profit_usd=0.09": [],
    }


async def test_suspicious_routes_are_counted_and_shown_only_to_who_asks(
    api: Api, client: httpx2.AsyncClient
) -> None:
    other_coin = a_route("TON", net_bps=3_000.0, why_not=("identity_unverified",))
    await api.feed(a_routes("TON", a_route("TON"), other_coin), a_routes("XRP", suspicious=2))

    plain = (await client.get("/v1/routes")).json()
    asked = (await client.get("/v1/routes?suspicious=true")).json()

    assert (len(plain["data"]), plain["meta"]["suspicious"]) == (1, 3)
    assert (len(asked["data"]), asked["meta"]["suspicious"]) == (2, 0)


async def test_what_a_route_earns_on_a_notional_lies_on_its_curve(
    api: Api, client: httpx2.AsyncClient
) -> None:
    curve = (CurvePoint(0.0, 0.0), CurvePoint(100.0, 2.0), CurvePoint(200.0, 1.0))
    route = replace(a_route(), curve=curve, profit=2.0, profit_usd=2.0)
    in_won = replace(
        a_route("XRP"),
        start="KRW",
        curve=(CurvePoint(0.0, 0.0), CurvePoint(300_000.0, 3_000.0)),
        profit=3_000.0,
        profit_usd=2.0,
    )
    await api.feed(a_routes("BTC", route), a_routes("XRP", in_won))

    async def at(notional: float, terms: str = "") -> dict[str, tuple[float, float]]:
        answer = (await client.get(f"/v1/routes?notional={notional}&numbers=float{terms}")).json()
        TypeAdapter(RoutesAnswer).validate_python(answer, strict=True, extra="forbid")
        return {
            row["asset"]: (row["at_notional"]["profit"], row["at_notional"]["return_bps"])
            for row in answer["data"]
        }

    assert await at(50) == {"BTC": (1.0, 200.0), "XRP": (750.0, 100.0)}
    assert await at(150) == {"BTC": (1.5, 100.0), "XRP": (2_250.0, 100.0)}
    assert await at(150, "&min_profit_usd=1.6") == {}
    assert await at(201) == {}


async def test_a_route_without_a_value_in_dollars_is_not_guessed_at(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_routes("BTC", replace(a_route(), profit_usd=None)))

    answer = (await client.get("/v1/routes?notional=100")).json()

    assert answer["data"] == []


async def test_one_route_is_told_with_legs_curve_and_a_receipt_that_adds_up(
    api: Api, client: httpx2.AsyncClient
) -> None:
    route = replace(a_route(net_bps=4.9), gross_bps=10.0, return_bps=2.9)
    now_ns = api.clock.now_ns
    legs = tuple(
        replace(leg, fee=None if leg.kind == "move" else leg.fee, received_ns=now_ns)
        for leg in route.legs
    )
    await api.feed(*live(api), a_routes("BTC", replace(route, legs=legs), at_ns=now_ns))
    api.clock.pass_s(0.5)

    response = await client.get(f"/v1/routes/{quote(route.id, safe='')}")

    answer = response.json()
    TypeAdapter(RouteAnswer).validate_python(answer, strict=True, extra="forbid")
    row = answer["data"]
    assert row["id"] == "I|kraken:USDT>kraken:BTC>upbit:BTC>upbit:USDT"
    assert [(leg["kind"], leg["symbol"], leg["fee"]) for leg in row["legs"]] == [
        ("buy", "BTC-USDT", "0.0004"),
        ("move", None, None),
        ("sell", "BTC-USDT", "0.06"),
    ]
    assert (row["legs"][0]["age_ms"], row["legs"][0]["sequence"]) == (500.0, "1")
    assert len(row["curve"]) == 8
    assert [(line["what"], line["venue"], line["bps"]) for line in row["receipt"]] == [
        ("gross", "", 10.0),
        ("fee", "kraken", -2.0),
        ("fee", "upbit", -3.0),
        ("compounding", "", -0.1),
        ("net", "", 4.9),
        ("transfer", "kraken", None),
        ("depth", "", -2.0),
        ("return", "", 2.9),
    ]


async def test_a_fee_of_a_transfer_is_told_of_what_is_sent(
    api: Api, client: httpx2.AsyncClient
) -> None:
    route = a_route(net_bps=9.0)
    moved = replace(route.legs[1], amount_in=2.0, fee=0.001)
    route = replace(route, legs=(route.legs[0], moved, route.legs[2]), return_bps=3.5)
    await api.feed(a_routes("BTC", route))

    row = (await client.get(f"/v1/routes/{quote(route.id, safe='')}")).json()["data"]

    assert [(line["what"], line["bps"]) for line in row["receipt"][-3:]] == [
        ("transfer", -5.0),
        ("depth", -0.5),
        ("return", 3.5),
    ]


async def test_a_route_that_is_gone_is_a_problem_that_names_near_ones(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_routes("BTC", a_route(), a_route(sell_venue="okx")), a_routes("XRP"))

    gone = "I|kraken:USDT>kraken:BTC>bybit:BTC>bybit:USDT"
    response = await client.get(f"/v1/routes/{quote(gone, safe='')}")

    problem = response.json()
    assert (response.status_code, problem["type"]) == (404, "/problems/unknown-route")
    assert problem["errors"][0]["did_you_mean"] == [
        "I|kraken:USDT>kraken:BTC>okx:BTC>okx:USDT",
        "I|kraken:USDT>kraken:BTC>upbit:BTC>upbit:USDT",
    ]


async def test_a_stale_book_in_the_middle_of_a_cycle_makes_it_stale(
    api: Api, client: httpx2.AsyncClient
) -> None:
    route = a_route(kind="cycle")
    middle = replace(route.legs[0], venue="okx")
    now_ns = api.clock.now_ns
    await api.feed(*live(api), a_status("okx", "down", at_ns=now_ns))
    await api.feed(
        a_routes("BTC", replace(route, legs=(route.legs[0], middle, route.legs[2])), at_ns=now_ns)
    )

    [row] = (await client.get("/v1/routes")).json()["data"]

    assert row["why_not"] == ["stale"]


async def test_lives_come_from_store_and_view_and_are_chosen_by_asset_kind_and_time(
    api: Api, client: httpx2.AsyncClient
) -> None:
    stored = [an_episode(closed_ns=2 * SECOND), an_episode("ETH", closed_ns=4 * SECOND)]
    loop = replace(an_episode("XRP", closed_ns=5 * SECOND), type="cycle", mode="transfer")
    await api.store.write(stored)
    await api.feed(stored[1], loop, loop)

    found = {}
    for terms in ("asset=eth", "kind=cycle", "start=1970-01-01T00:00:04Z", "limit=2", ""):
        answer = (await client.get(f"/v1/episodes?{terms}")).json()
        TypeAdapter(Answer[EpisodeRow]).validate_python(answer, strict=True, extra="forbid")
        found[terms] = [row["asset"] for row in answer["data"]]

    assert found == {
        "asset=eth": ["ETH"],
        "kind=cycle": ["XRP"],
        "start=1970-01-01T00:00:04Z": ["ETH", "XRP"],
        "limit=2": ["ETH", "XRP"],
        "": ["BTC", "ETH", "XRP"],
    }


async def test_rare_lives_among_many_are_found_page_by_page(
    api: Api, client: httpx2.AsyncClient
) -> None:
    rare = [replace(an_episode(closed_ns=n * SECOND), type="cycle") for n in (1, 20, 40)]
    many = [an_episode(sell_venue="okx", closed_ns=n * SECOND) for n in range(2, 60)]
    await api.store.write([*rare, *many])

    closed: list[str] = []
    path: str | None = "/v1/episodes?kind=cycle&limit=1"
    while path is not None:
        answer = (await client.get(path)).json()
        closed += [row["closed"][-3:] for row in answer["data"]]
        path = answer["next"]

    assert closed == ["40Z", "20Z", "01Z"]


async def test_a_life_tells_how_long_it_was_and_how_good(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(an_episode(opened_ns=SECOND, closed_ns=3_500_000_000))

    [row] = (await client.get("/v1/episodes")).json()["data"]

    assert (row["opened"], row["lasted_s"]) == ("1970-01-01T00:00:01Z", 2.5)
    assert (row["peak_net_bps"], row["peak_profit_usd"], row["reason"]) == (12.5, 3.25, "prices")


async def test_the_latest_premium_on_each_basis_is_told_with_the_age_of_its_rate(
    api: Api, client: httpx2.AsyncClient
) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_premium(at_ns=now_ns), a_premium(basis="bank", premium=0.02, at_ns=now_ns))
    await api.feed(a_premium(premium=0.013, at_ns=now_ns))
    api.clock.pass_s(1)

    answer = (await client.get("/v1/premiums?asset=btc")).json()
    bank = (await client.get("/v1/premiums?basis=bank")).json()

    TypeAdapter(Answer[PremiumRow]).validate_python(answer, strict=True, extra="forbid")
    rows = {row["basis"]: row for row in answer["data"]}
    assert (rows["stable"]["premium_bps"], rows["bank"]["premium_bps"]) == (130.0, 200.0)
    assert (rows["stable"]["rate_source"], rows["stable"]["rate_age_ms"]) == (
        "upbit:USDT-KRW",
        1_400.0,
    )
    assert rows["stable"]["stale"] is False
    assert [row["basis"] for row in bank["data"]] == ["bank"]


async def test_premiums_may_be_held_against_any_venue(api: Api, client: httpx2.AsyncClient) -> None:
    now_ns = api.clock.now_ns
    for basis in ("stable", "bank"):
        await api.feed(a_premium(venue="upbit", basis=basis, premium=0.02, at_ns=now_ns))
        await api.feed(a_premium(venue="bithumb", basis=basis, premium=0.0098, at_ns=now_ns))

    rows = (await client.get("/v1/premiums?reference=bithumb")).json()["data"]

    here = {(row["venue"], row["basis"]): row for row in rows}
    assert set(here) == {("upbit", "same"), ("binance", "stable"), ("binance", "bank")}
    assert here["upbit", "same"]["premium_bps"] == pytest.approx((1.02 / 1.0098 - 1) * 10_000)
    assert here["binance", "stable"]["premium_bps"] == pytest.approx((1 / 1.0098 - 1) * 10_000)
    assert {row["reference_venue"] for row in rows} == {"bithumb"}


async def test_premiums_that_are_not_told_again_are_stale_then_forgotten(
    api: Api, client: httpx2.AsyncClient
) -> None:
    await api.feed(a_premium(at_ns=api.clock.now_ns))
    api.clock.pass_s(16)

    answer = (await client.get("/v1/premiums")).json()
    api.clock.pass_s(120)
    later = (await client.get("/v1/premiums")).json()

    assert (answer["data"][0]["stale"], answer["meta"]["stale"]) == (True, True)
    assert later["data"] == []


async def test_past_premiums_come_from_the_store_as_they_were(
    api: Api, client: httpx2.AsyncClient
) -> None:
    past: list[Premium] = [a_premium(premium=0.01 * n, at_ns=n * 60 * SECOND) for n in (1, 2)]
    await api.store.write([*past, a_premium(basis="bank", at_ns=60 * SECOND)])
    await api.feed(a_premium(premium=0.03, at_ns=180 * SECOND), a_quote("upbit", "BTC-KRW"))

    path = "/v1/premiums/history?symbol=BTC-KRW&venue=upbit&basis=stable"
    answer = (await client.get(path)).json()

    TypeAdapter(Answer[PremiumRow]).validate_python(answer, strict=True, extra="forbid")
    assert [row["premium_bps"] for row in answer["data"]] == [100.0, 200.0, 300.0]
    assert [row["rate_age_ms"] for row in answer["data"]] == [400.0] * 3


@pytest.mark.parametrize("path", ["/v1/routes?kind=krw_loop", "/v1/routes?notional=0"])
async def test_terms_that_make_no_sense_are_refused(path: str, client: httpx2.AsyncClient) -> None:
    assert (await client.get(path)).json()["type"] == "/problems/invalid-parameter"
