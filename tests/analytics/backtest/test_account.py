from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from analytics.backtest import Terms, account
from tests.analytics.backtest.candles import made

TARGETS = st.sampled_from([nan, 0.0, 0.25, 0.5, 1.0])
PRICES = st.floats(0.5, 1e5)


def test_a_trade_worked_by_hand() -> None:
    bars = made([10.0, 10.0, 20.0, 40.0], [10.0, 15.0, 30.0, 40.0])

    found = account(bars, np.array([1.0, 1.0, 0.0, 0.0]), Terms(capital=1_000.0, fee_bps=100.0))

    # 1,000 buys at 10 (the next open): 10 of it is fee, 99 coins; they are sold at 40 for 3,960,
    # 39.60 of it is fee
    assert [fill.size for fill in found.fills] == pytest.approx([99.0, -99.0])
    assert [fill.fee for fill in found.fills] == pytest.approx([10.0, 39.6])
    assert found.equity == pytest.approx([1_000.0, 99 * 15.0, 99 * 30.0, 3_920.4])
    assert found.exposure == pytest.approx([0.0, 1.0, 1.0, 0.0])
    assert found.fees == pytest.approx(49.6)
    (trip,) = found.trips
    assert (trip.start, trip.end, trip.is_open) == (1, 3, False)
    assert (trip.entry, trip.leave) == pytest.approx((10.0, 40.0))
    assert (trip.profit, trip.gain) == pytest.approx((2_920.4, 2.9204))


def test_slippage_makes_prices_worse_both_ways() -> None:
    bars = made([10.0, 10.0, 10.0], [10.0, 10.0, 10.0])

    found = account(
        bars, np.array([1.0, 0.0, 0.0]), Terms(capital=99.0, fee_bps=0, slippage_bps=1_000)
    )

    assert [fill.price for fill in found.fills] == pytest.approx([11.0, 9.0])
    assert found.equity[-1] == pytest.approx(81.0)


def test_what_is_decided_on_the_last_candle_is_not_carried_out() -> None:
    bars = made([10.0, 10.0], [10.0, 99.0])

    found = account(bars, np.array([0.0, 1.0]), Terms())

    assert found.fills == ()


def test_what_is_still_held_at_the_end_is_an_open_trip_at_the_last_close() -> None:
    bars = made([10.0, 10.0, 10.0], [10.0, 10.0, 12.0])

    found = account(bars, np.array([1.0, 1.0, 1.0]), Terms(capital=100.0, fee_bps=0))

    (trip,) = found.trips
    assert trip.is_open
    assert trip.profit == pytest.approx(20.0)
    assert trip.leave == pytest.approx(12.0)


def test_a_part_is_bought_and_a_part_is_sold() -> None:
    bars = made([10.0] * 4, [10.0] * 4)

    found = account(bars, np.array([1.0, 0.5, 0.0, 0.0]), Terms(capital=100.0, fee_bps=0))

    assert [fill.size for fill in found.fills] == pytest.approx([10.0, -5.0, -5.0])
    assert len(found.trips) == 1


def test_no_candles_are_no_trades() -> None:
    found = account(made([], []), np.array([]), Terms())

    assert found.fills == ()
    assert len(found.equity) == 0


@given(
    rows=st.lists(st.tuples(PRICES, PRICES, TARGETS), min_size=1, max_size=40),
    fee=st.floats(0, 500),
)
def test_nothing_comes_from_nowhere(rows: list[tuple[float, float, float]], fee: float) -> None:
    opens, closes, targets = (list(column) for column in zip(*rows, strict=True))
    bars = made(opens, closes)

    found = account(bars, np.array(targets), Terms(capital=1_000.0, fee_bps=fee))

    spent = sum(f.notional for f in found.fills if f.size > 0)
    got = sum(f.notional - f.fee for f in found.fills if f.size < 0)
    coins = sum(f.size for f in found.fills)
    assert found.equity[-1] == pytest.approx(
        1_000.0 - spent + got + coins * closes[-1], rel=1e-9, abs=1e-9
    )  # of a loss that leaves next to nothing, sums of thousands are no nearer
    assert found.fees == pytest.approx(sum(f.notional for f in found.fills) * fee / 10_000)
    assert bool(np.all(found.equity > 0.0))
    assert bool(np.all((found.exposure >= 0.0) & (found.exposure <= 1.0 + 1e-9)))
    made_by_trips = sum(trip.profit for trip in found.trips)
    assert found.equity[-1] - 1_000.0 == pytest.approx(made_by_trips, rel=1e-9, abs=1e-6)


@given(rows=st.lists(st.tuples(PRICES, PRICES), max_size=40))
def test_who_never_trades_keeps_what_there_was(rows: list[tuple[float, float]]) -> None:
    bars = made([each[0] for each in rows], [each[1] for each in rows])

    found = account(bars, np.zeros(len(rows)), Terms(capital=77.0))

    assert found.fees == 0.0
    assert found.equity.tolist() == [77.0] * len(rows)


@given(rows=st.lists(st.tuples(PRICES, PRICES, TARGETS), min_size=1, max_size=40))
def test_fees_never_make_richer(rows: list[tuple[float, float, float]]) -> None:
    opens, closes, targets = (list(column) for column in zip(*rows, strict=True))
    bars = made(opens, closes)

    ends = [
        account(bars, np.array(targets), Terms(fee_bps=fee)).equity[-1]
        for fee in (0.0, 10.0, 200.0)
    ]

    assert ends[0] >= ends[1] * (1 - 1e-12) >= ends[2] * (1 - 1e-12)


def test_terms_out_of_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="a capital of 0 is none"):
        Terms(capital=0.0)
    with pytest.raises(ValueError, match="fee_bps is -1"):
        Terms(fee_bps=-1.0)


def test_candles_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="not above zero"):
        made([1.0], [0.0])
    both = made([1.0, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="in order of time"):
        replace(both, start_ns=both.start_ns[::-1])
