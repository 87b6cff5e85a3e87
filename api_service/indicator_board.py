"""Live indicators: the view's candles in, their values out, as long as somebody follows them.

A line begins with the past that store and archive have, and goes on with each candle that closes.
Where one is corrected, or may have been missed, it begins again, so that what is told live is what
history tells.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias, TypeVar

import structlog

from analytics.indicators.named import Point
from analytics.indicators.runs import Run, Told
from api_service.indicator_points import CandleHistory, PointReader, Wanted
from api_service.indicator_terms import Question
from api_service.problems import ProblemError
from api_service.view import CANDLES_KEPT, CandleKey, LatestView
from market import ArchiveError, Candle, Event, UnavailableError

ROWS_KEPT = CANDLES_KEPT
LINES_AT_MOST = 100
"""Different indicators that are computed at a time."""

POINTS_KEPT = 3 * CANDLES_KEPT
"""Points of which is known what they were: more than the view has candles of a market."""

LATE_KEPT = 64
"""Candles that came of late, which the store may not have yet."""

RETRY_S = 2.0
LOOK_EVERY_S = 30.0
"""How often history is asked for candles that were missed: where nothing is traded are none."""

EVER_NS = 2**62

Row: TypeAlias = tuple[Told, bool]
"""What is told of a candle, and whether that is closed."""

Listener: TypeAlias = Callable[[Question], None]

T = TypeVar("T")

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
        self._lines: dict[Question, _Line] = {}
        self._by_candles: dict[CandleKey, list[_Line]] = {}
        self._awake = asyncio.Event()
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
        self._lines = {question: known.get(question) or _Line(question) for question in questions}
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
            while True:
                await self._awake.wait()
                self._awake.clear()
                for line in [*self._lines.values()]:
                    if line.is_behind:
                        await self._catch_up(line)
                        await asyncio.sleep(0)  # between two lines others have their turn
        finally:
            self.listening.clear()

    async def _catch_up(self, line: "_Line") -> None:
        try:
            await line.catch_up(self.reader)
        except (UnavailableError, ArchiveError, ProblemError, ArithmeticError) as error:
            line.rest(str(error))
            log.warning(
                "indicators.held_up", indicator=line.question.asked.kind.name, why=str(error)
            )
            asyncio.get_running_loop().call_later(RETRY_S + 0.01, self._awake.set)
        self.handled += 1
        for listener in self._listeners:
            listener(line.question)


class _Line:
    """The values of one question."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.waits_for: str | None = "the candles of the past are being read"
        self._run: Run | None = None
        self._rows: dict[int, Told] = {}
        self._growing: Point | None = None
        self._grown: Told | None = None
        """What is told of the candle that grows; None: it is not computed yet."""
        self._taken: dict[int, Point] = {}
        self._came: list[Candle] = []
        self._late: deque[Candle] = deque(maxlen=LATE_KEPT)
        self._has_hole = False
        self._looked_s = self._rests_until_s = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether there is something to be taken in, and it may be tried."""
        has_work = self._run is None or bool(self._came)
        return has_work and time.monotonic() >= self._rests_until_s

    def rest(self, why: str) -> None:
        """Let it be for a while."""
        self.waits_for, self._rests_until_s = why, time.monotonic() + RETRY_S

    def note(self, candle: Candle) -> None:
        """Note that a candle came."""
        self._came.append(candle)
        if candle.closed:
            self._late.append(candle)

    def rows(self) -> list[Row]:
        """Return what is told of the newest candles, oldest first."""
        rows = [(told, True) for told in self._rows.values()]
        if self._run is not None and self._growing is not None:
            if self._grown is None:
                self._grown = self._run.look(self._growing)
            rows.append((self._grown, False))
        return rows[-ROWS_KEPT:]

    async def catch_up(self, reader: PointReader) -> None:
        """Take in what came.

        Raises:
            UnavailableError: it is to be done again.
            ArchiveError: a file of the past is damaged.
            ProblemError: it cannot be done.

        """
        came, self._came = self._came, []
        points, growing = reader.joined_now(self.question)
        if self._run is None or self._is_disturbed(self._run, came, points):
            self._run = None
            wanted = Wanted(EVER_NS, newest=ROWS_KEPT)
            self._looked_s, self._has_hole = time.monotonic(), False
            known = await reader.read(self.question, wanted, self._late)
            self._begin(known.points)
            points, growing = reader.joined_now(self.question)
        self._take(points)
        self._grow(growing)
        self.waits_for = None

    def _is_disturbed(self, run: Run, came: Iterable[Candle], points: Sequence[Point]) -> bool:
        """Tell whether a candle of the past changed, or one may have been missed."""
        if run.last_ns is None:
            return False
        now = {point.start_ns: point for point in points}
        if any(
            candle.closed and self._is_correction(candle.start_ns, now, run.last_ns)
            for candle in came
        ):
            return True
        fresh = [start_ns for start_ns in now if start_ns > run.last_ns]
        if fresh and min(fresh) > run.last_ns + self.question.asked.length_ns:
            self._has_hole = True
        return self._has_hole and time.monotonic() - self._looked_s > LOOK_EVERY_S

    def _is_correction(self, start_ns: int, now: Mapping[int, Point], last_ns: int) -> bool:
        if start_ns > last_ns:
            return False
        oldest_ns = next(iter(self._taken))
        return start_ns < oldest_ns or now.get(start_ns) != self._taken.get(start_ns)

    def _begin(self, points: Sequence[Point]) -> None:
        self._run = Run(self.question.asked)
        self._rows.clear()
        self._taken.clear()
        self._take(points)

    def _take(self, points: Iterable[Point]) -> None:
        run = self._run
        for point in points:
            if run is not None and (run.last_ns is None or point.start_ns > run.last_ns):
                _keep(self._rows, point.start_ns, run.take(point), ROWS_KEPT)
                _keep(self._taken, point.start_ns, point, POINTS_KEPT)

    def _grow(self, growing: Point | None) -> None:
        last_ns = self._run.last_ns if self._run is not None else None
        if growing is not None and last_ns is not None and growing.start_ns <= last_ns:
            growing = None
        self._growing, self._grown = growing, None


def _keep(kept: dict[int, T], start_ns: int, value: T, at_most: int) -> None:
    kept[start_ns] = value
    if len(kept) > at_most:
        del kept[next(iter(kept))]
