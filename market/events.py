"""Events: facts that happened, immutable, the same for every venue.

Prices are in the quote currency, sizes in the base currency, times in integer nanoseconds since the
Unix epoch (UTC). ``event_ns`` is the venue's clock, or ours where the venue gives no time;
``received_ns`` is always ours. ``sequence`` rises with each event of one kind, venue and
instrument: the venue's own number where it has one, else one made from the time of receipt.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from market.instrument import Instrument

Side: TypeAlias = Literal["buy", "sell"]
VenueState: TypeAlias = Literal["connecting", "live", "stale", "resyncing", "refused", "down"]


class _Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=str.lower, tag_field="kind"):
    """Adds ``kind`` to the JSON of each event, so that bytes alone tell what they are."""

    event_ns: int
    received_ns: int
    sequence: int


class Quote(_Event, frozen=True, gc=False):
    """Best bid and ask of one instrument at one venue (top of book)."""

    venue: str
    instrument: Instrument
    bid: float
    bid_size: float
    ask: float
    ask_size: float


class Trade(_Event, frozen=True, gc=False):
    """One execution; ``side`` is the taker's. ``backfilled``: read by REST after the fact."""

    venue: str
    instrument: Instrument
    trade_id: str
    side: Side
    price: float
    size: float
    backfilled: bool = False


class Level(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """All orders of one side of a book at one price; other numbers are not read from JSON.

    In a change of a book a size of zero removes the level.
    """

    price: Annotated[float, msgspec.Meta(gt=0, lt=1e18)]
    size: Annotated[float, msgspec.Meta(ge=0, lt=1e18)]


class Book(_Event, frozen=True, gc=False):
    """The best levels of both sides: bids falling, asks rising, no level of size zero."""

    venue: str
    instrument: Instrument
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Candle(_Event, frozen=True, gc=False):
    """The trades of one interval that starts at ``start_ns``; final once ``closed``.

    ``volume`` is the sum of sizes, ``trades`` their number. ``event_ns`` is the time of the last
    trade in it. A closed candle may come again, with more trades, when a late one arrives.
    """

    venue: str
    instrument: Instrument
    interval: str
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int
    closed: bool


class VenueCandle(_Event, frozen=True, gc=False):
    """A candle that the venue made itself; what a candle of ours is checked against or filled from.

    ``trades`` is None where the venue does not count them. ``closed``: the venue said so, or its
    interval was over when it came.
    """

    venue: str
    instrument: Instrument
    interval: str
    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    trades: int | None = None
    closed: bool = False


class Summary(_Event, frozen=True, gc=False):
    """The last 24 hours of one instrument as its venue or a price service tells them.

    ``symbol`` is the venue's own name of the instrument, ``name`` what people call it, where the
    venue says. ``volume`` is in the base currency. None: not told.
    """

    venue: str
    instrument: Instrument
    symbol: str
    last: float
    name: str = ""
    open: float | None = None
    high: float | None = None
    low: float | None = None
    volume: float | None = None
    bid: float | None = None
    ask: float | None = None


class Listed(_Event, frozen=True, gc=False):
    """The terms on which a venue lists an instrument, see `Listing`; sent on start and change."""

    venue: str
    instrument: Instrument
    symbol: str
    trading: bool = True
    tick_size: float | None = None
    lot_size: float | None = None
    minimum_notional: float | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Buy the base currency at one venue's ask, sell it at another's bid.

    ``id`` names the route for as long as it exists: ``BTC:binance.USDT>upbit.KRW``. Prices are
    those of the quotes, each in its own quote currency. ``rate`` is how many of the buying quote
    currency one unit of the selling one is worth, 1.0 where both are the same; ``rate_source``
    names the quotes it is read off. ``size`` is the base currency that both best levels hold,
    ``profit`` what that size earns after fees, in the buying quote currency. ``age_ns`` is the age
    of the oldest quote that the route rests on (rate included), ``skew_ns`` the distance between
    oldest and newest, both by our clock. ``why_not`` lists what keeps it from being taken.
    """

    id: str
    base: str
    type: Literal["direct", "fx"]
    buy_venue: str
    buy_instrument: Instrument
    buy_price: float
    buy_fee_bps: float
    sell_venue: str
    sell_instrument: Instrument
    sell_price: float
    sell_fee_bps: float
    rate: float
    rate_source: str
    size: float
    gross_bps: float
    net_bps: float
    profit: float
    age_ns: int
    skew_ns: int
    opened_ns: int
    buy_sequence: int
    sell_sequence: int
    why_not: tuple[str, ...]


class Routes(_Event, frozen=True, gc=False):
    """Every usable route of one base currency at one moment, best first; replaces the last."""

    base: str
    routes: tuple[Route, ...]


class Signal(_Event, frozen=True, gc=False):
    """A strategy's advice on one instrument at one venue, with its reasons."""

    venue: str
    instrument: Instrument
    strategy: str
    action: Literal["buy", "sell", "hold"]
    reason: str


class Gap(_Event, frozen=True, gc=False):
    """What we know that we missed: ``channel`` is incomplete from ``start_ns`` to ``end_ns``.

    Both are times of the venue's, and what was missed may lie on either of them. ``missing`` is how
    many events are, None where nobody can know.
    """

    venue: str
    instrument: Instrument
    channel: Literal["trade", "quote", "book", "candle"]
    start_ns: int
    end_ns: int
    reason: str
    missing: int | None = None


class VenueStatus(_Event, frozen=True, gc=False):
    """How a venue does, sent on each change and once a second; or one instrument there.

    While ``instrument`` is None it speaks for the whole connection, and any state but ``live`` ends
    the life of its quotes. With an instrument, only that one's quotes and books. ``refused`` counts
    frames that were put aside, ``resyncs`` books that had to start anew, ``backfilled`` trades
    that were read over REST, ``gaps`` what stayed missing, ``troubled`` instruments that are not
    live now. ``clock_offset_ms`` is how far the venue's clock is ahead of ours, give or take
    ``clock_error_ms``; ``latency_ms`` is the median of receipt less event time by one clock.
    """

    venue: str
    state: VenueState
    instrument: Instrument | None = None
    reason: str = ""
    instruments: int = 0
    frames: int = 0
    events: int = 0
    refused: int = 0
    reconnects: int = 0
    resyncs: int = 0
    backfilled: int = 0
    gaps: int = 0
    troubled: int = 0
    latency_ms: float | None = None
    clock_offset_ms: float | None = None
    clock_error_ms: float | None = None


class ActorStatus(_Event, frozen=True, gc=False):
    """How an actor of ours does, sent on each change and every few seconds.

    ``process`` names the running process (host and pid). ``handled`` counts events, ``dead`` those
    that were dead-lettered, ``restarts`` since the process started. No actor calls itself lost:
    others do once it fell silent.
    """

    actor: str
    process: str
    state: Literal["starting", "running", "waiting", "restarting", "gave_up", "stopped", "lost"]
    reason: str = ""
    handled: int = 0
    dead: int = 0
    restarts: int = 0


Event: TypeAlias = (
    Quote
    | Trade
    | Book
    | Candle
    | VenueCandle
    | Summary
    | Listed
    | Routes
    | Signal
    | Gap
    | VenueStatus
    | ActorStatus
)
