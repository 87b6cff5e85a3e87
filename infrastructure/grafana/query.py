"""What a panel or a variable asks, and of whom: InfluxQL of InfluxDB, PromQL of Prometheus."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Json: TypeAlias = dict[str, object]
Shape: TypeAlias = Literal["series", "table"]


class Source(msgspec.Struct, frozen=True):
    """A data source as it is provisioned; its ``uid`` is that of its type."""

    type: str

    @property
    def json(self) -> Json:
        """How Grafana refers to it."""
        return {"type": self.type, "uid": self.type}


INFLUXDB = Source("influxdb")
PROMETHEUS = Source("prometheus")


class Query(msgspec.Struct, frozen=True):
    """One question; ``legend`` names each series of the answer."""

    source: Source
    text: str
    legend: str = ""
    shape: Shape = "series"

    def target(self, reference: str) -> Json:
        """Return it as the target of a panel."""
        return {"refId": reference, "datasource": self.source.json, **self._question}

    @property
    def _question(self) -> Json:
        if self.source is INFLUXDB:
            shape = "time_series" if self.shape == "series" else "table"
            legend = {"alias": self.legend} if self.legend else {}
            return {"rawQuery": True, "query": self.text, "resultFormat": shape, **legend}
        if self.shape == "table":
            return {"expr": self.text, "format": "table", "instant": True, "range": False}
        legend = {"legendFormat": self.legend} if self.legend else {}
        return {"expr": self.text, "instant": False, "range": True, **legend}


def influx(text: str, legend: str = "") -> Query:
    """Ask InfluxDB for series; ``legend`` may hold ``$tag_venue``."""
    return Query(INFLUXDB, text, legend)


def influx_rows(text: str) -> Query:
    """Ask InfluxDB for the rows of a table."""
    return Query(INFLUXDB, text, shape="table")


def prom(text: str, legend: str = "") -> Query:
    """Ask Prometheus for series; ``legend`` may hold ``{{venue}}``."""
    return Query(PROMETHEUS, text, legend)


def prom_rows(text: str) -> Query:
    """Ask Prometheus for what is now, as the rows of a table."""
    return Query(PROMETHEUS, text, shape="table")


class Variable(msgspec.Struct, frozen=True):
    """What a reader of the dashboard chooses; ``text`` asks for what there is to choose from."""

    name: str
    label: str
    source: Source
    text: str
    first: str

    @property
    def json(self) -> Json:
        """The variable as Grafana stores it."""
        asked: object = self.text
        if self.source is PROMETHEUS:
            asked = {"query": self.text, "refId": self.name}
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": self.source.json,
            "query": asked,
            "definition": self.text,
            "refresh": 2,
            "sort": 1,
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [],
            "current": {"text": self.first, "value": self.first},
            "regex": "",
            "skipUrlSync": False,
        }
