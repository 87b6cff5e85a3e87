"""What is to be tried, in; one backtest, a sweep or a walk forward, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from analytics.backtest import Bars, Result, Terms, backtest, decide, refuse_look_ahead
from analytics.backtest.trials import Fold, Trial, ranked, walked, windows
from analytics.strategies import Strategy, parameters_of
from cryptotracker.backtesting.sweeping import Sweep
from cryptotracker.progress import progress


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy with the parameters to try, one or many, and what it is tried on.

    ``named`` is what the command line calls it, by which other processes find it.

    ``spans_ns`` are what a walk forward trains on and tests on; ``by`` the figure that the best of
    many is chosen by.
    """

    named: str
    strategy: type[Strategy]
    bars: Bars
    terms: Terms
    tried: Sequence[Mapping[str, Any]]
    by: str = "sharpe"
    spans_ns: tuple[int, int] | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The backtest that is shown, and what it was chosen from, best first, or made of."""

    result: Result
    trials: Sequence[Trial] = ()
    folds: Sequence[Fold] = ()


def done(work: Work) -> Outcome:
    """Do it.

    Raises:
        ValueError: it looks ahead, or cannot be done; the text says why.

    """
    strategy, bars, terms = work.strategy, work.bars, work.terms
    if len(work.tried) == 1 and work.spans_ns is None:
        return Outcome(result=backtest(strategy, bars, terms, **work.tried[0]))
    parameters = parameters_of(strategy, work.tried[0])
    refuse_look_ahead(lambda part: decide(strategy(parameters), part), bars, name=strategy.name)
    sweep = Sweep(work.named, work.tried, terms)
    if work.spans_ns is not None:
        return _walk(work, sweep)
    with progress("trying parameters", len(sweep)) as bar:
        trials = ranked(sweep.trials(bars, bar), work.by)
    best = msgspec.structs.asdict(trials[0].parameters)
    return Outcome(result=backtest(strategy, bars, terms, **best), trials=trials)


def _walk(work: Work, sweep: Sweep) -> Outcome:
    train_ns, test_ns = work.spans_ns or (0, 0)
    spans = list(windows(work.bars, train_ns, test_ns))
    with progress("walking forward", len(spans) * len(sweep)) as bar:
        walk = walked(
            work.strategy,
            work.bars,
            work.terms,
            lambda part: sweep.trials(part, bar),
            spans=spans,
            by=work.by,
        )
    return Outcome(result=walk.result, folds=walk.folds)
