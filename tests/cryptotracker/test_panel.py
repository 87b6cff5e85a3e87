"""What the terminal says of the best routes."""

from msgspec.structs import replace

from cryptotracker.panel import Shown, line_of
from cryptotracker.settings import read_settings
from tests.api.serving import an_api
from tests.making import a_route, a_routes, a_status


def test_a_line_tells_kind_return_profit_size_and_what_stands_in_the_way() -> None:
    route = replace(a_route(net_bps=13.0), profit_usd=1_234.5, amount_in=50_000.0)

    line = line_of(route, ("transfer_unknown",))

    assert line == (
        "BTC  direct  kraken USDT → upbit USDT  ▲ +13.0 bps net  +1,234.50 $ on 50,000 USDT"
        "  (transfer_unknown)"
    )


def test_a_profit_of_unknown_worth_and_a_size_that_is_none_are_left_out() -> None:
    unpriced = replace(a_route(), profit_usd=None)
    unsized = replace(a_route(net_bps=-3.0), amount_in=0.0)

    assert line_of(unpriced, ()).endswith("bps net on 200 USDT")
    assert line_of(unsized, ()).endswith("▼ -3.0 bps net")


async def test_the_best_route_of_each_kind_is_shown_and_no_suspicious_one() -> None:
    api = an_api()
    now_ns = api.clock.now_ns
    await api.feed(*(a_status(venue, at_ns=now_ns) for venue in ("kraken", "upbit", "okx")))
    false = a_route(sell_venue="okx", net_bps=4_000.0, why_not=("suspicious",))
    dear = a_route("ETH", kind="cycle", net_bps=7.0)
    await api.feed(a_routes("BTC", a_route(), false, a_route(kind="fx"), at_ns=now_ns))
    await api.feed(a_routes("ETH", dear, a_route("ETH", net_bps=4.0), at_ns=now_ns))
    shown = Shown(read_settings(), clock=api.view.clock)
    shown.show(api.view, "http://127.0.0.1:8000/")

    lines = list(shown.best())

    api.store.close()
    assert [" ".join(line.split()[:2]) for line in lines] == ["ETH cycle", "BTC direct", "BTC fx"]
