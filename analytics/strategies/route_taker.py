"""The strategy on routes: what a board tells of a base currency in, the routes to take now out.

It takes what pays enough, with nothing that speaks against it, at the size that the board found,
and no side of a book for two routes at one moment, as their sizes count on it alone.
The same object hears the routes live and in a replay; of what becomes of a route it hears nothing,
so it rests a while before it takes the same one again.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

from analytics.routes.flags import Flag
from analytics.routes.state import Mode
from analytics.strategies.strategy import Reason
from market import Route, Routes
from market.intervals import SECOND_NS

BPS = 10_000.0
ROUNDING = 1e-9

LIVED_WITH: tuple[Flag, ...] = (
    "fx_comparison",
    "capital_controls",
    "transfer_closed",
    "transfer_unknown",
    "transfer_time_unknown",
    "transfer_risk",
    "fee_assumed",
)
"""What a taker may choose to take a route despite of; all else keeps a route from being one."""


class Take(msgspec.Struct, frozen=True):
    """A route to take now, as it was told, and why."""

    route: Route
    at_ns: int
    reason: Reason


class TakeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a route must bring, at the size that it is taken at.

    ``rest_s`` is how long one route is left alone once taken. ``despite`` names what may be
    said against a route that is taken all the same, joined by ``+``: ``transfer_unknown``
    where funds at all venues are put back by other ways, ``fee_assumed``, ``fx_comparison``
    for routes that end in another currency, at the rate of then; of routes with transfers
    ``transfer_risk`` and ``transfer_time_unknown``.
    """

    min_return_bps: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 0.0
    min_profit_usd: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1.0
    rest_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 1.0
    despite: str = ""

    def __post_init__(self) -> None:
        """Check that every word of ``despite`` is one that can be lived with.

        Raises:
            ValueError: one is not.

        """
        for word in self.lived_with - set(LIVED_WITH):
            known = "+".join(LIVED_WITH)
            raise ValueError(f"despite is {self.despite!r}: {word!r} is none of {known}")

    @property
    def lived_with(self) -> frozenset[str]:
        """The words of ``despite``."""
        return frozenset(filter(None, self.despite.split("+")))


class RouteTaker:
    """Takes routes between funds that wait at every venue; a transfer is too slow for a quote.

    With ``mode`` it takes those with transfers instead, which is for a replay to show how slow.
    """

    name: ClassVar[str] = "route-taker"
    Parameters: ClassVar[type[msgspec.Struct]] = TakeTerms

    def __init__(self, parameters: TakeTerms, /, *, mode: Mode = "inventory") -> None:
        self._least = parameters
        self._mode = mode
        self._rest_ns = round(parameters.rest_s * SECOND_NS)
        self._lived_with = parameters.lived_with
        self._taken_ns: dict[str, int] = {}
        self._now_ns = 0
        self._used: set[tuple[object, ...]] = set()

    @property
    def least_usd(self) -> float:
        """What every route brings that it takes."""
        return self._least.min_profit_usd

    def above(self, capital_usd: float | None) -> float | None:
        """Return a top rate that every route is above that it takes; None: there is none.

        No unit that is put in brings more than the top rate, and no more is put in than capital.
        A comparison has no such rate, and whether the risk of a transfer keeps a route from being
        taken is told by all prices before.
        """
        is_risk_told = self._mode == "transfer" and "transfer_risk" not in self._lived_with
        if "fx_comparison" in self._lived_with or is_risk_told:
            return None
        least = self._least.min_return_bps / BPS
        if capital_usd:
            least = max(least, self._least.min_profit_usd / capital_usd)
        return max(1.0, 1.0 + least - ROUNDING)

    def on_routes(self, routes: Routes, /) -> list[Take]:
        """Return what is to be taken of the routes of one base currency, best first."""
        now_ns = routes.received_ns
        if now_ns != self._now_ns:
            self._now_ns = now_ns
            self._used.clear()
        return [
            self._take(route, now_ns)
            for route in routes.routes
            if self._pays(route)
            and self._is_rested(route, now_ns)
            and self._used.isdisjoint(_books_of(route))
        ]

    def _take(self, route: Route, now_ns: int) -> Take:
        self._taken_ns[route.id] = now_ns
        self._used |= _books_of(route)
        return Take(route, now_ns, self._why(route))

    def _pays(self, route: Route) -> bool:
        if (route.mode == "transfer") != (self._mode == "transfer"):
            return False
        if route.profit_usd is None or not route.amount_in:
            return False
        return (
            route.profit_usd >= self._least.min_profit_usd
            and route.return_bps >= self._least.min_return_bps
            and route.profit > 0.0
            and self._lived_with.issuperset(route.why_not)
        )

    def _is_rested(self, route: Route, now_ns: int) -> bool:
        taken_ns = self._taken_ns.get(route.id)
        return taken_ns is None or not 0 <= now_ns - taken_ns < self._rest_ns

    def _why(self, route: Route) -> Reason:
        """Say what it brings, and beside which bounds."""
        profit_usd = route.profit_usd or 0.0
        values = {
            "profit_usd": profit_usd,
            "return_bps": route.return_bps,
            "net_bps": route.net_bps,
            "size": route.size,
            "amount_in": route.amount_in,
            "buy_price": route.buy_price,
            "sell_price": route.sell_price,
            "min_profit_usd": self._least.min_profit_usd,
            "min_return_bps": self._least.min_return_bps,
        }
        text = (
            f"take {route.id}: {route.amount_in:g} {route.start} bring {profit_usd:.2f} USD, "
            f"{route.return_bps:.1f} bps after all fees, limited by {route.limited_by or 'nothing'}"
        )
        return Reason(text, values)


def _books_of(route: Route) -> set[tuple[object, ...]]:
    """Return the sides of books that a route takes from."""
    return {
        (leg.venue, leg.instrument, leg.kind) for leg in route.legs if leg.instrument is not None
    }
