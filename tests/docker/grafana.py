"""Queries of Grafana dashboards, asked of a real InfluxDB as Grafana asks them.

Grafana sends ``GET /query`` with ``db``, ``epoch=ms`` and ``q``, the token in a header, and puts
times and variables in before. See pkg/tsdb/influxdb in Grafana's source.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.docker.stack import ROOT
from tests.making import SECOND
from tests.servers.influxdb import Access

GRAFANA = ROOT / "infrastructure" / "docker" / "grafana"
START_NS = 1_795_000_020 * SECOND
START_MS = START_NS // 1_000_000


def read_dashboard(name: str) -> dict[str, Any]:
    """Return the dashboard that is provisioned under that name."""
    read: dict[str, Any] = json.loads((GRAFANA / "dashboards" / f"{name}.json").read_text())
    return read


class Grafana:
    """Asks what a panel or a variable of a dashboard asks, over two minutes from `START_NS` on."""

    def __init__(self, dashboard: Mapping[str, Any], access: Access, database: str) -> None:
        self.dashboard = dashboard
        self.panels: dict[str, Any] = {panel["title"]: panel for panel in dashboard["panels"]}
        self._access = access
        self._database = database
        self._chosen: dict[str, str] = {}

    async def choices(self, variable: dict[str, Any]) -> list[str]:
        """Return what a variable can be; the first is chosen."""
        found = [row[1] for series in await self.ask(variable["query"]) for row in series["values"]]
        self._chosen[variable["name"]] = found[0]
        return found

    async def panel(self, title: str) -> list[dict[str, Any]]:
        """Return the series of a panel, once every variable is chosen."""
        for variable in self.dashboard["templating"]["list"]:
            await self.choices(variable)
        panel = self.panels[title]
        (target,) = panel["targets"]
        return await self.ask(target["query"], panel.get("interval", "1m"))

    async def annotation(self) -> list[dict[str, Any]]:
        """Return the series of the one annotation, once every variable is chosen."""
        for variable in self.dashboard["templating"]["list"]:
            await self.choices(variable)
        (annotation,) = self.dashboard["annotations"]["list"]
        return await self.ask(annotation["target"]["query"])

    async def ask(self, query: str, interval: str = "1m") -> list[dict[str, Any]]:
        """Run a query and return its series; there is no ``$`` left in it."""
        asked = {"db": self._database, "epoch": "ms", "q": self._filled(query, interval)}
        async with httpx2.AsyncClient(timeout=10) as http:
            answer = await http.get(
                f"{self._access.url}/query",
                params=asked,
                headers={"Authorization": f"Token {self._access.token}"},
            )
        (result,) = answer.raise_for_status().json()["results"]
        assert "error" not in result, result
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def _filled(self, query: str, interval: str) -> str:
        milliseconds = int(interval[:-1]) * {"s": 1_000, "m": 60_000, "h": 3_600_000}[interval[-1]]
        macros = {
            "$timeFilter": f"time >= {START_MS}ms and time <= {START_MS + 119_999}ms",
            "$__interval_ms": str(milliseconds),
            "$__interval": interval,
        }
        for name, value in macros.items():
            query = query.replace(name, value)
        filled = re.sub(r"\$(\w+)", lambda found: self._chosen[found[1]], query)
        assert "$" not in filled
        return filled
