"""Live indicators: the view's candles in, their values out, as long as somebody follows them.

Each is a line. They catch up side by side: one whose history does not answer holds up no other.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

import structlog

from api_service.indicator_line import Line, Row
from api_service.indicator_points import CandleHistory, PointReader
from api_service.indicator_terms import Question
from api_service.problems import ProblemError
from api_service.view import CandleKey, LatestView
from market import ArchiveError, Candle, Event, UnavailableError

LINES_AT_MOST = 100
"""Different indicators that are computed at a time."""

READING_AT_MOST = 4
"""Lines that read history at one time."""

RETRY_S = 2.0

Listener: TypeAlias = Callable[[Question], None]

log = structlog.get_logger()


class IndicatorBoard:
    """Computes the indicators that are followed; a part for the supervisor.

    Args:
        view: Where candles come from.
        history: Where those before them are.

    """

    name = "api.indicators"

    def __init__(self, view: LatestView, history: CandleHistory) -> None:
        self.listening = asyncio.Event()
        self.handled = 0
        self.dead = 0
        self.reader = PointReader(history, view)
        self._lines: dict[Question, Line] = {}
        self._busy: dict[Line, asyncio.Task[None]] = {}
        self._by_candles: dict[CandleKey, list[Line]] = {}
        self._awake = asyncio.Event()
        self._turns = asyncio.Semaphore(READING_AT_MOST)
        self._listeners: list[Listener] = []
        view.tell(self.receive)

    def tell(self, listener: Listener) -> None:
        """Call ``listener`` with each question of which there is something new."""
        self._listeners.append(listener)

    def check_room(self, question: Question | None) -> None:
        """Look whether one more may be followed.

        Raises:
            ProblemError: there are too many.

        """
        is_one_more = question is not None and question not in self._lines
        if is_one_more and len(self._lines) >= LINES_AT_MOST:
            detail = f"{LINES_AT_MOST} different indicators are followed."
            raise ProblemError("too-many-subscriptions", detail)

    def follow(self, questions: Collection[Question]) -> None:
        """Compute these from now on, and no others."""
        known = self._lines
        self._lines = {question: known.get(question) or Line(question) for question in questions}
        for line, task in self._busy.items():
            if self._lines.get(line.question) is not line:
                task.cancel()
        self._by_candles = {}
        for line in self._lines.values():
            for key in line.question.markets:
                of_key = self._by_candles.setdefault((*key, line.question.asked.interval), [])
                of_key.append(line)
        self._awake.set()

    def receive(self, events: Sequence[Event]) -> None:
        """Take the view's news to the lines that they concern."""
        if not self._lines:
            return
        for event in events:
            if isinstance(event, Candle):
                key = event.venue, event.instrument, event.interval
                for line in self._by_candles.get(key, ()):
                    line.note(event)
                    self._awake.set()

    def rows(self, question: Question) -> list[Row]:
        """Return what is told of the newest candles, oldest first."""
        line = self._lines.get(question)
        return [] if line is None else line.rows()

    def waits_for(self, question: Question) -> str | None:
        """Return why there are no rows, or none newer; None: there is no reason."""
        line = self._lines.get(question)
        return None if line is None else line.waits_for

    async def run(self) -> None:
        """Compute until cancelled."""
        self._awake.set()
        self.listening.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    await self._awake.wait()
                    self._awake.clear()
                    for line in self._lines.values():
                        if line.is_behind and line not in self._busy:
                            self._set_to_work(line, tasks)
        finally:
            self.listening.clear()

    def _set_to_work(self, line: Line, tasks: asyncio.TaskGroup) -> None:
        def look_again(_: asyncio.Task[None]) -> None:
            del self._busy[line]
            self._awake.set()

        self._busy[line] = tasks.create_task(self._catch_up(line), name=f"{self.name}.line")
        self._busy[line].add_done_callback(look_again)

    async def _catch_up(self, line: Line) -> None:
        try:
            await line.catch_up(self.reader, self._turns)
        except (UnavailableError, ArchiveError, ProblemError, ArithmeticError) as error:
            line.rest(str(error), RETRY_S)
            log.warning(
                "indicators.held_up", indicator=line.question.asked.kind.name, why=str(error)
            )
            asyncio.get_running_loop().call_later(RETRY_S + 0.01, self._awake.set)
        self.handled += 1
        for listener in self._listeners:
            listener(line.question)
