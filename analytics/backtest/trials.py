"""Many trials of one strategy: which parameters did best, and how those did on what came after.

    candles  |----- train -----|- test -|
                      |----- train -----|- test -|

In a walk forward the best parameters of each training span are used on the candles that follow it,
which they were not chosen by. The tests follow one another without a hole, as one account.
"""

from collections.abc import Callable, Iterator, Sequence
from math import inf

import msgspec
import numpy as np

from analytics.backtest.bars import Bars
from analytics.backtest.decisions import decide
from analytics.backtest.figures import Figures
from analytics.backtest.run import Result, concluded
from analytics.backtest.terms import Terms
from analytics.strategies import Strategy

LESS_IS_BETTER = frozenset({"max_drawdown", "max_drawdown_s", "volatility", "fees", "turnover"})


class Trial(msgspec.Struct, frozen=True):
    """Parameters, and what came of them."""

    parameters: msgspec.Struct
    figures: Figures


class Fold(msgspec.Struct, frozen=True):
    """One step of a walk forward; places of candles, half-open; ``tested``: from fresh capital."""

    start: int
    split: int
    end: int
    chosen: Trial
    tested: Figures


class Walk(msgspec.Struct, frozen=True):
    """All steps, and what they made together as one account."""

    folds: tuple[Fold, ...]
    result: Result


def ranked(trials: Sequence[Trial], by: str) -> list[Trial]:
    """Return the trials, best first; those where the figure has no meaning come last.

    Raises:
        ValueError: there is no such figure.

    """
    known = [field.name for field in msgspec.structs.fields(Figures)]
    if by not in known:
        raise ValueError(f"there is no figure {by!r}; there are {', '.join(known)}")
    sign = 1.0 if by in LESS_IS_BETTER else -1.0

    def worse(trial: Trial) -> float:
        value = getattr(trial.figures, by)
        return inf if value is None else sign * value

    return sorted(trials, key=worse)


def windows(bars: Bars, train_ns: int, test_ns: int) -> Iterator[tuple[int, int, int]]:
    """Yield the places where each training begins, where its test begins, where that ends.

    Raises:
        ValueError: the candles do not reach for one training and a candle to test.

    """
    starts = bars.start_ns
    first_ns = int(starts[0]) if len(bars) else 0
    if not len(bars) or int(starts[-1]) < first_ns + train_ns:
        raise ValueError("the candles do not reach for one span to train on and a candle to test")
    split_ns = first_ns + train_ns
    while split_ns <= int(starts[-1]):
        places = np.searchsorted(starts, [split_ns - train_ns, split_ns, split_ns + test_ns])
        start, split, end = places.tolist()
        if start < split < end:
            yield start, split, end
        split_ns += test_ns


def walked(
    strategy: type[Strategy],
    bars: Bars,
    terms: Terms,
    tried: Callable[[Bars], Sequence[Trial]],
    *,
    spans: Sequence[tuple[int, int, int]],
    by: str,
) -> Walk:
    """Choose on each span to train on, test on what follows.

    Args:
        strategy: What is tried.
        bars: All candles.
        terms: Capital and costs.
        tried: Tries every combination on some candles.
        spans: See `windows`.
        by: The figure that the best is chosen by.

    """
    folds, targets = [], []
    for start, split, end in spans:
        best = ranked(tried(bars.part(start, split)), by)[0]
        told = strategy(best.parameters)
        warm = max(0, split - told.warm_up)
        decided = decide(told, bars.part(warm, end))[split - warm :]
        tested = concluded(strategy.name, best.parameters, bars.part(split, end), decided, terms)
        folds.append(Fold(start, split, end, best, tested.figures))
        targets.append(decided)
    whole = bars.part(folds[0].split, folds[-1].end)
    last = folds[-1].chosen.parameters
    joined = concluded(strategy.name, last, whole, np.concatenate(targets), terms)
    return Walk(tuple(folds), joined)
