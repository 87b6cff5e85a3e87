"""From routes, their lives and premiums to the rows of the API."""

from collections.abc import Iterator

from api_service.route_schemas import (
    AtNotional,
    CurvePair,
    EpisodeRow,
    PremiumRow,
    ReceiptLine,
    RouteLegRow,
    RouteRow,
    RouteSide,
)
from api_service.rows import (
    BPS,
    NumberFormat,
    S,
    age_ms,
    computed,
    known,
    rfc3339,
    symbol_of,
)
from api_service.selection import FoundRoute
from market import Episode, Instrument, Premium, Route, RouteLeg

PREMIUM_STALE_AFTER_NS = 15 * S
"""A premium is told anew whenever a price moves; one that was not is of a market that is silent."""


def route_row(found: FoundRoute, *, now_ns: int, number: NumberFormat, detail: bool) -> RouteRow:
    """Return the public form of a route; ``detail`` adds legs, curve and receipt."""
    route = found.route
    row: RouteRow = {
        "id": route.id,
        "asset": route.base,
        "kind": route.type,
        "mode": route.mode,
        "start": start_of(route),
        "buy": _side(
            number,
            (route.buy_venue, route.buy_instrument),
            price=route.buy_price,
            fee_bps=route.buy_fee_bps,
            sequence=route.buy_sequence,
        ),
        "sell": _side(
            number,
            (route.sell_venue, route.sell_instrument),
            price=route.sell_price,
            fee_bps=route.sell_fee_bps,
            sequence=route.sell_sequence,
        ),
        "rate": {
            "value": number(computed(route.rate)),
            "source": route.rate_source,
            "age_ms": age_ms(found.computed_ns - route.rate_age_ns, now_ns)
            if route.rate_source
            else 0.0,
        },
        "gross_bps": computed(route.gross_bps),
        "net_bps": computed(route.net_bps),
        "size": number(computed(route.size)),
        "amount_in": number(computed(route.amount_in)),
        "amount_out": number(computed(route.amount_out)),
        "profit": number(computed(route.profit)),
        "currency": start_of(route),
        "profit_usd": _computed(route.profit_usd),
        "return_bps": computed(route.return_bps),
        "limited_by": route.limited_by,
        "fees_usd": _computed(route.fees_usd),
        "transfer_minutes": route.transfer_minutes,
        "transfer_risk_bps": _computed(route.transfer_risk_bps),
        "age_ms": age_ms(found.computed_ns - route.age_ns, now_ns),
        "skew_ms": age_ms(0, route.skew_ns),
        "open_s": computed(age_ms(route.opened_ns, now_ns) / 1_000) if route.opened_ns else 0.0,
        "peak_net_bps": computed(route.peak_net_bps),
        "peak_profit_usd": _computed(route.peak_profit_usd),
        "times_seen": route.times_seen,
        "takeable": not found.why_not,
        "why_not": list(found.why_not),
    }
    if found.earned is not None:
        row["at_notional"] = _at_notional(found, number)
    if detail:
        row["legs"] = [_leg_row(leg, now_ns, number) for leg in route.legs]
        row["curve"] = _curve(route, number)
        row["receipt"] = list(receipt(route))
    return row


def start_of(route: Route) -> str:
    """Return the currency that a route begins and ends with."""
    return route.start or route.buy_instrument.quote_currency


def receipt(route: Route) -> Iterator[ReceiptLine]:
    """Tell what becomes of the gross return: taker fees, then transfers and depth at the size."""
    trades = [(leg.venue, leg.fee_bps) for leg in route.legs if leg.kind in ("buy", "sell")]
    fees = trades or [
        (route.buy_venue, route.buy_fee_bps),
        (route.sell_venue, route.sell_fee_bps),
    ]
    yield _line("gross", route.gross_bps)
    for venue, fee_bps in fees:
        yield _line("fee", None if fee_bps is None else -fee_bps, venue)
    taken_bps = sum(fee_bps or 0.0 for _, fee_bps in fees)
    yield _line("compounding", route.net_bps - (route.gross_bps - taken_bps))
    yield _line("net", route.net_bps)
    if route.amount_in > 0.0:
        transfers = [(leg.venue, _transfer_bps(leg)) for leg in route.legs if leg.kind == "move"]
        for venue, fee_bps in transfers:
            if fee_bps is None or fee_bps > 0.0:
                yield _line("transfer", None if fee_bps is None else -fee_bps, venue)
        sent_bps = sum(fee_bps or 0.0 for _, fee_bps in transfers)
        yield _line("depth", route.return_bps - (route.net_bps - sent_bps))
        yield _line("return", route.return_bps)


def episode_row(episode: Episode) -> EpisodeRow:
    """Return the public form of the life of a route."""
    return {
        "route_id": episode.route_id,
        "asset": episode.base,
        "kind": episode.type,
        "mode": episode.mode,
        "opened": rfc3339(episode.opened_ns),
        "closed": rfc3339(episode.closed_ns),
        "lasted_s": (episode.closed_ns - episode.opened_ns) / S,
        "reason": episode.reason,
        "peak_net_bps": computed(episode.peak_net_bps),
        "peak_profit_usd": _computed(episode.peak_profit_usd),
        "peak_at": rfc3339(episode.peak_ns) if episode.peak_ns else None,
        "updates": episode.updates,
    }


def premium_row(premium: Premium, *, now_ns: int, number: NumberFormat) -> PremiumRow:
    """Return the public form of a premium; its ages go on from when it was computed."""
    passed_ns = max(0, now_ns - premium.received_ns)
    return {
        "asset": premium.instrument.base,
        "venue": premium.venue,
        "symbol": symbol_of(premium.instrument),
        "reference_venue": premium.reference_venue,
        "reference_symbol": symbol_of(premium.reference),
        "basis": premium.basis,
        "premium_bps": computed(premium.premium * BPS),
        "rate": number(computed(premium.rate)),
        "rate_source": premium.rate_source,
        "rate_age_ms": age_ms(0, premium.rate_age_ns + passed_ns),
        "age_ms": age_ms(0, premium.age_ns + passed_ns),
        "ts": rfc3339(premium.event_ns),
        "stale": passed_ns > PREMIUM_STALE_AFTER_NS,
    }


def _line(what: str, bps: float | None, venue: str = "") -> ReceiptLine:
    return {"what": what, "venue": venue, "bps": _computed(bps)}  # type: ignore[typeddict-item]  # one of the words


def _transfer_bps(leg: RouteLeg) -> float | None:
    if leg.fee is None or leg.amount_in <= 0.0:
        return None
    return leg.fee / leg.amount_in * BPS


def _side(
    number: NumberFormat,
    market: tuple[str, Instrument],
    *,
    price: float,
    fee_bps: float,
    sequence: int,
) -> RouteSide:
    return {
        "venue": market[0],
        "symbol": symbol_of(market[1]),
        "price": number(price),
        "fee_bps": fee_bps,
        "sequence": str(sequence),
    }


def _leg_row(leg: RouteLeg, now_ns: int, number: NumberFormat) -> RouteLegRow:
    is_heard = leg.received_ns > 0
    return {
        "kind": leg.kind,
        "venue": leg.venue,
        "to_venue": leg.to_venue,
        "source": leg.source,
        "target": leg.target,
        "symbol": None if leg.instrument is None else symbol_of(leg.instrument),
        "price": known(_computed(leg.price or None), number),
        "average_price": known(_computed(leg.average_price or None), number),
        "worst_price": known(_computed(leg.worst_price or None), number),
        "levels": leg.levels,
        "amount_in": number(computed(leg.amount_in)),
        "amount_out": number(computed(leg.amount_out)),
        "fee": known(_computed(leg.fee), number),
        "fee_currency": leg.fee_currency,
        "fee_bps": leg.fee_bps,
        "minutes": leg.minutes,
        "ts": rfc3339(leg.event_ns) if is_heard else None,
        "recv_ts": rfc3339(leg.received_ns) if is_heard else None,
        "age_ms": age_ms(leg.received_ns, now_ns) if is_heard else None,
        "sequence": str(leg.sequence) if is_heard else None,
    }


def _curve(route: Route, number: NumberFormat) -> list[CurvePair]:
    return [
        [number(computed(point.amount_in)), number(computed(point.profit))] for point in route.curve
    ]


def _at_notional(found: FoundRoute, number: NumberFormat) -> AtNotional:
    earned = found.earned
    if earned is None:
        raise ValueError("nothing was asked for")
    return {
        "amount_in": number(computed(earned.amount_in)),
        "profit": number(computed(earned.profit)),
        "profit_usd": computed(earned.profit_usd),
        "return_bps": computed(earned.return_bps),
    }


def _computed(value: float | None) -> float | None:
    return None if value is None else computed(value)
