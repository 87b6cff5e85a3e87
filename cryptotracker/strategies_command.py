"""The strategies that there are, with what can be chosen of them: `strategies`."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getdoc
from typing import Annotated

import msgspec
import typer

from analytics.strategies import AnyStrategy
from analytics.strategies.bounds import bounds_of
from analytics.strategies.choice import Choice
from cryptotracker.printed import print_json, print_table
from cryptotracker.settings import read_settings
from cryptotracker.strategies import (
    chosen_strategies,
    known_strategies,
    strategies_set,
    strategy_named,
    tells_of,
)


class Row(msgspec.Struct, kw_only=True):
    """A parameter of a strategy; without any, the strategy alone."""

    strategy: str
    decides_on: str
    parameter: str = ""
    default: float | int | str | None = None
    bounds: str = ""
    says: str = ""
    chosen: tuple[str, ...] = ()


def strategies(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Only this one, such as path/to/file.py:Class, or name(parameter=value)@interval, "
            "which is tried."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002  # a flag of the command line
) -> None:
    """List strategies with their parameters, and which are chosen; or try one."""
    if name is not None and "@" in name:
        for choice in chosen_strategies(name):
            typer.echo(f"{choice} can be run, and does not look ahead.")
        return
    chosen = strategies_set(read_settings().strategies)
    known = known_strategies() | {choice.strategy.name: choice.strategy for choice in chosen}
    shown = known.values() if name is None else [strategy_named(name)]
    rows = [row for strategy in shown for row in _rows(strategy, chosen)]
    if as_json:
        print_json(rows)
        return
    print_table(("", "decides on", "parameter", "default", "bounds"), map(_cells, rows))
    typer.echo("CRYPTOTRACKER_STRATEGIES chooses; now:")
    for choice in chosen:
        typer.echo(f"  {choice}")
    typer.echo("docs/STRATEGIES.md tells how to write one of your own.")


def _rows(strategy: type[AnyStrategy], chosen: list[Choice]) -> Iterator[Row]:
    says = (getdoc(strategy) or "").partition("\n")[0]
    runs = tuple(str(choice) for choice in chosen if choice.strategy is strategy)
    fields = msgspec.structs.fields(strategy.Parameters)
    if not fields:
        yield Row(strategy=strategy.name, decides_on=tells_of(strategy), says=says, chosen=runs)
    for field in fields:
        yield Row(
            strategy=strategy.name,
            decides_on=tells_of(strategy),
            parameter=field.name,
            default=field.default,
            bounds=bounds_of(strategy.Parameters, field.name),
            says=says,
            chosen=runs,
        )


def _cells(row: Row) -> tuple[str, ...]:
    default = "" if row.default is None else str(row.default)
    return row.strategy, row.decides_on, row.parameter, default, row.bounds
