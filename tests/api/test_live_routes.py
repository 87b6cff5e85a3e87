"""Routes, their lives and premiums on the live feed, over real sockets."""

from msgspec.structs import replace
from pydantic import TypeAdapter

from api_service.route_schemas import EpisodeRow, PremiumRow, RouteRow
from api_service.server import ApiServer
from tests.api.serving import Api, live
from tests.making import SECOND, a_premium, a_route, a_routes, a_status, an_episode


async def test_legs_and_curve_come_to_who_asks_for_them(api: Api, server: ApiServer) -> None:
    route, other = a_route(), a_route(sell_venue="okx")
    await api.feed(a_routes("BTC", route, other))

    async with live(server) as client:
        await client.subscribe("routes")
        plain = await client.hear("snapshot")
        await client.subscribe("routes", filter={"id": route.id}, detail=True)
        detail = await client.hear("snapshot")

    rows = [*plain["data"], *detail["data"]]
    TypeAdapter(list[RouteRow]).validate_python(rows, strict=True, extra="forbid")
    assert ["legs" in row for row in rows] == [False, False, True]
    assert detail["data"][0]["id"] == route.id
    assert len(detail["data"][0]["curve"]) == 8


async def test_the_number_of_hidden_routes_is_told_and_told_anew_when_it_changes(
    api: Api, server: ApiServer
) -> None:
    false = a_route(net_bps=4_000.0, why_not=("suspicious",))
    await api.feed(a_routes("BTC", false))

    async with live(server) as client:
        await client.subscribe("routes", max_hz=20)
        snapshot = await client.hear("snapshot")
        await api.feed(a_routes("BTC", false, replace(false, id="I|other")))
        update = await client.hear("update")
        await client.subscribe("routes", filter={"suspicious": True})
        shown = await client.hear("snapshot")

    assert (snapshot["data"], snapshot["suspicious"]) == ([], 1)
    assert (update["data"], update["suspicious"]) == ([], 2)
    assert (len(shown["data"]), shown["suspicious"]) == (2, 0)


async def test_a_route_that_only_grew_older_is_no_news(api: Api, server: ApiServer) -> None:
    now_ns = api.clock.now_ns
    route, other = a_route(), a_route(sell_venue="okx")
    statuses = [a_status(venue, at_ns=now_ns) for venue in ("kraken", "upbit", "okx")]
    await api.feed(*statuses, a_routes("BTC", route, other, at_ns=now_ns))

    async with live(server) as client:
        await client.subscribe("routes", max_hz=20)
        await client.hear("snapshot")
        older = replace(route, age_ns=route.age_ns + SECOND, rate_age_ns=SECOND)
        dearer = replace(other, age_ns=other.age_ns + SECOND, net_bps=6.0, rate_age_ns=SECOND)
        await api.feed(a_routes("BTC", older, dearer, at_ns=now_ns + SECOND))
        update = await client.hear("update")

    assert [row["id"] for row in update["data"]] == [other.id]


async def test_a_notional_orders_the_routes_by_what_they_earn_on_it(
    api: Api, server: ApiServer
) -> None:
    thin = a_route(net_bps=51.0)
    deep = replace(a_route(sell_venue="okx", net_bps=21.0), curve=thin.curve, profit_usd=0.4)
    thin = replace(thin, curve=(thin.curve[0], thin.curve[1]), profit_usd=1.0)
    await api.feed(a_routes("BTC", thin, deep))

    async with live(server) as client:
        await client.subscribe("routes", filter={"notional": 150.0})
        snapshot = await client.hear("snapshot")

    assert [row["sell"]["venue"] for row in snapshot["data"]] == ["okx"]
    assert snapshot["data"][0]["at_notional"]["profit"] == "0.9"


async def test_lives_are_each_told_once_when_they_are_over(api: Api, server: ApiServer) -> None:
    await api.feed(an_episode(closed_ns=2 * SECOND), an_episode("ETH"))

    async with live(server) as client:
        ack = await client.subscribe("episodes", asset="BTC")
        snapshot = await client.hear("snapshot")
        late = an_episode(closed_ns=9 * SECOND)
        await api.feed(late, an_episode("ETH", closed_ns=10 * SECOND), late)
        update = await client.hear("update")

    rows = [*snapshot["data"], *update["data"]]
    TypeAdapter(list[EpisodeRow]).validate_python(rows, strict=True, extra="forbid")
    assert ack["delivery"] == "all"
    assert [row["closed"][-3:] for row in rows] == ["02Z", "09Z"]


async def test_premiums_are_told_as_they_change_and_go_stale(api: Api, server: ApiServer) -> None:
    now_ns = api.clock.now_ns
    await api.feed(a_status("upbit", at_ns=now_ns), a_premium(at_ns=now_ns))

    async with live(server) as client:
        await client.subscribe("premiums", asset="BTC", max_hz=20)
        snapshot = await client.hear("snapshot")
        await api.feed(a_premium(premium=-0.002, at_ns=now_ns + 1), a_premium("ETH-KRW"))
        changed = await client.hear("update")
        api.clock.pass_s(20)
        stale = await client.hear("update")

    rows = [message["data"][0] for message in (snapshot, changed, stale)]
    TypeAdapter(list[PremiumRow]).validate_python(rows, strict=True, extra="forbid")
    assert [row["premium_bps"] for row in rows] == [125.0, -20.0, -20.0]
    assert [row["stale"] for row in rows] == [False, False, True]
