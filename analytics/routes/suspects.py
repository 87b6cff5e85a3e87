"""Prices that cannot be those of one coin: each venue's in dollars in, the odd venues out.

A venue whose middle is more than `MOST_OFF` away from the median of all of them may mean another
coin by the same code. Where there are but two such prices nobody can tell which one is the odd one.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from analytics.routes.state import Node

MOST_OFF = 0.20


def unverified(prices: Mapping[str, Mapping[str, float]]) -> set[Node]:
    """Return each venue and asset whose price is too far off.

    Args:
        prices: By asset and venue, in one currency.

    """
    return {(venue, asset) for asset, by_venue in prices.items() for venue in _odd(by_venue)}


def _odd(by_venue: Mapping[str, float]) -> list[str]:
    if len(by_venue) < 2:  # noqa: PLR2004  # one price is off none
        return []
    middle = median(by_venue.values())
    if len(by_venue) == 2:  # noqa: PLR2004  # see the module
        low, high = sorted(by_venue.values())
        return list(by_venue) if high > low * (1.0 + MOST_OFF) else []
    return [venue for venue, price in by_venue.items() if abs(price / middle - 1.0) > MOST_OFF]
