"""One name for one route, however it was found.

A cycle begins at the node whose asset ranks first, among the nodes that a trade leaves: money in
the order of `RANKED`, then any other asset by id; the venue's name decides between equals. Its id
is the letter of its mode and its nodes from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from analytics.routes.state import MODE_LETTER, Cycle, Leg, Mode, Node

RANKED = ("USDT", "USD", "USDC", "KRW", "EUR", "BTC", "ETH")
"""Assets that a route is counted in rather than in others, first choice first."""

_RANK = {asset: rank for rank, asset in enumerate(RANKED)}


def canonical(mode: Mode, legs: Sequence[Leg]) -> Cycle:
    """Return the cycle of ``legs``, which may begin at any of them."""
    begin = min(
        (i for i, leg in enumerate(legs) if leg.kind != "move"), key=lambda i: rank(legs[i].source)
    )
    turned = (*legs[begin:], *legs[:begin])
    nodes = ">".join(f"{venue}:{asset}" for venue, asset in (leg.source for leg in turned))
    return Cycle(f"{MODE_LETTER[mode]}|{nodes}", mode, turned)


def rank(node: Node) -> tuple[int, str, str]:
    """Return the key that sorts the node that a cycle begins at first."""
    venue, asset = node
    return _RANK.get(asset, len(RANKED)), asset, venue


def kind_of(cycle: Cycle) -> Literal["direct", "triangular", "cycle"]:
    """Name the shape: two trades are of one market at two venues, three of one venue a triangle."""
    moves = [leg for leg in cycle.legs if leg.kind == "move"]
    match len(cycle.legs) - len(moves), len(moves):
        case 2, _:
            return "direct"
        case 3, 0:
            return "triangular"
        case _:
            return "cycle"
