"""Levels as a venue lists them in, a usable depth or what is wrong with them out.

Levels of no quantity are skipped before anything is looked at. The first of these that is so makes
a book unusable: `invalid` (a price that is not positive, a negative quantity), `stale` (older than
the limit; just as old is fine), `gap` (something was missed on the way), `crossed` (the best bid
is not below the best ask), `empty` (no levels on either side). A single empty side is fine: there
is nothing to take on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Generic, Literal, TypeAlias

import msgspec

from analytics.routes.state import Depth, N

Flaw: TypeAlias = Literal["invalid", "stale", "gap", "crossed", "empty"]

_Side: TypeAlias = Sequence[tuple[N, N]]


class Levels(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """Levels of price and base quantity, best first; ``is_whole``: nothing before was missed."""

    bids: Sequence[tuple[N, N]]
    asks: Sequence[tuple[N, N]]
    event_ns: int
    received_ns: int
    sequence: int = 0
    is_whole: bool = True


def usable(levels: Levels[N], *, now_ns: int, most_age_ns: int) -> Depth[N] | Flaw:
    """Return what can be traded on, or why nothing can."""
    bids, asks = _filled(levels.bids), _filled(levels.asks)
    flaw = _flaw(levels, bids, asks, is_stale=now_ns - levels.received_ns > most_age_ns)
    if flaw is not None:
        return flaw
    return Depth(
        bids=bids,
        asks=asks,
        event_ns=levels.event_ns,
        received_ns=levels.received_ns,
        sequence=levels.sequence,
    )


def middle(depth: Depth[N]) -> N | None:
    """Return the middle of best bid and best ask; None while a side is empty."""
    if not depth.bids or not depth.asks:
        return None
    return (depth.bids[0][0] + depth.asks[0][0]) / 2


def _flaw(levels: Levels[N], bids: _Side[N], asks: _Side[N], *, is_stale: bool) -> Flaw | None:
    if not all(0 < price < inf and 0 < quantity < inf for price, quantity in (*bids, *asks)):
        return "invalid"
    if is_stale:
        return "stale"
    if not levels.is_whole:
        return "gap"
    if bids and asks and bids[0][0] >= asks[0][0]:
        return "crossed"
    return None if bids or asks else "empty"


def _filled(side: _Side[N]) -> tuple[tuple[N, N], ...]:
    return tuple(level for level in side if level[1] != 0)
