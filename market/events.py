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
from market.spread import is_in_shard

Side: TypeAlias = Literal["buy", "sell"]
ActorState: TypeAlias = Literal[
    "starting", "running", "waiting", "restarting", "gave_up", "stopped", "lost"
]
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
    ``complete``: no trade of it is known to be missing. It is not where a gap lies in it, nor where
    its first trade is the first that we ever heard of.
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
    complete: bool = True


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


class RouteLeg(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One step of a route with what it rests on; amounts are those of the route's own size.

    ``source`` and ``target`` are the currencies that go in and come out. A trade (buy, sell) names
    its market and the quote or book that it was priced on; ``price`` is the best one,
    ``average_price`` and ``worst_price`` what the size gets, ``levels`` how many it takes. A move
    goes to ``to_venue``. A conversion is a comparison through a rate and can be done nowhere.
    ``fee`` is in ``fee_currency``; None: it is not known.
    """

    kind: Literal["buy", "sell", "move", "convert"]
    venue: str
    source: str
    target: str
    instrument: Instrument | None = None
    to_venue: str = ""
    price: float = 0.0
    average_price: float = 0.0
    worst_price: float = 0.0
    levels: int = 0
    amount_in: float = 0.0
    amount_out: float = 0.0
    fee: float | None = None
    fee_currency: str = ""
    fee_bps: float | None = None
    minutes: float | None = None
    event_ns: int = 0
    received_ns: int = 0
    sequence: int = 0


class CurvePoint(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a route earns when ``amount_in`` is put in, both in its start currency."""

    amount_in: float
    profit: float


class Route(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A way round through venues and currencies, from one currency back to it.

    ``id`` names the route for as long as it exists: a letter (I: funds wait at every venue, T:
    coins are transferred, C: a comparison through a rate) and the nodes on the way,
    ``I|binance:USDT>binance:BTC>upbit:BTC>upbit:USDT``. ``base`` is what the first leg gets.

    ``buy_…`` is the first trade, ``sell_…`` the last; prices are those of the best levels, each in
    its own quote currency. ``rate`` is how many of the buying quote currency one unit of the
    selling one is worth, 1.0 where nothing is converted; ``rate_source`` names the quotes it is
    read off, ``rate_age_ns`` is the age of the oldest of them. ``gross_bps`` and ``net_bps`` are
    the return at the best levels before and after fees of trades.

    ``size`` is how much of ``base`` the first leg gets at the size that earns most; that puts
    ``amount_in`` of ``start`` in and gets ``amount_out``, ``profit`` more, all fees and steps of
    size paid, which is ``return_bps``. ``limited_by`` says what keeps it from being larger.

    ``age_ns`` is the age of the oldest quote that the route rests on (a rate included, unless it is
    a bank's, which may be hours old), ``skew_ns`` the distance in time between the oldest and the
    newest of those that it trades on. ``opened_ns`` is when it became profitable, 0: it is
    not; ``peak_…`` is its best since then, ``times_seen`` how often it opened within 24 hours.
    ``why_not`` lists what keeps it from being taken; it is takeable when nothing does. None: not
    known.
    """

    id: str
    mode: Literal["inventory", "transfer", "comparison"] = "comparison"
    base: str
    type: Literal["direct", "fx", "triangular", "cycle"]
    start: str = ""
    legs: tuple[RouteLeg, ...] = ()
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
    rate_age_ns: int = 0
    gross_bps: float
    net_bps: float
    size: float
    amount_in: float = 0.0
    amount_out: float = 0.0
    profit: float
    profit_usd: float | None = None
    return_bps: float = 0.0
    limited_by: str = ""
    curve: tuple[CurvePoint, ...] = ()
    fees_usd: float | None = None
    transfer_minutes: float | None = None
    transfer_risk_bps: float | None = None
    age_ns: int
    skew_ns: int
    opened_ns: int
    peak_net_bps: float = 0.0
    peak_profit_usd: float | None = None
    times_seen: int = 0
    buy_sequence: int
    sell_sequence: int
    why_not: tuple[str, ...]


class Routes(_Event, frozen=True, gc=False):
    """The best routes of one base currency at one moment, best first; replaces the last.

    ``count`` is how many there are in all, ``suspicious`` how many more were put aside because
    their prices cannot be those of one coin; a few of those come last. ``unknown_fees`` counts the
    markets that are not traded because nobody says what that costs, ``truncated`` means that there
    are more routes than were looked for. ``together_usd`` is the most that direct routes can earn
    together: they share books, so that their profits must not be added up. None: nothing tells.
    """

    base: str
    routes: tuple[Route, ...]
    count: int = 0
    suspicious: int = 0
    unknown_fees: int = 0
    together_usd: float | None = None
    truncated: bool = False


class Episode(_Event, frozen=True, gc=False):
    """The life of one route that was profitable for a while; told once, when it is over.

    ``event_ns`` is its end. ``reason`` says what ended it, ``updates`` counts the changes.
    """

    route_id: str
    base: str
    type: Literal["direct", "fx", "triangular", "cycle"]
    mode: Literal["inventory", "transfer", "comparison"]
    opened_ns: int
    closed_ns: int
    reason: str
    peak_net_bps: float
    peak_profit_usd: float | None = None
    peak_ns: int = 0
    updates: int = 0


class Premium(_Event, frozen=True, gc=False):
    """How much dearer an asset is in one market than in another, as a fraction of the other.

    ``instrument`` at ``venue`` is held against ``reference`` at ``reference_venue``; ``rate`` is
    how many units of the former's quote currency one of the latter's is worth, read off
    ``rate_source`` (empty: same currency) and ``rate_age_ns`` old. ``basis`` says what kind of rate
    that is: ``bank`` (an exchange rate of money), ``stable`` (a coin's market), ``same``.
    """

    venue: str
    instrument: Instrument
    reference_venue: str
    reference: Instrument
    basis: Literal["bank", "stable", "same"]
    premium: float
    rate: float
    rate_source: str
    rate_age_ns: int
    age_ns: int


class Signal(_Event, frozen=True, gc=False):
    """What a strategy says of one instrument at one venue, with its reasons.

    It was decided on the close of the candle of ``interval`` that starts at ``start_ns``, which is
    at ``event_ns``; of a strategy that decides on quotes ``interval`` is ``quotes``, and both are
    the time of the quote. ``parameters`` are those of the strategy, such as ``fast=10 slow=30``.

    ``target`` is the share of its capital that it wants in the coin from then on; ``side`` says
    whether that is more (buy) than what it said before, less (sell), or the same (hold). ``price``
    is the close or the middle of the quote, ``values`` are the numbers behind ``reason``.
    ``corrected``: a candle came late or changed, and of this one it had said something else.
    """

    venue: str
    instrument: Instrument
    strategy: str
    parameters: str
    interval: str
    start_ns: int
    side: Literal["buy", "sell", "hold"]
    target: float
    price: float
    reason: str
    values: dict[str, float] = {}
    corrected: bool = False


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

    ``shard`` is set where a process follows only a part of the venue's instruments, such as
    ``2/4``; it speaks for those, see `market.spread.is_in_shard`.
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
    shard: str = ""

    def speaks_of(self, venue: str, instrument: Instrument) -> bool:
        """Tell whether it says how an instrument at a venue does."""
        if venue != self.venue:
            return False
        if self.instrument is None:
            return is_in_shard(instrument, self.shard)
        return instrument == self.instrument


class ActorStatus(_Event, frozen=True, gc=False):
    """How an actor of ours does, sent on each change and every few seconds.

    ``process`` names the running process (host and pid). ``handled`` counts events, ``dead`` those
    that were dead-lettered, ``restarts`` since the process started. No actor calls itself lost:
    others do once it fell silent. ``counts`` are the part's books since the process started, by
    account: what came in equals the sum of what became of it.
    """

    actor: str
    process: str
    state: ActorState
    reason: str = ""
    handled: int = 0
    dead: int = 0
    restarts: int = 0
    counts: dict[str, int] = {}


Event: TypeAlias = (
    Quote
    | Trade
    | Book
    | Candle
    | VenueCandle
    | Summary
    | Listed
    | Routes
    | Episode
    | Premium
    | Signal
    | Gap
    | VenueStatus
    | ActorStatus
)
