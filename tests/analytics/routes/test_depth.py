from __future__ import annotations

from fractions import Fraction
from math import nan

import pytest

from analytics.routes.depth import Levels, middle, usable
from analytics.routes.state import Depth

NOW_NS = 10_000
MOST_AGE_NS = 1_000

Rows = tuple[tuple[float, float], ...]

BID, ASK = (99.0, 1.0), (101.0, 2.0)


def looked_at(
    bids: Rows = (BID,), asks: Rows = (ASK,), *, age_ns: int = 0, is_whole: bool = True
) -> Depth[float] | str:
    at_ns = NOW_NS - age_ns
    levels = Levels(
        bids=bids, asks=asks, event_ns=at_ns, received_ns=at_ns, sequence=7, is_whole=is_whole
    )
    return usable(levels, now_ns=NOW_NS, most_age_ns=MOST_AGE_NS)


def test_a_good_book_is_kept_with_its_times() -> None:
    assert looked_at(age_ns=5) == Depth(
        bids=(BID,), asks=(ASK,), event_ns=9_995, received_ns=9_995, sequence=7
    )


@pytest.mark.parametrize("level", [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (nan, 1.0), (1.0, nan)])
def test_a_price_or_quantity_that_cannot_be_makes_a_book_invalid(
    level: tuple[float, float],
) -> None:
    assert looked_at(bids=(BID, level), age_ns=2_000) == "invalid"


def test_a_book_at_the_age_limit_is_fine_and_an_older_one_stale() -> None:
    assert isinstance(looked_at(age_ns=MOST_AGE_NS), Depth)
    assert looked_at(age_ns=MOST_AGE_NS + 1, is_whole=False) == "stale"


def test_a_gap_is_told_before_crossed_prices() -> None:
    assert looked_at(bids=((101.0, 1.0),), is_whole=False) == "gap"


@pytest.mark.parametrize("bid", [101.0, 102.0])
def test_a_bid_at_or_above_the_ask_is_crossed(bid: float) -> None:
    assert looked_at(bids=((bid, 1.0),)) == "crossed"


def test_levels_without_quantity_are_skipped_before_all_else() -> None:
    depth = looked_at(bids=((500.0, 0.0), (-1.0, 0.0), BID))

    assert isinstance(depth, Depth)
    assert depth.bids == (BID,)


def test_one_side_is_enough_and_none_is_empty() -> None:
    assert isinstance(looked_at(bids=()), Depth)
    assert looked_at(bids=((1.0, 0.0),), asks=()) == "empty"


def test_the_middle_needs_both_sides() -> None:
    both, one = looked_at(), looked_at(asks=())

    assert isinstance(both, Depth)
    assert isinstance(one, Depth)
    assert middle(both) == 100.0
    assert middle(one) is None


def test_fractions_stay_exact() -> None:
    third = Fraction(1, 3)
    levels = Levels(bids=[(third, third)], asks=[(1 + third, third)], event_ns=0, received_ns=0)

    depth = usable(levels, now_ns=0, most_age_ns=0)

    assert isinstance(depth, Depth)
    assert middle(depth) == Fraction(5, 6)
