"""From stored candles and those that only the view has to the points that an indicator is told."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from analytics.indicators.named import Asked, Point
from api_service.indicator_terms import Question
from api_service.pages import within_time
from api_service.problems import ProblemError
from api_service.view import Key, LatestView, fullness
from market import Candle, Instrument

CANDLES_AT_MOST = 100_000
"""Candles of a market that are read; a day has 86,400 of a second."""

MORE = 4
"""How many times as many candles are read where those read do not do."""


class Known(NamedTuple):
    """Points of candles that are closed, in order of time, and the one that grows.

    ``first_ns`` is the first that was asked for; those before it are what it is made of.
    """

    points: list[Point]
    growing: Point | None
    first_ns: int


class Wanted(NamedTuple):
    """The newest points before ``end_ns``, or those from ``first_ns`` on where that is known."""

    end_ns: int
    newest: int
    first_ns: int | None = None


class Held(NamedTuple):
    """Candles of a market: those that were read, and those that may not be stored yet."""

    stored: Sequence[Candle]
    fresh: Sequence[Candle]


class CandleHistory(Protocol):
    """Closed candles, of the store alone or joined with the archive."""

    async def candles(
        self,
        venue: str,
        instrument: Instrument,
        interval: str,
        *,
        start_ns: int,
        end_ns: int,
        limit: int,
    ) -> Sequence[Candle]:
        """See `TimeSeries.candles`."""


class PointReader:
    """Reads what a question needs.

    Args:
        history: Has the closed candles.
        view: Has those that are newer.

    """

    def __init__(self, history: CandleHistory, view: LatestView) -> None:
        self.history = history
        self.view = view

    async def read(self, question: Question, wanted: Wanted, late: Iterable[Candle] = ()) -> Known:
        """Read points with all that their values depend on, as far as there is so much.

        Args:
            question: Of which indicator and markets.
            wanted: Which points.
            late: Candles that neither may have yet.

        Raises:
            ProblemError: there are too many candles in the range.
            UnavailableError: store or archive do not answer.
            ArchiveError: a file of the archive is damaged.

        """
        late = list(late)
        limit = min(_likely_to_do(question.asked, wanted), CANDLES_AT_MOST)
        while True:
            held = [
                await self._held(key, question, wanted, limit, late) for key in question.markets
            ]
            known, is_enough = await asyncio.to_thread(_known, held, question.asked, wanted, limit)
            if is_enough:
                return known
            limit = min(limit * MORE, CANDLES_AT_MOST)

    async def starts(self, question: Question, *, start_ns: int, end_ns: int) -> set[int]:
        """Return the starts of a range of which history has the candles of all markets.

        Raises:
            UnavailableError: store or archive do not answer.
            ArchiveError: a file of the archive is damaged.

        """
        asked = question.asked
        limit = min((end_ns - start_ns) // asked.length_ns + 1, CANDLES_AT_MOST)
        found = [
            await within_time(
                self.history.candles(
                    *key, asked.interval, start_ns=start_ns, end_ns=end_ns, limit=limit
                )
            )
            for key in question.markets
        ]
        return set.intersection(*({one.start_ns for one in each} for each in found))

    def joined_now(self, question: Question) -> tuple[list[Point], Point | None]:
        """Return the points of which the view has all candles, and the one that grows."""
        interval = question.asked.interval
        kept = [self.view.candles.get((*key, interval), {}) for key in question.markets]
        return _joined(kept)

    async def _held(
        self, key: Key, question: Question, wanted: Wanted, limit: int, late: Sequence[Candle]
    ) -> Held:
        interval = question.asked.interval
        stored = await within_time(
            self.history.candles(*key, interval, start_ns=0, end_ns=wanted.end_ns, limit=limit)
        )
        kept = self.view.candles.get((*key, interval), {})
        came = [one for one in late if (one.venue, one.instrument) == key]
        return Held(stored, [*kept.values(), *came])


def _likely_to_do(asked: Asked, wanted: Wanted) -> int:
    """Return how many candles do where there is one of each start."""
    block_ns = asked.block_ns
    if wanted.first_ns is not None:
        block_ns = wanted.first_ns - asked.block_of(wanted.first_ns)
    return asked.reach + wanted.newest + block_ns // asked.length_ns


def _known(held: Sequence[Held], asked: Asked, wanted: Wanted, limit: int) -> tuple[Known, bool]:
    """Return what is known, and whether that will do.

    Raises:
        ProblemError: it will not, and no more are read.

    """
    series = [_series(each, wanted.end_ns, limit) for each in held]
    since_ns = _known_since(series, limit)
    known = _points(series, wanted, since_ns)
    is_enough = since_ns == 0 or _does(asked, known, wanted, since_ns)
    if not is_enough and limit == CANDLES_AT_MOST:
        return _as_far_as(known, since_ns), True
    return known, is_enough


def _series(held: Held, end_ns: int, limit: int) -> list[Candle]:
    """Return the newest candles before a time, oldest first, of each start the fullest."""
    found = {one.start_ns: one for one in held.stored}
    for one in held.fresh:
        known = found.get(one.start_ns)
        if one.start_ns < end_ns and (known is None or fullness(known) <= fullness(one)):
            found[one.start_ns] = one
    return [found[start_ns] for start_ns in sorted(found)[-limit:]]


def _known_since(series: Sequence[Sequence[Candle]], limit: int) -> int:
    """Return from when on all points are known; 0: all that there are.

    There are none before the first candle of a market of which all candles are known.
    """
    cut_ns = max((each[0].start_ns for each in series if len(each) == limit), default=0)
    whole = [each for each in series if len(each) < limit]
    if any(not each or each[0].start_ns >= cut_ns for each in whole):
        return 0
    return cut_ns


def _points(series: Sequence[Sequence[Candle]], wanted: Wanted, since_ns: int) -> Known:
    by_start = [{one.start_ns: one for one in each if one.start_ns >= since_ns} for each in series]
    points, growing = _joined(by_start)
    if wanted.first_ns is not None:
        return Known(points, growing, wanted.first_ns)
    first = points[-wanted.newest :][:1]
    return Known(points, growing, first[0].start_ns if first else wanted.end_ns)


def _joined(kept: Sequence[Mapping[int, Candle]]) -> tuple[list[Point], Point | None]:
    """Join the markets by start: a point is closed once all of its candles are."""
    own, *beside = kept
    points: list[Point] = []
    open_: list[Point] = []
    for start_ns in sorted(own.keys() & set.intersection(*map(set, kept))):
        others = [each[start_ns] for each in beside]
        candle = own[start_ns]
        prices = candle.high, candle.low, candle.close, candle.volume
        point = Point(start_ns, *prices, *(other.close for other in others))
        is_closed = candle.closed and all(other.closed for other in others)
        (points if is_closed else open_).append(point)
    last_ns = points[-1].start_ns if points else 0
    return points, next((point for point in open_ if point.start_ns > last_ns), None)


def _does(asked: Asked, known: Known, wanted: Wanted, since_ns: int) -> bool:
    """Tell whether nothing is missing."""
    if wanted.first_ns is None and len(known.points) < wanted.newest:
        return False
    block_ns = asked.block_of(known.first_ns)
    before = sum(point.start_ns < block_ns for point in known.points)
    return before >= asked.reach and since_ns <= known.first_ns


def _as_far_as(known: Known, since_ns: int) -> Known:
    if since_ns > known.first_ns:
        detail = f"A market of it has more than {CANDLES_AT_MOST} candles of that time."
        raise ProblemError("range-too-large", detail)
    return known
