"""Routes to take in, orders on their way, what became of them out: one taker with one latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from itertools import count

import msgspec

from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.matching import ENOUGH, Got, Matching
from analytics.backtest.arbitrage.orders import Order, orders_of
from analytics.backtest.arbitrage.outcomes import Miss, Outcome, Pending
from analytics.routes.standing import Standing
from analytics.strategies.route_taker import Take
from market import Route

NEVER_NS = 1 << 62


class _Sent(msgspec.Struct, frozen=True, order=True):
    """An order on its way; ``count`` decides between those that arrive at once."""

    due_ns: int
    count: int
    number: int
    order: Order


class Desk:
    """Sends the orders of a route at once and hears of each when it has met its book.

    A route that is on its way is not taken again before it is done. Funds that an order may need
    are reserved when it is sent; where they do not suffice the route is taken for a share.

    Args:
        standing: What is known of the markets; whoever drives the desk keeps it up to the moment.
        latency: How long orders take.
        holdings: What there is to trade with; the desk changes it.
        slack_bps: See `orders_of`.

    """

    def __init__(
        self, standing: Standing, latency: Latency, holdings: Holdings, *, slack_bps: float = 0.0
    ) -> None:
        self.latency = latency
        self.holdings = holdings
        self.outcomes: list[Outcome] = []
        self._standing = standing
        self._matching = Matching(standing)
        self._slack_bps = slack_bps
        self._on_the_way: list[tuple[_Sent, Pending]] = []
        self._in_flight: dict[str, Pending] = {}
        self._numbers = count()

    @property
    def due_ns(self) -> int:
        """When the next order meets its book."""
        return self._on_the_way[0][0].due_ns if self._on_the_way else NEVER_NS

    def send(self, take: Take) -> None:
        """Take a route."""
        route = take.route
        if route.id in self._in_flight:
            self._miss(take, "in_flight")
            return
        wanted = orders_of(route, slack_bps=self._slack_bps)
        worth = self._worth(route, wanted, take.at_ns)
        orders = self._affordable(wanted, worth)
        if not orders:
            self._miss(take, "balance")
            return
        pending = Pending(
            route=route,
            taken_ns=take.at_ns,
            asked_usd=sum(order.planned_in * worth[order.source[1]] for order in orders),
            orders=len(orders),
            worth=worth,
            got={},
        )
        self._in_flight[route.id] = pending
        for number, order in enumerate(orders):
            self.holdings.reserve(order.source, order.reserved)
            sent = _Sent(take.at_ns + self.latency.draw(), next(self._numbers), number, order)
            heappush(self._on_the_way, (sent, pending))

    def carry_out(self, now_ns: int) -> None:
        """Have every order that arrives by ``now_ns`` meet its book."""
        while self.due_ns <= now_ns:
            sent, pending = heappop(self._on_the_way)
            self._done(sent, pending, self._matching.fill(sent.order, sent.due_ns))

    def end(self, now_ns: int) -> None:
        """Give up what is on its way as the tape ends; nobody knows what it would have met."""
        while self._on_the_way:
            sent, pending = heappop(self._on_the_way)
            self._done(sent, pending, Got(order=sent.order, at_ns=now_ns, short="tape_ended"))

    def _affordable(self, orders: Sequence[Order], worth: Mapping[str, float]) -> Sequence[Order]:
        """Return the orders of a route, or of the share of it that funds suffice for."""
        for order in orders:
            self.holdings.of(order.source, worth[order.source[1]])
        share = self.holdings.share((order.source, order.reserved) for order in orders)
        if share >= ENOUGH:
            return orders
        markets = [self._standing.market(order.place) for order in orders]
        fewer = [
            order.scaled(share, market.lot) for order, market in zip(orders, markets, strict=True)
        ]
        is_enough = all(
            order.quantity * order.limit > (market.minimum_notional or 0.0)
            for order, market in zip(fewer, markets, strict=True)
        )
        return fewer if is_enough else []

    def _done(self, sent: _Sent, pending: Pending, got: Got) -> None:
        """Book what an order got, and the route once that was its last."""
        order, holdings = sent.order, self.holdings
        holdings.reserve(order.source, -order.reserved)
        holdings.add(order.source, -got.amount_in)
        holdings.add(order.target, got.amount_out, pending.worth[order.target[1]])
        pending.got[sent.number] = got
        if len(pending.got) == pending.orders:
            for asset in pending.worth:
                usd = self._usd(pending.route, asset, sent.due_ns)
                pending.worth[asset] = pending.worth[asset] if usd is None else usd
            del self._in_flight[pending.route.id]
            self.outcomes.append(pending.outcome())

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
            )
        )

    def _worth(self, route: Route, orders: Sequence[Order], now_ns: int) -> dict[str, float]:
        """Return what a unit of each asset is worth; where nothing tells, by the route itself."""
        worth: dict[str, float] = {}
        for order in (*orders, *orders):  # it may be told of a later leg alone
            for (_, asset), (_, other), rate in (
                (order.source, order.target, order.planned_out / order.planned_in),
                (order.target, order.source, order.planned_in / order.planned_out),
            ):
                usd = self._usd(route, asset, now_ns)
                if usd is not None:
                    worth[asset] = usd
                elif asset not in worth and other in worth:
                    worth[asset] = worth[other] * rate
        return worth

    def _usd(self, route: Route, asset: str, now_ns: int) -> float | None:
        """Return what a unit is worth; what a comparison ends with at the rate that it goes by."""
        last = route.legs[-1]
        if last.kind != "convert" or asset != last.source:
            return self._standing.usd(asset)
        sold, bought = route.sell_instrument.quote_currency, route.buy_instrument.quote_currency
        rate = self._standing.rate(sold, bought, now_ns, avoiding=route.buy_instrument.base)
        usd = self._standing.usd(last.target)
        return None if rate is None or usd is None else rate.value * usd
