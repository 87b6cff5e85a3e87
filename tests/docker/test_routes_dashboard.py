"""Every query of the dashboard of routes and premiums, asked of a real InfluxDB."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from market import Episode, Premium
from tests.docker.grafana import START_MS, START_NS, Grafana, read_dashboard
from tests.making import MINUTE, SECOND, a_premium, an_episode
from tests.servers.influxdb import Access, ConnectInflux

DASHBOARD = read_dashboard("routes")


@pytest.fixture
async def grafana(
    influx: Access, connect_store: ConnectInflux, bucket_prefix: str
) -> AsyncIterator[Grafana]:
    """Grafana on a store of three episodes and a premium on both bases."""
    async with connect_store() as store:
        await store.write([*_episodes(), *_premiums()])
        yield Grafana(DASHBOARD, influx, bucket_prefix)


@pytest.mark.influxdb
async def test_variables_offer_the_assets_and_venues_of_premiums(grafana: Grafana) -> None:
    offered = {
        each["name"]: await grafana.choices(each) for each in DASHBOARD["templating"]["list"]
    }

    assert offered == {"base": ["BTC", "ETH"], "venue": ["upbit"]}


@pytest.mark.influxdb
async def test_episodes_are_counted_by_the_hour_and_kind(grafana: Grafana) -> None:
    series = await grafana.panel("Episodes per hour")

    counts = {each["tags"]["type"]: sum(row[1] for row in each["values"]) for each in series}
    assert counts == {"cycle": 1, "direct": 2}


@pytest.mark.influxdb
async def test_the_best_profit_of_each_minute_is_shown_where_it_is_known(grafana: Grafana) -> None:
    series = await grafana.panel("Peak profit in dollars")

    profits = {each["tags"]["base"]: each["values"] for each in series}
    assert profits == {"BTC": [[START_MS, 4.5], [START_MS + 60_000, 3.25]]}


@pytest.mark.influxdb
async def test_the_best_return_is_shown_by_kind(grafana: Grafana) -> None:
    series = await grafana.panel("Peak net return")

    returns = {each["tags"]["type"]: [row[1] for row in each["values"]] for each in series}
    assert returns == {"cycle": [12.5], "direct": [20.0, 12.5]}


@pytest.mark.influxdb
async def test_half_of_the_episodes_were_shorter(grafana: Grafana) -> None:
    series = await grafana.panel("How long episodes lasted")

    lengths = {each["tags"]["type"]: [row[1] for row in each["values"]] for each in series}
    assert lengths == {"cycle": [6.0], "direct": [2.0, 4.0]}


@pytest.mark.influxdb
async def test_premiums_are_percents_by_basis_and_what_they_are_over(grafana: Grafana) -> None:
    series = await grafana.panel("Premium of $base at $venue")

    premiums = {
        (each["tags"]["basis"], each["tags"]["reference_venue"]): [row[1] for row in each["values"]]
        for each in series
    }
    assert premiums == {
        ("bank", "binance"): [-0.5],
        ("stable", "binance"): [pytest.approx(1.25), pytest.approx(1.5)],
    }


@pytest.mark.influxdb
async def test_both_rates_are_compared_and_their_age_is_shown(grafana: Grafana) -> None:
    either = await grafana.panel("Premium on either rate")
    ages = await grafana.panel("Age of the rates")

    assert {each["tags"]["basis"] for each in either} == {"bank", "stable"}
    assert {each["tags"]["basis"]: each["values"][0][1] for each in ages} == {
        "bank": 0.4,
        "stable": 0.4,
    }


@pytest.mark.influxdb
async def test_the_last_episodes_are_listed_newest_first(grafana: Grafana) -> None:
    (series,) = await grafana.panel("Last episodes")

    newest = dict(zip(series["columns"][1:], series["values"][0][1:], strict=True))
    assert len(series["values"]) == 3
    assert newest == {
        "route_id": "I|kraken:USDT>kraken:BTC>upbit:BTC>upbit:USDT",
        "type": "direct",
        "mode": "inventory",
        "opened": START_MS + 60_000,
        "lasted": 4,
        "peak_net_bps": 12.5,
        "peak_profit_usd": 3.25,
        "updates": 7,
        "reason": "prices",
    }


def _episodes() -> list[Episode]:
    first = an_episode(opened_ns=START_NS, closed_ns=START_NS + 2 * SECOND)
    unpriced = an_episode("XRP", opened_ns=START_NS, closed_ns=START_NS + 6 * SECOND)
    start_ns = START_NS + MINUTE
    return [
        replace(first, peak_profit_usd=4.5, peak_net_bps=20.0),
        replace(unpriced, type="cycle", mode="transfer", peak_profit_usd=None),
        an_episode(opened_ns=start_ns, closed_ns=start_ns + 4 * SECOND),
    ]


def _premiums() -> list[Premium]:
    return [
        a_premium(at_ns=START_NS),
        a_premium(premium=0.015, at_ns=START_NS + MINUTE),
        a_premium(basis="bank", premium=-0.005, at_ns=START_NS),
        a_premium("ETH-KRW", at_ns=START_NS),
    ]
