"""What holds for every dashboard: where it lies, how it is laid out, whom it asks."""

from typing import Any

import pytest
import yaml

from infrastructure.grafana.files import FOLDER, files
from tests.docker.grafana import GRAFANA, read_dashboard
from tests.docker.stack import services

ALL = [read_dashboard(name.removesuffix(".json")) for name in files()]


def test_the_files_are_what_the_code_makes() -> None:
    written = {path.name: path.read_text() for path in FOLDER.iterdir()}

    assert written == files(), "python -m infrastructure.grafana writes them anew"


@pytest.mark.parametrize("dashboard", ALL, ids=lambda dashboard: dashboard["uid"])
def test_panels_ask_the_data_sources_that_are_provisioned(dashboard: dict[str, Any]) -> None:
    provisioned = [
        {"type": source["type"], "uid": source["uid"]}
        for name in ("influxdb", "prometheus")
        for source in _provisioned(f"datasources/{name}.yaml")["datasources"]
    ]
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]

    asked = [dashboard["templating"]["list"], dashboard["annotations"]["list"], panels]
    asked.append([target for panel in panels for target in panel["targets"]])

    for each in (each for group in asked for each in group):
        assert each["datasource"] in provisioned


@pytest.mark.parametrize("name", ["influxdb", "prometheus"])
def test_a_data_source_is_a_server_of_the_stack(name: str) -> None:
    (source,) = _provisioned(f"datasources/{name}.yaml")["datasources"]

    assert source["url"].startswith(f"http://{name}:")
    assert source["editable"] is False
    assert name in services()
    assert name in services()["grafana"]["depends_on"]


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


def _provisioned(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((GRAFANA / "provisioning" / name).read_text())
    return read
