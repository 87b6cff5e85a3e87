"""Which strategies there are, and which are chosen: ``sma-cross(fast=10)@1m, own.py:Own@5m``.

A strategy is one that ships, one that an installed package offers as an entry point of the group
``cryptotracker.strategies``, or a class in a file: ``path/to/file.py:Class``. One that does not
ship is tried on invented prices before it runs, and refused if it looks ahead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from analytics.strategies import SHIPPED, AnyStrategy, parameters_from, parameters_of
from analytics.strategies.choice import QUOTES, Choice
from analytics.strategies.route_taker import RouteTaker, TakeTerms
from cryptotracker.own_strategies import of_file, of_packages
from cryptotracker.settings import PREFIX
from market import SettingsError
from market.intervals import INTERVALS

_CHOICE = re.compile(r"(?P<name>[^()@]+)(?:\((?P<given>[^()]*)\))?@(?P<interval>[^()@]+)")
_BETWEEN = re.compile(r",(?![^()]*\))")


def chosen_strategies(text: str) -> list[Choice]:
    """Return what the text chooses, in its order, each ready to run.

    Raises:
        SettingsError: it names the part of the text that is wrong, and what may stand there.

    """
    choices = [_choice(part.strip()) for part in _BETWEEN.split(text) if part.strip()]
    if len({choice.key for choice in choices}) < len(choices):
        raise SettingsError(f"the strategies {text!r} name one twice, with the same parameters")
    return choices


def strategies_set(text: str) -> list[Choice]:
    """Return what the setting chooses, see `chosen_strategies`.

    Raises:
        SettingsError: it names the setting too.

    """
    try:
        return chosen_strategies(text)
    except SettingsError as error:
        raise SettingsError(f"{PREFIX}STRATEGIES: {error}") from error


def take_terms(text: str) -> TakeTerms | None:
    """Return what the setting says that a route must bring; None: no route is taken.

    Raises:
        SettingsError: it names the setting, and what is wrong.

    """
    parts = [part.partition("=") for part in text.split(",") if part.strip()]
    if not parts:
        return None
    try:
        given = {name.strip(): value.strip() for name, _, value in parts}
        return parameters_from(RouteTaker.name, TakeTerms, given)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}ROUTE_TAKER is {text!r}: {error}.") from error


def strategy_named(name: str) -> type[AnyStrategy]:
    """Return a strategy by its name or by the file and class that it is.

    Raises:
        SettingsError: there is none; the text says what there is.

    """
    path, colon, title = name.rpartition(":")
    if colon:
        return of_file(Path(path), title)
    known = known_strategies()
    if name not in known:
        raise SettingsError(
            f"{name!r} is no strategy; there are {', '.join(sorted(known))}, and path/to/file.py:"
            "Class for one of your own, see docs/STRATEGIES.md"
        )
    return known[name]


def known_strategies() -> dict[str, type[AnyStrategy]]:
    """Return those that ship and those of installed packages, by name.

    Raises:
        SettingsError: one of a package cannot be loaded.

    """
    return {**dict(of_packages()), **SHIPPED}


def tells_of(strategy: type[AnyStrategy]) -> str:
    """Return what a strategy can be told of, in words."""
    kinds = (("candles", "on_candle"), (QUOTES, "on_quote"))
    return " and ".join(kind for kind, method in kinds if hasattr(strategy, method))


def _choice(part: str) -> Choice:
    found = _CHOICE.fullmatch(part)
    if found is None:
        raise SettingsError(
            f"{part!r} is no choice of a strategy: write name@interval or "
            "name(parameter=value, …)@interval, such as sma-cross(fast=10, slow=30)@1m"
        )
    strategy = strategy_named(found["name"].strip())
    interval = _interval(found["interval"].strip(), strategy, part)
    try:
        parameters = parameters_of(strategy, dict(_given(found["given"] or "", part)))
    except ValueError as error:
        raise SettingsError(f"{part!r}: {error}") from None
    choice = Choice(strategy, parameters, interval)
    if strategy not in SHIPPED.values():
        _refuse_if_it_fails(choice)
    return choice


def _interval(text: str, strategy: type[AnyStrategy], part: str) -> str:
    known = (*INTERVALS, QUOTES)
    if text not in known:
        raise SettingsError(
            f"{part!r}: {text!r} is no interval of candles; choose one of {', '.join(known)}"
        )
    wanted = "on_quote" if text == QUOTES else "on_candle"
    if not hasattr(strategy, wanted):
        raise SettingsError(
            f"{part!r}: {strategy.name} decides on {tells_of(strategy)}, it has no {wanted}"
        )
    return text


def _given(text: str, part: str) -> Iterator[tuple[str, str]]:
    for word in filter(None, map(str.strip, text.split(","))):
        name, equals, value = (piece.strip() for piece in word.partition("="))
        if not (name and equals and value):
            raise SettingsError(f"{part!r}: {word!r} is no parameter; write name=value")
        yield name, value


def _refuse_if_it_fails(choice: Choice) -> None:
    """Try the strategy on invented prices, cut off at many places.

    Raises:
        SettingsError: it looks ahead, or fails.

    """
    from analytics.backtest.trial import try_out  # noqa: PLC0415  # slow to import

    try:
        try_out(choice)
    except Exception as error:
        raise SettingsError(f"{choice} is not run: {error}") from error
