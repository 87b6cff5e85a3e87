"""From a way round to a route with its size, its flags and all that it rests on."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from analytics.rates import SAME
from analytics.routes.comparison import BPS, Compared
from analytics.routes.doubts import Moves, doubts, moves_of
from analytics.routes.engine import Found
from analytics.routes.filling import filled
from analytics.routes.live_state import LiveState
from analytics.routes.pricing import Sized, told
from analytics.routes.sizing import Sizing, curve, sized
from analytics.routes.state import Cycle, Limits, Mode, Node
from analytics.routes.verdict import Outcome, judge, steps
from analytics.routes.volatility import Volatility
from analytics.routes.walk import Step
from market import Route


class Judged(msgspec.Struct, frozen=True):
    """A cycle that was looked at: what came of it, and when its newest book was received."""

    cycle: Cycle
    outcome: Outcome
    route: Route
    at_ns: int


class Judging:
    """Judges by the limits of one notional and one skew, in either mode.

    ``odd`` are the venues and assets whose price is too far off, to be set by whoever knows.
    """

    def __init__(
        self, state: LiveState, volatility: Volatility, limits: dict[Mode, Limits[float]]
    ) -> None:
        self.odd: Collection[Node] = frozenset()
        self._state = state
        self._volatility = volatility
        self._limits = limits

    def of_cycle(self, found: Found, now_ns: int) -> Judged:
        """Judge a cycle that pays at the best levels."""
        cycle, state = found.cycle, self._state
        limits = self._limits[cycle.mode]
        verdict = judge(cycle, found.top_rate, state=state, limits=limits, now_ns=now_ns)
        size = Sized(profit_usd=verdict.profit_usd)
        if verdict.sizing is not None and verdict.sizing.outcome == "pays":
            size = _sized(steps(cycle, state), verdict.sizing, verdict.profit_usd)
        return self._judged(cycle, verdict.outcome, size)

    def of_comparison(self, cycle: Cycle, compared: Compared, *, walked: bool) -> Judged:
        """Judge a pair of markets at its best levels, or as deep as it pays if ``walked``."""
        state = self._state
        legs = _steps(cycle, compared, state)
        usd = state.usd(cycle.start)
        sizing = sized(legs, self._capital(usd)) if walked and compared.net > 1.0 else None
        outcome = self._outcome(compared)
        if sizing is not None and sizing.outcome == "pays":
            profit_usd = None if usd is None else sizing.executable_profit * usd
            return self._judged(cycle, outcome, _sized(legs, sizing, profit_usd), compared)
        return self._judged(cycle, outcome, self._at_the_top(legs, compared, cycle), compared)

    def is_plausible(self, cycle: Cycle, compared: Compared) -> bool:
        """Tell whether the prices of a pair may be those of one coin at one time."""
        is_odd = any(leg.source in self.odd for leg in cycle.legs)
        return not is_odd and self._outcome(compared) == "route"

    def _outcome(self, compared: Compared) -> Outcome:
        limits = self._limits["inventory"]
        if abs(compared.gross - 1.0) > limits.most_return:
            return "implausible"
        if _skew_ns(compared) > limits.most_skew_ns:
            return "skew"
        return "route" if compared.net > 1.0 else "costs"

    def _at_the_top(self, legs: tuple[Step[float], ...], compared: Compared, cycle: Cycle) -> Sized:
        """Fill what the best levels hold; a cycle may begin at either trade."""
        buys_first = cycle.legs[0].kind == "buy"
        price = compared.buy.depth.asks[0][0] if buys_first else 1.0
        fills = filled(legs, compared.size * price, in_lots=False)
        usd = self._state.usd(cycle.start)
        profit = fills[-1].amount_out - fills[0].amount_in
        return Sized(fills=fills, profit_usd=None if usd is None else profit * usd)

    def _judged(
        self, cycle: Cycle, outcome: Outcome, size: Sized, compared: Compared | None = None
    ) -> Judged:
        state, moves = self._state, moves_of(cycle, self._state)
        risk_bps = self._risk_bps(cycle, moves)
        return_bps = _return_bps(size)
        flags = doubts(
            cycle,
            outcome,
            state=state,
            moves=moves,
            odd=self.odd,
            outrun=risk_bps is not None and risk_bps > return_bps,
        )
        rate = SAME if compared is None else compared.rate
        route = told(cycle, size, state=state, moves=moves, why_not=flags, rate=rate)
        route = msgspec.structs.replace(route, transfer_risk_bps=risk_bps)
        newest_ns = max(leg.received_ns for leg in route.legs if leg.instrument is not None)
        return Judged(cycle, outcome, route, newest_ns)

    def _risk_bps(self, cycle: Cycle, moves: Moves) -> float | None:
        """Return one standard deviation over the moves' time, of the asset that moves most."""
        if cycle.mode != "transfer" or moves.minutes is None:
            return None
        moved = {leg.source[1] for leg in cycle.legs if leg.kind == "move"}
        return max(self._volatility.risk_bps(asset, moves.minutes) for asset in sorted(moved))

    def _capital(self, usd: float | None) -> float | None:
        most = self._limits["inventory"].most_capital_usd
        return None if most is None or not usd else most / usd


def _steps(cycle: Cycle, compared: Compared, state: LiveState) -> tuple[Step[float], ...]:
    if compared.is_direct:
        return steps(cycle, state)
    trading = msgspec.structs.replace(cycle, legs=cycle.legs[:-1])
    rate = ((compared.rate.value, float("inf")),)
    return (*steps(trading, state), Step(kind="convert", fee=0.0, levels=rate))


def _sized(legs: tuple[Step[float], ...], sizing: Sizing[float], profit_usd: float | None) -> Sized:
    return Sized(
        fills=sizing.fills,
        limited_by=sizing.limited_by,
        curve=curve(legs, sizing.size),
        profit_usd=profit_usd,
    )


def _return_bps(size: Sized) -> float:
    if not size.fills:
        return 0.0
    return (size.fills[-1].amount_out / size.fills[0].amount_in - 1.0) * BPS


def _skew_ns(compared: Compared) -> int:
    return abs(compared.buy.depth.event_ns - compared.sell.depth.event_ns)
