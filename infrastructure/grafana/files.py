"""The dashboards as the files that Grafana reads."""

import json
from pathlib import Path

from infrastructure.grafana import market, pipeline, routes, venues

DASHBOARDS = (market.DASHBOARD, routes.DASHBOARD, pipeline.DASHBOARD, venues.DASHBOARD)
FOLDER = Path(__file__).parents[1] / "docker" / "grafana" / "dashboards"


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {f"{each.uid}.json": f"{json.dumps(each.json, indent=2)}\n" for each in DASHBOARDS}
