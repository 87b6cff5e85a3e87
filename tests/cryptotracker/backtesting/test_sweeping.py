from pathlib import Path

import pytest

from analytics.backtest import Terms, backtest
from analytics.strategies import SmaCross
from cryptotracker.backtesting.choosing import candle_strategy, combinations, swept
from cryptotracker.backtesting.sweeping import Sweep
from market import SettingsError
from tests.analytics.backtest.candles import walk

BARS = walk(2_000)


def test_a_range_and_a_list_say_what_is_tried() -> None:
    found = swept(["fast=5..20:5", "slow=20,50", "width=1..2:0.5"])

    assert found == {"fast": [5, 10, 15, 20], "slow": [20, 50], "width": [1.0, 1.5, 2.0]}


def test_combinations_that_make_no_sense_are_left_out() -> None:
    found = combinations(SmaCross, {}, {"fast": [5, 50], "slow": [20, 60]})

    assert found == [
        {"fast": 5, "slow": 20},
        {"fast": 5, "slow": 60},
        {"fast": 50, "slow": 60},
    ]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["fast"], "it must be name=value"),
        (["fast=5..1"], "it must rise; write fast=5..50:5"),
        (["fast=1..1000000"], "1,000,000 values are too many"),
        (["fast=a"], "could not convert"),
    ],
)
def test_what_is_no_range_is_refused(words: list[str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        swept(words)


def test_a_sweep_without_sense_is_refused() -> None:
    with pytest.raises(SettingsError, match="No combination makes sense: sma-cross: fast"):
        combinations(SmaCross, {}, {"fast": [50], "slow": [20]})


def test_a_sweep_finds_what_each_backtest_finds() -> None:
    tried = combinations(SmaCross, {}, {"fast": [5, 10], "slow": [20, 30]})

    trials = Sweep(SmaCross.name, tried, Terms()).trials(BARS)

    for one, trial in zip(tried, trials, strict=True):
        alone = backtest(SmaCross, BARS, Terms(), **one).figures
        assert trial.figures.fills == alone.fills
        assert trial.figures.end_value == pytest.approx(alone.end_value, rel=1e-12)


OWN = """
from analytics.strategies.crosses import SmaCross


class Mine(SmaCross):
    name = "mine"
"""


def test_what_is_of_a_file_is_tried_in_processes(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    named = f"{tmp_path / 'own.py'}:Mine"
    tried = combinations(candle_strategy(named), {}, {"fast": [5, 10], "slow": [20]})

    trials = Sweep(named, tried, Terms(), workers=2).trials(BARS)

    ours = Sweep(SmaCross.name, tried, Terms()).trials(BARS)
    assert [each.figures.fills for each in trials] == [each.figures.fills for each in ours]
