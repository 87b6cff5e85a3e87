"""Indicators by name: whoever begins wherever tells the same, to the last bit."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.indicators.named import BLOCK, Asked, Point, points_of
from analytics.indicators.runs import Run, Told, told_of
from analytics.indicators.shipped import INDICATORS
from tests.making import MINUTE

START = 29_817_000 * MINUTE
"""A block begins then, in the middle of a day."""


def asked(name: str, interval: str = "1m", **terms: float) -> Asked:
    kind = INDICATORS[name]
    return Asked(kind, kind.terms(**terms), interval)


def a_past(count: int, *, seed: int = 1, since_ns: int = START) -> list[Point]:
    """Minutes, of which one in ten had no trade."""
    chance = np.random.default_rng(seed)
    closes = 30_000.0 * np.exp(np.cumsum(chance.normal(0.0, 0.002, count)))
    return [
        Point(
            start_ns=since_ns + place * MINUTE,
            high=close * 1.001,
            low=close * 0.998,
            close=close,
            volume=float(chance.uniform(0.0, 5.0)),
            reference=close * float(chance.uniform(0.99, 1.01)),
            rate=float(chance.uniform(0.9, 1.1)),
        )
        for place, close in enumerate(closes.tolist())
        if chance.uniform() > 0.1
    ]


PAST = a_past(4 * BLOCK)


@cache
def of_the_past(name: str) -> list[Told]:
    return of_series(asked(name), PAST)


def of_series(kind: Asked, past: list[Point]) -> list[Told]:
    run = Run(kind)
    return [run.take(point) for point in past]


@pytest.mark.parametrize("name", INDICATORS)
def test_both_forms_tell_the_same_of_every_candle(name: str) -> None:
    kind = asked(name)

    assert list(told_of(kind, points_of(PAST), since_ns=0)) == of_the_past(name)


@pytest.mark.parametrize("name", INDICATORS)
@given(first=st.integers(2 * BLOCK, len(PAST) - 1))
@settings(max_examples=5)
def test_who_begins_later_tells_the_same(name: str, first: int) -> None:
    kind = asked(name)
    since_ns = PAST[first].start_ns
    begun = next(i for i, one in enumerate(PAST) if one.start_ns >= kind.block_of(since_ns))
    needed = PAST[max(0, begun - kind.reach) :]

    later = list(told_of(kind, points_of(needed), since_ns=since_ns))

    assert later == of_the_past(name)[first:]
    assert all(told.settled for told in later)


@pytest.mark.parametrize("name", INDICATORS)
def test_blocks_are_seen_in_the_last_bits_alone(name: str) -> None:
    kind = asked(name)

    whole = kind.kind.over(kind.parameters, points_of(PAST))

    told = of_the_past(name)
    ours = np.array([one.values for one in told if one.values])
    theirs = np.column_stack(whole)[-len(ours) :]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", INDICATORS)
def test_what_is_looked_at_is_not_taken(name: str) -> None:
    run = Run(asked(name))
    for point in PAST[:BLOCK]:
        run.take(point)

    looked = run.look(PAST[BLOCK])

    assert run.look(PAST[BLOCK]) == looked
    assert run.take(PAST[BLOCK]) == looked


def test_a_value_is_settled_once_nothing_earlier_could_change_it() -> None:
    told = of_series(asked("sma", period=3), PAST[:5])

    assert [one.settled for one in told] == [False, False, True, True, True]
    assert [one.values is not None for one in told] == [False, False, True, True, True]


def test_an_average_since_midnight_is_settled_where_the_day_before_is_known() -> None:
    midnight = START - START % (1_440 * MINUTE) + 1_440 * MINUTE
    past = a_past(30, since_ns=midnight - 10 * MINUTE)

    told = of_series(asked("vwap"), past)

    assert {one.settled for one in told if one.start_ns >= midnight} == {True}
    assert told[0].settled is False
