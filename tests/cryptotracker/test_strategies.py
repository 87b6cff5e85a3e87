"""Which strategies are chosen by a text, and what is said of one that cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from analytics.strategies import SHIPPED
from analytics.strategies.choice import QUOTES
from cryptotracker.settings import Settings
from cryptotracker.strategies import (
    chosen_strategies,
    known_strategies,
    strategies_set,
    strategy_named,
)
from cryptotracker.strategies_command import strategies
from market import SettingsError
from tests.cryptotracker.test_command_line import outcome

OWN = '''"""One of our own."""

from typing import Annotated

import msgspec


class Terms(msgspec.Struct, frozen=True):
    days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 3


class Reason(msgspec.Struct, frozen=True):
    text: str
    values: dict[str, float]


class Own:
    """In after so many rising closes."""

    name = "own-rise"
    Parameters = Terms

    def __init__(self, terms):
        self.warm_up = terms.days
        self.terms, self.last, self.risen = terms, 0.0, 0

    def on_candle(self, bar):
        self.risen = self.risen + 1 if bar.close > self.last else 0
        self.last = bar.close
        return 1.0 if self.risen >= self.terms.days else 0.0

    def why(self):
        return Reason(f"{self.risen} rising closes", {"risen": self.risen})


class Nameless(Own):
    name = ""


class Remembers(Own):
    """Knows from one run what comes in the next."""

    seen = {}

    def on_candle(self, bar):
        self.seen[bar.start_ns] = bar.close
        later = max(self.seen)
        return 1.0 if self.seen[later] > bar.close else 0.0


class Fails(Own):
    def on_candle(self, bar):
        raise RuntimeError("no idea")


class WantsTooMuch(Own):
    def on_candle(self, bar):
        return 2.0


class Answers(Own):
    on_candle = None


def no_class():
    pass
'''


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(OWN, "utf-8")
    return str(path)


def test_choices_are_read_in_order_with_their_parameters() -> None:
    first, second, third = chosen_strategies(
        "sma-cross(fast=10, slow=30)@1m,rsi-reversal@5m ,premium-reversion(period=20)@quotes"
    )

    assert str(first) == "sma-cross(fast=10, slow=30)@1m"
    assert first.text == "fast=10 slow=30"
    assert (second.strategy, second.interval) == (SHIPPED["rsi-reversal"], "5m")
    assert (third.interval, third.text) == (QUOTES, "period=20 enter=-2.0 leave=0.0")


def test_nothing_is_chosen_by_an_empty_text() -> None:
    assert chosen_strategies("") == []


def test_what_is_set_by_default_can_be_run() -> None:
    assert len(strategies_set(Settings.model_fields["strategies"].default)) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sma-cross", "'sma-cross' is no choice of a strategy: write name@interval"),
        ("sma-cros@1m", "'sma-cros' is no strategy; there are bollinger-breakout, ema-cross"),
        ("sma-cross@7m", "'7m' is no interval of candles; choose one of 1s, 1m, 5m"),
        ("sma-cross(fast)@1m", "'fast' is no parameter; write name=value"),
        ("sma-cross(fast=0)@1m", "fast is 0; it must be whole, from 1 to 10000"),
        ("sma-cross(fast=many)@1m", "fast is many; it must be whole, from 1 to 10000"),
        ("sma-cross(quick=3)@1m", "no parameter 'quick'; it has fast, slow"),
        ("sma-cross(fast=9,slow=3)@1m", "fast (9) must be less than slow (3)"),
        ("bollinger-breakout(width=0)@1m", "width is 0; it must be above 0 to 10"),
        ("sma-cross@quotes", "sma-cross decides on candles, it has no on_quote"),
        ("macd@1m, macd(fast=12)@1m", "name one twice"),
        ("nowhere.py:Own@1m", "there is no file"),
    ],
)
def test_what_cannot_be_chosen_is_named_with_what_can(text: str, words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        strategies_set(text)

    assert words in str(raised.value)
    assert str(raised.value).startswith("CRYPTOTRACKER_STRATEGIES: ")


def test_a_class_of_a_file_is_chosen_like_any_other(own: str) -> None:
    (choice,) = chosen_strategies(f"{own}:Own(days=2)@1m")

    assert str(choice) == "own-rise(days=2)@1m"
    assert choice.strategy is strategy_named(f"{own}:Own")


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Other", "the file has no 'Other'"),
        ("no_class", "it is no class"),
        ("Nameless", "needs a name of letters, digits and dashes"),
        ("Terms", "needs a name"),
        ("Remembers", "own-rise looks ahead"),
        ("Fails", "is not run: no idea"),
        ("WantsTooMuch", "wants 2 of its capital"),
        ("Answers", "needs warm_up, why, and on_candle or on_quote"),
        ("Own(days=31)", "days is 31; it must be whole, from 1 to 30"),
    ],
)
def test_own_strategy_that_is_none_or_looks_ahead_is_refused(
    own: str, title: str, words: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        chosen_strategies(f"{own}:{title}@1m")

    assert words in str(raised.value)


def test_file_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("1 / 0", "utf-8")

    with pytest.raises(SettingsError, match="cannot be run: ZeroDivisionError"):
        chosen_strategies(f"{path}:Own@1m")


def test_packages_offer_theirs_as_entry_points(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = tmp_path / "offering-1.0.dist-info" / "entry_points.txt"
    entries.parent.mkdir()
    entries.write_text("[cryptotracker.strategies]\nown-rise = own:Own\n", "utf-8")
    entries.with_name("METADATA").write_text("Name: offering\nVersion: 1.0\n", "utf-8")
    monkeypatch.setattr(sys, "path", [str(Path(own).parent), *sys.path])

    (choice,) = chosen_strategies("own-rise@1m")

    assert "own-rise" in known_strategies()
    assert choice.text == "days=3"


async def test_the_command_lists_strategies_with_bounds_and_what_is_chosen(tmp_path: Path) -> None:
    status, out, errors = await outcome("strategies", folder=tmp_path, strategies="macd@1h")

    assert (status, errors) == (0, "")
    assert all(name in out for name in SHIPPED)
    assert "whole, from 1 to 10000" in out
    assert "macd(fast=12, slow=26, signal=9)@1h" in out


def test_the_command_tries_one_of_our_own(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    strategies(f"{own}:Own@5m", as_json=False)

    assert capsys.readouterr().out == "own-rise(days=3)@5m can be run, and does not look ahead.\n"
