"""Routes to take in, orders on their way, what became of them out: one taker with one latency."""

from __future__ import annotations

import msgspec

from analytics.backtest.arbitrage.floor import Floor
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.journey import Journey
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.matching import Got
from analytics.backtest.arbitrage.orders import Order, orders_of
from analytics.backtest.arbitrage.outcomes import Miss, Outcome, Pending
from analytics.backtest.arbitrage.rebalancing import Rebalancer, Rule
from analytics.backtest.arbitrage.transit import MINUTES, Transit
from analytics.routes.standing import Standing
from analytics.strategies.route_taker import Take


class Desk:
    """Carries routes out: all orders at once where funds wait, else leg after leg.

    A route that is on its way is not taken again before its orders, or the first of them where it
    has transfers, are done. Funds that an order may need are reserved when it is sent; where they
    do not suffice the route is taken for a share.

    Args:
        standing: What is known of the markets; whoever drives the desk keeps it up to the moment.
        latency: How long orders take.
        holdings: What there is to trade with; the desk changes it.
        slack_bps: See `orders_of`.
        rebalance: When what drifted is put back; None: never.
        minutes: See `Transit`.

    """

    def __init__(
        self,
        standing: Standing,
        latency: Latency,
        holdings: Holdings,
        *,
        slack_bps: float = 0.0,
        rebalance: Rule | None = None,
        minutes: float = MINUTES,
    ) -> None:
        self.latency = latency
        self.holdings = holdings
        self.outcomes: list[Outcome] = []
        self._floor = Floor(standing, latency, holdings, minutes=minutes)
        self._agenda = self._floor.agenda
        self._slack_bps = slack_bps
        self._rebalancer: Rebalancer | None = None
        if rebalance is not None:
            self._rebalancer = Rebalancer(rebalance, holdings, self.transit, self._agenda)
        self._in_flight: set[str] = set()

    @property
    def transit(self) -> Transit:
        """What was sent from venue to venue."""
        return self._floor.transit

    @property
    def due_ns(self) -> int:
        """When something happens next: an order meets its book, a transfer arrives."""
        return self._agenda.due_ns

    def send(self, take: Take) -> None:
        """Take a route."""
        route = take.route
        if route.id in self._in_flight:
            self._miss(take, "in_flight")
            return
        if self._rebalancer is not None:
            self._rebalancer.begin(take.at_ns)
        wanted = orders_of(route, slack_bps=self._slack_bps)
        worth = self._floor.worth(route, wanted, take.at_ns)
        at_once = wanted[:1] if route.mode == "transfer" else wanted
        funded, orders = self._floor.affordable(at_once, worth)
        if not orders:
            self._miss(take, "balance")
            return
        self._in_flight.add(route.id)
        if route.mode == "transfer":
            journey = Journey(take, orders[0], self._floor, self, worth=worth, funded=funded)
            self._floor.send(orders[0], take.at_ns, journey)
            return
        pending = Pending(
            route=route,
            taken_ns=take.at_ns,
            asked_usd=sum(order.planned_in * worth[order.source[1]] for order in orders),
            orders=len(orders),
            worth=worth,
            funded=funded,
            got={},
        )
        for number, order in enumerate(orders):
            self._floor.send(order, take.at_ns, _Sent(self, pending, number, order))

    def carry_out(self, now_ns: int) -> None:
        """Do all that is due by ``now_ns``."""
        while (at_ns := self.due_ns) <= now_ns:
            while self.due_ns == at_ns:
                self._agenda.carry_out_next()
            if self._rebalancer is not None:
                self._rebalancer.look(at_ns)

    def end(self, now_ns: int) -> None:
        """Give up what is on its way as the tape ends; nobody knows what it would have met."""
        self._agenda.end(now_ns)

    def fill(self, pending: Pending, number: int, order: Order, now_ns: int) -> None:
        """Have one of the orders of a route that are sent at once meet its book."""
        self._done(pending, number, self._floor.fill(order, now_ns, pending.worth))

    def lose(self, pending: Pending, number: int, order: Order, now_ns: int) -> None:
        """Give one of them up."""
        self._done(pending, number, self._floor.lose(order, now_ns))

    def is_away(self, route_id: str) -> None:
        """See `journey.Awaits.is_away`."""
        self._in_flight.discard(route_id)

    def is_done(self, outcome: Outcome) -> None:
        """See `journey.Awaits.is_done`."""
        self.outcomes.append(outcome)

    def _done(self, pending: Pending, number: int, got: Got) -> None:
        """Note what an order got, and what became of the route once that was its last."""
        pending.got[number] = got
        if len(pending.got) == pending.orders:
            self._floor.value(pending.route, pending.worth, got.at_ns)
            self.is_away(pending.route.id)
            self.is_done(pending.outcome())

    def _miss(self, take: Take, why: Miss) -> None:
        self.outcomes.append(
            Outcome(
                route_id=take.route.id,
                base=take.route.base,
                taken_ns=take.at_ns,
                done_ns=take.at_ns,
                state="missed",
                why=why,
                seen_usd=take.route.profit_usd or 0.0,
                funded=0.0 if why == "balance" else 1.0,
            )
        )


class _Sent(msgspec.Struct, frozen=True):
    """An order on its way, one of several of a route."""

    desk: Desk
    pending: Pending
    number: int
    order: Order

    def carry_out(self, now_ns: int) -> None:
        """See `Errand.carry_out`."""
        self.desk.fill(self.pending, self.number, self.order, now_ns)

    def give_up(self, now_ns: int) -> None:
        """See `Errand.give_up`."""
        self.desk.lose(self.pending, self.number, self.order, now_ns)
