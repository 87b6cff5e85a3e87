"""How far work has come, as a bar on standard error once it takes more than two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

SHOWN_AFTER_S = 2.0


class Bar:
    """A bar of work that has so many parts; it is drawn where a terminal is."""

    def __init__(
        self, what: str, total: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._begun = clock()
        self._done = 0.0
        self._total = total
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task(what, total=total)
        self._is_shown = False

    def expect(self, parts: float) -> None:
        """Say that there are so many parts more."""
        self._total = (self._total or 0.0) + parts
        self._progress.update(self._task, total=self._total)

    def advance(self, parts: float = 1.0) -> None:
        """Say that so many parts more are done."""
        self._done += parts
        self._progress.update(self._task, completed=self._done)
        if not self._is_shown and self._clock() - self._begun >= SHOWN_AFTER_S:
            self._is_shown = True
            self._progress.start()

    def close(self) -> None:
        """Take the bar away."""
        if self._is_shown:
            self._progress.stop()


@contextmanager
def progress(what: str, total: float | None) -> Iterator[Bar]:
    """Show a bar while work of so many parts is done; None: nobody knows how many."""
    bar = Bar(what, total)
    try:
        yield bar
    finally:
        bar.close()
