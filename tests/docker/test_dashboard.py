"""Every query of the market dashboard, asked of a real InfluxDB; how dashboards are laid out."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from market import Candle, Gap, Quote, Summary, Trade, VenueStatus
from tests.docker.grafana import GRAFANA, START_MS, START_NS, Grafana, read_dashboard
from tests.docker.stack import services
from tests.making import (
    MINUTE,
    SECOND,
    a_candle,
    a_gap,
    a_quote,
    a_status,
    a_summary,
    a_trade,
)
from tests.servers.influxdb import Access, ConnectInflux

DASHBOARD = read_dashboard("market")
ALL = [DASHBOARD, read_dashboard("routes")]


@pytest.fixture
async def grafana(
    influx: Access, connect_store: ConnectInflux, bucket_prefix: str
) -> AsyncIterator[Grafana]:
    """Grafana on a store of two venues: thirty trades at one of them, two of all else."""
    async with connect_store() as store:
        await store.write([*_trades(), *_quotes(), *_candles()])
        await store.write([*_gaps(), *_summaries(), *_statuses()])
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
async def test_gaps_are_counted_by_venue(grafana: Grafana) -> None:
    series = await grafana.panel("Gaps by venue")

    counts = {each["tags"]["venue"]: [row[1] for row in each["values"]] for each in series}
    assert counts == {"binance": [1, 0], "kraken": [1, 0]}


@pytest.mark.influxdb
async def test_gaps_of_the_chosen_trades_shade_the_chart(grafana: Grafana) -> None:
    (series,) = await grafana.annotation()

    assert series["columns"] == ["time", "reason", "venue", "end"]
    assert series["values"] == [[START_MS, "reconnected", "binance", START_MS + 60_000]]


@pytest.mark.influxdb
async def test_live_trades_came_forty_milliseconds_late(grafana: Grafana) -> None:
    (series,) = await grafana.panel("Receipt less event time")

    assert series["tags"] == {"venue": "kraken"}
    assert [row[1] for row in series["values"]] == [40]


@pytest.mark.influxdb
async def test_trades_that_were_back_filled_are_counted(grafana: Grafana) -> None:
    (series,) = await grafana.panel("Trades read after the fact")

    assert [row[1] for row in series["values"]] == [0, 1]


@pytest.mark.influxdb
async def test_the_last_summary_of_each_venue_is_shown(grafana: Grafana) -> None:
    series = await grafana.panel("Last 24 hours of $base")

    lasts = {each["tags"]["venue"]: each["values"][0][1:] for each in series}
    assert lasts == {
        "binance": [102.0, 98.0, 105.0, 95.0, 1234.5, 99.0, 101.0],
        "upbit": [139_000.0, -1.0, 105.0, 95.0, 1234.5, 99.0, 101.0],
    }


@pytest.mark.influxdb
async def test_venues_are_shown_as_they_last_said(grafana: Grafana) -> None:
    (series,) = await grafana.panel("How the venues do")

    assert series["tags"] == {"venue": "kraken"}
    assert dict(zip(series["columns"][1:], series["values"][0][1:], strict=True)) == {
        "state": "live",
        "not live": 2,
        "clock ahead, ms": -12.5,
        "give or take, ms": 4.0,
        "latency, ms": None,
        "resyncs": 5,
        "back-filled": 0,
        "gaps": 0,
        "refused": 0,
        "reason": "",
    }


@pytest.mark.influxdb
async def test_clocks_and_resyncs_are_drawn_by_venue(grafana: Grafana) -> None:
    (clocks,) = await grafana.panel("Clocks of the venues")
    (resyncs,) = await grafana.panel("Books that had to start anew")

    assert [row[1] for row in clocks["values"]] == [-10.0, -12.5]
    assert [row[1] for row in resyncs["values"]] == [3]


@pytest.mark.parametrize("dashboard", ALL, ids=lambda dashboard: dashboard["uid"])
def test_panels_ask_the_data_source_that_is_provisioned(dashboard: dict[str, Any]) -> None:
    (source,) = _provisioned("datasources/influxdb.yaml")["datasources"]
    panels = dashboard["panels"]

    asked = [dashboard["templating"]["list"], dashboard["annotations"]["list"], panels]
    asked.append([target for panel in panels for target in panel["targets"]])

    for each in (each for group in asked for each in group):
        assert each["datasource"] == {"type": source["type"], "uid": source["uid"]}


def test_the_data_source_is_the_influxdb_of_the_stack() -> None:
    (source,) = _provisioned("datasources/influxdb.yaml")["datasources"]

    assert source["url"] == "http://influxdb:8086"
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token $INFLUXDB_TOKEN"}
    assert "INFLUXDB_TOKEN" in services()["grafana"]["environment"]


def test_dashboards_lie_where_grafana_looks_for_them() -> None:
    (provider,) = _provisioned("dashboards/files.yaml")["providers"]
    mounts = [mount.split(":")[1] for mount in services()["grafana"]["volumes"]]
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert provider["options"]["path"] in mounts
    assert home == f"{provider['options']['path']}/market.json"


@pytest.mark.parametrize("dashboard", ALL, ids=lambda dashboard: dashboard["uid"])
def test_panels_neither_overlap_nor_share_an_id(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def _trades() -> list[Trade]:
    live = [a_trade("kraken", number=n, at_ns=START_NS + n * SECOND // 4) for n in range(30)]
    late = a_trade("kraken", number=99, at_ns=START_NS + 61 * SECOND, backfilled=True)
    return [*(replace(one, received_ns=one.event_ns + SECOND // 25) for one in live), late]


def _gaps() -> list[Gap]:
    end_ns = START_NS + MINUTE
    return [
        replace(a_gap("binance", start_ns=START_NS, end_ns=end_ns), missing=7),
        replace(
            a_gap("kraken", "ETH-USDT", start_ns=START_NS + MINUTE // 2, end_ns=end_ns),
            channel="book",
        ),
    ]


def _statuses() -> list[VenueStatus]:
    first = replace(a_status(at_ns=START_NS), resyncs=2, clock_offset_ms=-10.0, clock_error_ms=4.0)
    last = replace(a_status(at_ns=START_NS + MINUTE), resyncs=5, troubled=2, clock_offset_ms=-12.5)
    return [first, replace(last, clock_error_ms=4.0)]


def _summaries() -> list[Summary]:
    return [
        a_summary("binance", last=101.0, at_ns=START_NS),
        a_summary("binance", last=102.0, at_ns=START_NS + MINUTE),
        replace(a_summary("upbit", "BTC-KRW", last=139_000.0, at_ns=START_NS), open=None),
    ]


def _quotes() -> list[Quote]:
    return [
        a_quote(venue, bid=99.0, ask=101.0, at_ns=START_NS + SECOND)
        for venue in ("binance", "kraken")
    ]


def _candles() -> list[Candle]:
    return [
        a_candle(venue, start_ns=START_NS + n * MINUTE, close=105.0 + n)
        for venue in ("binance", "kraken")
        for n in range(2)
    ]


def _provisioned(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning" / name).read_text())
    return read
