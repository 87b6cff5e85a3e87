"""One indicator that is followed: the past in, each candle that closes; what is told of them out.

Where a candle of the past is corrected, or was missed, all of it is begun again, so that what is
told live is what history tells.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from analytics.indicators.named import Asked, Point
from analytics.indicators.runs import Run, Told
from api_service.indicator_points import PointReader, Wanted
from api_service.indicator_terms import Question
from api_service.view import CANDLES_KEPT
from market import Candle

ROWS_KEPT = CANDLES_KEPT

POINTS_KEPT = 3 * CANDLES_KEPT
"""Points of which is known what they were: more than the view has candles of a market."""

LATE_KEPT = 64
"""Candles that came of late, which the store may not have yet."""

LOOK_EVERY_S = 30.0
"""How long after a hole history is asked for what was missed: where nothing is traded is none."""

EVER_NS = 2**62

Row: TypeAlias = tuple[Told, bool]
"""What is told of a candle, and whether that is closed."""

T = TypeVar("T")


class _Taken(NamedTuple):
    """What was computed so far, what is told of the newest points, and what those were."""

    run: Run
    rows: dict[int, Told]
    points: dict[int, Point]

    def take(self, points: Iterable[Point]) -> None:
        """Take in those that are later than all before."""
        for point in points:
            if self.run.last_ns is None or point.start_ns > self.run.last_ns:
                _keep(self.rows, point.start_ns, self.run.take(point), ROWS_KEPT)
                _keep(self.points, point.start_ns, point, POINTS_KEPT)


class Line:
    """The values of one question; one task at a time may let it catch up."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.waits_for: str | None = "the candles of the past are being read"
        self._taken: _Taken | None = None
        self._is_to_begin = True
        self._growing: Point | None = None
        self._grown: Told | None = None
        """What is told of the candle that grows; None: it is not computed yet."""
        self._has_news = True
        self._closed: set[int] = set()
        """Starts of candles that came closed and were not looked at yet."""
        self._late: deque[Candle] = deque(maxlen=LATE_KEPT)
        self._hole_ns: int | None = None
        """The first start that may have been missed; None: there is none."""
        self._look_at_s = self._rests_until_s = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether there is something to be taken in, and it may be tried."""
        return self._has_news and time.monotonic() >= self._rests_until_s

    def rest(self, why: str, for_s: float) -> None:
        """Let it be for a while; then it is to be tried again."""
        self.waits_for, self._rests_until_s = why, time.monotonic() + for_s
        self._has_news = True

    def note(self, candle: Candle) -> None:
        """Note that a candle came."""
        self._has_news = True
        if candle.closed:
            self._closed.add(candle.start_ns)
            self._late.append(candle)

    def rows(self) -> list[Row]:
        """Return what is told of the newest candles, oldest first."""
        if self._taken is None:
            return []
        rows = [(told, True) for told in self._taken.rows.values()]
        if self._growing is not None:
            if self._grown is None:
                self._grown = self._taken.run.look(self._growing)
            rows.append((self._grown, False))
        return rows[-ROWS_KEPT:]

    async def catch_up(self, reader: PointReader, turns: asyncio.Semaphore) -> None:
        """Take in what came.

        Args:
            reader: Has history, and the candles that came.
            turns: Which history is read in.

        Raises:
            UnavailableError: it is to be done again.
            ArchiveError: a file of the past is damaged.
            ProblemError: it cannot be done.

        """
        self._has_news = False
        points, growing = reader.joined_now(self.question)
        if self._taken is not None and not self._is_to_begin:
            self._is_to_begin = not await self._is_whole(self._taken, points, reader, turns)
        if self._is_to_begin:
            await self._begin(reader, turns)
            points, growing = reader.joined_now(self.question)
        if self._taken is not None:
            self._taken.take(points)
            self._grow(growing, self._taken.run.last_ns)
        self.waits_for = None

    async def _is_whole(
        self, taken: _Taken, points: Sequence[Point], reader: PointReader, turns: asyncio.Semaphore
    ) -> bool:
        """Tell whether no candle of the past changed, and none was missed."""
        closed, self._closed = self._closed, set()
        last_ns = taken.run.last_ns
        if last_ns is None:
            return True
        now = {point.start_ns: point for point in points}
        if any(_is_correction(start_ns, now, taken.points) for start_ns in closed):
            return False
        self._note_hole(last_ns, now)
        if self._hole_ns is None or time.monotonic() < self._look_at_s:
            return True
        end_ns = max(last_ns, *now) + 1
        async with turns:
            there = await reader.starts(self.question, start_ns=self._hole_ns, end_ns=end_ns)
        self._hole_ns = None
        return there <= {*taken.points, *now}

    def _note_hole(self, last_ns: int, now: Iterable[int]) -> None:
        """Note where there may be points that nobody told us of, to be looked for later."""
        if self._hole_ns is not None:
            return
        length_ns = self.question.asked.length_ns
        for start_ns in sorted(start_ns for start_ns in now if start_ns > last_ns):
            if start_ns > last_ns + length_ns:
                self._hole_ns = last_ns + length_ns
                self._look_at_s = time.monotonic() + LOOK_EVERY_S
                return
            last_ns = start_ns

    async def _begin(self, reader: PointReader, turns: asyncio.Semaphore) -> None:
        self._hole_ns = None
        self._closed.clear()
        async with turns:
            known = await reader.read(self.question, Wanted(EVER_NS, newest=ROWS_KEPT), self._late)
        self._taken = await asyncio.to_thread(_begun, self.question.asked, known.points)
        self._is_to_begin = False

    def _grow(self, growing: Point | None, last_ns: int | None) -> None:
        if growing is not None and last_ns is not None and growing.start_ns <= last_ns:
            growing = None
        self._growing, self._grown = growing, None


def _begun(asked: Asked, points: Iterable[Point]) -> _Taken:
    taken = _Taken(Run(asked), {}, {})
    taken.take(points)
    return taken


def _is_correction(start_ns: int, now: Mapping[int, Point], taken: dict[int, Point]) -> bool:
    """Tell whether a candle that closed belongs to a point that was otherwise, or is forgotten."""
    oldest_ns, last_ns = next(iter(taken)), next(reversed(taken))
    if start_ns > last_ns:
        return False
    return start_ns < oldest_ns or now.get(start_ns) != taken.get(start_ns)


def _keep(kept: dict[int, T], start_ns: int, value: T, at_most: int) -> None:
    kept[start_ns] = value
    if len(kept) > at_most:
        del kept[next(iter(kept))]
