"""One route as it is told: a way round, its size and what it rests on in, a `Route` out.

With fees of trades as fractions, prices of the best levels, and ``rate`` where a comparison
converts (1 elsewhere)::

    gross_bps  = (product of bids / product of asks * rate - 1) * 10_000
    net_bps    = (the same * (1 - fee) of each trade - 1) * 10_000
    profit     = amount_out - amount_in     every level, flat fee and lot counted
    return_bps = profit / amount_in * 10_000
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from analytics.rates import SAME, Rate
from analytics.routes.doubts import Moves
from analytics.routes.filling import Fill
from analytics.routes.flags import Flag
from analytics.routes.identity import kind_of
from analytics.routes.live_state import LiveState
from analytics.routes.state import Cycle, Depth, Leg
from market import CurvePoint, Instrument, Route, RouteLeg

BPS = 10_000.0


class Sized(msgspec.Struct, frozen=True, kw_only=True):
    """How large a route is; no fills: nothing of it can be carried out."""

    fills: tuple[Fill[float], ...] = ()
    limited_by: str = ""
    curve: tuple[CurvePoint, ...] = ()
    profit_usd: float | None = None


def told(
    cycle: Cycle,
    sized: Sized,
    *,
    state: LiveState,
    moves: Moves,
    why_not: tuple[Flag, ...],
    rate: Rate = SAME,
) -> Route:
    """Return the route; what depends on the moment, its ages and its life, is left at zero."""
    trades = [(leg, leg.instrument) for leg in cycle.legs if leg.instrument is not None]
    (buy, buy_instrument), (sell, sell_instrument) = trades[0], trades[-1]
    gross, net = _returns(trades, state, rate)
    fills = sized.fills
    amount_in = fills[0].amount_in if fills else 0.0
    amount_out = fills[-1].amount_out if fills else 0.0
    profit = amount_out - amount_in
    is_compared = any(leg.kind == "convert" for leg in cycle.legs)
    return Route(
        id=cycle.id,
        mode="comparison" if is_compared else cycle.mode,
        base=cycle.legs[0].target[1],
        type="fx" if is_compared else kind_of(cycle),
        start=cycle.start,
        legs=_legs(cycle, fills, state, moves, rate),
        buy_venue=buy.source[0],
        buy_instrument=buy_instrument,
        buy_price=_best(buy, buy_instrument, state),
        buy_fee_bps=_fee(buy, buy_instrument, state) * BPS,
        sell_venue=sell.source[0],
        sell_instrument=sell_instrument,
        sell_price=_best(sell, sell_instrument, state),
        sell_fee_bps=_fee(sell, sell_instrument, state) * BPS,
        rate=rate.value,
        rate_source=rate.source,
        gross_bps=(gross - 1.0) * BPS,
        net_bps=(net - 1.0) * BPS,
        size=fills[0].amount_out if fills else 0.0,
        amount_in=amount_in,
        amount_out=amount_out,
        profit=profit,
        profit_usd=sized.profit_usd,
        return_bps=profit / amount_in * BPS if amount_in else 0.0,
        limited_by=sized.limited_by,
        curve=sized.curve,
        fees_usd=_fees_usd(fills, state),
        transfer_minutes=moves.minutes,
        age_ns=0,
        skew_ns=0,
        opened_ns=0,
        buy_sequence=state.depth(buy.source[0], buy_instrument).sequence,
        sell_sequence=state.depth(sell.source[0], sell_instrument).sequence,
        why_not=why_not,
    )


def dated(route: Route, now_ns: int, rate: Rate = SAME) -> Route:
    """Return the route with the ages that it has now; a bank's rate has an age of its own."""
    trades = [leg for leg in route.legs if leg.instrument is not None]
    happened = [leg.event_ns for leg in trades]
    rate_age_ns = max(rate.age_ns(now_ns), 0)
    age_ns = max(now_ns - min(leg.received_ns for leg in trades), 0)
    return msgspec.structs.replace(
        route,
        age_ns=age_ns if rate.is_bank else max(age_ns, rate_age_ns),
        skew_ns=max(happened) - min(happened),
        rate_age_ns=rate_age_ns,
    )


def _returns(
    trades: Sequence[tuple[Leg, Instrument]], state: LiveState, rate: Rate
) -> tuple[float, float]:
    """Return what a unit becomes at the best levels, before and after the fees of trades."""
    gross, net = rate.value, rate.value
    for leg, instrument in trades:
        price = _best(leg, instrument, state)
        factor = 1.0 / price if leg.kind == "buy" else price
        gross *= factor
        net *= factor * (1.0 - _fee(leg, instrument, state))
    return gross, net


def _legs(
    cycle: Cycle, fills: Sequence[Fill[float]], state: LiveState, moves: Moves, rate: Rate
) -> tuple[RouteLeg, ...]:
    filled: Sequence[Fill[float] | None] = fills or [None] * len(cycle.legs)
    terms = iter(moves.terms)
    legs = []
    for leg, fill in zip(cycle.legs, filled, strict=True):
        match leg.kind:
            case "move":
                known = next(terms)
                plain = _leg(leg, fill, fee=known.fee, minutes=known.minutes)
            case "convert":
                plain = _conversion(leg, fill, rate)
            case _:
                plain = _trade(leg, fill, state)
        legs.append(plain)
    return tuple(legs)


def _trade(leg: Leg, fill: Fill[float] | None, state: LiveState) -> RouteLeg:
    assert leg.instrument is not None  # noqa: S101  # a trade has a market
    depth = state.depth(leg.source[0], leg.instrument)
    price = _best(leg, leg.instrument, state)
    return msgspec.structs.replace(
        _leg(leg, fill, fee=None if fill is None else fill.fee),
        instrument=leg.instrument,
        price=price,
        average_price=price if fill is None else fill.average,
        worst_price=price if fill is None else fill.worst,
        levels=0 if fill is None else fill.levels,
        fee_bps=_fee(leg, leg.instrument, state) * BPS,
        event_ns=depth.event_ns,
        received_ns=depth.received_ns,
        sequence=depth.sequence,
    )


def _conversion(leg: Leg, fill: Fill[float] | None, rate: Rate) -> RouteLeg:
    oldest = min(rate.quotes, key=lambda quote: quote.received_ns)
    return msgspec.structs.replace(
        _leg(leg, fill, fee=None),
        price=rate.value,
        average_price=rate.value,
        worst_price=rate.value,
        event_ns=oldest.event_ns,
        received_ns=oldest.received_ns,
        sequence=oldest.sequence,
    )


def _leg(
    leg: Leg, fill: Fill[float] | None, *, fee: float | None, minutes: float | None = None
) -> RouteLeg:
    return RouteLeg(
        kind=leg.kind,
        venue=leg.source[0],
        to_venue=leg.target[0] if leg.kind == "move" else "",
        source=leg.source[1],
        target=leg.target[1],
        amount_in=0.0 if fill is None else fill.amount_in,
        amount_out=0.0 if fill is None else fill.amount_out,
        fee=fee,
        fee_currency="" if leg.kind == "convert" else leg.target[1],
        minutes=minutes,
    )


def _fees_usd(fills: Sequence[Fill[float]], state: LiveState) -> float | None:
    """Return what all legs cost; None where one of the fees has no known worth."""
    total = 0.0
    for fill in fills:
        usd = state.usd(fill.fee_asset) if fill.fee else 0.0
        if usd is None:
            return None
        total += fill.fee * usd
    return total if fills else None


def _best(leg: Leg, instrument: Instrument, state: LiveState) -> float:
    depth: Depth[float] = state.depth(leg.source[0], instrument)
    return (depth.asks if leg.kind == "buy" else depth.bids)[0][0]


def _fee(leg: Leg, instrument: Instrument, state: LiveState) -> float:
    return state.market(leg.source[0], instrument).taker_fee
