"""A route with transfers in, leg after leg with what the one before brought, what it kept out.

The first order is sent as those of any route are. What it buys is sent on at once, arrives when the
transfer has taken its time, and is traded at whatever price is known when an order that is sent
then meets its book. Where that market cannot be traded on then, as nothing new was heard of it, the
order is sent again each second, for as long as `PATIENCE_NS`. What cannot be traded or sent on
stays where it is and is valued there. With amounts by asset and what a unit is worth in dollars
when the last leg is done::

    kept = sum over trades of (amount out * worth - amount in * worth) - fees of transfers * worth
           - what whole lots leave over, as the route counts that as lost
"""

from __future__ import annotations

from typing import Protocol

from analytics.backtest.arbitrage.floor import Floor
from analytics.backtest.arbitrage.matching import Got, Short
from analytics.backtest.arbitrage.orders import Order, order_of_all
from analytics.backtest.arbitrage.outcomes import Miss, Outcome, fees_usd, filled_usd, state_of
from analytics.backtest.arbitrage.transit import Shipment
from analytics.strategies.route_taker import Take
from market import RouteLeg
from market.intervals import SECOND_NS

PATIENCE_NS = 600 * SECOND_NS
"""How long a market is waited for that has no usable book when a coin arrives."""

_IN_BOOKS: tuple[Short, ...] = ("", "price", "depth", "minimum")
"""What a book said of an order; anything else is that there was none."""


class Awaits(Protocol):
    """Who wants to know how a journey goes on."""

    def is_away(self, route_id: str, /) -> None:
        """Hear that the first order is done; from now on funds alone keep it from being taken."""

    def is_done(self, outcome: Outcome, /) -> None:
        """Hear what came of it."""


class Journey:
    """One route on its way; an `Errand`, due when its order meets the book or its coin arrives.

    Args:
        take: The route.
        order: The first one, which whoever makes the journey sends.
        floor: What all is carried out with.
        awaits: Who is told.
        worth: What a unit of each asset is worth as it is taken.
        funded: The share of it that funds suffice for.

    """

    def __init__(
        self,
        take: Take,
        order: Order,
        floor: Floor,
        awaits: Awaits,
        *,
        worth: dict[str, float],
        funded: float,
    ) -> None:
        self._take = take
        self._order = order
        self._floor = floor
        self._awaits = awaits
        self._worth = worth
        self._funded = funded
        self._at = 0
        self._traded_ns = 0
        self._got: list[Got] = []
        self._shipments: list[Shipment] = []
        self._lost: list[tuple[str, float]] = []

    def carry_out(self, now_ns: int) -> None:
        """Trade what has arrived at a book, or take what has arrived at a venue; then go on."""
        leg = self._leg
        if leg.kind == "move":
            self._go_on(self._shipments[-1].arrives, now_ns)
            return
        got = self._floor.fill(self._order, now_ns, self._worth)
        if self._at == 0:
            self._awaits.is_away(self._take.route.id)
        elif got.short not in _IN_BOOKS and now_ns < self._traded_ns + PATIENCE_NS:
            self._floor.send(self._order, now_ns + SECOND_NS, self)
            return
        self._got.append(got)
        if got.amount_out > 0.0:
            self._lose_what_is_over(got)
            self._go_on(got.amount_out, now_ns)
        else:
            self._end(got.short, now_ns)

    def give_up(self, now_ns: int) -> None:
        """See `Errand.give_up`."""
        if self._leg.kind != "move":
            self._got.append(self._floor.lose(self._order, now_ns))
        self._end("tape_ended", now_ns)

    @property
    def _leg(self) -> RouteLeg:
        return self._take.route.legs[self._at]

    def _go_on(self, amount: float, now_ns: int) -> None:
        """Begin the next leg with what the last one brought."""
        self._at += 1
        if self._at == len(self._take.route.legs):
            self._end("", now_ns)
        elif self._leg.kind == "move":
            self._send_on(amount, now_ns)
        else:
            self._trade(amount, now_ns)

    def _send_on(self, amount: float, now_ns: int) -> None:
        leg, transit = self._leg, self._floor.transit
        way = transit.way(leg.source, leg.venue, leg.to_venue)
        if way is None:
            self._end("no_way", now_ns)
        elif amount <= way.fee or amount < (way.minimum or 0.0):
            self._end("minimum", now_ns)
        else:
            sent = transit.send(way, amount, now_ns, purpose="route", then=self)
            self._shipments.append(sent)

    def _trade(self, amount: float, now_ns: int) -> None:
        """Send an order for all that is there; it is reserved until the order arrives."""
        leg = self._leg
        assert leg.instrument is not None  # noqa: S101  # a trade has a market
        self._traded_ns = now_ns
        lot = self._floor.standing.market((leg.venue, leg.instrument)).lot
        self._order = order_of_all(leg, amount, lot)
        if self._order.quantity > 0.0:
            self._floor.send(self._order, now_ns, self)
        else:
            self._end("minimum", now_ns)

    def _lose_what_is_over(self, got: Got) -> None:
        """Note what whole lots leave of what was there to trade."""
        order = got.order
        if order.spends is not None:
            self._lost.append((order.source[1], order.spends * got.share - got.amount_in))
        elif order.kind == "sell":
            self._lost.append((order.source[1], order.planned_in - order.quantity))

    def _end(self, why: Miss, now_ns: int) -> None:
        route, worth, got = self._take.route, self._worth, tuple(self._got)
        self._floor.value(route, worth, now_ns)
        worst: Short = min(got, key=lambda one: one.share).short if got else ""
        trades = [leg for leg in route.legs if leg.instrument is not None]
        asked_usd = sum(one.order.planned_in * worth[one.order.source[1]] for one in got)
        for leg in trades[len(got) :]:
            asked_usd += leg.amount_in * self._funded * worth[leg.source]
        state = state_of(got)
        self._awaits.is_done(
            Outcome(
                route_id=route.id,
                base=route.base,
                taken_ns=self._take.at_ns,
                done_ns=now_ns,
                state="partial" if why and state == "filled" else state,
                why=why or worst,
                seen_usd=route.profit_usd or 0.0,
                kept_usd=self._kept_usd(),
                fees_usd=fees_usd(got, worth),
                asked_usd=asked_usd,
                filled_usd=filled_usd(got, worth),
                funded=self._funded,
                got=got,
                shipments=tuple(self._shipments),
            )
        )

    def _kept_usd(self) -> float:
        """Return what all legs brought so far; see the module."""
        worth = self._worth
        kept = -sum(one.fee * worth[one.asset] for one in self._shipments)
        for one in self._got:
            source, target = one.order.source[1], one.order.target[1]
            kept += one.amount_out * worth[target] - one.amount_in * worth[source]
        return kept - sum(amount * worth[asset] for asset, amount in self._lost)
