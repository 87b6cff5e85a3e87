"""What every benchmark prints, and its exit status: 0 all goals met, 1 a goal missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Literal

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, kw_only=True):
    """One measured figure.

    ``floor`` is the same figure for the least that could be done, ``peer`` that of another way to
    do it, both measured in the same run; ``goal`` the limit, with ``better`` saying on which side.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    peer: float | None = None
    goal: float | None = None
    better: Literal["lower", "higher"] = "lower"

    @property
    def is_met(self) -> bool:
        """Whether the goal, if there is one, is met."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal


class Arguments(msgspec.Struct, kw_only=True):
    """What the command line says."""

    quick: bool
    json: bool


def parser(description: str) -> argparse.ArgumentParser:
    """Return what reads ``--quick`` and ``--json``, for benchmarks with more to choose."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="shorter, less certain")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def arguments(description: str) -> Arguments:
    """Read ``--quick`` and ``--json``."""
    given = parser(description).parse_args()
    return Arguments(quick=given.quick, json=given.json)


def report(name: str, figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print the figures and exit."""
    met = all(figure.is_met for figure in figures)
    if as_json:
        rows = [msgspec.to_builtins(figure) | {"met": figure.is_met} for figure in figures]
        print(msgspec.json.encode({"benchmark": name, "met": met, "figures": rows}).decode())
    else:
        Console().print(_table(name, figures))
    sys.exit(0 if met else 1)


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    return sorted_values[min(len(sorted_values) - 1, int(share * len(sorted_values)))]


def _table(name: str, figures: Sequence[Figure]) -> Table:
    table = Table("figure", "value", "floor", "peer", "goal", "", title=name)
    for figure in figures:
        sign = "<=" if figure.better == "lower" else ">="
        table.add_row(
            figure.name,
            f"{figure.value:,.2f} {figure.unit}",
            "" if figure.floor is None else f"{figure.floor:,.2f}",
            "" if figure.peer is None else f"{figure.peer:,.2f}",
            "" if figure.goal is None else f"{sign} {figure.goal:,.2f}",
            "" if figure.goal is None else ("met" if figure.is_met else "MISSED"),
        )
    return table
