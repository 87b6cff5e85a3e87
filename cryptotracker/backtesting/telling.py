"""What came of a backtest, in; what is printed of it, out."""

from __future__ import annotations

import msgspec
import typer

from analytics.backtest import DEFINITIONS
from analytics.backtest.report.words import label, worded
from cryptotracker.backtesting.files import as_object
from cryptotracker.backtesting.tables import Table, folds_table, trials_table
from cryptotracker.backtesting.work import Outcome, Work
from cryptotracker.printed import print_json, print_table

TRIALS_SHOWN = 20


def tell(outcome: Outcome, work: Work, of: str, *, as_json: bool) -> None:
    """Print all that is known; ``of``: what was traded and where."""
    told = as_object(outcome, of)
    if as_json:
        print_json([told])
        return
    result = outcome.result
    parameters = ", ".join(f"{k}={v}" for k, v in msgspec.structs.asdict(result.parameters).items())
    how = "walked forward" if outcome.folds else f"({parameters})"
    typer.echo(
        f"{result.strategy} {how} on {of}: {len(result.bars):,} candles of "
        f"{result.bars.interval}, {told['from']} to {told['to']}\n"
    )
    figures = msgspec.structs.asdict(result.figures)
    rows = [
        (label(name), worded(name, value), DEFINITIONS[name]) for name, value in figures.items()
    ]
    print_table(("figure", "value", "definition"), rows)
    for head, (heads, lines) in tables(outcome, work):
        typer.echo(f"\n{head}")
        print_table(heads, lines)


def tables(outcome: Outcome, work: Work) -> list[tuple[str, Table]]:
    """Return what it was chosen from or made of, with a head each."""
    found = []
    if trials := outcome.trials:
        least = min(TRIALS_SHOWN, len(trials))
        head = f"The best {least} of {len(trials):,} combinations, by {label(work.by)}"
        found.append((head, trials_table(trials[:TRIALS_SHOWN], work.by)))
    if outcome.folds:
        head = f"Steps: chosen by {label(work.by)} of what came before, used on what came after"
        found.append((head, folds_table(outcome.folds, work.bars, work.by)))
    return found
