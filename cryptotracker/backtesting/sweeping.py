"""Parameters to try, in; what came of each, out, on as many cores as there are.

Compiled strategies run in threads, as they do not hold one another up; others in processes.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import local
from typing import Any

import msgspec
import numpy as np

from analytics.backtest import Bars, Terms, account, decide, figures
from analytics.backtest.compiled import compiled_form
from analytics.backtest.figures import Figures
from analytics.backtest.trials import Trial
from analytics.strategies import Strategy, parameters_of
from cryptotracker.backtesting.choosing import candle_strategy
from cryptotracker.progress import Bar

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

_room = local()
"""An array of each thread to work in."""


class Sweep:
    """Tries every combination of parameters on whatever candles it is given."""

    def __init__(
        self,
        named: str,
        combinations: Sequence[Mapping[str, Any]],
        terms: Terms,
        *,
        workers: int = CORES,
    ) -> None:
        self.strategy = candle_strategy(named)
        self._named = named
        self._tried = combinations
        self._chosen = [parameters_of(self.strategy, one) for one in combinations]
        self._terms = terms
        self._workers = max(1, min(workers, len(self._chosen)))

    def __len__(self) -> int:
        return len(self._chosen)

    def trials(self, bars: Bars, shown: Bar | None = None) -> list[Trial]:
        """Try all of them; ``shown`` is told of each."""
        found = []
        for parameters, measured in zip(self._chosen, self._figures(bars), strict=True):
            found.append(Trial(parameters, measured))
            if shown is not None:
                shown.advance()
        return found

    def _figures(self, bars: Bars) -> Iterator[Figures]:
        first = compiled_form(self.strategy, self._chosen[0])
        if first is not None:
            first.checked(bars)
            one = partial(_compiled, self.strategy, bars, self._terms)
            with ThreadPoolExecutor(self._workers) as threads:
                yield from threads.map(one, self._chosen)
        elif self._workers == 1:
            yield from map(partial(_plainly, self.strategy, bars, self._terms), self._chosen)
        else:
            with _processes(self._workers, self._named, bars, self._terms) as processes:
                yield from processes.map(_in_process, self._tried)


@contextmanager
def _processes(workers: int, *given: Any) -> Iterator[ProcessPoolExecutor]:
    """Start processes that know what is the same for all; they end at once when left."""
    context = multiprocessing.get_context("forkserver")
    pool = ProcessPoolExecutor(workers, context, initializer=_remember, initargs=given)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


_given: list[tuple[type[Strategy], Bars, Terms]] = []
"""What this process was started with."""


def _remember(named: str, bars: Bars, terms: Terms) -> None:
    """Find the strategy anew: one of a file has no module that could be imported here."""
    _given.append((candle_strategy(named), bars, terms))


def _in_process(one: Mapping[str, Any]) -> Figures:
    strategy, bars, terms = _given[-1]
    return _plainly(strategy, bars, terms, parameters_of(strategy, one))


def _plainly(
    strategy: type[Strategy], bars: Bars, terms: Terms, parameters: msgspec.Struct
) -> Figures:
    return figures(bars, account(bars, decide(strategy(parameters), bars), terms))


def _compiled(
    strategy: type[Strategy], bars: Bars, terms: Terms, parameters: msgspec.Struct
) -> Figures:
    form = compiled_form(strategy, parameters)
    if form is None:
        return _plainly(strategy, bars, terms, parameters)
    room = getattr(_room, "targets", None)
    if room is None or len(room) != len(bars):
        room = _room.targets = np.empty(len(bars))
    return form.figures(bars, terms, room)
