"""Minutes of many markets, in several currencies, become one."""

from collections.abc import Sequence
from random import Random

import pytest
from msgspec.structs import replace

from analytics.across import AcrossBook
from market import Candle, Instrument
from tests.making import MINUTE, SECOND, a_candle

NOON = 1_790_035_200 * SECOND
BTC = Instrument("BTC", "USD")


def a_minute(
    venue: str, instrument: str, close: float, volume: float, *, number: int = 0
) -> Candle:
    """A minute that opens and bottoms one percent below its close and peaks one above."""
    return replace(
        a_candle(venue, instrument, start_ns=NOON + number * MINUTE, trades=2),
        open=0.99 * close,
        low=0.99 * close,
        high=1.01 * close,
        close=close,
        volume=volume,
    )


PIECES = (
    a_minute("kraken", "BTC-USD", 100.0, 3.0),
    a_minute("binance", "BTC-USDT", 101.0, 6.0),
    a_minute("upbit", "BTC-KRW", 132_000.0, 1.0),
    a_minute("kraken", "USDT-USD", 0.99, 1_000.0),
    a_minute("bitstamp", "USDT-USD", 0.5, 10.0),
    a_minute("upbit", "USDT-KRW", 1_300.0, 500.0),
)


def across(pieces: Sequence[Candle], *, number: int = 0) -> Candle | None:
    book = AcrossBook()
    for piece in pieces:
        book.take(piece)
    book.advance(NOON + 10 * MINUTE, NOON + 10 * MINUTE)
    return book.candle((BTC, NOON + number * MINUTE), sequence=1)


def test_prices_are_weighted_by_volume_in_one_currency() -> None:
    candle = across(PIECES)

    assert candle is not None
    won_in_dollars = 0.99 / 1_300.0
    close = (3.0 * 100.0 + 6.0 * 101.0 * 0.99 + 1.0 * 132_000.0 * won_in_dollars) / 10.0
    assert candle.close == pytest.approx(close, rel=1e-9)
    assert candle.open == pytest.approx(0.99 * close)
    assert candle.low == pytest.approx(0.99 * close)
    assert candle.high == pytest.approx(1.01 * close)
    assert (candle.venue, candle.instrument, candle.volume) == ("all", BTC, 10.0)
    assert (candle.trades, candle.closed, candle.complete) == (6, True, True)


def test_the_order_of_pieces_shows_in_no_bit() -> None:
    shuffled = [*PIECES, *PIECES]
    Random(3).shuffle(shuffled)  # noqa: S311  # reproducible, guards nothing

    assert across(shuffled) == across(PIECES)


def test_what_cannot_be_converted_is_left_out() -> None:
    candle = across(PIECES[:3])

    assert candle is not None
    assert (candle.close, candle.volume) == (100.0, 3.0)


def test_nothing_that_can_be_converted_is_no_candle() -> None:
    assert across(PIECES[1:3]) is None


def test_rate_of_an_earlier_minute_serves_for_an_hour() -> None:
    later = [a_minute("binance", "BTC-USDT", 101.0, 6.0, number=number) for number in (59, 60)]

    within = across([PIECES[3], *later], number=59)
    beyond = across([PIECES[3], *later], number=60)

    assert within is not None
    assert within.close == pytest.approx(101.0 * 0.99)
    assert beyond is None


def test_a_piece_or_a_rate_that_is_corrected_has_the_candle_told_again() -> None:
    book = AcrossBook()
    for piece in PIECES:
        book.take(piece)
    book.advance(NOON + 2 * MINUTE, NOON + 2 * MINUTE)
    book.settle(book.finished())

    book.take(PIECES[0])
    unchanged = book.finished()
    book.take(replace(PIECES[3], close=0.98, trades=3))

    assert unchanged == []
    assert (BTC, NOON) in book.finished()


def test_one_incomplete_piece_makes_it_incomplete() -> None:
    candle = across([*PIECES[1:], replace(PIECES[0], complete=False)])

    assert candle is not None
    assert not candle.complete
