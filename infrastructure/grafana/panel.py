"""Panels: what is asked and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from infrastructure.grafana.query import Json, Query

Draw: TypeAlias = Literal["lines", "stacked", "bars", "points"]

_DRAWN: Mapping[Draw, Json] = {
    "lines": {},
    "stacked": {"fillOpacity": 10, "stacking": {"mode": "normal", "group": "A"}},
    "bars": {
        "drawStyle": "bars",
        "fillOpacity": 60,
        "stacking": {"mode": "normal", "group": "A"},
    },
    "points": {"drawStyle": "points", "pointSize": 6},
}
_UNKNOWN: Json = {
    "mappings": [{"type": "value", "options": {"-1": {"text": "\N{EN DASH}", "index": 0}}}]
}
"""Has -1 read as a dash: the store's word for what nobody knows."""


class Size(msgspec.Struct, frozen=True):
    """In units of Grafana's grid, which is 24 wide."""

    width: int
    height: int


WHOLE = Size(24, 9)
HALF = Size(12, 8)
THIRD = Size(8, 8)
TILE = Size(4, 4)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a chart is drawn; ``step`` is the least time between two of its points."""

    unit: str = ""
    draw: Draw = "lines"
    decimals: int | None = None
    axis: str = ""
    step: str = ""

    @property
    def defaults(self) -> Json:
        """What holds for every series of the chart."""
        axis = {"axisLabel": self.axis} if self.axis else {}
        custom = _DRAWN[self.draw] | axis
        return {
            **({"unit": self.unit} if self.unit else {}),
            **({} if self.decimals is None else {"decimals": self.decimals}),
            **({"custom": custom} if custom else {}),
        }


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a dashboard; where it lies is the dashboard's business."""

    kind: str
    title: str
    description: str
    queries: Sequence[Query]
    size: Size
    defaults: Json = {}
    overrides: Sequence[Json] = ()
    options: Json = {}
    step: str = ""

    @property
    def json(self) -> Json:
        """The panel as Grafana stores it, but for number and place."""
        references = "ABCDEFGHIJKL"
        return {
            "title": self.title,
            "description": self.description,
            "type": self.kind,
            "datasource": self.queries[0].source.json,
            "targets": [
                query.target(reference)
                for reference, query in zip(references, self.queries, strict=False)
            ],
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "options": self.options,
            **({"interval": self.step} if self.step else {}),
        }


class Heading(msgspec.Struct, frozen=True):
    """A line of text over the panels below it."""

    title: str
    size = Size(24, 1)

    @property
    def json(self) -> Json:
        """The heading as Grafana stores it, but for number and place."""
        return {"title": self.title, "type": "row", "collapsed": False, "panels": []}


def chart(
    title: str, description: str, *queries: Query, look: Look | None = None, size: Size = HALF
) -> Panel:
    """Draw series over time."""
    drawn = look or Look()
    return Panel(
        kind="timeseries",
        title=title,
        description=description,
        queries=queries,
        size=size,
        defaults=drawn.defaults,
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        step=drawn.step,
    )


def candles(title: str, description: str, query: Query, *, size: Size) -> Panel:
    """Draw open, high, low and close as candles, volume below."""
    prices = ("open", "high", "low", "close", "volume")
    return Panel(
        kind="candlestick",
        title=title,
        description=description,
        queries=[query],
        size=size,
        options={
            "mode": "candles+volume",
            "candleStyle": "candles",
            "colorStrategy": "open-close",
            "colors": {"up": "green", "down": "red"},
            "includeAllFields": False,
            "fields": {name: name for name in prices},
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        },
    )


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns of a table have a unit, which are hidden; whether -1 means unknown."""

    units: Mapping[str, str] = {}
    hidden: Sequence[str] = ()
    has_unknown: bool = False

    @property
    def overrides(self) -> list[Json]:
        """What differs from column to column."""
        return [
            *(_override(name, "unit", unit) for name, unit in self.units.items()),
            *(_override(name, "custom.hidden", True) for name in self.hidden),  # noqa: FBT003  # a value in JSON
        ]


def table(
    title: str,
    description: str,
    query: Query,
    *,
    columns: Columns | None = None,
    size: Size = WHOLE,
) -> Panel:
    """List rows."""
    shown = columns or Columns()
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=[query],
        size=size,
        defaults=_UNKNOWN if shown.has_unknown else {},
        overrides=shown.overrides,
        options={"showHeader": True, "cellHeight": "sm"},
    )


def tile(
    title: str, description: str, query: Query, *, unit: str = "", bad_from: float | None = None
) -> Panel:
    """Show one number, red from ``bad_from`` on."""
    steps: list[Json] = [{"color": "green", "value": None}]
    if bad_from is not None:
        steps.append({"color": "red", "value": bad_from})
    return Panel(
        kind="stat",
        title=title,
        description=description,
        queries=[query],
        size=TILE,
        defaults={
            **({"unit": unit} if unit else {}),
            "thresholds": {"mode": "absolute", "steps": steps},
        },
        options={
            "colorMode": "value",
            "graphMode": "area",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    )


def _override(column: str, what: str, value: object) -> Json:
    return {
        "matcher": {"id": "byName", "options": column},
        "properties": [{"id": what, "value": value}],
    }
