from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.candles import CandleBook
from analytics.folding import MADE_OF, FoldedBook
from market import Candle, Trade
from market.intervals import INTERVALS
from tests.making import MINUTE, SECOND, a_candle, a_trade

TRADES = st.lists(
    st.tuples(st.integers(0, 40 * 60), st.floats(1.0, 1e5), st.floats(1e-6, 1e3)), max_size=60
)
FAR_NS = 400 * MINUTE


def trades_of(rows: list[tuple[int, float, float]]) -> list[Trade]:
    return [
        a_trade(number=number, price=price, size=size, at_ns=at_s * SECOND)
        for number, (at_s, price, size) in enumerate(rows, start=1)
    ]


def minutes_of(trades: Sequence[Trade]) -> list[Candle]:
    book = CandleBook("kraken", horizon_ns=FAR_NS)
    for trade in trades:
        book.take(trade)
    book.advance(60 * MINUTE, 60 * MINUTE)
    return [book.candle(key, sequence=1) for key in book.finished()]


def folded(pieces: Sequence[Candle], interval: str) -> list[Candle]:
    book = FoldedBook("kraken", interval, horizon_ns=FAR_NS)
    for piece in pieces:
        book.take(piece)
    book.advance(24 * 60 * MINUTE * 2, 24 * 60 * MINUTE * 2)
    return [book.candle(key, sequence=1) for key in book.finished()]


def test_three_minutes_make_five_worked_by_hand() -> None:
    minutes = minutes_of(
        trades_of([(10, 5.0, 1.0), (70, 9.0, 2.0), (71, 3.0, 4.0), (250, 4.0, 8.0)])
    )

    (five,) = folded(minutes, "5m")

    assert (five.open, five.high, five.low, five.close) == (5.0, 9.0, 3.0, 4.0)
    assert (five.volume, five.trades, five.start_ns, five.closed) == (15.0, 4, 0, True)
    assert five.event_ns == 250 * SECOND


@given(TRADES)
def test_folded_candles_are_those_that_the_trades_make(
    rows: list[tuple[int, float, float]],
) -> None:
    trades = trades_of(rows)
    direct = CandleBook("kraken", "15m", horizon_ns=FAR_NS)
    for trade in trades:
        direct.take(trade)
    direct.advance(60 * MINUTE, 60 * MINUTE)

    found = folded(folded(minutes_of(trades), "5m"), "15m")

    expected = [direct.candle(key, sequence=1) for key in direct.finished()]
    assert [_prices(candle) for candle in found] == [_prices(candle) for candle in expected]
    assert [each.volume for each in found] == pytest.approx([each.volume for each in expected])


@given(TRADES, st.randoms(use_true_random=False))
def test_the_order_of_pieces_shows_in_no_bit(
    rows: list[tuple[int, float, float]], random: Random
) -> None:
    minutes = minutes_of(trades_of(rows))
    shuffled = [*minutes, *minutes]
    random.shuffle(shuffled)

    assert folded(shuffled, "5m") == folded(minutes, "5m")


def test_a_piece_that_came_again_with_more_trades_corrects_its_candle() -> None:
    book = FoldedBook("kraken", "5m")
    book.take(a_candle(start_ns=0, close=5.0, trades=3))
    book.advance(6 * MINUTE, 6 * MINUTE)
    book.settle(book.finished())

    book.take(a_candle(start_ns=0, close=7.0, trades=4))
    book.take(a_candle(start_ns=0, close=5.0, trades=3))

    (key,) = book.finished()
    assert book.candle(key, sequence=2).close == 7.0


def test_an_open_piece_grows_the_open_candle() -> None:
    book = FoldedBook("kraken", "5m")

    book.take(a_candle(start_ns=0, close=5.0, trades=1, closed=False))

    (key,) = book.growing()
    assert not book.candle(key, sequence=1).closed
    assert book.finished() == []


def test_pieces_of_another_interval_are_refused() -> None:
    with pytest.raises(ValueError, match="candles of 1h are made of 15m, not 1m"):
        FoldedBook("kraken", "1h").take(a_candle())


def test_every_interval_is_a_whole_number_of_its_pieces() -> None:
    for interval, piece in MADE_OF.items():
        assert INTERVALS[interval] % INTERVALS[piece] == 0


def _prices(candle: Candle) -> tuple[float | int, ...]:
    return (candle.start_ns, candle.open, candle.high, candle.low, candle.close, candle.trades)
