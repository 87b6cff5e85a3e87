"""What the setting says of users' own strategies, in; all that may be tried over REST, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from analytics.strategies import Strategy
from api_service.backtest_offer import Offer
from api_service.past_premiums import PremiumTerms
from cryptotracker.backtesting.choosing import candle_strategy
from cryptotracker.settings import PREFIX
from cryptotracker.strategies import known_strategies
from market import SettingsError

WORKER = "cryptotracker.backtesting.worker"
"""The module that tries what is offered, in a process of its own."""


def offered(text: str, premiums: PremiumTerms) -> Offer:
    """Return what may be tried: what ships, what is installed, and classes of files.

    Args:
        text: Those classes, such as ``own.py:Rise, other.py:Fall``.
        premiums: What those are told that look at premiums.

    Raises:
        SettingsError: one is no strategy of candles, or two have one name.

    """
    known = {
        name: cast("type[Strategy]", one)
        for name, one in known_strategies().items()
        if hasattr(one, "on_candle")
    }
    try:
        own = dict(_of_files(text, known))
    except SettingsError as error:
        raise SettingsError(f"{PREFIX}OWN_STRATEGIES: {error}") from error
    found_by = {strategy.name: part for part, strategy in own.items()}
    return Offer(
        strategies=known | {one.name: one for one in own.values()},
        found_by=found_by,
        worker=WORKER,
        premiums=premiums,
    )


def _of_files(
    text: str, known: Mapping[str, type[Strategy]]
) -> Iterator[tuple[str, type[Strategy]]]:
    taken = dict(known)
    for part in (part.strip() for part in text.split(",") if part.strip()):
        if ":" not in part:
            raise SettingsError(f"{part!r} is no class of a file: write path/to/file.py:Class")
        own = candle_strategy(part)
        if taken.setdefault(own.name, own) is not own:
            raise SettingsError(f"{part!r} has the name {own.name!r} of another: change it")
        yield part, own
