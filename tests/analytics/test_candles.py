"""Candles, made of trades."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.candles import CandleBook
from analytics.closing import CandleKey
from market import Candle, Trade
from tests.making import MINUTE, SECOND, a_trade


def candles(book: CandleBook) -> list[Candle]:
    """Every candle that the book has not told yet, as if all had the number 1."""
    keys = [*book.finished(), *book.growing()]
    return [book.candle(key, sequence=1) for key in keys]


def counted(*trades: Trade, interval: str = "1m") -> CandleBook:
    book = CandleBook("kraken", interval)
    for trade in trades:
        book.take(trade)
    return book


def test_candle_is_the_trades_of_its_interval() -> None:
    book = counted(
        a_trade(number=1, price=100.0, size=1.0, at_ns=1 * SECOND),
        a_trade(number=2, price=103.0, size=2.0, at_ns=2 * SECOND),
        a_trade(number=3, price=98.0, size=0.5, at_ns=3 * SECOND),
        a_trade(number=4, price=101.0, size=1.0, at_ns=4 * SECOND),
    )

    (candle,) = candles(book)

    assert (candle.open, candle.high, candle.low, candle.close) == (100.0, 103.0, 98.0, 101.0)
    assert (candle.volume, candle.trades) == (4.5, 4)
    assert (candle.start_ns, candle.event_ns, candle.closed) == (0, 4 * SECOND, False)


def test_interval_holds_its_start_and_not_its_end() -> None:
    book = counted(
        a_trade(number=1, at_ns=MINUTE - 1),
        a_trade(number=2, at_ns=MINUTE),
        a_trade(number=3, at_ns=2 * MINUTE - 1),
    )

    assert [(candle.start_ns, candle.trades) for candle in candles(book)] == [(0, 1), (MINUTE, 2)]


def test_trade_counts_once_by_its_id() -> None:
    live = a_trade(number=1, at_ns=1, size=1.0)
    again = msgspec.structs.replace(live, backfilled=True, received_ns=5)

    (candle,) = candles(counted(live, again))

    assert (candle.trades, candle.volume) == (1, 1.0)


def test_open_and_close_are_the_first_and_last_however_late_they_come() -> None:
    book = counted(
        a_trade(number=2, price=102.0, at_ns=2),
        a_trade(number=3, price=103.0, at_ns=2),
        a_trade(number=1, price=101.0, at_ns=1),
    )

    (candle,) = candles(book)

    assert (candle.open, candle.close) == (101.0, 103.0)


def test_interval_closes_two_seconds_of_the_venues_time_after_its_end() -> None:
    book = counted(a_trade(at_ns=1))

    book.advance(MINUTE + 2 * SECOND - 1, MINUTE + 2 * SECOND)
    (before,) = candles(book)
    book.advance(MINUTE + 2 * SECOND, MINUTE + 2 * SECOND)
    (after,) = candles(book)

    assert not before.closed
    assert after.closed


def test_trade_of_another_instrument_carries_the_venues_time() -> None:
    book = counted(a_trade(at_ns=1), a_trade(instrument="ETH-USDT", at_ns=2 * MINUTE))

    assert [str(instrument) for instrument, _ in book.finished()] == ["BTC-USDT"]
    assert [str(instrument) for instrument, _ in book.growing()] == ["ETH-USDT"]


def test_time_ahead_of_our_clock_closes_nothing() -> None:
    book = counted(a_trade(at_ns=1))

    book.take(msgspec.structs.replace(a_trade(number=2, at_ns=SECOND), event_ns=10**6 * MINUTE))

    assert book.now_ns == SECOND
    assert book.finished() == []


def test_minute_without_trades_has_no_candle() -> None:
    book = counted(a_trade(number=1, at_ns=1), a_trade(number=2, at_ns=5 * MINUTE))

    assert [candle.start_ns for candle in candles(book)] == [0, 5 * MINUTE]


def test_what_was_settled_is_not_told_again() -> None:
    book = counted(a_trade(at_ns=1))
    book.settle(book.growing())
    grown = book.growing()
    book.advance(2 * MINUTE, 2 * MINUTE)

    closed = book.finished()
    book.settle(closed)

    assert grown == []
    assert [start_ns for _, start_ns in closed] == [0]
    assert book.finished() == []


def test_late_trade_corrects_a_closed_candle() -> None:
    book = counted(a_trade(number=1, at_ns=1), a_trade(number=2, at_ns=3 * MINUTE))
    book.settle(book.finished())

    book.take(a_trade(number=3, at_ns=2))
    (corrected,) = (book.candle(key, sequence=1) for key in book.finished())

    assert (corrected.start_ns, corrected.trades, corrected.closed) == (0, 2, True)


def test_first_trade_of_an_interval_may_be_late() -> None:
    book = counted(a_trade(number=1, at_ns=5 * MINUTE), a_trade(number=2, at_ns=MINUTE))

    (late,) = (book.candle(key, sequence=1) for key in book.finished())

    assert (late.start_ns, late.trades, late.closed) == (MINUTE, 1, True)


def test_candle_ends_ten_minutes_after_it_closed() -> None:
    closes_ns = MINUTE + 2 * SECOND
    book = counted(a_trade(number=1, at_ns=1))
    [key] = book.growing()

    book.advance(closes_ns + 10 * MINUTE - 1, closes_ns + 10 * MINUTE)
    assert not book.has_ended(key)

    book.advance(closes_ns + 10 * MINUTE, closes_ns + 10 * MINUTE)
    assert book.has_ended(key)


def test_candles_that_ended_are_forgotten_once_told() -> None:
    book = counted(*(a_trade(number=n, at_ns=n * MINUTE) for n in range(100)))
    told = book.finished()
    book.settle(told)

    book.take(a_trade(number=100, at_ns=100 * MINUTE))
    book.settle(book.finished())

    assert len(told) == 98
    assert [key for key in told if key in book] == told[-9:]


def test_hour_is_an_interval_too() -> None:
    book = counted(
        a_trade(number=1, at_ns=59 * MINUTE), a_trade(number=2, at_ns=61 * MINUTE), interval="1h"
    )

    assert [candle.start_ns for candle in candles(book)] == [0, 60 * MINUTE]


def test_unknown_interval_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'7m' is no candle interval; choose one of 1s, 1m, 5m"):
        CandleBook("kraken", "7m")


@st.composite
def some_trades(draw: st.DrawFn) -> list[Trade]:
    """Trades of two instruments within ten minutes; sizes that no order adds up alike."""
    numbers = range(1, draw(st.integers(1, 25)) + 1)
    return [
        a_trade(
            instrument=draw(st.sampled_from(["BTC-USDT", "ETH-USDT"])),
            number=number,
            price=draw(st.floats(1e-8, 1e6)),
            size=draw(st.sampled_from([0.1, 0.2, 0.3, 1e-8, 1e16, 1 / 3])),
            at_ns=draw(st.integers(0, 10 * 60)) * SECOND,
        )
        for number in numbers
    ]


def told_in_batches(batches: Iterable[Sequence[Trade]]) -> dict[CandleKey, Candle]:
    """What a listener holds in the end who keeps the last word on every candle."""
    book = CandleBook("kraken")
    heard: dict[CandleKey, Candle] = {}
    for batch in batches:
        for trade in batch:
            book.take(trade)
        keys = [*book.finished(), *book.growing()]
        heard.update({key: book.candle(key, sequence=1) for key in keys})
        book.settle(keys)
    return heard


@given(st.data())
def test_neither_order_nor_repetition_nor_batches_show_in_a_candle(data: st.DataObject) -> None:
    trades = data.draw(some_trades())
    repeated = trades + data.draw(st.lists(st.sampled_from(trades), max_size=10))
    shuffled = data.draw(st.permutations(repeated))
    cut = data.draw(st.integers(0, len(shuffled)))

    at_once = told_in_batches([trades])
    piecemeal = told_in_batches([shuffled[:cut], *([trade] for trade in shuffled[cut:])])

    assert piecemeal == at_once


@given(some_trades())
def test_candles_are_what_brute_force_makes_of_the_trades(trades: list[Trade]) -> None:
    for (instrument, start_ns), candle in told_in_batches([trades]).items():
        own = sorted(
            (
                trade
                for trade in trades
                if trade.instrument == instrument and start_ns <= trade.event_ns < start_ns + MINUTE
            ),
            key=lambda trade: (trade.event_ns, trade.sequence),
        )

        assert (candle.open, candle.close) == (own[0].price, own[-1].price)
        assert candle.high == max(trade.price for trade in own)
        assert candle.low == min(trade.price for trade in own)
        assert candle.volume == float(sum(Fraction(trade.size) for trade in own))
        assert candle.trades == len(own)
