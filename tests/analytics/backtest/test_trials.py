from collections.abc import Sequence

import numpy as np
import pytest

from analytics.backtest import Bars, Terms, backtest
from analytics.backtest.trials import Trial, ranked, walked, windows
from analytics.strategies import SmaCross
from analytics.strategies.crosses import Periods
from tests.analytics.backtest.candles import walk

DAY_NS = 86_400_000_000_000
BARS = walk(24 * 40, interval="1h")
CHOICE = (Periods(fast=2, slow=10), Periods(fast=5, slow=30))


def tried(bars: Bars) -> Sequence[Trial]:
    return [
        Trial(one, backtest(SmaCross, bars, fast=one.fast, slow=one.slow).figures) for one in CHOICE
    ]


def test_the_best_comes_first_and_what_has_no_meaning_last() -> None:
    good, bad, none = (
        backtest(SmaCross, BARS, Terms(fee_bps=fee), fast=2, slow=slow).figures
        for fee, slow in ((0.0, 10), (100.0, 10), (0.0, 5_000))
    )
    trials = [Trial(CHOICE[0], each) for each in (none, bad, good)]

    assert [trial.figures for trial in ranked(trials, "sharpe")] == [good, bad, none]
    assert ranked(trials, "fees")[-1].figures == bad
    with pytest.raises(ValueError, match="there is no figure 'luck'"):
        ranked(trials, "luck")


def test_tests_follow_one_another_without_a_hole() -> None:
    spans = list(windows(BARS, 10 * DAY_NS, 7 * DAY_NS))

    assert spans == [
        (0, 240, 408),
        (168, 408, 576),
        (336, 576, 744),
        (504, 744, 912),
        (672, 912, 960),
    ]
    with pytest.raises(ValueError, match="do not reach"):
        list(windows(BARS, 40 * DAY_NS, DAY_NS))


def test_a_walk_uses_the_best_of_what_came_before() -> None:
    spans = list(windows(BARS, 10 * DAY_NS, 15 * DAY_NS))

    walk_ = walked(SmaCross, BARS, Terms(), tried, spans=spans, by="sharpe")

    for fold, (start, split, end) in zip(walk_.folds, spans, strict=True):
        assert (fold.start, fold.split, fold.end) == (start, split, end)
        assert fold.chosen == ranked(tried(BARS.part(start, split)), "sharpe")[0]
    assert len(walk_.result.bars) == 30 * 24
    assert not np.isnan(walk_.result.targets).any()


def test_what_comes_after_a_test_does_not_change_it() -> None:
    spans = list(windows(BARS, 10 * DAY_NS, 15 * DAY_NS))

    whole = walked(SmaCross, BARS, Terms(), tried, spans=spans, by="sharpe")
    first = walked(SmaCross, BARS.first(spans[0][2]), Terms(), tried, spans=spans[:1], by="sharpe")

    assert whole.folds[0] == first.folds[0]
    assert np.array_equal(whole.result.targets[: len(first.result.targets)], first.result.targets)
