"""What a strategy says of each candle, as it would have said it live."""

import numpy as np

from analytics.backtest.bars import Bars
from analytics.indicators.history import Series
from analytics.strategies import Strategy


def decide(strategy: Strategy, bars: Bars) -> Series:
    """Tell the strategy of each candle once; return its targets, NaN where it says nothing.

    Args:
        strategy: A new one: it remembers what it was told.
        bars: What it is told.

    Raises:
        ValueError: it says something that is no share of its capital.

    """
    answers = map(strategy.on_candle, bars)
    return checked(np.fromiter(answers, np.float64, len(bars)), strategy.name)  # None becomes NaN


def checked(targets: Series, name: str) -> Series:
    """Return the targets.

    Raises:
        ValueError: one is below 0 or above 1.

    """
    outside = (targets < 0.0) | (targets > 1.0)
    if bool(np.any(outside)):
        at = int(np.argmax(outside))
        raise ValueError(
            f"{name} wants {targets[at]:g} of its capital in the coin after candle {at}; "
            "0 is none of it, 1 is all"
        )
    return targets
