"""Other ways to see that a price opened a way round, over the same made-up markets.

Each is told a market's best prices and then searches all anew, which is how they are used:

- `Peregrine`: what peregrine does for many venues: a networkx graph of currencies in which each
  pair has its best prices of all venues, Bellman-Ford in Python, always one pass fewer than there
  are currencies. It does not know where money is, and ends with any negative cycle.
- `Vectors`: Bellman-Ford over (venue, asset) nodes with NumPy, a pass over all edges at once, at
  most `PASSES` of them, fewer once nothing changes. It tells whether there is a cycle.
- `Compiled`: the same with numba edge by edge, ended by the first cycle that it closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from math import inf, log

import networkx as nx
import numba
import numpy as np
from numpy.typing import NDArray

from analytics.routes.state import Depth, Market, Node

PASSES = 60
TOLERANCE = 1e-12

_Numbers = NDArray[np.int64]
_Weights = NDArray[np.float64]


def weights(market: Market[float], depth: Depth[float]) -> tuple[float, float]:
    """Return the lengths of selling and of buying one unit: a cycle that pays is below zero."""
    after_fee = 1.0 - market.taker_fee
    return -log(depth.bids[0][0] * after_fee), -log(after_fee / depth.asks[0][0])


class Peregrine:
    """All venues merged into one, searched as peregrine searches."""

    def __init__(self, markets: Sequence[Market[float]], books: Sequence[Depth[float]]) -> None:
        self._graph: nx.DiGraph[str] = nx.DiGraph()
        self._markets = markets
        self._there: dict[tuple[str, str], dict[int, float]] = {}
        for number, book in enumerate(books):
            self.tell(number, book)

    def tell(self, number: int, book: Depth[float]) -> None:
        """Take in a book."""
        market = self._markets[number]
        sold, bought = weights(market, book)
        self._set(number, market.base, market.quote, sold)
        self._set(number, market.quote, market.base, bought)

    def search(self) -> list[str]:
        """Return a cycle that pays, or nothing."""
        graph = self._graph
        far = dict.fromkeys(graph, inf)
        before: dict[str, str] = {}
        far[next(iter(graph))] = 0.0
        for _ in range(len(graph) - 1):
            for source, target, edge in graph.edges(data=True):
                if far[source] + edge["weight"] < far[target]:
                    far[target] = far[source] + edge["weight"]
                    before[target] = source
        for source, target, edge in graph.edges(data=True):
            if far[source] + edge["weight"] < far[target] - TOLERANCE:
                return _cycle(before, target)
        return []

    def _set(self, number: int, source: str, target: str, weight: float) -> None:
        there = self._there.setdefault((source, target), {})
        there[number] = weight
        self._graph.add_edge(source, target, weight=min(there.values()))


class Edges:
    """The graph of (venue, asset) nodes as arrays: two edges a market, one a way between venues."""

    def __init__(self, markets: Sequence[Market[float]], books: Sequence[Depth[float]]) -> None:
        self.markets = markets
        numbers: dict[Node, int] = {}
        pairs = [
            (numbers.setdefault(source, len(numbers)), numbers.setdefault(target, len(numbers)))
            for source, target in (*_trades(markets), *_moves(markets))
        ]
        self.nodes = len(numbers)
        self.sources: _Numbers = np.array([source for source, _ in pairs], dtype=np.int64)
        self.targets: _Numbers = np.array([target for _, target in pairs], dtype=np.int64)
        self.weights: _Weights = np.zeros(len(pairs))
        self.places: _Numbers = np.arange(len(pairs))
        for number, book in enumerate(books):
            self.tell(number, book)

    def tell(self, number: int, book: Depth[float]) -> None:
        """Take in a book."""
        sold, bought = weights(self.markets[number], book)
        self.weights[self.places[2 * number]] = sold
        self.weights[self.places[2 * number + 1]] = bought


class Vectors(Edges):
    """Bellman-Ford with NumPy."""

    def __init__(self, markets: Sequence[Market[float]], books: Sequence[Depth[float]]) -> None:
        super().__init__(markets, books)
        order = np.argsort(self.targets, kind="stable")
        self.places = np.argsort(order, kind="stable")
        self.sources, self.targets = self.sources[order], self.targets[order]
        self.weights = self.weights[order]
        self._ends, self._begins = np.unique(self.targets, return_index=True)

    def search(self) -> bool:
        """Tell whether some cycle pays."""
        far = np.zeros(self.nodes)
        for _ in range(PASSES):
            reached = np.minimum.reduceat(far[self.sources] + self.weights, self._begins)
            nearer = reached < far[self._ends] - TOLERANCE
            if not nearer.any():
                return False
            far[self._ends] = np.where(nearer, reached, far[self._ends])
        return True


class Compiled(Edges):
    """Bellman-Ford with numba."""

    def search(self) -> int:
        """Return a node of a cycle that pays, or -1."""
        return int(_search(self.sources, self.targets, self.weights, self.nodes))


@numba.njit(cache=True)
def _search(sources: _Numbers, targets: _Numbers, weights: _Weights, nodes: int) -> int:
    far = np.zeros(nodes)
    before = np.full(nodes, -1)
    for _ in range(nodes):
        moved = False
        for edge in range(len(sources)):
            reached = far[sources[edge]] + weights[edge]
            if reached < far[targets[edge]] - 1e-12:
                far[targets[edge]] = reached
                before[targets[edge]] = sources[edge]
                moved = True
        if not moved:
            return -1
        closed = _closed(before)
        if closed >= 0:
            return closed
    return -1


@numba.njit(cache=True)
def _closed(before: _Numbers) -> int:
    """Return a node of a cycle of predecessors, or -1."""
    seen = np.full(len(before), -1)
    for start in range(len(before)):
        node = start
        while node >= 0 and seen[node] < 0:
            seen[node] = start
            node = before[node]
        if node >= 0 and seen[node] == start:
            return node
    return -1


def _trades(markets: Sequence[Market[float]]) -> Iterator[tuple[Node, Node]]:
    for market in markets:
        base, quote = (market.venue, market.base), (market.venue, market.quote)
        yield base, quote
        yield quote, base


def _moves(markets: Iterable[Market[float]]) -> Iterator[tuple[Node, Node]]:
    venues: dict[str, set[str]] = {}
    for market in markets:
        for asset in (market.base, market.quote):
            venues.setdefault(asset, set()).add(market.venue)
    for asset, there in venues.items():
        for source, target in permutations(sorted(there), 2):
            yield (source, asset), (target, asset)


def _cycle(before: dict[str, str], node: str) -> list[str]:
    for _ in before:
        node = before[node]
    walk = [node]
    while before[walk[-1]] != node:
        walk.append(before[walk[-1]])
    return walk[::-1]
