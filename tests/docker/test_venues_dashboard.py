"""Every query of the dashboard of venues, asked of a real InfluxDB."""

from collections.abc import AsyncIterator

import pytest

from tests.docker.grafana import Grafana, read_dashboard
from tests.docker.stored import everything
from tests.servers.influxdb import Access, ConnectInflux

DASHBOARD = read_dashboard("venues")


@pytest.fixture
async def grafana(
    influx: Access, connect_store: ConnectInflux, bucket_prefix: str
) -> AsyncIterator[Grafana]:
    """Grafana on a store of two venues."""
    async with connect_store() as store:
        await store.write(everything())
        yield Grafana(DASHBOARD, influx, bucket_prefix)


@pytest.mark.influxdb
async def test_gaps_are_counted_by_venue(grafana: Grafana) -> None:
    series = await grafana.panel("Gaps by venue")

    counts = {each["tags"]["venue"]: [row[1] for row in each["values"]] for each in series}
    assert counts == {"binance": [1, 0], "kraken": [1, 0]}


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
        "refused": 4,
        "reason": "",
    }


@pytest.mark.influxdb
async def test_clocks_and_resyncs_are_drawn_by_venue(grafana: Grafana) -> None:
    (clocks,) = await grafana.panel("Clocks of the venues")
    (resyncs,) = await grafana.panel("Books that had to start anew")

    assert [row[1] for row in clocks["values"]] == [-10.0, -12.5]
    assert [row[1] for row in resyncs["values"]] == [3]


@pytest.mark.influxdb
async def test_frames_that_were_refused_are_drawn_by_venue(grafana: Grafana) -> None:
    (refused,) = await grafana.panel("Frames refused")

    assert [row[1] for row in refused["values"]] == [4]
