"""Events for tests: say what matters, the rest is plausible."""

from collections.abc import Sequence
from typing import Literal

from market import (
    Book,
    Candle,
    Gap,
    Instrument,
    Level,
    Listed,
    Listing,
    Quote,
    Summary,
    Trade,
    VenueCandle,
    VenueStatus,
)
from market.events import VenueState

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


def a_listing(instrument: str = "BTC-USDT", symbol: str | None = None) -> Listing:
    return Listing(instrument=Instrument.parse(instrument), symbol=symbol or instrument)
