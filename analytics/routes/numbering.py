"""Markets in; their places in the search's arrays out.

A venue, an asset, a market and a cash node keep their numbers for as long as the arrays last. An
asset that is passed through at a venue becomes a cash node there once something is quoted in it.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sized

from analytics.routes.arrays import CASH, NONE, Arrays, Ints, Room
from analytics.routes.identity import rank
from analytics.routes.state import Market, Node
from market import Instrument


class FullError(Exception):
    """The arrays are too small: there is no room for more of ``what``, fields of `Room`."""

    def __init__(self, *what: str) -> None:
        super().__init__(*what)
        self.what = what


class Numbering:
    """Who has which number, and what the arrays say of the shape of the market."""

    def __init__(self, arrays: Arrays, room: Room) -> None:
        self.venues: dict[str, int] = {}
        self.assets: dict[str, int] = {}
        self.cash: dict[Node, int] = {}
        self.markets: list[Market[float]] = []
        self.sharing: dict[int, list[int]] = {}
        self.is_shared = False
        self._venue_names: list[str] = []
        self._asset_names: list[str] = []
        self._ranked: list[tuple[tuple[int, str, str], int]] = []
        self._arrays = arrays
        self._room = room
        self._passing: dict[Node, list[int]] = {}

    def venue(self, name: str) -> int:
        """Return a venue's number; it is new where it has none.

        Raises:
            FullError: there is no room for it.

        """
        if name not in self.venues:
            self.venues[name] = _next(self.venues, self._room, "venues")
            self._venue_names.append(name)
            for order, venue in enumerate(sorted(self.venues)):
                self._arrays.venue_order[self.venues[venue]] = order
        return self.venues[name]

    def asset(self, name: str) -> int:
        """Return an asset's number; see `venue`."""
        if name not in self.assets:
            self.assets[name] = _next(self.assets, self._room, "assets")
            self._asset_names.append(name)
            insort(self._ranked, (rank(("", name)), self.assets[name]))
            for order, (_, asset) in enumerate(self._ranked):
                self._arrays.asset_order[asset] = order
        return self.assets[name]

    def node(self, number: int) -> Node:
        """Return a node by its number, which is of the venue and the asset in one."""
        return self._venue_names[number // self._room.assets], self._asset_names[
            number % self._room.assets
        ]

    def instrument(self, edge: int) -> Instrument:
        """Return what is traded on an edge: where markets share it, at the one that pays more."""
        rates, markets = self._arrays.own, self.markets
        best = min(self.sharing[edge], key=lambda own: (-rates[own], markets[own // 2].instrument))
        return markets[best // 2].instrument

    def passing(self, node: Node) -> list[int]:
        """Return the markets that pass an asset through at a venue."""
        return list(self._passing.get(node, ()))

    def add_cash(self, node: Node) -> int:
        """Make a node a cash node; nothing passes through it any more.

        Raises:
            FullError: there is no room for it.

        """
        a, (venue, asset) = self._arrays, (self.venue(node[0]), self.asset(node[1]))
        number = _next(self.cash, self._room, "cash")
        self.cash[node] = number
        for market in self._passing.pop(node, []):
            self._unlink(market)
        a.venue_of[number], a.asset_of[number] = venue, asset
        a.cash_at[venue * a.assets + asset] = number
        _append(a.holders, asset * a.venues, a.holder_count, asset, number)
        a.counts[CASH] = len(self.cash)
        return number

    def add_market(self, market: Market[float]) -> int:
        """Give a market whose quote is cash a number; `link` is yet to come.

        Raises:
            FullError: there is no room for it.

        """
        number = _next(self.markets, self._room, "markets")
        self.markets.append(market)
        self._arrays.base_of[number] = self.asset(market.base)
        self._arrays.cash_of[number] = self.cash[market.venue, market.quote]
        return number

    def link(self, number: int) -> None:
        """Give a market its edges, together with others that trade the same two assets there."""
        a, market = self._arrays, self.markets[number]
        cash, asset = a.cash_of[number], a.base_of[number]
        other = a.cash_at[a.venue_of[cash] * a.assets + asset]
        if other != NONE:
            for side, source, target in ((0, other, cash), (1, cash, other)):
                pair = source * a.cash + target
                a.direct[pair] = self._share(2 * number + side, a.direct[pair])
            return
        place = cash * a.assets + asset
        if a.lead[place] == NONE:
            _append(a.traders, asset * a.cash, a.trader_count, asset, cash)
            _append(a.passed, cash * a.assets, a.passed_count, cash, asset)
        lead = a.lead[place]
        for side in (0, 1):
            self._share(2 * number + side, NONE if lead == NONE else 2 * lead + side)
        a.lead[place] = number if lead == NONE else lead
        self._passing.setdefault((market.venue, market.base), []).append(number)

    def _share(self, own: int, edge: int) -> int:
        a = self._arrays
        if edge == NONE:
            a.edge_of[own], a.ring[own] = own, own
            self.sharing[own] = [own]
            return own
        a.edge_of[own], a.ring[own], a.ring[edge] = edge, a.ring[edge], own
        self.sharing[edge].append(own)
        self.is_shared = True
        return edge

    def _unlink(self, number: int) -> None:
        a = self._arrays
        cash, asset = a.cash_of[number], a.base_of[number]
        if a.lead[cash * a.assets + asset] == NONE:
            return
        a.lead[cash * a.assets + asset] = NONE
        _remove(a.traders, asset * a.cash, a.trader_count, asset, cash)
        _remove(a.passed, cash * a.assets, a.passed_count, cash, asset)


def _next(numbers: Sized, room: Room, what: str) -> int:
    if len(numbers) == getattr(room, what):
        raise FullError(what)
    return len(numbers)


def _append(rows: Ints, row: int, counts: Ints, of: int, number: int) -> None:
    rows[row + counts[of]] = number
    counts[of] += 1


def _remove(rows: Ints, row: int, counts: Ints, of: int, number: int) -> None:
    counts[of] -= 1
    for i in range(row, row + counts[of]):
        if rows[i] == number:
            rows[i] = rows[row + counts[of]]
            return
