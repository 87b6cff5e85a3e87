"""`cryptotracker backtest markets`: a strategy over every market of an archive, ranked."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from analytics.backtest import Terms
from analytics.backtest.report.words import label, worded
from cryptotracker.backtesting.candles import asked_for
from cryptotracker.backtesting.choosing import candle_strategy, combinations, given_values, swept
from cryptotracker.backtesting.markets import Asked, Tried, files_of, on_each_market
from cryptotracker.backtesting.tables import SHOWN
from cryptotracker.printed import print_json, print_table
from cryptotracker.settings import read_settings
from infrastructure.scale import DuckDbEngine, Engine, Market, SparkEngine
from market import SettingsError

Found = Sequence[tuple[Market, list[Tried]]]


def of_markets(  # noqa: PLR0913  # options of a command line
    strategy: Annotated[str, typer.Argument(help="Such as sma-cross, or path/to/file.py:Class.")],
    folder: Annotated[
        str, typer.Argument(help="Of Parquet files of candles; default: the archive.")
    ] = "",
    *,
    since: Annotated[str, typer.Option("--from", help="2025-01-01, RFC 3339 or -30d.")] = "",
    until: Annotated[str, typer.Option("--to", help="As --from; not included.")] = "",
    interval: Annotated[str, typer.Option(help="Of candles, folded from minutes.")] = "1m",
    values: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter: name=value; often.")
    ] = None,
    sweep: Annotated[
        list[str] | None, typer.Option(help="Values to try: name=5..50:5 or name=5,10; often.")
    ] = None,
    capital: Annotated[float, typer.Option(help="In each quote currency.")] = 10_000.0,
    fee_bps: Annotated[float, typer.Option(help="Fee of a fill, hundredths of a percent.")] = 10.0,
    slippage_bps: Annotated[float, typer.Option(help="How much worse than the open.")] = 0.0,
    engine: Annotated[
        Literal["duckdb", "spark"], typer.Option(help="spark: needs the extra and Java 17.")
    ] = "duckdb",
    master: Annotated[
        str, typer.Option(help="Of Spark: local[4], spark://host:7077.")
    ] = "local[*]",
    csv_file: Annotated[Path | None, typer.Option("--csv", help="A file to write.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Run a strategy over every market that has candles, on this machine or on Spark.

    Both engines give the same figures, to the last digit.
    """
    root = folder or read_settings().archive
    if not root:
        raise SettingsError("There is no archive: name a folder, or set CRYPTOTRACKER_ARCHIVE.")
    span = asked_for("ANY-ANY", venue="", interval=interval, since=since, until=until)
    kind = candle_strategy(strategy)
    if getattr(kind, "reads_premium", False):
        raise SettingsError(
            f"{strategy} looks at premiums, of which nothing is known where all markets are tried: "
            "name one, as in `cryptotracker backtest STRATEGY INSTRUMENT --venue VENUE`."
        )
    try:
        terms = Terms(capital=capital, fee_bps=fee_bps, slippage_bps=slippage_bps)
    except ValueError as error:
        raise SettingsError(f"{error}.") from error
    asked = Asked(
        named=strategy,
        tried=combinations(kind, given_values(values or []), swept(sweep or [])),
        terms=terms,
        interval=interval,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
    )
    chosen: Engine = SparkEngine(master) if engine == "spark" else DuckDbEngine()
    found = on_each_market(chosen, files_of(root, interval), asked)
    if not found:
        raise SettingsError(f"There are no closed candles below {root} in that time.")
    _tell(found, as_json=as_json)
    if csv_file is not None:
        _write(found, csv_file)


def _tell(found: Found, *, as_json: bool) -> None:
    if as_json:
        print_json(_objects(found))
        return
    names = list(found[0][1][0].parameters)
    rows = [
        (
            market.venue,
            f"{market.base}-{market.quote_currency}",
            *(f"{value:g}" for value in one.parameters.values()),
            *(worded(name, getattr(one.figures, name)) for name in SHOWN),
        )
        for market, tried in found
        for one in tried
    ]
    print_table(("venue", "symbol", *names, *map(label, SHOWN)), rows)


def _write(found: Found, file: Path) -> None:
    rows = _objects(found)
    try:
        with file.open("w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise SettingsError(f"--csv {file}: {error.strerror}; name another file.") from error


def _objects(found: Found) -> list[dict[str, object]]:
    return [
        {
            "venue": market.venue,
            "symbol": f"{market.base}-{market.quote_currency}",
            **one.parameters,
            **msgspec.structs.asdict(one.figures),
        }
        for market, tried in found
        for one in tried
    ]
