"""A state of the markets in, all its routes, suspects and dropped cycles out, as numbers in text.

The search is done in floats, a little below what is asked, so that none is missed; all that is said
of what it finds is decided in exact fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import TypeAlias

from analytics.routes.depth import middle
from analytics.routes.engine import RouteEngine
from analytics.routes.portfolio import portfolio
from analytics.routes.premium import premium
from analytics.routes.state import Cycle, Depth, Market, Transfer
from analytics.routes.verdict import Verdict, judge, rank, top_rate
from cryptotracker.market_state import MILLISECOND_NS, MarketState
from cryptotracker.state_rows import PortfolioRow, PremiumRow, StateFile

SHOWN = 20
"""Routes that are listed; all are counted."""

ABOVE = 1 - 1e-9
"""Floats find cycles with a top rate above this; fractions tell whether it is above one."""

_DIGITS = Context(prec=15)

Answer: TypeAlias = dict[str, object]


def answer(file: StateFile) -> Answer:
    """Return the routes of a state, best first, and what became of all else."""
    state = MarketState(file)
    verdicts = list(_verdicts(state))
    routes = sorted((one for one in verdicts if one.outcome == "route"), key=rank)
    rest = sorted((one for one in verdicts if one.outcome != "route"), key=lambda one: one.cycle.id)
    found: Answer = {
        "routes": [_route(one) for one in routes[:SHOWN]],
        "n_routes": len(routes),
        "suspects": [_suspect(one) for one in rest if one.outcome == "implausible"],
        "dropped": [_dropped(one) for one in rest if one.outcome != "implausible"],
        "excluded_books": sorted(
            ({"book": market.name, "reason": flaw} for market, flaw in state.excluded),
            key=lambda row: row["book"],
        ),
    }
    if file.premium is not None:
        found["premium"] = [_premium(row, state) for row in file.premium]
    if file.portfolio is not None:
        found["portfolio"] = _portfolio(file.portfolio, state)
    return found


def _verdicts(state: MarketState) -> Iterator[Verdict[Fraction]]:
    for cycle in _cycles(state):
        rate = top_rate(cycle, state)
        if rate > 1:
            yield judge(cycle, rate, state=state, limits=state.limits, now_ns=state.now_ns)


def _cycles(state: MarketState) -> Sequence[Cycle]:
    limits = state.limits
    engine = RouteEngine(
        limits.mode, most_legs=limits.most_legs, most_routes=None, above=ABOVE, kernel="python"
    )
    for transfer in state.transfers.values():
        if transfer.source != transfer.target:
            engine.set_transfer(_float_transfer(transfer))
    for market, depth in state.books():
        if market.base != market.quote:
            engine.list_market(_float_market(market))
            engine.set_depth(market.venue, market.instrument, _float_depth(depth))
    return [found.cycle for found in engine.found()]


def _float_market(market: Market[Fraction]) -> Market[float]:
    return Market(
        venue=market.venue,
        instrument=market.instrument,
        base=market.base,
        quote=market.quote,
        taker_fee=float(market.taker_fee),
    )


def _float_depth(depth: Depth[Fraction]) -> Depth[float]:
    """Return the best levels, which are all that the search looks at."""
    return Depth(
        bids=tuple((float(price), float(quantity)) for price, quantity in depth.bids[:1]),
        asks=tuple((float(price), float(quantity)) for price, quantity in depth.asks[:1]),
        event_ns=depth.event_ns,
        received_ns=depth.received_ns,
    )


def _float_transfer(transfer: Transfer[Fraction]) -> Transfer[float]:
    return Transfer(
        asset=transfer.asset,
        source=transfer.source,
        target=transfer.target,
        fee=float(transfer.fee),
        open=transfer.open,
    )


def _route(verdict: Verdict[Fraction]) -> Answer:
    sizing = verdict.sizing
    if sizing is None:
        raise ValueError(f"{verdict.cycle.id} was never sized")
    usd = verdict.profit_usd
    return {
        "id": verdict.cycle.id,
        "legs": [str(leg) for leg in verdict.cycle.legs],
        "top_rate": _text(verdict.top_rate),
        "start": verdict.cycle.start,
        "size": _text(sizing.size),
        "out": _text(sizing.amount_out),
        "profit": _text(sizing.profit),
        "executable": {
            "in": _text(sizing.executable_in),
            "out": _text(sizing.executable_out),
            "profit": _text(sizing.executable_profit),
        },
        "profit_usd": None if usd is None else _text(usd),
        "age_ms": verdict.age_ns // MILLISECOND_NS,
        "skew_ms": verdict.skew_ns // MILLISECOND_NS,
    }


def _suspect(verdict: Verdict[Fraction]) -> Answer:
    return {
        "id": verdict.cycle.id,
        "top_rate": _text(verdict.top_rate),
        "reason": verdict.outcome,
    }


def _dropped(verdict: Verdict[Fraction]) -> Answer:
    return {"id": verdict.cycle.id, "reason": verdict.outcome}


def _premium(row: PremiumRow, state: MarketState) -> str | None:
    """Return the premium; None where a book is not usable or one-sided, or a USD value unknown."""
    here, there = (
        _found(state, row.venue, row.base, row.quote),
        _found(state, row.ref_venue, row.base, row.ref_quote),
    )
    if here is None or there is None or here[0].base != there[0].base:
        return None
    price, reference = middle(here[1]), middle(there[1])
    usd, reference_usd = state.usd(here[0].quote), state.usd(there[0].quote)
    if price is None or reference is None or usd is None or reference_usd is None:
        return None
    return _text(premium(price, reference=reference, rate=reference_usd / usd))


def _found(
    state: MarketState, venue: str, base: str, quote: str
) -> tuple[Market[Fraction], Depth[Fraction]] | None:
    """Return the book of a venue that trades two assets, named by id or else by ticker."""
    books = [book for book in state.books() if book[0].venue == venue]
    by_id = [book for book in books if (book[0].base, book[0].quote) == (base, quote)]
    by_ticker = [
        book
        for book in books
        if (book[0].instrument.base, book[0].instrument.quote_currency) == (base, quote)
    ]
    return next(iter((*by_id, *by_ticker)), None)


def _portfolio(row: PortfolioRow, state: MarketState) -> Answer:
    asked = row.base, row.quote
    books = [book for book in state.books() if (book[0].base, book[0].quote) == asked]
    best = portfolio(books, nothing=Fraction(0))
    usd = state.usd(row.quote)
    return {
        "base_amount": _text(best.base_amount),
        "profit": _text(best.profit),
        "profit_usd": None if usd is None else _text(best.profit * usd),
    }


def _text(number: Fraction) -> str:
    """Write a number with 15 significant digits."""
    rounded = _DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))
    text = f"{rounded:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
