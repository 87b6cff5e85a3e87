"""The ways from place to place in a state, read straight from its file, in exact fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from analytics.routes.walk import Step

State = Mapping[str, Any]
"""A state as its file has it, decoded."""


class Edge(NamedTuple):
    """A way from a node to another; a move has no time."""

    step: Step[Fraction]
    words: str
    ts_ms: int | None


Node = tuple[str, str]
Edges = dict[Node, dict[Node, Edge]]


def flaw_of(state: State, book: State) -> str:
    levels = [
        (Fraction(price), Fraction(quantity))
        for price, quantity in (*book["bids"], *book["asks"])
        if Fraction(quantity) != 0
    ]
    bids, asks = _levels(book["bids"]), _levels(book["asks"])
    if any(price <= 0 or quantity < 0 for price, quantity in levels):
        return "invalid"
    if state["now_ms"] - book["ts_ms"] > state["config"]["max_age_ms"]:
        return "stale"
    if not book.get("seq_ok", True):
        return "gap"
    if bids and asks and bids[0][0] >= asks[0][0]:
        return "crossed"
    return "" if bids or asks else "empty"


def _levels(rows: Sequence[Sequence[str]]) -> tuple[tuple[Fraction, Fraction], ...]:
    return tuple((Fraction(p), Fraction(q)) for p, q in rows if Fraction(q) != 0)


def name_of(book: State) -> str:
    return f"{book['venue']}:{book['base']}/{book['quote']}"


def edges_of(state: State) -> Edges:
    edges: Edges = {}
    for book in state["books"]:
        ids = state.get("aliases", {}).get(book["venue"], {})
        base = book["venue"], ids.get(book["base"], book["base"])
        quote = book["venue"], ids.get(book["quote"], book["quote"])
        edges.setdefault(base, {})
        edges.setdefault(quote, {})
        if not flaw_of(state, book):
            if _levels(book["bids"]):
                edges[base][quote] = _trade(state, book, "sell")
            if _levels(book["asks"]):
                edges[quote][base] = _trade(state, book, "buy")
    for source in edges:
        for target in edges:
            move = _move(state, source, target)
            if move is not None:
                edges[source][target] = move
    return edges


def _trade(state: State, book: State, kind: str) -> Edge:
    step = Step(
        kind="buy" if kind == "buy" else "sell",
        fee=Fraction(state["venues"][book["venue"]]["taker_fee"]),
        levels=_levels(book["asks" if kind == "buy" else "bids"]),
        minimum=Fraction(book.get("min_notional", "0")),
        lot=Fraction(book["lot"]) if "lot" in book else None,
    )
    return Edge(step, f"{kind} {name_of(book)}", book["ts_ms"])


def _move(state: State, source: Node, target: Node) -> Edge | None:
    if source[1] != target[1] or source[0] == target[0]:
        return None
    if state["config"]["mode"] == "inventory":
        return Edge(Step(kind="move", fee=Fraction(0)), f"move {source[1]}", None)
    for row in state.get("transfers", []):
        if (row["asset"], row["from"], row["to"]) == (source[1], source[0], target[0]):
            step = Step(kind="move", fee=Fraction(row["fee"]), minimum=Fraction(row.get("min", 0)))
            return Edge(step, f"move {source[1]}", None) if row["open"] else None
    return None
