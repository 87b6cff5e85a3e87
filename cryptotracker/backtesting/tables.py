"""What came of a sweep or a walk forward, in; rows of text, out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from analytics.backtest import Bars, Figures
from analytics.backtest.report.words import label, moment, worded
from analytics.backtest.trials import Fold, Trial

SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "fees")

Table = tuple[Sequence[str], list[tuple[str, ...]]]


def trials_table(trials: Sequence[Trial], by: str) -> Table:
    """Return a row a trial: its parameters, and what it is judged by."""
    names = [field.name for field in msgspec.structs.fields(type(trials[0].parameters))]
    columns = list(dict.fromkeys((by, *SHOWN)))
    rows = [(*_values(one.parameters), *_texts(one.figures, columns)) for one in trials]
    return [*names, *map(label, columns)], rows


def folds_table(folds: Sequence[Fold], bars: Bars, by: str) -> Table:
    """Return a row a step: when it was tested, what was chosen, before and after."""
    names = [field.name for field in msgspec.structs.fields(type(folds[0].chosen.parameters))]
    columns = list(dict.fromkeys(("total_return", by)))
    heads = ["tested from", "to", *names]
    heads += [f"{label(name)} {when}" for when in ("before", "after") for name in columns]
    return heads, list(_folds(folds, bars, columns))


def _folds(folds: Sequence[Fold], bars: Bars, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    starts = bars.start_ns
    for fold in folds:
        yield (
            moment(int(starts[fold.split])),
            moment(int(starts[fold.end - 1]) + bars.length_ns),
            *_values(fold.chosen.parameters),
            *_texts(fold.chosen.figures, columns),
            *_texts(fold.tested, columns),
        )


def _values(parameters: msgspec.Struct) -> list[str]:
    return [f"{value:g}" for value in msgspec.structs.astuple(parameters)]


def _texts(figures: Figures, columns: Sequence[str]) -> list[str]:
    return [worded(name, getattr(figures, name)) for name in columns]
