"""A way round and the state of the markets in, whether it is a route and how large out.

In this order: books too far apart in time (``skew``), a return too good to be of one coin
(``implausible``: a suspect), a minimum that cannot be met (``minimum``), no profit (``costs``),
none once cut to lots (``lot``), no USD value though a limit is in USD (``unpriced``), a return or
profit below what is asked for (``small``). What is left is a ``route``.
"""

from __future__ import annotations

from typing import Generic, Literal, Protocol, TypeAlias

import msgspec

from analytics.routes.sizing import Sizing, sized
from analytics.routes.state import Cycle, Depth, Leg, Limits, Market, Mode, N, Transfer
from analytics.routes.walk import Step
from market import Instrument

Outcome: TypeAlias = Literal[
    "route", "skew", "implausible", "minimum", "costs", "lot", "unpriced", "small"
]


class State(Protocol[N]):
    """What a verdict looks up. What a cycle trades and moves is there, or it is no cycle."""

    def market(self, venue: str, instrument: Instrument) -> Market[N]:
        """Return the terms of a market."""

    def depth(self, venue: str, instrument: Instrument) -> Depth[N]:
        """Return its usable book."""

    def transfer(self, asset: str, source: str, target: str) -> Transfer[N] | None:
        """Return the terms of moving an asset; None: nobody knows them."""

    def usd(self, asset: str) -> N | None:
        """Return what one unit is worth in USD; None: nothing tells."""


class Verdict(msgspec.Struct, Generic[N], frozen=True, kw_only=True):
    """What became of a cycle.

    ``age_ns`` is the age of its oldest book, ``skew_ns`` the time between oldest and newest.
    ``sizing`` is None where the books or the return were not trusted, ``profit_usd`` is what is
    earned in the end, None where it is nothing or has no known USD value.
    """

    cycle: Cycle
    top_rate: N
    outcome: Outcome
    age_ns: int
    skew_ns: int
    sizing: Sizing[N] | None = None
    profit_usd: N | None = None


def judge(
    cycle: Cycle, top_rate: N, *, state: State[N], limits: Limits[N], now_ns: int
) -> Verdict[N]:
    """Decide on a cycle whose best levels multiply to ``top_rate``.

    Raises:
        ValueError: it moves an asset in a way that the state knows no terms of.

    """
    depths = [state.depth(leg.source[0], leg.instrument) for leg in cycle.legs if leg.instrument]
    event_ns = [depth.event_ns for depth in depths]
    skew_ns = max(event_ns) - min(event_ns)
    age_ns = now_ns - min(depth.received_ns for depth in depths)
    sizing: Sizing[N] | None = None
    profit_usd: N | None = None
    outcome: Outcome
    if skew_ns > limits.most_skew_ns:
        outcome = "skew"
    elif top_rate - 1 > limits.most_return:
        outcome = "implausible"
    else:
        usd = state.usd(cycle.start)
        sizing = sized(steps(cycle, state), _capital(limits, usd))
        if sizing.outcome == "pays" and usd is not None:
            profit_usd = sizing.executable_profit * usd
        outcome = _outcome(sizing, profit_usd, limits)
    return Verdict(
        cycle=cycle,
        top_rate=top_rate,
        outcome=outcome,
        age_ns=age_ns,
        skew_ns=skew_ns,
        sizing=sizing,
        profit_usd=profit_usd,
    )


def steps(cycle: Cycle, state: State[N]) -> tuple[Step[N], ...]:
    """Return the terms of each leg.

    Raises:
        ValueError: as `judge`.

    """
    trades = {leg: _trade(leg, leg.instrument, state) for leg in cycle.legs if leg.instrument}
    free = next(step.fee * 0 for step in trades.values())
    return tuple(
        trades[leg] if leg in trades else _move(leg, cycle.mode, state, free) for leg in cycle.legs
    )


def top_rate(cycle: Cycle, state: State[N]) -> N:
    """Return what one unit becomes at the best levels, after the fees of trades.

    Raises:
        ValueError: a side of a book that is traded on has no levels.

    """
    product: N | None = None
    for leg in cycle.legs:
        if leg.instrument is not None:
            market = state.market(leg.source[0], leg.instrument)
            rate = _best_rate(leg, market, state.depth(leg.source[0], leg.instrument))
            product = rate if product is None else product * rate
    if product is None:
        raise ValueError(f"{cycle.id} has no trade")
    return product


def rank(verdict: Verdict[N]) -> tuple[bool, N | int, int, str]:
    """Return the key that sorts best first: profit in USD, fewer legs, id; unpriced ones last."""
    profit_usd = verdict.profit_usd
    worst_first = 0 if profit_usd is None else -profit_usd
    return profit_usd is None, worst_first, len(verdict.cycle.legs), verdict.cycle.id


def _capital(limits: Limits[N], usd: N | None) -> N | None:
    if limits.most_capital_usd is None or usd is None:
        return None
    return limits.most_capital_usd / usd


def _outcome(sizing: Sizing[N], profit_usd: N | None, limits: Limits[N]) -> Outcome:
    if sizing.outcome != "pays":
        return sizing.outcome
    if profit_usd is None:
        if limits.most_capital_usd is not None or limits.least_profit_usd > 0:
            return "unpriced"
    elif profit_usd < limits.least_profit_usd:
        return "small"
    if sizing.executable_profit / sizing.executable_in < limits.least_return:
        return "small"
    return "route"


def _best_rate(leg: Leg, market: Market[N], depth: Depth[N]) -> N:
    side = depth.asks if leg.kind == "buy" else depth.bids
    if not side:
        raise ValueError(f"{leg}: there is nothing to {leg.kind} against")
    kept = 1 - market.taker_fee
    return kept / side[0][0] if leg.kind == "buy" else side[0][0] * kept


def _trade(leg: Leg, instrument: Instrument, state: State[N]) -> Step[N]:
    venue = leg.source[0]
    market, depth = state.market(venue, instrument), state.depth(venue, instrument)
    return Step(
        kind=leg.kind,
        fee=market.taker_fee,
        levels=depth.asks if leg.kind == "buy" else depth.bids,
        minimum=market.minimum_notional,
        lot=market.lot,
        fee_asset=leg.target[1],
    )


def _move(leg: Leg, mode: Mode, state: State[N], free: N) -> Step[N]:
    (source, asset), (target, _) = leg.source, leg.target
    if mode == "inventory":
        return Step(kind="move", fee=free, fee_asset=asset)
    transfer = state.transfer(asset, source, target)
    if transfer is None:
        raise ValueError(f"nobody knows what it costs to move {asset} from {source} to {target}")
    return Step(kind="move", fee=transfer.fee, minimum=transfer.minimum, fee_asset=asset)
