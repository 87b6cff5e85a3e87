"""`cryptotracker backtest`: a strategy and an instrument in, figures and files of them out."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec.structs import replace
from typer.core import TyperGroup

from analytics.across import ACROSS
from analytics.backtest import Terms
from analytics.backtest.report import report as report_of
from analytics.backtest.report import table as html_table
from cryptotracker.backtesting.candles import asked_for, read_bars
from cryptotracker.backtesting.choosing import candle_strategy, combinations, given_values, swept
from cryptotracker.backtesting.files import write_csv, write_text
from cryptotracker.backtesting.markets_command import of_markets
from cryptotracker.backtesting.telling import tables, tell
from cryptotracker.backtesting.work import Work, done
from cryptotracker.settings import read_settings
from market import SettingsError
from market.intervals import INTERVALS

CANDLES = "candles"

NO_MARKET = "what all venues paid on average in dollars. Nobody can buy or sell at that price."


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


backtest.command("markets")(of_markets)


@backtest.command(CANDLES)
def of_candles(  # noqa: PLR0913  # options of a command line
    strategy: Annotated[str, typer.Argument(help="Such as sma-cross, or path/to/file.py:Class.")],
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
    sweep: Annotated[
        list[str] | None,
        typer.Option(help="Values to try: name=5..50:5 or name=5,10; often, all combinations."),
    ] = None,
    by: Annotated[str, typer.Option(help="The figure that the best is chosen by.")] = "sharpe",
    walk_forward: Annotated[
        str, typer.Option(help="Train and test, such as 90d:30d: chosen on one, used on the next.")
    ] = "",
    report: Annotated[Path | None, typer.Option(help="An HTML file to write.")] = None,
    csv: Annotated[Path | None, typer.Option(help="A folder for CSV files.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Run a strategy over stored candles, as it would have run live.

    What is decided on a candle's close is filled at the next one's open.
    """
    settings = read_settings()
    kind = candle_strategy(strategy)
    tried = combinations(kind, given_values(values or []), swept(sweep or []))
    terms = _terms(capital, fee_bps, slippage_bps)
    spans_ns = _spans(walk_forward, is_swept=bool(sweep))
    where = venue or ("" if Path(instrument).suffix else settings.premium_reference)
    asked = asked_for(instrument, venue=where, interval=interval, since=since, until=until)
    if where == ACROSS:
        typer.echo(f"{ACROSS}: {NO_MARKET}", err=True)
    bars = read_bars(replace(asked, reads_premium=getattr(kind, "reads_premium", False)), settings)
    work = Work(
        named=strategy,
        strategy=kind,
        bars=bars,
        terms=terms,
        tried=tried,
        by=by,
        spans_ns=spans_ns,
    )
    try:
        outcome = done(work)
    except ValueError as error:
        raise SettingsError(f"{error}.") from error
    named = f"{asked.what} at {where}" if where else str(asked.what)
    tell(outcome, work, named, as_json=as_json)
    if csv is not None:
        write_csv(outcome, csv)
    if report is not None:
        more = "".join(
            f"<h2>{escape(head)}</h2>{html_table(*rows)}" for head, rows in tables(outcome, work)
        )
        how = "walked forward" if outcome.folds else ""
        write_text(report, report_of(outcome.result, of=named, more=more, how=how))


def _terms(capital: float, fee_bps: float, slippage_bps: float) -> Terms:
    try:
        return Terms(capital=capital, fee_bps=fee_bps, slippage_bps=slippage_bps)
    except ValueError as error:
        raise SettingsError(f"{error}.") from error


def _spans(text: str, *, is_swept: bool) -> tuple[int, int] | None:
    """Read what a walk forward trains on and tests on, in nanoseconds."""
    if not text:
        return None
    if not is_swept:
        raise SettingsError("--walk-forward chooses parameters: say with --sweep which to try.")
    if found := re.fullmatch(r"(\d+)([smhd]):(\d+)([smhd])", text):
        train, train_unit, test, test_unit = found.groups()
        if int(train) and int(test):
            return int(train) * _UNITS_NS[train_unit], int(test) * _UNITS_NS[test_unit]
    raise SettingsError(f"--walk-forward is {text!r}: it must be train:test, such as 90d:30d.")


_UNITS_NS = {
    unit: INTERVALS[name] for unit, name in zip("smhd", ("1s", "1m", "1h", "1d"), strict=True)
}
