"""One side of a book: whatever changes, its best levels are those of a plain dictionary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Level
from stream_service.books import NEAR, Ladder

PRICES = st.integers(1, 5 * NEAR).map(float)
CHANGES = st.lists(st.builds(Level, PRICES, st.sampled_from([0.0, 0.0, 0.5, 3.0])), max_size=60)


@pytest.mark.parametrize("falling", [True, False])
@given(start=st.lists(PRICES, unique=True, max_size=5 * NEAR), frames=st.lists(CHANGES))
def test_the_best_levels_are_those_of_a_dictionary(
    *, falling: bool, start: list[float], frames: list[list[Level]]
) -> None:
    ladder = Ladder([Level(price, 1.0) for price in start], falling=falling)
    plain = dict.fromkeys(start, 1.0)

    for changes in frames:
        ladder.follow(changes)
        plain |= {level.price: level.size for level in changes}

        kept = sorted([row for row in plain.items() if row[1]], reverse=falling)
        assert [(level.price, level.size) for level in ladder.best] == kept[:10]


@pytest.mark.parametrize("falling", [True, False])
def test_the_best_levels_may_all_go_and_those_beyond_come(*, falling: bool) -> None:
    prices = sorted([float(price) for price in range(1, 10 * NEAR)], reverse=falling)
    ladder = Ladder([Level(price, 1.0) for price in prices], falling=falling)

    for count, price in enumerate(prices, start=1):
        ladder.follow([Level(price, 0.0)])

        assert [level.price for level in ladder.best] == prices[count : count + 10]


def test_levels_worse_than_the_worst_price_are_never_shown() -> None:
    ladder = Ladder([Level(90.0 + step, 1.0) for step in range(11)], falling=True, worst=90.0)

    ladder.follow([Level(89.0, 5.0), Level(100.0, 0.0)])
    assert not ladder.is_exhausted
    ladder.follow([Level(99.0, 0.0)])

    assert ladder.is_exhausted
    assert [level.price for level in ladder.best] == [98.0 - step for step in range(9)]


def test_a_side_without_a_worst_price_is_never_exhausted() -> None:
    ladder = Ladder([Level(100.0, 1.0)], falling=False)

    ladder.follow([Level(100.0, 0.0)])

    assert ladder.best == ()
    assert not ladder.is_exhausted
