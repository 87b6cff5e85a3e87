"""What was received in, taken route by route out: the live board and a strategy on recorded time.

At each moment, in this order: what was received is taken in, orders that arrive meet their books,
routes that changed are told to the strategy, what it takes is sent. Nobody sees what was received
after that moment, so an order meets the book that was known ``latency`` after it was sent. Between
two moments the clock strikes every second, as quotes that grow too old change routes too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from analytics.backtest.arbitrage.agenda import NEVER_NS
from analytics.backtest.arbitrage.desk import Desk
from analytics.backtest.arbitrage.tape import Tape, Told
from analytics.routes.board import RouteBoard
from analytics.strategies.route_taker import Take
from market import Routes
from market.intervals import SECOND_NS

QUIET_NS = 60 * SECOND_NS
"""After so long without an event nothing is left that could grow too old."""


class TakesRoutes(Protocol):
    """A strategy on routes."""

    def on_routes(self, routes: Routes, /) -> list[Take]:
        """Return what is to be taken now of the routes of one base currency."""


class Admits(Protocol):
    """How often routes are told; see `refresher_service.pace.Pace`."""

    def admits(self, base: str, now_ns: int, /) -> bool:
        """Tell whether those of a base currency may be told again."""


class Replay:
    """Plays tapes, one after the other, to one board, one strategy and any number of desks.

    Args:
        board: A new one.
        taker: What decides; all desks carry out the same takes.
        desks: One for each latency.
        pace: How often routes are told, as a refresher does. None: at every change, all at once.
        hear: Told of all routes that are told.

    """

    def __init__(
        self,
        board: RouteBoard,
        taker: TakesRoutes,
        desks: Sequence[Desk],
        *,
        pace: Admits | None = None,
        hear: Callable[[Routes], object] | None = None,
    ) -> None:
        self.board = board
        self.desks = desks
        self.taken: list[Take] = []
        self._taker = taker
        self._pace = pace
        self._hear = hear
        self.now_ns = self._heard_ns = 0
        self._strikes_ns = NEVER_NS

    def play(self, tape: Tape) -> None:
        """Play a tape; the next one goes on where it ends."""
        for now_ns, events in tape.moments():
            self.wait_until(now_ns)
            self.take(events, now_ns)

    def end(self) -> None:
        """End, with what is on its way still."""
        for desk in self.desks:
            desk.end(self.now_ns)

    def take(
        self, events: Sequence[Told], now_ns: int, *, bases: Collection[str] | None = None
    ) -> None:
        """Take in what was received at a moment, and decide.

        Args:
            events: All of them.
            now_ns: When that was.
            bases: The base currencies that there may be a route to take of; None: any.

        """
        self._heard_ns = now_ns
        for event in events:
            self.board.take(event)
        self.carry_out(now_ns)
        self.decide(now_ns, bases)

    @property
    def next_ns(self) -> int:
        """When something happens next without an event: the clock strikes, or an order is done."""
        return min(self._strikes_ns, self._due_ns + 1)

    def wait_until(self, now_ns: int, *, bases: Collection[str] | None = None) -> None:
        """Let time pass up to a moment, which is left out for orders and counts for the clock.

        Args:
            now_ns: When the next event was received.
            bases: As `take`.

        """
        if self._strikes_ns == NEVER_NS:
            self._strikes_ns = now_ns // SECOND_NS * SECOND_NS + SECOND_NS
        while (next_ns := self.next_ns) <= now_ns:
            self.carry_out(next_ns - 1)
            if next_ns == self._strikes_ns:
                self.decide(next_ns, bases)
                self._strikes_ns = self._after(next_ns, now_ns)

    def carry_out(self, now_ns: int) -> None:
        """Have every order that arrives by now meet its book."""
        for desk in self.desks:
            desk.carry_out(now_ns)

    def decide(self, now_ns: int, bases: Collection[str] | None = None) -> None:
        """Tell the strategy what changed, and send what it takes; without latency it is done."""
        self.now_ns = now_ns
        if self._pace is None:
            self.board.settle(now_ns)
        while due := self._due(now_ns, bases):
            self._tell(due, now_ns)
        self.board.lives.closed(now_ns)  # lives that are over are let go of, as a refresher does
        self.carry_out(now_ns)

    def _due(self, now_ns: int, bases: Collection[str] | None) -> list[str]:
        """Return the base currencies to tell of; to tell of one may change routes of another."""
        changed = self.board.changed(now_ns)
        meant = changed if bases is None else changed.intersection(bases)
        pace = self._pace
        return sorted(one for one in meant if pace is None or pace.admits(one, now_ns))

    def _tell(self, bases: Collection[str], now_ns: int) -> None:
        for base in bases:
            routes = self.board.refresh(base, now_ns)
            if self._hear is not None:
                self._hear(routes)
            for take in self._taker.on_routes(routes):
                self._send(take)

    @property
    def _due_ns(self) -> int:
        return min((desk.due_ns for desk in self.desks), default=NEVER_NS)

    def _after(self, struck_ns: int, now_ns: int) -> int:
        """Return when the clock strikes next; after a minute without an event just before one."""
        if struck_ns - self._heard_ns < QUIET_NS:
            return struck_ns + SECOND_NS
        return max(struck_ns + SECOND_NS, now_ns // SECOND_NS * SECOND_NS)

    def _send(self, take: Take) -> None:
        self.taken.append(take)
        for desk in self.desks:
            desk.send(take)
