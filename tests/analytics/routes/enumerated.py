"""Every cycle of a small market by brute force, to hold a cleverer search to.

It knows nothing of the search: all nodes, all ways out of them, every simple way round, and the
rules applied to each.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

from analytics.routes.state import Depth, Market, Mode, Node, Transfer
from market import Instrument

Edges: TypeAlias = dict[Node, dict[Node, float | None]]
"""Rate from node to node; None: a move."""

_ORDER = {"USDT": 0, "USD": 1, "USDC": 2, "KRW": 3, "EUR": 4, "BTC": 5, "ETH": 6}


class State(msgspec.Struct):
    """What an engine was told: terms, usable books, transfers."""

    markets: dict[tuple[str, Instrument], Market[float]] = {}
    depths: dict[tuple[str, Instrument], Depth[float]] = {}
    transfers: dict[tuple[str, str, str], Transfer[float]] = {}


def enumerated(state: State, mode: Mode, most_legs: int, above: float = 1.0) -> dict[str, float]:
    """Return the top rate of every cycle by its id."""
    edges = _edges(state, mode)
    found = {}
    for start in edges:
        for nodes in _rounds(edges, [start], most_legs):
            turned = _turned(edges, nodes)
            name = f"{mode[0].upper()}|" + ">".join(f"{venue}:{asset}" for venue, asset in turned)
            rate = _rate(edges, turned)
            if rate > above:
                found[name] = rate
    return found


def _edges(state: State, mode: Mode) -> Edges:
    edges: Edges = {}
    for market in state.markets.values():
        for asset in (market.base, market.quote):
            edges.setdefault((market.venue, asset), {})
    _add_moves(edges, state.transfers, mode)
    for key, market in state.markets.items():
        base, quote = (market.venue, market.base), (market.venue, market.quote)
        depth = state.depths.get(key)
        if depth and depth.bids:
            _add(edges, base, quote, depth.bids[0][0] * (1.0 - market.taker_fee))
        if depth and depth.asks:
            _add(edges, quote, base, (1.0 - market.taker_fee) / depth.asks[0][0])
    return edges


def _add(edges: Edges, source: Node, target: Node, rate: float) -> None:
    edges[source][target] = max(rate, edges[source].get(target) or 0.0)


def _add_moves(
    edges: Edges, transfers: Mapping[tuple[str, str, str], Transfer[float]], mode: Mode
) -> None:
    for venue, asset in edges:
        for other, same in edges:
            transfer = transfers.get((asset, venue, other))
            is_open = mode == "inventory" or (transfer is not None and transfer.open)
            if same == asset and other != venue and is_open:
                edges[venue, asset][other, asset] = None


def _rounds(edges: Edges, walk: list[Node], most_legs: int) -> Iterator[list[Node]]:
    for node in edges[walk[-1]]:
        if node == walk[0] and _is_allowed(edges, walk):
            yield list(walk)
        elif node not in walk and len(walk) < most_legs:
            yield from _rounds(edges, [*walk, node], most_legs)


def _rates(edges: Edges, nodes: Sequence[Node]) -> list[float | None]:
    return [
        edges[source][target] for source, target in zip(nodes, [*nodes[1:], nodes[0]], strict=True)
    ]


def _is_allowed(edges: Edges, nodes: Sequence[Node]) -> bool:
    moves = [rate is None for rate in _rates(edges, nodes)]
    trades = moves.count(False)
    return trades > 1 and not any(moves[i] and moves[i - 1] for i in range(len(moves)))


def _turned(edges: Edges, nodes: list[Node]) -> list[Node]:
    rates = _rates(edges, nodes)
    starts = [i for i, rate in enumerate(rates) if rate is not None]
    i = min(starts, key=lambda i: (_ORDER.get(nodes[i][1], 9), nodes[i][1], nodes[i][0]))
    return nodes[i:] + nodes[:i]


def _rate(edges: Edges, nodes: Sequence[Node]) -> float:
    product = 1.0
    for rate in _rates(edges, nodes):
        if rate is not None:
            product *= rate
    return product
