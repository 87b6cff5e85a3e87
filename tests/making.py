"""Events for tests: say what matters, the rest is plausible."""

from collections.abc import Sequence
from typing import Literal

from market import (
    ActorStatus,
    Book,
    Candle,
    CurvePoint,
    Episode,
    Gap,
    Instrument,
    Level,
    Listed,
    Listing,
    Premium,
    Quote,
    Route,
    RouteLeg,
    Routes,
    Signal,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from market.events import ActorState, VenueState

SECOND = 1_000_000_000
MINUTE = 60 * SECOND


def a_quote(  # noqa: PLR0913  # one argument a field, all with defaults
    venue: str = "kraken",
    instrument: str = "BTC-USDT",
    *,
    bid: float = 99.0,
    ask: float = 100.0,
    bid_size: float = 1.0,
    ask_size: float = 1.0,
    at_ns: int = 1,
    sequence: int | None = None,
) -> Quote:
    return Quote(
        venue=venue,
        instrument=Instrument.parse(instrument),
        bid=bid,
        bid_size=bid_size,
        ask=ask,
        ask_size=ask_size,
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns if sequence is None else sequence,
    )


def a_trade(  # noqa: PLR0913  # as a_quote
    venue: str = "kraken",
    instrument: str = "BTC-USDT",
    *,
    number: int = 1,
    side: Literal["buy", "sell"] = "buy",
    price: float = 100.0,
    size: float = 1.0,
    at_ns: int = 1,
    backfilled: bool = False,
) -> Trade:
    return Trade(
        venue=venue,
        instrument=Instrument.parse(instrument),
        trade_id=str(number),
        side=side,
        price=price,
        size=size,
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=number,
        backfilled=backfilled,
    )


def a_book(
    venue: str = "kraken",
    instrument: str = "BTC-USDT",
    *,
    bids: Sequence[tuple[float, float]] = ((99.0, 1.0),),
    asks: Sequence[tuple[float, float]] = ((100.0, 1.0),),
    at_ns: int = 1,
    sequence: int = 1,
) -> Book:
    return Book(
        venue=venue,
        instrument=Instrument.parse(instrument),
        bids=tuple(Level(price, size) for price, size in bids),
        asks=tuple(Level(price, size) for price, size in asks),
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=sequence,
    )


def a_candle(  # noqa: PLR0913  # as a_quote
    venue: str = "kraken",
    instrument: str = "BTC-USDT",
    *,
    interval: str = "1m",
    start_ns: int = 0,
    close: float = 100.0,
    trades: int = 1,
    closed: bool = True,
) -> Candle:
    return Candle(
        venue=venue,
        instrument=Instrument.parse(instrument),
        interval=interval,
        start_ns=start_ns,
        open=100.0,
        high=max(100.0, close),
        low=min(100.0, close),
        close=close,
        volume=float(trades),
        trades=trades,
        closed=closed,
        event_ns=start_ns + 1,
        received_ns=start_ns + 1,
        sequence=start_ns + trades,
    )


def a_venue_candle(
    venue: str = "kraken",
    instrument: str = "BTC-USDT",
    *,
    start_ns: int = 0,
    close: float = 100.0,
    trades: int | None = 1,
    closed: bool = False,
) -> VenueCandle:
    return VenueCandle(
        venue=venue,
        instrument=Instrument.parse(instrument),
        interval="1m",
        start_ns=start_ns,
        open=100.0,
        high=max(100.0, close),
        low=min(100.0, close),
        close=close,
        volume=2.5,
        trades=trades,
        closed=closed,
        event_ns=start_ns + 1,
        received_ns=start_ns + 1,
        sequence=start_ns + 1,
    )


def a_summary(
    venue: str = "kraken", instrument: str = "BTC-USDT", *, last: float = 100.0, at_ns: int = 1
) -> Summary:
    return Summary(
        venue=venue,
        instrument=Instrument.parse(instrument),
        symbol=instrument,
        last=last,
        open=98.0,
        high=105.0,
        low=95.0,
        volume=1234.5,
        bid=99.0,
        ask=101.0,
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns,
    )


def a_listed(
    venue: str = "kraken",
    instrument: str = "BTC-USDT",
    *,
    trading: bool = True,
    tick_size: float | None = 0.1,
    at_ns: int = 1,
) -> Listed:
    return Listed(
        venue=venue,
        instrument=Instrument.parse(instrument),
        symbol=instrument,
        trading=trading,
        tick_size=tick_size,
        lot_size=0.0001,
        minimum_notional=5.0,
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns,
    )


def a_gap(
    venue: str = "kraken", instrument: str = "BTC-USDT", *, start_ns: int = 0, end_ns: int = SECOND
) -> Gap:
    return Gap(
        venue=venue,
        instrument=Instrument.parse(instrument),
        channel="trade",
        start_ns=start_ns,
        end_ns=end_ns,
        reason="reconnected",
        event_ns=end_ns,
        received_ns=end_ns,
        sequence=end_ns,
    )


def a_status(
    venue: str = "kraken",
    state: VenueState = "live",
    *,
    instrument: str | None = None,
    at_ns: int = 1,
) -> VenueStatus:
    return VenueStatus(
        venue=venue,
        state=state,
        instrument=None if instrument is None else Instrument.parse(instrument),
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns,
    )


def an_actor_status(
    state: ActorState = "running",
    reason: str = "",
    counts: dict[str, int] | None = None,
    *,
    actor: str = "storage.writer",
    at_ns: int = 1,
) -> ActorStatus:
    return ActorStatus(
        actor=actor,
        process="here:1",
        state=state,
        reason=reason,
        handled=12,
        counts=counts or {},
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns,
    )


def a_listing(instrument: str = "BTC-USDT", symbol: str | None = None) -> Listing:
    return Listing(instrument=Instrument.parse(instrument), symbol=symbol or instrument)


CURVE = (
    (0.0, 0.0),
    (50.0, 0.4),
    (100.0, 0.7),
    (150.0, 0.9),
    (200.0, 1.0),
    (250.0, 0.95),
    (300.0, 0.7),
    (400.0, 0.0),
)
"""What a route of `a_route` puts in, and what part of its profit that earns."""


def a_route(  # noqa: PLR0913  # as a_quote
    base: str = "BTC",
    *,
    buy_venue: str = "kraken",
    sell_venue: str = "upbit",
    kind: Literal["direct", "fx", "triangular", "cycle"] = "direct",
    net_bps: float = 5.0,
    profit_usd: float | None = None,
    why_not: Sequence[str] = (),
) -> Route:
    """Buy 2 at 100 with 2 bps, sell them dearer with 3 bps; depth takes one bps of 200 USDT."""
    instrument = Instrument(base, "USDT")
    gross_bps = net_bps + 5.0
    profit = 0.02 * (net_bps - 1.0)
    nodes = [f"{buy_venue}:USDT", f"{buy_venue}:{base}", f"{sell_venue}:{base}"]
    return Route(
        id=f"{'C' if kind == 'fx' else 'I'}|{'>'.join([*nodes, f'{sell_venue}:USDT'])}",
        mode="comparison" if kind == "fx" else "inventory",
        base=base,
        type=kind,
        start="USDT",
        legs=_legs(instrument, buy_venue, sell_venue, 100.0 * (1.0 + gross_bps / 10_000)),
        buy_venue=buy_venue,
        buy_instrument=instrument,
        buy_price=100.0,
        buy_fee_bps=2.0,
        sell_venue=sell_venue,
        sell_instrument=instrument,
        sell_price=100.0 * (1.0 + gross_bps / 10_000),
        sell_fee_bps=3.0,
        rate=1.0,
        rate_source="",
        size=2.0,
        amount_in=200.0,
        amount_out=200.0 + profit,
        gross_bps=gross_bps,
        net_bps=net_bps,
        profit=profit,
        profit_usd=profit if profit_usd is None else profit_usd,
        return_bps=net_bps - 1.0,
        limited_by="marginal",
        curve=tuple(CurvePoint(amount_in, part * profit) for amount_in, part in CURVE),
        fees_usd=0.1,
        age_ns=20_000_000,
        skew_ns=5_000_000,
        opened_ns=0,
        buy_sequence=1,
        sell_sequence=2,
        why_not=tuple(why_not),
    )


def _legs(instrument: Instrument, buy: str, sell: str, price: float) -> tuple[RouteLeg, ...]:
    base, money = instrument.base, instrument.quote_currency
    bought, sold = 2.0 * (1.0 - 0.0002), 2.0 * (1.0 - 0.0002) * price * (1.0 - 0.0003)
    return (
        RouteLeg(
            kind="buy",
            venue=buy,
            source=money,
            target=base,
            instrument=instrument,
            price=100.0,
            average_price=100.0,
            worst_price=100.0,
            levels=1,
            amount_in=200.0,
            amount_out=bought,
            fee=0.0004,
            fee_currency=base,
            fee_bps=2.0,
            event_ns=1,
            received_ns=1,
            sequence=1,
        ),
        RouteLeg(
            kind="move",
            venue=buy,
            to_venue=sell,
            source=base,
            target=base,
            amount_in=bought,
            amount_out=bought,
            fee=0.0,
            fee_currency=base,
        ),
        RouteLeg(
            kind="sell",
            venue=sell,
            source=base,
            target=money,
            instrument=instrument,
            price=price,
            average_price=price * 0.9999,
            worst_price=price * 0.9998,
            levels=2,
            amount_in=bought,
            amount_out=sold * 0.9999,
            fee=0.06,
            fee_currency=money,
            fee_bps=3.0,
            event_ns=1,
            received_ns=1,
            sequence=2,
        ),
    )


def a_routes(base: str, *routes: Route, at_ns: int = 1, suspicious: int = 0) -> Routes:
    return Routes(
        base=base,
        routes=routes,
        count=len(routes),
        suspicious=suspicious,
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns,
    )


def an_episode(
    base: str = "BTC",
    *,
    sell_venue: str = "upbit",
    opened_ns: int = SECOND,
    closed_ns: int = 3 * SECOND,
    reason: str = "prices",
) -> Episode:
    return Episode(
        route_id=f"I|kraken:USDT>kraken:{base}>{sell_venue}:{base}>{sell_venue}:USDT",
        base=base,
        type="direct",
        mode="inventory",
        opened_ns=opened_ns,
        closed_ns=closed_ns,
        reason=reason,
        peak_net_bps=12.5,
        peak_profit_usd=3.25,
        peak_ns=(opened_ns + closed_ns) // 2,
        updates=7,
        event_ns=closed_ns,
        received_ns=closed_ns,
        sequence=closed_ns,
    )


def a_premium(
    instrument: str = "BTC-KRW",
    *,
    venue: str = "upbit",
    basis: Literal["bank", "stable", "same"] = "stable",
    premium: float = 0.0125,
    at_ns: int = 1,
) -> Premium:
    return Premium(
        venue=venue,
        instrument=Instrument.parse(instrument),
        reference_venue="binance",
        reference=Instrument(Instrument.parse(instrument).base, "USDT"),
        basis=basis,
        premium=premium,
        rate=1380.0,
        rate_source="upbit:USDT-KRW" if basis == "stable" else "alpha_vantage:USD-KRW",
        rate_age_ns=400_000_000,
        age_ns=500_000_000,
        event_ns=at_ns,
        received_ns=at_ns,
        sequence=at_ns,
    )


def a_signal(
    venue: str = "kraken",
    instrument: str = "BTC-USDT",
    *,
    strategy: str = "sma-cross",
    interval: str = "1m",
    side: Literal["buy", "sell", "hold"] = "buy",
    start_ns: int = 0,
) -> Signal:
    end_ns = start_ns + MINUTE
    return Signal(
        venue=venue,
        instrument=Instrument.parse(instrument),
        strategy=strategy,
        parameters="fast=10 slow=30",
        interval=interval,
        start_ns=start_ns,
        side=side,
        target=1.0 if side == "buy" else 0.0,
        price=100.1,
        reason="the fast mean is above the slow one",
        values={"fast": 100.1, "slow": 1 / 3},
        event_ns=end_ns,
        received_ns=end_ns + 7,
        sequence=end_ns,
    )
