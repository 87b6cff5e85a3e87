"""What the orders of one desk are carried out with: books, funds, time and worth in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analytics.backtest.arbitrage.agenda import Agenda, Errand
from analytics.backtest.arbitrage.holdings import Holdings
from analytics.backtest.arbitrage.latency import Latency
from analytics.backtest.arbitrage.matching import ENOUGH, Got, Matching
from analytics.backtest.arbitrage.orders import Order
from analytics.backtest.arbitrage.transit import MINUTES, Transit
from analytics.routes.standing import Standing
from market import Route


class Floor:
    """Sends orders, and fills them when they arrive.

    Args:
        standing: What is known of the markets; whoever drives the desk keeps it up to the moment.
        latency: How long orders take.
        holdings: What there is to trade with.
        minutes: See `Transit`.

    """

    def __init__(
        self, standing: Standing, latency: Latency, holdings: Holdings, *, minutes: float = MINUTES
    ) -> None:
        self.standing = standing
        self.latency = latency
        self.holdings = holdings
        self.agenda = Agenda()
        self.transit = Transit(standing, holdings, self.agenda, minutes=minutes)
        self._matching = Matching(standing)

    def send(self, order: Order, now_ns: int, errand: Errand) -> None:
        """Reserve what an order may need, and have its errand done when it arrives."""
        self.holdings.reserve(order.source, order.reserved)
        self.agenda.add(now_ns + self.latency.draw(), errand)

    def fill(self, order: Order, now_ns: int, worth: Mapping[str, float]) -> Got:
        """Have an order that arrives now meet its book, and book what it gets."""
        got = self._matching.fill(order, now_ns)
        self.holdings.reserve(order.source, -order.reserved)
        self.holdings.add(order.source, -got.amount_in)
        self.holdings.add(order.target, got.amount_out, worth[order.target[1]])
        return got

    def lose(self, order: Order, now_ns: int) -> Got:
        """Let go of an order that nobody knows what it would have met."""
        self.holdings.reserve(order.source, -order.reserved)
        return Got(order=order, at_ns=now_ns, short="tape_ended")

    def affordable(
        self, orders: Sequence[Order], worth: Mapping[str, float]
    ) -> tuple[float, Sequence[Order]]:
        """Return the share that funds suffice for, and the orders for it; none: it is too little.

        Args:
            orders: All that are to be sent at once.
            worth: What a unit of each asset is worth.

        """
        for order in orders:
            self.holdings.of(order.source, worth[order.source[1]])
        share = self.holdings.share((order.source, order.reserved) for order in orders)
        if share >= ENOUGH:
            return 1.0, orders
        markets = [self.standing.market(order.place) for order in orders]
        fewer = [
            order.scaled(share, market.lot) for order, market in zip(orders, markets, strict=True)
        ]
        is_enough = all(
            order.quantity * order.limit > (market.minimum_notional or 0.0)
            for order, market in zip(fewer, markets, strict=True)
        )
        return (share, fewer) if is_enough else (0.0, [])

    def worth(self, route: Route, orders: Sequence[Order], now_ns: int) -> dict[str, float]:
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

    def value(self, route: Route, worth: dict[str, float], now_ns: int) -> None:
        """Bring up to now what a unit of each asset is worth, where something tells."""
        for asset, before in worth.items():
            usd = self._usd(route, asset, now_ns)
            worth[asset] = before if usd is None else usd

    def _usd(self, route: Route, asset: str, now_ns: int) -> float | None:
        """Return what a unit is worth; what a comparison ends with at the rate that it goes by."""
        last = route.legs[-1]
        if last.kind != "convert" or asset != last.source:
            return self.standing.usd(asset)
        sold, bought = route.sell_instrument.quote_currency, route.buy_instrument.quote_currency
        rate = self.standing.rate(sold, bought, now_ns, avoiding=route.buy_instrument.base)
        usd = self.standing.usd(last.target)
        return None if rate is None or usd is None else rate.value * usd
