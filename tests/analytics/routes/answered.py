"""A whole state answered by brute force, exactly, to hold the command to.

Every simple way round is tried, every size at which something changes. It reads the state by itself
and knows neither the engine nor the walk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import NamedTuple

from analytics.routes.walk import Step
from tests.analytics.routes.edges import Edge, Edges, Node, State, edges_of, flaw_of, name_of
from tests.analytics.routes.oracle import best

_FIRST = ("USDT", "USD", "USDC", "KRW", "EUR", "BTC", "ETH")
_ORDER = {asset: order for order, asset in enumerate(_FIRST)}


class Route(NamedTuple):
    """One that pays, or what became of it."""

    id: str
    outcome: str
    legs: list[str]
    top_rate: Fraction
    figures: list[Fraction]
    profit_usd: Fraction
    age_ms: int
    skew_ms: int


def answered(state: State) -> dict[str, object]:
    """Return what the command should print, numbers as fractions."""
    edges = edges_of(state)
    rounds = {
        tuple(_turned(edges, nodes)) for start in edges for nodes in _rounds(state, edges, [start])
    }
    judged = [_judged(state, edges, nodes) for nodes in rounds]
    found = sorted((one for one in judged if one.top_rate > 1), key=lambda one: one.id)
    routes = sorted(
        (one for one in found if one.outcome == "pays"),
        key=lambda one: (-one.profit_usd, len(one.legs), one.id),
    )
    return {
        "routes": routes[:20],
        "n_routes": len(routes),
        "suspects": [
            {"id": one.id, "top_rate": str(one.top_rate), "reason": one.outcome}
            for one in found
            if one.outcome == "implausible"
        ],
        "dropped": [
            {"id": one.id, "reason": one.outcome}
            for one in found
            if one.outcome not in {"pays", "implausible"}
        ],
        "excluded_books": [
            {"book": name_of(book), "reason": flaw}
            for book in sorted(state["books"], key=name_of)
            if (flaw := flaw_of(state, book))
        ],
    }


def _rounds(state: State, edges: Edges, walk: list[Node]) -> Iterator[list[Node]]:
    for node in edges[walk[-1]]:
        if node == walk[0] and _is_allowed(_along(edges, walk)):
            yield list(walk)
        elif node not in walk and len(walk) < state["config"]["max_legs"]:
            yield from _rounds(state, edges, [*walk, node])


def _along(edges: Edges, nodes: Sequence[Node]) -> list[Edge]:
    return [edges[a][b] for a, b in zip(nodes, [*nodes[1:], nodes[0]], strict=True)]


def _is_allowed(way: Sequence[Edge]) -> bool:
    moves = [edge.ts_ms is None for edge in way]
    return moves.count(False) > 1 and not any(moves[i] and moves[i - 1] for i in range(len(way)))


def _turned(edges: Edges, nodes: list[Node]) -> list[Node]:
    starts = [i for i, edge in enumerate(_along(edges, nodes)) if edge.ts_ms is not None]
    i = min(starts, key=lambda i: (_ORDER.get(nodes[i][1], 9), nodes[i][1], nodes[i][0]))
    return nodes[i:] + nodes[:i]


def _judged(state: State, edges: Edges, nodes: Sequence[Node]) -> Route:
    way, config = _along(edges, nodes), state["config"]
    times = [edge.ts_ms for edge in way if edge.ts_ms is not None]
    top = Fraction(prod(_rate(edge.step) for edge in way))
    usd = Fraction(state["usd"][nodes[0][1]])
    route = Route(
        id=f"{config['mode'][0].upper()}|" + ">".join(":".join(node) for node in nodes),
        outcome="skew",
        legs=[edge.words for edge in way],
        top_rate=top,
        figures=[],
        profit_usd=Fraction(0),
        age_ms=state["now_ms"] - min(times),
        skew_ms=max(times) - min(times),
    )
    if top <= 1 or route.skew_ms > config["max_skew_ms"]:
        return route
    if top - 1 > Fraction(config["max_return"]):
        return route._replace(outcome="implausible")
    capital = config["max_capital_usd"]
    found = best([edge.step for edge in way], None if capital is None else Fraction(capital) / usd)
    if found.size is None or found.amount_out is None or found.executable is None:
        return route._replace(outcome=found.outcome)
    put, out = found.executable
    is_small = (out - put) * usd < Fraction(config["min_profit_usd"]) or (
        out - put
    ) / put < Fraction(config["min_return"])
    return route._replace(
        outcome="small" if is_small else "pays",
        figures=[found.size, found.amount_out, found.amount_out - found.size, put, out, out - put],
        profit_usd=(out - put) * usd,
    )


def _rate(step: Step[Fraction]) -> Fraction:
    match step.kind:
        case "buy":
            return (1 - step.fee) / step.levels[0][0]
        case "sell":
            return step.levels[0][0] * (1 - step.fee)
        case _:
            return Fraction(1)
