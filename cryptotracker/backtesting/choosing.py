"""What the command line says of a strategy, in; its class and values of its parameters, out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import cast

from analytics.strategies import Strategy, parameters_of
from cryptotracker.strategies import strategy_named, tells_of
from market import SettingsError

MOST = 10_000
"""Combinations of a sweep at most."""


def candle_strategy(name: str) -> type[Strategy]:
    """Return a strategy that decides on candles, by its name or by the file and class that it is.

    Raises:
        SettingsError: there is none.

    """
    found = strategy_named(name)
    if not hasattr(found, "on_candle"):
        raise SettingsError(f"{name} decides on {tells_of(found)}: a backtest tells it candles.")
    return cast("type[Strategy]", found)


def given_values(given: Sequence[str]) -> dict[str, str]:
    """Read ``name=value`` each.

    Raises:
        SettingsError: one is not written so.

    """
    return dict(_parted(text, "--set") for text in given)


def swept(given: Sequence[str]) -> dict[str, list[float]]:
    """Read ``name=first..last:step`` or ``name=a,b,c`` each.

    Raises:
        SettingsError: one is not written so.

    """
    return {name: _values(name, text) for name, text in (_parted(one, "--sweep") for one in given)}


def combinations(
    strategy: type[Strategy], fixed: Mapping[str, object], swept: Mapping[str, Sequence[float]]
) -> list[dict[str, object]]:
    """Return every combination that makes sense, such as a fast period below a slow one.

    Without anything swept it is the one of what is fixed.

    Raises:
        SettingsError: there is none, or more than `MOST`.

    """
    names = list(swept)
    found, why = [], ""
    for values in product(*swept.values()):
        one = {**fixed, **dict(zip(names, values, strict=True))}
        try:
            parameters_of(strategy, one)
        except ValueError as error:
            why = str(error)
        else:
            found.append(one)
    if not found:
        raise SettingsError(f"{why}." if not swept else f"No combination makes sense: {why}.")
    if len(found) > MOST:
        raise SettingsError(f"--sweep has {len(found):,} combinations: take {MOST:,} or fewer.")
    return found


def _parted(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise SettingsError(f"{option} is {text!r}: it must be name=value.")
    return name.strip(), value.strip()


def _values(name: str, text: str) -> list[float]:
    try:
        if ".." not in text:
            return [_number(part) for part in text.split(",")]
        first, _, rest = text.partition("..")
        last, _, step = rest.partition(":")
        return _steps(_number(first), _number(last), _number(step or "1"))
    except ValueError as error:
        raise SettingsError(
            f"--sweep {name}={text}: {error}; write {name}=5..50:5, or {name}=5,10,20."
        ) from error


def _steps(first: float, last: float, step: float) -> list[float]:
    if step <= 0 or last < first:
        raise ValueError("it must rise")
    count = int((last - first) / step + 1e-9) + 1
    if count > MOST:
        raise ValueError(f"{count:,} values are too many")
    return [first + number * step for number in range(count)]


def _number(text: str) -> float:
    """Read a number; a whole one stays whole."""
    value = float(text)
    return int(value) if value.is_integer() and "." not in text else value
