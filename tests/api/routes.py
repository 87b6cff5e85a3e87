"""Routes for tests: say what matters, the rest is plausible."""

from collections.abc import Sequence

from market import Instrument, Route, Routes


def a_route(
    base: str = "BTC",
    *,
    sell_venue: str = "upbit",
    net_bps: float = 5.0,
    why_not: Sequence[str] = (),
) -> Route:
    instrument = Instrument(base, "USDT")
    return Route(
        id=f"{base}:kraken.USDT>{sell_venue}.USDT",
        base=base,
        type="direct",
        buy_venue="kraken",
        buy_instrument=instrument,
        buy_price=100.0,
        buy_fee_bps=2.0,
        sell_venue=sell_venue,
        sell_instrument=instrument,
        sell_price=100.1,
        sell_fee_bps=3.0,
        rate=1.0,
        rate_source="",
        size=2.0,
        gross_bps=net_bps + 5.0,
        net_bps=net_bps,
        profit=0.1,
        age_ns=20_000_000,
        skew_ns=5_000_000,
        opened_ns=0,
        buy_sequence=1,
        sell_sequence=2,
        why_not=tuple(why_not),
    )


def routes_of(base: str, *routes: Route, at_ns: int) -> Routes:
    return Routes(base=base, routes=routes, event_ns=at_ns, received_ns=at_ns, sequence=at_ns)
