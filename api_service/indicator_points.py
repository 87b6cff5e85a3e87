"""From stored candles and those that only the view has to the points that an indicator is told."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from analytics.indicators.named import BLOCK, Asked, Point
from api_service.indicator_terms import Question
from api_service.pages import Span, newest
from api_service.problems import ProblemError
from api_service.view import Key, LatestView
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
        asked, late = question.asked, list(late)
        limit = asked.reach + BLOCK + wanted.newest
        while True:
            series = [
                await self._candles(key, asked, wanted, limit, late) for key in question.markets
            ]
            since_ns = _known_since(series, limit)
            known = _known(series, wanted, since_ns)
            if since_ns == 0 or _does(asked, known, wanted, since_ns):
                return known
            if limit == CANDLES_AT_MOST:
                return _as_far_as(known, since_ns)
            limit = min(limit * MORE, CANDLES_AT_MOST)

    def joined_now(self, question: Question) -> tuple[list[Point], Point | None]:
        """Return the points of which the view has all candles, and the one that grows."""
        interval = question.asked.interval
        kept = [self.view.candles.get((*key, interval), {}) for key in question.markets]
        return _joined(kept)

    async def _candles(
        self, key: Key, asked: Asked, wanted: Wanted, limit: int, late: Sequence[Candle]
    ) -> list[Candle]:
        async def read(start_ns: int, end_ns: int, limit: int) -> Sequence[Candle]:
            return await self.history.candles(
                *key, asked.interval, start_ns=start_ns, end_ns=end_ns, limit=limit
            )

        kept = self.view.candles.get((*key, asked.interval), {})
        came = [one for one in late if (one.venue, one.instrument) == key]
        span = Span(start_ns=0, end_ns=wanted.end_ns, limit=limit)
        return (await newest([read], [*kept.values(), *came], span)).rows


def _known_since(series: Sequence[Sequence[Candle]], limit: int) -> int:
    """Return from when on all points are known; 0: all that there are.

    There are none before the first candle of a market of which all candles are known.
    """
    cut_ns = max((each[0].start_ns for each in series if len(each) == limit), default=0)
    whole = [each for each in series if len(each) < limit]
    if any(not each or each[0].start_ns >= cut_ns for each in whole):
        return 0
    return cut_ns


def _known(series: Sequence[Sequence[Candle]], wanted: Wanted, since_ns: int) -> Known:
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
