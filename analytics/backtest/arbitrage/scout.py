"""A tape in, the rows at which a route may pay out: the search alone, far ahead of the board.

Most quotes change no route, so a board need not be told of each. The scout is a `RouteEngine` of
its own that hears the best prices and nothing else. It takes every book for usable and every size
for enough, so it stops too often rather than too seldom; at a stop the board corrects it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from analytics.backtest.arbitrage.promise import Promise
from analytics.backtest.arbitrage.tape import QUOTE, Ints, Tape
from analytics.latest import LatestQuotes, Trouble
from analytics.rates import Rates
from analytics.routes.arrays import NONE, Tops
from analytics.routes.arrays import Floats as SearchFloats
from analytics.routes.arrays import Ints as SearchInts
from analytics.routes.comparison import home_of
from analytics.routes.costs import Costs
from analytics.routes.engine import Found, RouteEngine
from analytics.routes.kernels import KernelName
from analytics.routes.latest_depths import LEAST_PRICE, MOST_PRICE, Place
from analytics.routes.live_state import LiveState
from analytics.routes.living import places_of
from analytics.routes.standing import Standing
from analytics.routes.state import Market

Flags: TypeAlias = NDArray[np.bool_]

TOUCHES, RETURNS = 1, 2
"""Why a market wakes the scout."""


class Scout:
    """Runs along a tape until a route comes, changes or goes, or one that pays may be told again.

    Args:
        costs: Those of the board.
        standing: What the board knows.
        above: The top rate that a route must be above to matter.
        least_usd: What it must bring.
        kernel: What the search is run by.

    """

    def __init__(
        self,
        costs: Costs,
        standing: Standing,
        *,
        above: float,
        least_usd: float = 0.0,
        kernel: KernelName = "auto",
    ) -> None:
        self.is_stopped = False
        self.live: dict[str, Found] = {}
        self.bases: set[str] = set()
        self._least_usd = least_usd
        self._engine = RouteEngine("inventory", kernel=kernel, above=above)
        self._standing = standing
        self._terms = LiveState(costs, Rates(LatestQuotes(max_age_ns=1)))
        self._markets: dict[Place, Market[float] | None] = {}
        self._offered: set[Place] = set()
        self._booked: set[Place] = set()

    def begin(self, tape: Tape, now_ns: int) -> None:
        """Take up a tape, which goes on where the last one ended, at ``now_ns``."""
        self.correct([place for place, market in self._markets.items() if market], now_ns)
        new = [place for place in tape.places if place not in self._markets]
        for place in new:
            market = self._markets[place] = self._terms.list_market(place)
            if market is not None:
                self._engine.list_market(market)
        self._tops = self._tops_of(tape, set(new))
        self._promise = Promise(tape, row_of=self._row_of, kept=self._kept, standing=self._standing)
        self._follow()
        self._set_wakes()

    def run(self, row: int, end: int) -> int:
        """Go on from a row to where it is to be stopped, at ``end`` at the latest; return the next.

        ``is_stopped`` tells whether the row before that is one to be looked at.
        """
        self.is_stopped = False
        while row < end and not self.is_stopped:
            row = self._engine.set_tops(self._tops, row, end)
            if self._tops.told[1]:
                self._follow()
                self.is_stopped = bool(self.bases) or self._must_be_seen(row - 1)
        return row

    def passed(self) -> list[int]:
        """Return the newest rows of quotes and books passed since last asked, in their order."""
        newest = cast("Ints", self._tops.newest)
        rows: list[int] = np.sort(newest[newest != NONE]).tolist()
        newest[:] = NONE
        return rows

    def correct(self, places: Iterable[Place], now_ns: int) -> None:
        """Take from the board what markets offer, where it was told all that was passed."""
        for place in places:
            if self._markets.get(place) is not None:
                depth = self._standing.depth(place, now_ns)
                self._engine.set_depth(*place, None if isinstance(depth, Trouble) else depth)
        self._follow()

    def note(self, offered: Collection[Place]) -> None:
        """Wake at the next row of a market that cannot be used, as it may be from then on."""
        if offered != self._offered:
            self._offered = set(offered)
            self._set_wakes()

    def places_of(self, venue: str) -> list[Place]:
        """Return the markets of a venue."""
        return [place for place in self._markets if place[0] == venue]

    def is_sound(self, row: int) -> bool:
        """Tell whether a row is a quote or book that can be traded on by its prices."""
        return bool(self._sound[row])

    def _must_be_seen(self, row: int) -> bool:
        market = self._tops.market[row]
        is_back = market != NONE and self._wakes[market] == RETURNS
        return bool(self._tops.stops[row] or is_back)

    def _follow(self) -> None:
        """Note which routes pay, and which of them may bring enough."""
        changed = self._engine.changed()
        before = self.live.keys() & changed
        for name in changed:
            found = self._engine.look_up(name)
            if found is None:
                self.live.pop(name, None)
            else:
                self.live[name] = found
        bases = {found.cycle.legs[0].target[1] for found in self.live.values() if self._pays(found)}
        if bases != self.bases or before != self.live.keys() & changed:
            self.bases = bases
            self._set_wakes()

    def _pays(self, found: Found) -> bool:
        return self._promise.reaches(found.cycle, found.top_rate, self._least_usd)

    def _row_of(self, place: Place) -> int | None:
        """Return the last row of a market on this tape, where all of them were quotes."""
        slot = 2 * self._numbers[place]
        row = int(self._tops.latest[slot])
        return None if row == NONE or place in self._booked else row

    def _set_wakes(self) -> None:
        """Wake where a route that pays is touched, its base currency, or a market may return."""
        through = {place for found in self.live.values() for place in places_of(found.cycle)}
        for place, market in self._markets.items():
            if market is not None:
                touches = not self.bases.isdisjoint((market.base, home_of(market)))
                wakes = TOUCHES if touches or place in through else 0
                number = self._engine.number(*place)
                self._wakes[number] = wakes if place in self._offered else RETURNS

    def _tops_of(self, tape: Tape, new: Collection[Place]) -> Tops:
        """Return the rows as the search takes them; stopped at are those that the board must see.

        These are the first of each market, and those that cannot be traded on as they stand.
        """
        self._numbers = {place: number for number, place in enumerate(self._markets)}
        here = np.array([self._numbers[place] for place in tape.places], dtype=np.int64)
        market = np.array([self._engine.number(*place) for place in tape.places], dtype=np.int64)
        kept = np.array([self._kept(place) for place in tape.places])
        is_book = tape.book != QUOTE
        self._booked |= {tape.places[number] for number in np.unique(tape.place[is_book])}
        self._sound = _is_sound(tape, is_book)
        self._wakes = np.zeros(max(len(self._markets), 1), dtype=np.int64)
        stops = (~self._sound).astype(np.int64)
        known, first = np.unique(tape.place, return_index=True)
        stops[[at for place, at in zip(known, first, strict=True) if tape.places[place] in new]] = 1
        with np.errstate(divide="ignore"):
            sold, bought = tape.bid * kept[tape.place], kept[tape.place] / tape.ask
        return Tops(
            market=_ints(market[tape.place]),
            slot=_ints(2 * here[tape.place] + is_book),
            sold=_floats(np.where(self._sound, sold, 0.0)),
            bought=_floats(np.where(self._sound & (tape.ask > 0.0), bought, 0.0)),
            stops=_ints(stops),
            wakes=_ints(self._wakes),
            newest=_ints(np.full(2 * len(self._markets), NONE)),
            latest=_ints(np.full(2 * len(self._markets), NONE)),
            told=_ints(np.zeros(2, dtype=np.int64)),
        )

    def _kept(self, place: Place) -> float:
        market = self._markets[place]
        return 0.0 if market is None else 1.0 - market.taker_fee


def _is_sound(tape: Tape, is_book: Flags) -> Flags:
    """See `LatestDepths`: what is crossed or no price is no offer; a book may lack a side."""
    bid, ask = tape.bid, tape.ask
    sizes = (tape.bid_size >= 0) & (tape.bid_size < np.inf)
    sizes &= (tape.ask_size >= 0) & (tape.ask_size < np.inf)
    quoted = (bid > LEAST_PRICE) & (bid < ask) & (ask < MOST_PRICE) & sizes
    offered = ((bid > 0) | (ask > 0)) & ((bid < ask) | (ask == 0))
    sound: Flags = np.where(is_book, offered, quoted)
    return sound


def _ints(array: NDArray[np.int64]) -> SearchInts:
    return cast("SearchInts", array)


def _floats(array: NDArray[np.float64]) -> SearchFloats:
    return cast("SearchFloats", array)
