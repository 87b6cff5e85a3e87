"""`cryptotracker backtest`: a strategy and an instrument in, figures and files of them out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from analytics.backtest import DEFINITIONS, LookAheadError, Result, Terms
from analytics.backtest import backtest as run_backtest
from analytics.backtest.report import report as report_of
from analytics.backtest.report.words import label, worded
from cryptotracker.backtesting.candles import asked_for, read_bars
from cryptotracker.backtesting.choosing import chosen, strategy_named
from cryptotracker.backtesting.files import as_object, write_csv, write_text
from cryptotracker.printed import print_json, print_table
from cryptotracker.settings import read_settings
from market import SettingsError

CANDLES = "candles"


class _CandlesByDefault(TyperGroup):
    """Takes a first word that is no command for the name of a strategy."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See `TyperGroup.parse_args`."""
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [CANDLES, *args]
        return super().parse_args(ctx, args)


backtest = typer.Typer(
    cls=_CandlesByDefault,
    no_args_is_help=True,
    help="What would have come of a strategy: STRATEGY INSTRUMENT [OPTIONS].",
)


@backtest.command(CANDLES)
def of_candles(  # noqa: PLR0913  # options of a command line
    strategy: Annotated[str, typer.Argument(help="Such as sma-cross.")],
    instrument: Annotated[
        str, typer.Argument(help="Such as BTC-USDT; or a .parquet or .csv file of candles.")
    ],
    *,
    since: Annotated[str, typer.Option("--from", help="2025-01-01, RFC 3339 or -30d.")] = "",
    until: Annotated[str, typer.Option("--to", help="As --from; not included.")] = "",
    venue: Annotated[str, typer.Option(help="Default: the reference venue.")] = "",
    interval: Annotated[str, typer.Option(help="Of candles; default: 1m, or the file's.")] = "",
    values: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter: name=value; often.")
    ] = None,
    capital: Annotated[float, typer.Option(help="In the quote currency.")] = 10_000.0,
    fee_bps: Annotated[float, typer.Option(help="Fee of a fill, hundredths of a percent.")] = 10.0,
    slippage_bps: Annotated[float, typer.Option(help="How much worse than the open.")] = 0.0,
    report: Annotated[Path | None, typer.Option(help="An HTML file to write.")] = None,
    csv: Annotated[Path | None, typer.Option(help="A folder for CSV files.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Run a strategy over stored candles, as it would have run live.

    What is decided on a candle's close is filled at the next one's open.
    """
    settings = read_settings()
    kind = strategy_named(strategy)
    parameters = chosen(kind, values or [])
    terms = _terms(capital, fee_bps, slippage_bps)
    is_file = bool(Path(instrument).suffix)
    where = venue or ("" if is_file else settings.premium_reference)
    asked = asked_for(instrument, venue=where, interval=interval, since=since, until=until)
    bars = read_bars(asked, settings)
    try:
        result = run_backtest(kind, bars, terms, **parameters)
    except LookAheadError as error:
        raise SettingsError(f"{error}.") from error
    _tell(result, f"{asked.what} at {where}" if where else str(asked.what), as_json=as_json)
    if csv is not None:
        write_csv(result, csv)
    if report is not None:
        write_text(report, report_of(result, of=f"{asked.what} {where}".strip()))


def _terms(capital: float, fee_bps: float, slippage_bps: float) -> Terms:
    try:
        return Terms(capital=capital, fee_bps=fee_bps, slippage_bps=slippage_bps)
    except ValueError as error:
        raise SettingsError(f"{error}.") from error


def _tell(result: Result, of: str, *, as_json: bool) -> None:
    if as_json:
        print_json([as_object(result, of)])
        return
    told = as_object(result, of)
    parameters = ", ".join(f"{k}={v}" for k, v in msgspec.structs.asdict(result.parameters).items())
    typer.echo(
        f"{result.strategy}({parameters}) on {of}: {len(result.bars):,} candles of "
        f"{result.bars.interval}, {told['from']} to {told['to']}\n"
    )
    figures = msgspec.structs.asdict(result.figures)
    rows = [
        (label(name), worded(name, value), DEFINITIONS[name]) for name, value in figures.items()
    ]
    print_table(("figure", "value", "definition"), rows)
