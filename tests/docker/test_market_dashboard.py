"""Every query of the market dashboard, asked of a real InfluxDB."""

from collections.abc import AsyncIterator

import pytest

from tests.docker.grafana import START_MS, Grafana, read_dashboard
from tests.docker.stored import everything
from tests.servers.influxdb import Access, ConnectInflux

DASHBOARD = read_dashboard("market")


@pytest.fixture
async def grafana(
    influx: Access, connect_store: ConnectInflux, bucket_prefix: str
) -> AsyncIterator[Grafana]:
    """Grafana on a store of two venues."""
    async with connect_store() as store:
        await store.write(everything())
        yield Grafana(DASHBOARD, influx, bucket_prefix)


@pytest.mark.influxdb
async def test_variables_offer_what_is_stored(grafana: Grafana) -> None:
    offered = {
        each["name"]: await grafana.choices(each) for each in DASHBOARD["templating"]["list"]
    }

    assert offered == {"base": ["BTC"], "quote_currency": ["USDT"], "venue": ["binance", "kraken"]}


@pytest.mark.influxdb
async def test_candles_are_those_of_the_chosen_venue(grafana: Grafana) -> None:
    (series,) = await grafana.panel("$venue $base-$quote_currency, 1m")

    assert series["columns"] == ["time", "open", "high", "low", "close", "volume"]
    assert series["values"] == [
        [START_MS, 100.0, 105.0, 100.0, 105.0, 1.0],
        [START_MS + 60_000, 100.0, 106.0, 100.0, 106.0, 1.0],
    ]


@pytest.mark.influxdb
async def test_closes_are_shown_by_venue(grafana: Grafana) -> None:
    series = await grafana.panel("Close by venue")

    closes = {each["tags"]["venue"]: [row[1] for row in each["values"]] for each in series}
    assert closes == {"binance": [105.0, 106.0], "kraken": [105.0, 106.0]}


@pytest.mark.influxdb
async def test_thirty_trades_in_ten_seconds_are_three_a_second(grafana: Grafana) -> None:
    (series,) = await grafana.panel("Trades per second")

    assert series["tags"] == {"venue": "kraken"}
    assert [row[1] for row in series["values"]] == [3.0, *[0.0] * 5, 0.1, *[0.0] * 5]


@pytest.mark.influxdb
async def test_two_of_a_hundred_are_two_hundred_basis_points(grafana: Grafana) -> None:
    series = await grafana.panel("Spread of the quotes")

    spreads = {each["tags"]["venue"]: [row[1] for row in each["values"]] for each in series}
    assert spreads == {"binance": [200.0], "kraken": [200.0]}


@pytest.mark.influxdb
async def test_gaps_are_listed_newest_first(grafana: Grafana) -> None:
    (series,) = await grafana.panel("Gaps")

    end_ms = START_MS + 60_000
    assert series["columns"][1:] == [
        *("venue", "base", "quote_currency", "channel", "end", "missing", "reason")
    ]
    assert series["values"] == [
        [START_MS + 30_000, "kraken", "ETH", "USDT", "book", end_ms, -1, "reconnected"],
        [START_MS, "binance", "BTC", "USDT", "trade", end_ms, 7, "reconnected"],
    ]


@pytest.mark.influxdb
async def test_gaps_of_the_chosen_trades_shade_the_chart(grafana: Grafana) -> None:
    (series,) = await grafana.annotation()

    assert series["columns"] == ["time", "reason", "venue", "end"]
    assert series["values"] == [[START_MS, "reconnected", "binance", START_MS + 60_000]]


@pytest.mark.influxdb
async def test_the_last_summary_of_each_venue_is_shown(grafana: Grafana) -> None:
    series = await grafana.panel("Last 24 hours of $base")

    lasts = {each["tags"]["venue"]: each["values"][0][1:] for each in series}
    assert lasts == {
        "binance": [102.0, 98.0, 105.0, 95.0, 1234.5, 99.0, 101.0],
        "upbit": [139_000.0, -1.0, 105.0, 95.0, 1234.5, 99.0, 101.0],
    }
