"""Markets, books and transfers in; every way round that ends with more than it began with out.

A way round is a simple cycle of nodes (venue, asset): no node twice, at most so many legs, two
trades at least, no two moves in a row. A trade at the best level pays ``bid * (1 - fee)`` for a
unit sold and ``(1 - fee) / ask`` for a unit spent; a move changes nothing. Where two markets of a
venue trade the same two assets, the one that pays more is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import msgspec

from analytics.routes.arrays import FREE, MOVE, NONE, Room, Terms, Tops, new_arrays
from analytics.routes.identity import canonical
from analytics.routes.kernels import KernelName, kernel_named
from analytics.routes.numbering import FullError, Numbering
from analytics.routes.search import MANY
from analytics.routes.state import Cycle, Depth, Leg, Market, Mode, Node, Transfer
from market import Instrument

PATIENCE = 1_024
"""Walks that one search follows where what is kept is limited."""

RESERVE = 128
"""Routes that may give way to better ones before the first of them is told to be gone."""

LEAST_LEGS = 2

_Key: TypeAlias = tuple[str, Instrument]
_SMALL = Room(venues=4, assets=16, cash=8, markets=64, routes=1_024, walks=8_192, rises=4_096)


class Found(msgspec.Struct, frozen=True):
    """A cycle and what one unit that is put in becomes, at the best levels after fees."""

    cycle: Cycle
    top_rate: float


class RouteEngine:
    """All cycles of one mode with a top rate above one, kept up to date one book at a time.

    ``truncated`` is True while a limit keeps routes from being found. Meanwhile each book that
    comes has one market more searched again, so that all are found once the limit allows.

    Args:
        mode: How an asset gets from venue to venue.
        most_legs: Cycles are not longer; a trade is a leg, a move is a leg.
        kernel: What the search is run by; the answers are the same.
        most_routes: More are not kept at once, and those that pay most are. None: no limit.
        above: Cycles are found whose top rate is above this.

    """

    def __init__(
        self,
        mode: Mode,
        *,
        most_legs: int = 6,
        kernel: KernelName = "auto",
        most_routes: int | None = 1024,
        above: float = 1.0,
    ) -> None:
        if most_legs < LEAST_LEGS or most_routes == 0:
            asked = f"{most_legs} legs and {most_routes} routes"
            raise ValueError(f"a search needs two legs and one route at least, not {asked}")
        self._mode: Mode = mode
        self._is_limited = most_routes is not None
        patience = PATIENCE if self._is_limited else 1 << 60
        is_free = int(mode == "inventory")
        self._terms = Terms(most_legs, is_free, most_routes or 0, patience, above)
        self._kernel = kernel_named(kernel)
        self._known: dict[_Key, Market[float]] = {}
        self._rates: dict[_Key, tuple[float, float]] = {}
        self._open: dict[tuple[str, str, str], bool] = {}
        self._changed: set[str] = set()
        self._room = (
            _SMALL if most_routes is None else _SMALL._replace(routes=most_routes + RESERVE)
        )
        self._clear()

    def list_market(self, market: Market[float]) -> None:
        """Take a market in, or its new terms; then its book has yet to come."""
        key = market.venue, market.instrument
        known = self._known.get(key)
        if known == market:
            return
        if known is not None:
            self.set_depth(*key, None)
        self._known[key] = market
        self._rates.pop(key, None)
        if known is None or (known.base, known.quote) != (market.base, market.quote):
            with self._more_room():
                self._add(market)

    def set_transfer(self, transfer: Transfer[float]) -> None:
        """Open or close the way of an asset from a venue to another; not known to be open: closed.

        Changes nothing where funds wait at every venue.
        """
        if self._mode == "transfer":
            way = transfer.asset, transfer.source, transfer.target
            self._open[way] = bool(transfer.open)
            with self._more_room():
                self._set_move(way)

    def set_depth(self, venue: str, instrument: Instrument, depth: Depth[float] | None) -> None:
        """Take in a market's book; None where it cannot be used now.

        Raises:
            KeyError: the market has not been listed.

        """
        key = venue, instrument
        after_fee = 1.0 - self._known[key].taker_fee
        bid = ask = 0.0
        if depth is not None:
            if depth.bids:
                bid = depth.bids[0][0] * after_fee
            if depth.asks:
                ask = after_fee / depth.asks[0][0]
        self._rates[key] = bid, ask
        number = self._numbers.get(key)
        if number is None:
            return
        told = self._kernel.set_market(self._held, number, bid, ask)
        if told or self.truncated:
            with self._more_room():
                self._note(told)
                self._seek_one_more()

    def number(self, venue: str, instrument: Instrument) -> int:
        """Return the number of a market, which holds until another one is listed."""
        return self._numbers.get((venue, instrument), NONE)

    def set_tops(self, tops: Tops, row: int, end: int) -> int:
        """Take in best prices one after the other, up to where one changes a route or is to stop.

        As `set_depth` for each row. Before another market is listed, those that were set so are to
        be set by `set_depth`.

        Args:
            tops: Arrays such as the kernel takes: NumPy's, or lists where it is Python.
            row: The first that is set.
            end: The first that is not.

        Returns:
            The row after the last that was set.

        """
        row = int(self._kernel.set_markets(self._held, tops, row, end))
        if tops.told[0] or (self.truncated and tops.told[1]):
            with self._more_room():
                self._note(int(tops.told[0]))
                self._seek_one_more()
        return row

    def changed(self) -> set[str]:
        """Return ids of cycles that came, went, or of which a market changed, since last asked."""
        changed = self._changed | {self._cycle(route).id for route in self._touched}
        self._changed.clear()
        self._touched.clear()
        return changed

    def found(self) -> list[Found]:
        """Return the cycles there are now."""
        return [self._found(route) for route in self._live]

    def look_up(self, route_id: str) -> Found | None:
        """Return a cycle by its id; None where there is none."""
        if route_id not in self._routes:
            for route in self._touched:
                self._cycle(route)
        route_there = self._routes.get(route_id)
        return None if route_there is None else self._found(route_there)

    def _clear(self) -> None:
        """Begin with empty arrays."""
        self.truncated = False
        self._arrays = new_arrays(self._room, self._terms, self._kernel.make)
        for i in range(self._room.routes):
            self._arrays.free_routes[i] = self._room.routes - 1 - i
        self._arrays.counts[FREE] = self._room.routes
        self._held = self._kernel.hold(*self._arrays)
        self._numbering = Numbering(self._arrays, self._room)
        self._numbers: dict[_Key, int] = {}
        self._cycles: dict[int, Cycle] = {}
        self._routes: dict[str, int] = {}
        self._live: set[int] = set()
        self._touched: set[int] = set()
        self._to_seek = self._sought = 0

    @contextmanager
    def _more_room(self) -> Iterator[None]:
        """Begin anew with twice the room for what there was no room for."""
        try:
            yield
        except FullError as error:
            self._changed.update(self._cycle(route).id for route in self._live)
            double = {what: 2 * getattr(self._room, what) for what in error.what}
            self._room = self._room._replace(**double)
            self._clear()
            with self._more_room():
                self._tell_all()

    def _tell_all(self) -> None:
        for market in self._known.values():
            self._add(market)
        for way in self._open:
            self._set_move(way)
        for key, rates in self._rates.items():
            if key in self._numbers:
                self._note(self._kernel.set_market(self._held, self._numbers[key], *rates))

    def _add(self, market: Market[float]) -> None:
        if market.base == market.quote:
            return
        self._add_cash((market.venue, market.quote))
        number = self._numbering.add_market(market)
        self._numbering.link(number)
        self._numbers[market.venue, market.instrument] = number

    def _add_cash(self, node: Node) -> None:
        """Make a node a cash node; what passed through it until now begins or ends there."""
        if node in self._numbering.cash:
            return
        passing = self._numbering.passing(node)
        for number in passing:
            self._note(self._kernel.set_market(self._held, number, 0.0, 0.0))
        self._kernel.add_cash(self._held, self._numbering.add_cash(node))
        for number in passing:
            self._numbering.link(number)
            market = self._numbering.markets[number]
            rates = self._rates.get((market.venue, market.instrument), (0.0, 0.0))
            self._note(self._kernel.set_market(self._held, number, *rates))

    def _set_move(self, way: tuple[str, str, str]) -> None:
        asset, source, target = way
        numbering = self._numbering
        ends = numbering.venue(source), numbering.venue(target)
        is_open = int(self._open[way])
        self._note(self._kernel.set_move(self._held, numbering.asset(asset), *ends, is_open))

    def _note(self, told: int) -> None:
        """Note what the search told: routes that came or changed, routes that went, a cut."""
        a, touched, gone = self._arrays, told % MANY, told // MANY % MANY
        for route in a.touched[:touched]:
            self._live.add(int(route))
            self._touched.add(int(route))
        for route in a.gone[:gone]:
            self._live.discard(int(route))
            self._touched.discard(int(route))
            if cycle := self._cycles.pop(int(route), None):
                self._changed.add(cycle.id)
                del self._routes[cycle.id]
        if told // MANY // MANY:
            self._cut()

    def _cut(self) -> None:
        """Note that not all was found; where there is no limit, search all with more room."""
        if self._is_limited:
            self.truncated = True
            self._sought = 0
        else:
            raise FullError("routes", "walks")

    def _seek_one_more(self) -> None:
        """While truncated search one market again; after a round without a cut none is missing."""
        if not self.truncated:
            return
        self._to_seek = (self._to_seek + 1) % len(self._numbering.markets)
        self._sought += 1
        self._note(self._kernel.seek(self._held, self._to_seek))
        self.truncated = self._sought < len(self._numbering.markets)

    def _cycle(self, route: int) -> Cycle:
        """Return a route as the rest knows it."""
        if route not in self._cycles or self._numbering.is_shared:
            begin = route * self._terms.legs
            end = begin + self._arrays.route_legs[route]
            numbers = self._arrays.route_nodes[begin:end]
            nodes = [self._numbering.node(int(number)) for number in numbers]
            edges = [int(edge) for edge in self._arrays.route_edges[begin:end]]
            ends = zip(edges, nodes, (*nodes[1:], nodes[0]), strict=True)
            cycle = canonical(self._mode, [self._leg(*leg) for leg in ends])
            self._cycles[route] = cycle
            self._routes[cycle.id] = route
        return self._cycles[route]

    def _found(self, route: int) -> Found:
        return Found(self._cycle(route), float(self._arrays.route_rate[route]))

    def _leg(self, edge: int, source: Node, target: Node) -> Leg:
        if edge == MOVE:
            return Leg("move", source, target)
        instrument = self._numbering.instrument(edge)
        market = self._known[source[0], instrument]
        return Leg("sell" if market.base == source[1] else "buy", source, target, instrument)
