"""`cryptotracker query`: a table over all markets of an archive, by DuckDB or Spark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from cryptotracker.backtesting.candles import Asked, asked_for
from cryptotracker.backtesting.choosing import given_values
from cryptotracker.backtesting.markets import PIECE, files_of
from cryptotracker.printed import print_json, print_table
from cryptotracker.settings import read_settings
from infrastructure.scale import (
    Columns,
    DuckDbEngine,
    Engine,
    SparkEngine,
    candles_text,
    crossings_text,
    returns_text,
)
from market import SettingsError
from market.intervals import INTERVALS, SECOND_NS

TABLES = {
    "candles": ("--from", "--to", "--interval"),
    "returns": ("--from", "--to"),
    "crossings": ("--from", "--to", "--interval", "--set"),
}
"""Which options each takes; SQL of one's own takes none of them."""

SUFFIXES = (".csv", ".parquet")

Named: TypeAlias = Literal["duckdb", "spark"]


def query(  # noqa: PLR0913  # options of a command line
    what: Annotated[
        str, typer.Argument(help="candles, returns, crossings; or SQL over the view candles.")
    ],
    folder: Annotated[
        str, typer.Argument(help="Of Parquet files of candles; default: the archive.")
    ] = "",
    *,
    since: Annotated[str, typer.Option("--from", help="2025-01-01, RFC 3339 or -30d.")] = "",
    until: Annotated[str, typer.Option("--to", help="As --from; not included.")] = "",
    interval: Annotated[str, typer.Option(help="Of candles and crossings; default: 1h.")] = "",
    values: Annotated[
        list[str] | None, typer.Option("--set", help="Of crossings: fast=50, slow=200.")
    ] = None,
    engine: Annotated[Named, typer.Option(help="spark: needs the extra and Java 17.")] = "duckdb",
    master: Annotated[
        str, typer.Option(help="Of Spark: local[4], spark://host:7077.")
    ] = "local[*]",
    out: Annotated[
        Path | None, typer.Option(help="A .parquet or .csv to write; by Spark a folder of them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Ask one question of every market that has candles; both engines give the same answer.

    candles: of --interval, with their VWAP. returns: what each market did. crossings: where two
    means of closes cross.
    """
    root = folder or read_settings().archive
    if not root:
        raise SettingsError("There is no archive: name a folder, or set CRYPTOTRACKER_ARCHIVE.")
    if out is not None and out.suffix not in SUFFIXES:
        raise SettingsError(f"--out {out} must end in {' or '.join(SUFFIXES)}.")
    given = {"--from": since, "--to": until, "--interval": interval, "--set": values or []}
    interval = interval or "1h"
    span = asked_for("ANY-ANY", venue="", interval=interval, since=since, until=until)
    if INTERVALS[interval] < INTERVALS[PIECE]:
        raise SettingsError(f"--interval is {interval!r}: tables are made of minutes.")
    _refuse_ignored(what, [option for option in given if given[option]], span)
    text = _text(what, interval, given_values(values or []), (span.start_ns, span.end_ns))
    chosen: Engine = SparkEngine(master) if engine == "spark" else DuckDbEngine()
    if out is not None:
        chosen.write(files_of(root), text, out)
        return
    found = chosen.asked(files_of(root), text)
    if as_json:
        print_json(dict(zip(found, row, strict=True)) for row in _rows(found))
    else:
        print_table(list(found), (_cells(found, row) for row in _rows(found)))


def _refuse_ignored(what: str, options: list[str], span: Asked) -> None:
    """Refuse a word that is no table, and options that would make no difference."""
    if what not in TABLES and len(what.split()) == 1:
        raise SettingsError(f"{what!r} is no table: it is one of {', '.join(TABLES)}, or SQL.")
    in_sql = {
        "--from": f"start_ns >= {span.start_ns}",
        "--to": f"start_ns < {span.end_ns}",
        "--interval": f"\"interval\" = '{span.interval}'",
        "--set": "the numbers",
    }
    for option in options:
        if option not in TABLES.get(what, ()):
            takers = ", ".join(name for name, taken in TABLES.items() if option in taken)
            instead = f"{what!r} takes none" if what in TABLES else f"write {in_sql[option]} in SQL"
            raise SettingsError(f"{option} is for {takers}; {instead}.")


def _text(what: str, interval: str, values: dict[str, str], span: tuple[int, int]) -> str:
    """Return the question: one of ours, or what was written."""
    start_ns, end_ns = span
    match what:
        case "candles":
            return candles_text(interval=interval, start_ns=start_ns, end_ns=end_ns)
        case "returns":
            return returns_text(start_ns=start_ns, end_ns=end_ns)
        case "crossings":
            fast, slow = _periods(values)
            return crossings_text(
                interval=interval, fast=fast, slow=slow, start_ns=start_ns, end_ns=end_ns
            )
    return what


def _periods(values: dict[str, str]) -> tuple[int, int]:
    """Return the candles of the shorter and of the longer mean."""
    given = {"fast": "50", "slow": "200"} | values
    if len(given) > 2 or not all(value.isdecimal() for value in given.values()):  # noqa: PLR2004  # the two
        raise SettingsError(f"--set {values}: crossings take fast and slow, whole numbers.")
    fast, slow = int(given["fast"]), int(given["slow"])
    if not 0 < fast < slow:
        raise SettingsError(f"--set: fast ({fast}) must be above 0 and less than slow ({slow}).")
    return fast, slow


def _rows(found: Columns) -> Iterator[tuple[object, ...]]:
    return zip(*(column.tolist() for column in found.values()), strict=True)


def _cells(found: Columns, row: tuple[object, ...]) -> list[str]:
    return [_cell(name, value) for name, value in zip(found, row, strict=True)]


def _cell(name: str, value: object) -> str:
    """Write a value; nothing where there is none."""
    if value is None or value != value:  # noqa: PLR0124  # NaN alone differs from itself
        return ""
    if name.endswith("_ns") and isinstance(value, int):
        return f"{datetime.fromtimestamp(value // SECOND_NS, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
