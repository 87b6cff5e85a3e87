"""`cryptotracker explain`: a receipt out of a running API, as a user asks for it."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from market import Route
from tests.api.serving import Api, an_api, served
from tests.cryptotracker.test_command_line import REFUSED, outcome
from tests.making import a_route, a_routes, a_status


async def explained(*words: str, folder: Path, routes: list[Route]) -> tuple[int | None, str, str]:
    """Run the command against an API that knows these routes."""
    api: Api = an_api()
    now_ns = api.clock.now_ns
    await api.feed(*(a_status(venue, at_ns=now_ns) for venue in ("kraken", "upbit")))
    await api.feed(a_routes("BTC", *routes, at_ns=now_ns))
    async with served(api.app) as server:
        found = await outcome("explain", *words, folder=folder, port=str(server.port))
    api.store.close()
    return found


def a_sent_route() -> Route:
    """A transfer of which one fee is known and none of the way back."""
    route = a_route(net_bps=9.0)
    moved = replace(route.legs[1], amount_in=2.0, fee=0.001)
    back = replace(route.legs[1], venue="upbit", to_venue="kraken", fee=None, minutes=None)
    legs = (route.legs[0], moved, route.legs[2], back)
    return replace(
        route,
        mode="transfer",
        legs=legs,
        return_bps=3.5,
        limited_by="depth:2",
        why_not=("transfer_unknown",),
        opened_ns=1,
        peak_net_bps=11.0,
        times_seen=4,
    )


async def test_the_receipt_goes_from_gross_to_net_and_says_why_not(tmp_path: Path) -> None:
    route = a_sent_route()

    status, shown, _ = await explained(route.id, folder=tmp_path, routes=[route])

    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert status == 0
    assert lines[0].startswith("SIMULATED, as of ")
    assert lines[1] == f"BTC direct, transfer {route.id}"
    assert lines[3].startswith("1 buy BTC-USDT kraken 200.0 USDT > 1.9996 BTC at 100.0 on 1 level")
    assert lines[8:16] == [
        "gross, at the best prices +14.0 bps",
        "- taker fee kraken -2.0 bps",
        "- taker fee upbit -3.0 bps",
        "fees on fees +0.0 bps",
        "= net, at the best prices +9.0 bps",
        "- transfer fee kraken -5.0 bps",
        "- transfer fee upbit not known",
        "- depth of the books, steps of size -0.5 bps",
    ]
    assert "= net, at the best size +3.5 bps" in lines
    assert "no more: the book of leg 3 at upbit ends" in shown
    assert "seen 4 times in 24 hours" in shown
    assert "transfer_unknown: nobody says whether the asset can be transferred" in shown


async def test_a_route_that_can_be_taken_is_said_to_be(tmp_path: Path) -> None:
    _, shown, _ = await explained(a_route().id, folder=tmp_path, routes=[a_route()])

    assert "Nothing that is known keeps it from being taken." in shown


async def test_json_is_the_row_of_the_api(tmp_path: Path) -> None:
    route = a_route()

    _, shown, _ = await explained(route.id, "--json", folder=tmp_path, routes=[route])

    row = msgspec.json.decode(shown)
    assert (row["id"], len(row["legs"])) == (route.id, 3)


async def test_a_route_that_is_gone_is_said_with_those_near_it(tmp_path: Path) -> None:
    gone = "I|kraken:USDT>kraken:BTC>okx:BTC>okx:USDT"

    status, shown, said = await explained(gone, folder=tmp_path, routes=[a_route()])

    assert (status, shown) == (1, "")
    assert said == f"There is no route {gone} now. Near it: {a_route().id}\n"


@pytest.mark.parametrize("url", [f"http://{REFUSED}", "http://", "nonsense"])
async def test_nobody_who_answers_is_named_with_the_remedy(tmp_path: Path, url: str) -> None:
    status, _, said = await outcome("explain", "I|x", "--url", url, folder=tmp_path)

    assert status == 4
    assert f"No API answers at {url.rstrip('/')}" in said
    assert "cryptotracker up" in said
    assert len(said.splitlines()) == 1
