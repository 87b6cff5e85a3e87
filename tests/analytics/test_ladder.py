"""Every interval of a venue, from the same trades and gaps, whatever the way they come."""

from collections.abc import Iterable, Sequence
from itertools import count
from random import Random

import msgspec
import pytest

from analytics.ladder import Ladder
from market import Candle, Gap, Trade
from market.intervals import INTERVALS, start_of
from tests.making import MINUTE, SECOND, a_gap, a_trade

HOUR = 60 * MINUTE


def told(
    flow: Iterable[Trade | Gap], *, until_ns: int, intervals: Sequence[str] = tuple(INTERVALS)
) -> dict[tuple[str, int], Candle]:
    """The last state of every closed candle that a ladder tells of a flow, looked at each event."""
    ladder, numbers = Ladder("kraken", intervals), count(1)
    candles: dict[tuple[str, int], Candle] = {}
    for event in flow:
        if isinstance(event, Trade):
            ladder.take(event)
        else:
            ladder.miss(event)
        candles |= _by_place(ladder.finished(lambda: next(numbers)))
    ladder.advance(until_ns, until_ns)
    return candles | _by_place(ladder.finished(lambda: next(numbers)))


def _by_place(candles: Iterable[Candle]) -> dict[tuple[str, int], Candle]:
    return {
        (one.interval, one.start_ns): msgspec.structs.replace(one, sequence=0) for one in candles
    }


def a_day(seed: int) -> list[Trade]:
    random = Random(seed)  # noqa: S311  # reproducible, guards nothing
    times = sorted(random.randrange(24 * HOUR) for _ in range(2_000))
    return [
        a_trade(number=n, price=90.0 + 20.0 * random.random(), size=random.random(), at_ns=at_ns)
        for n, at_ns in enumerate(times, start=1)
    ]


def test_every_interval_is_the_trades_of_its_time() -> None:
    trades = a_day(1)

    candles = told(trades, until_ns=25 * HOUR)

    for interval in INTERVALS:
        starts = {start_of(trade.event_ns, interval) for trade in trades}
        assert {start for name, start in candles if name == interval} == starts
    day = candles["1d", 0]
    assert (day.open, day.close) == (trades[0].price, trades[-1].price)
    assert (day.trades, day.high) == (2_000, max(trade.price for trade in trades))
    assert day.volume == pytest.approx(sum(trade.size for trade in trades), rel=1e-12)


def test_trades_that_come_late_correct_the_long_candles_too() -> None:
    trades = a_day(2)
    long = ("1m", "5m", "15m", "1h", "4h", "1d")

    late = told(_a_little_late(trades), until_ns=25 * HOUR, intervals=long)

    assert late == told(trades, until_ns=25 * HOUR, intervals=long)


def _a_little_late(trades: Sequence[Trade]) -> list[Trade]:
    """Let every third trade come up to five minutes after the next ones."""
    delays = (0, 0, 5 * MINUTE)
    delayed = [(trade.event_ns + delays[n % 3], trade) for n, trade in enumerate(trades)]
    return [trade for _, trade in sorted(delayed, key=lambda each: each[0])]


def test_only_candles_that_a_gap_lies_in_are_incomplete() -> None:
    trades = [a_trade(number=n, at_ns=n * 30 * SECOND) for n in range(24 * 60 * 2)]
    gap = a_gap(
        instrument=str(trades[0].instrument), start_ns=6 * HOUR, end_ns=6 * HOUR + 90 * SECOND
    )

    candles = told([*trades[:721], gap, *trades[721:]], until_ns=25 * HOUR)

    lacking = {place for place, candle in candles.items() if not candle.complete}
    assert lacking == {
        *(("1s", 6 * HOUR + n * 30 * SECOND) for n in range(4)),
        ("1m", 6 * HOUR),
        ("1m", 6 * HOUR + MINUTE),
        ("5m", 6 * HOUR),
        ("15m", 6 * HOUR),
        ("1h", 6 * HOUR),
        ("4h", 4 * HOUR),
        ("1d", 0),
    }


def test_gap_of_quotes_leaves_candles_complete() -> None:
    gap = msgspec.structs.replace(a_gap(start_ns=0, end_ns=HOUR), channel="quote")

    candles = told([gap, a_trade(at_ns=SECOND)], until_ns=2 * HOUR)

    assert all(candle.complete for candle in candles.values())


def test_first_candle_of_an_instrument_that_begins_here_is_incomplete() -> None:
    ladder, numbers = Ladder("kraken", ("1m", "5m")), count(1)
    first, second, earlier = (
        a_trade(number=n, at_ns=at_ns) for n, at_ns in ((2, MINUTE), (3, 2 * MINUTE), (1, 1))
    )
    ladder.take(first)
    ladder.of_trades[0].begins(first.instrument)
    ladder.take(second)
    ladder.advance(HOUR, HOUR)
    before = _by_place(ladder.finished(lambda: next(numbers)))

    ladder.take(earlier)
    after = before | _by_place(ladder.finished(lambda: next(numbers)))

    assert [before["1m", n * MINUTE].complete for n in (1, 2)] == [False, True]
    assert [after["1m", n * MINUTE].complete for n in (0, 1, 2)] == [False, True, True]
    assert not after["5m", 0].complete


def test_longer_candles_are_made_of_trades_where_their_pieces_are_not_wanted() -> None:
    ladder = Ladder("kraken", ("5m", "1h"))

    assert [book.interval for book in ladder.of_trades] == ["5m", "1h"]
    assert ladder.folded == []
