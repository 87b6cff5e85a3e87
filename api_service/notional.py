"""From a route's curve and a notional in US dollars to what the route would earn on it."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from api_service.rows import BPS
from market import CurvePoint, Route


class Earned(msgspec.Struct, frozen=True):
    """What a route earns on ``amount_in``, both in its start currency."""

    amount_in: float
    profit: float
    profit_usd: float

    @property
    def return_bps(self) -> float:
        """Profit of what is put in, in basis points."""
        return self.profit / self.amount_in * BPS


def earned_on(route: Route, notional_usd: float) -> Earned | None:
    """Return what is earned on a notional, between two points of the curve on a straight line.

    None: the curve does not reach so far, which is all that the books hold, or begins later,
    which is the least that can be traded; or the start currency's worth in dollars is not known.
    """
    worth_usd = _worth_usd(route)
    if worth_usd is None:
        return None
    amount_in = notional_usd / worth_usd
    profit = _interpolated(route.curve, amount_in)
    return None if profit is None else Earned(amount_in, profit, profit * worth_usd)


def _worth_usd(route: Route) -> float | None:
    """Return dollars for a unit of the start currency, as the profit was converted."""
    if route.start == "USD":
        return 1.0
    if not route.profit_usd or not route.profit:
        return None
    return route.profit_usd / route.profit


def _interpolated(curve: Sequence[CurvePoint], amount_in: float) -> float | None:
    for one, other in pairwise(curve):
        if one.amount_in <= amount_in <= other.amount_in:
            part = (amount_in - one.amount_in) / (other.amount_in - one.amount_in or 1.0)
            return one.profit + part * (other.profit - one.profit)
    return None
