"""What keeps a route from being taken: a way round and the state of the markets in, flags out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

import msgspec

from analytics.routes.flags import FLAGS, Flag
from analytics.routes.live_state import LiveState
from analytics.routes.state import Cycle, Leg, Node
from analytics.routes.transfers import TransferTerms
from analytics.routes.verdict import Outcome

_OF_OUTCOME: dict[Outcome, Flag] = {
    "skew": "skewed",
    "implausible": "suspicious",
    "minimum": "too_small",
    "costs": "no_profit",
    "lot": "too_small",
    "unpriced": "unpriced",
    "small": "too_small",
}


class Moves(msgspec.Struct, frozen=True):
    """The moves of a way round: how long they take and what the prices may do meanwhile."""

    terms: tuple[TransferTerms, ...]
    minutes: float | None
    """All of them together; None: nobody says of one of them."""


def moves_of(cycle: Cycle, state: LiveState) -> Moves:
    """Return what is known of the moves of a cycle."""
    terms = tuple(_terms(leg, state) for leg in cycle.legs if leg.kind == "move")
    minutes = [one.minutes for one in terms]
    known = [one for one in minutes if one is not None]
    return Moves(terms, sum(known) if len(known) == len(minutes) else None)


def doubts(
    cycle: Cycle,
    outcome: Outcome,
    *,
    state: LiveState,
    moves: Moves,
    odd: Collection[Node],
    outrun: bool,
) -> tuple[Flag, ...]:
    """Return the flags of a cycle, in the order of `FLAGS`.

    Args:
        cycle: The way round; one with a conversion is a comparison.
        outcome: What the verdict was.
        state: What is known of the markets.
        moves: What is known of its moves.
        odd: Venues and assets whose price is too far off all others'.
        outrun: Whether the price may move by more than it earns while a coin is on its way.

    """
    found = set(_of_moves(cycle, moves))
    if outcome != "route":
        found.add(_OF_OUTCOME[outcome])
    if any(leg.kind == "convert" for leg in cycle.legs):
        found.add("fx_comparison")
    if any(_leaves_its_country(leg, state) for leg in cycle.legs):
        found.add("capital_controls")
    if any((leg.source[0], leg.instrument) in state.halted for leg in cycle.legs):
        found.add("market_closed")
    if outrun and cycle.mode == "transfer":
        found.add("transfer_risk")
    if _rests_on_an_assumed_fee(cycle.legs, state):
        found.add("fee_assumed")
    if any(leg.source in odd for leg in cycle.legs):
        found |= {"identity_unverified", "suspicious"}
    return tuple(flag for flag in FLAGS if flag in found)


def _terms(leg: Leg, state: LiveState) -> TransferTerms:
    return state.terms(leg.source[1], leg.source[0], leg.target[0])


def _of_moves(cycle: Cycle, moves: Moves) -> Iterator[Flag]:
    for terms in moves.terms:
        if terms.open is False:
            yield "transfer_closed"
        elif terms.open is None or terms.fee is None:
            yield "transfer_unknown"
        if cycle.mode == "transfer" and terms.minutes is None:
            yield "transfer_time_unknown"
        if cycle.mode == "transfer" and terms.assumed:
            yield "fee_assumed"


def _leaves_its_country(leg: Leg, state: LiveState) -> bool:
    """Tell whether a leg needs money to leave that cannot; what is known of a move says where to.

    A conversion of it would need that whatever the venues are.
    """
    (source, asset), (target, into) = leg.source, leg.target
    if leg.kind == "convert":
        return state.costs.is_controlled(asset) or state.costs.is_controlled(into)
    if leg.kind != "move" or not state.costs.is_controlled(asset):
        return False
    return state.terms(asset, source, target).open is False


def _rests_on_an_assumed_fee(legs: Iterable[Leg], state: LiveState) -> bool:
    fees = (
        state.fees.get((leg.source[0], leg.instrument))
        for leg in legs
        if leg.instrument is not None
    )
    return any(fee is not None and fee.assumed for fee in fees)
