"""A dashboard: panels in the order in which they are read, laid out from left to right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from infrastructure.grafana.panel import Heading, Panel
from infrastructure.grafana.query import Json, Query, Variable

GRID = 24


class Annotation(msgspec.Struct, frozen=True, kw_only=True):
    """Times that are shaded in every chart; the query names text, tags and end of each."""

    name: str
    query: Query
    text: str
    tags: str
    end: str

    @property
    def json(self) -> Json:
        """The annotation as Grafana stores it."""
        return {
            "name": self.name,
            "datasource": self.query.source.json,
            "enable": True,
            "hide": False,
            "iconColor": "orange",
            "target": {
                "refId": "Anno",
                "fromAnnotations": True,
                "textEditor": True,
                "textColumn": self.text,
                "tagsColumn": self.tags,
                "timeEndColumn": self.end,
                "query": self.query.text,
            },
        }


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """One page; ``uid`` is also the name of its file. It shows the last ``since``, such as 1h."""

    uid: str
    title: str
    panels: Sequence[Panel | Heading]
    variables: Sequence[Variable] = ()
    annotations: Sequence[Annotation] = ()
    since: str
    refresh: str

    @property
    def json(self) -> Json:
        """The dashboard as Grafana provisions it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["cryptotracker"],
            "schemaVersion": 41,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "timezone": "utc",
            "refresh": self.refresh,
            "time": {"from": f"now-{self.since}", "to": "now"},
            "annotations": {"list": [each.json for each in self.annotations]},
            "links": [],
            "templating": {"list": [each.json for each in self.variables]},
            "panels": list(self._placed()),
        }

    def _placed(self) -> Iterator[Json]:
        """Yield each panel with its number and place: beside the one before while there is room."""
        left, top, below = 0, 0, 0
        for number, panel in enumerate(self.panels, start=1):
            size = panel.size
            if left + size.width > GRID:
                left, top = 0, below
            place = {"x": left, "y": top, "w": size.width, "h": size.height}
            yield {"id": number, **panel.json, "gridPos": place}
            left, below = left + size.width, max(below, top + size.height)
