"""A route that is taken in, a signal for each of its trades out: the same live and in a replay."""

from __future__ import annotations

from typing import Literal

import msgspec

from analytics.strategies.choice import QUOTES
from analytics.strategies.route_taker import RouteTaker, Take, TakeTerms
from market import Instrument, RouteLeg, Signal


def signals_of(take: Take, parameters: TakeTerms) -> list[Signal]:
    """Return what is to be done at each market, in the order of the legs.

    What is bought is wanted wholly, what is sold not at all; the reason names the route.
    """
    return [
        _signal(take, leg, leg.instrument, parameters)
        for leg in take.route.legs
        if leg.instrument is not None
    ]


def _signal(take: Take, leg: RouteLeg, instrument: Instrument, parameters: TakeTerms) -> Signal:
    side: Literal["buy", "sell"] = "buy" if leg.kind == "buy" else "sell"
    given = msgspec.structs.asdict(parameters).items()
    quantity = leg.amount_out + (leg.fee or 0.0) if side == "buy" else leg.amount_in
    limits = {"quantity": quantity, "limit": leg.worst_price}
    return Signal(
        venue=leg.venue,
        instrument=instrument,
        strategy=RouteTaker.name,
        parameters=" ".join(f"{name}={value}" for name, value in given if value != ""),
        interval=QUOTES,
        start_ns=take.at_ns,
        side=side,
        target=1.0 if side == "buy" else 0.0,
        price=leg.price,
        reason=take.reason.text,
        values={**take.reason.values, **limits},
        event_ns=take.at_ns,
        received_ns=take.at_ns,
        sequence=take.at_ns,
    )
