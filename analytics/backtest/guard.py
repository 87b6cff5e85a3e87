"""Refuses what knows the future: targets of the past that change when more of the future is told.

A strategy that is told one candle at a time cannot, but one over whole arrays can: by a shift the
wrong way, a window around each candle, a mean of all, a value filled in from behind, a longer
candle that is known at its start. All of them show when the candles are cut off somewhere.
"""

from collections.abc import Callable

import numpy as np

from analytics.backtest.bars import Bars
from analytics.indicators.history import Series

CUTS = 30
"""Places at which the candles are cut off."""

LOOKED_AT = 20_000
"""Candles that are looked at, at most: the newest."""


class LookAheadError(ValueError):
    """A strategy says something else of the past once it is told of the future."""


def refuse_look_ahead(
    decide: Callable[[Bars], Series], bars: Bars, *, name: str, seed: int = 1
) -> None:
    """Cut the candles off at some thirty places and hold what is said of the rest against all.

    Args:
        decide: Returns the targets of candles, beginning anew each time.
        bars: What the backtest is about.
        name: Of the strategy, for the error.
        seed: Of the places.

    Raises:
        LookAheadError: it looks ahead; the text names the first candle where that shows.

    """
    bars = bars.part(max(0, len(bars) - LOOKED_AT), len(bars))
    if len(bars) < 2:  # noqa: PLR2004  # there is no future
        return
    whole = decide(bars)
    for cut in _cuts(len(bars), seed):
        part = decide(bars.first(cut))
        same = np.array_equal(part, whole[:cut], equal_nan=True)
        if not same:
            differs = (part != whole[:cut]) & ~(np.isnan(part) & np.isnan(whole[:cut]))
            at = int(np.argmax(differs))
            raise LookAheadError(
                f"{name} looks ahead: of candle {at} it says {part[at]:g} when it is told of "
                f"{cut} candles, and {whole[at]:g} when it is told of {len(bars)}; "
                "it must answer from the candles up to that one alone"
            )


def _cuts(size: int, seed: int) -> list[int]:
    random = np.random.default_rng(seed)
    return sorted({size - 1, *random.integers(1, size, CUTS - 1).tolist()})
