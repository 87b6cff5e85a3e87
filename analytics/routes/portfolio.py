"""All books of one market in, the most that can be earned on them together out.

Routes that share a book count its levels each for itself, so that their profits must not be added
up. Here every unit of depth is used once: all asks at what a unit costs after the fee,
``price / (1 - fee)`` for ``quantity * (1 - fee)``, against all bids at what it brings,
``price * (1 - fee)``, cheapest against dearest for as long as one unit brings more than it costs.
Funds wait at every venue; lots, minima and capital are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic

import msgspec

from analytics.routes.state import Depth, Market, N


class Portfolio(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """``base_amount`` is what is bought, after fees, and sold; ``profit`` in the quote currency."""

    base_amount: N
    profit: N


def portfolio(books: Iterable[tuple[Market[N], Depth[N]]], *, nothing: N) -> Portfolio[N]:
    """Match all asks with all bids.

    Args:
        books: All of one base and one quote currency.
        nothing: Zero, of the kind of number that the books have.

    """
    asks: list[tuple[N, N]] = []
    bids: list[tuple[N, N]] = []
    for market, depth in books:
        kept = 1 - market.taker_fee
        asks += [(price / kept, quantity * kept) for price, quantity in depth.asks]
        bids += [(price * kept, quantity) for price, quantity in depth.bids]
    return _matched(sorted(asks), sorted(bids, reverse=True), nothing)


def _matched(asks: list[tuple[N, N]], bids: list[tuple[N, N]], nothing: N) -> Portfolio[N]:
    base_amount = profit = bought = sold = nothing
    i = j = 0
    while i < len(asks) and j < len(bids) and bids[j][0] > asks[i][0]:
        ask_left, bid_left = asks[i][1] - bought, bids[j][1] - sold
        amount = min(ask_left, bid_left)
        base_amount += amount
        profit += amount * (bids[j][0] - asks[i][0])
        bought, sold = bought + amount, sold + amount
        if ask_left <= bid_left:
            i, bought = i + 1, nothing
        if bid_left <= ask_left:
            j, sold = j + 1, nothing
    return Portfolio(base_amount=base_amount, profit=profit)
