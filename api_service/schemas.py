"""What the API promises, in REST answers and live messages alike; a change here is a new version.

Decimals are strings that read back as exactly the number we hold (``numbers=float`` makes them
JSON numbers), basis points and durations are JSON numbers, times are RFC 3339 in UTC, sequences are
strings. Fields may be added, so readers ignore those they do not know.
"""

from typing import Annotated, Generic, Literal, NotRequired, TypeAlias, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from market.events import Side, VenueState

Number: TypeAlias = str | float
Mode: TypeAlias = Literal["simulated", "live"]

Venue = Annotated[str, Field(description="Name of the venue, such as kraken")]
Symbol = Annotated[str, Field(description="Instrument as BASE-QUOTE, such as BTC-USDT")]
Price = Annotated[Number, Field(description="In the quote currency: decimal string or number")]
Size = Annotated[Number, Field(description="In the base currency: decimal string or number")]
Ts = Annotated[str, Field(description="Time at the venue, RFC 3339 UTC")]
RecvTs = Annotated[str, Field(description="When we received it, RFC 3339 UTC")]
Sequence = Annotated[str, Field(description="Rises with each event of a venue and instrument")]
AgeMs = Annotated[float, Field(description="Milliseconds since it was received")]
Bps = Annotated[float, Field(description="Hundredths of a percent")]
PriceAndSize: TypeAlias = Annotated[list[Number], Field(min_length=2, max_length=2)]


class QuoteRow(TypedDict):
    """Best bid and ask of one instrument at one venue."""

    venue: Venue
    symbol: Symbol
    base: Annotated[str, Field(description="What is traded")]
    quote_currency: Annotated[str, Field(description="What prices are in")]
    bid: Price
    bid_size: Size
    ask: Price
    ask_size: Size
    ts: Ts
    recv_ts: RecvTs
    age_ms: AgeMs
    stale: Annotated[bool, Field(description="Whether it must not be relied on")]
    stale_reason: Annotated[str | None, Field(description="Why it is stale")]
    sequence: Sequence


class CandleRow(TypedDict):
    """The trades of one interval."""

    venue: Venue
    symbol: Symbol
    interval: Annotated[str, Field(description="Length, such as 1m")]
    start: Annotated[str, Field(description="Start of the interval, RFC 3339 UTC")]
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Annotated[Number, Field(description="Sum of sizes, in the base currency")]
    trades: Annotated[int | None, Field(description="Number of trades; null: it is not told")]
    closed: Annotated[bool, Field(description="False while trades still come in")]
    complete: Annotated[bool, Field(description="False: trades of it are missing, see /v1/gaps")]
    source: Annotated[
        Literal["trades", "venue"], Field(description="Made by us of the trades, or by the venue")
    ]


class TradeRow(TypedDict):
    """One execution."""

    venue: Venue
    symbol: Symbol
    id: Annotated[str, Field(description="The venue's trade id")]
    side: Annotated[Side, Field(description="The taker's side")]
    price: Price
    size: Size
    ts: Ts
    recv_ts: RecvTs
    sequence: Sequence
    backfilled: Annotated[bool, Field(description="Whether it was read by REST after the fact")]


class BookRow(TypedDict):
    """The best levels of both sides."""

    venue: Venue
    symbol: Symbol
    bids: Annotated[list[PriceAndSize], Field(description="[price, size], highest price first")]
    asks: Annotated[list[PriceAndSize], Field(description="[price, size], lowest price first")]
    ts: Ts
    recv_ts: RecvTs
    sequence: Sequence


class SummaryRow(TypedDict):
    """The last 24 hours of one instrument, as a venue or a price service tells them."""

    symbol: Symbol
    name: Annotated[str, Field(description="What people call it; empty: not told")]
    exchange: Venue
    venue_symbol: Annotated[str, Field(description="The venue's own name of the instrument")]
    last: Price
    open: Annotated[Number | None, Field(description="24 hours ago, in the quote currency")]
    high: Annotated[Number | None, Field(description="Highest price, in the quote currency")]
    low: Annotated[Number | None, Field(description="Lowest price, in the quote currency")]
    volume: Annotated[Number | None, Field(description="Traded, in the base currency")]
    bid: Annotated[Number | None, Field(description="Best bid, in the quote currency")]
    ask: Annotated[Number | None, Field(description="Best ask, in the quote currency")]
    timestamp: Ts
    recv_ts: RecvTs
    age_ms: AgeMs
    stale: Annotated[bool, Field(description="Whether it must not be relied on")]
    stale_reason: Annotated[str | None, Field(description="Why it is stale")]


class ListingRow(TypedDict):
    """The terms on which a venue lists an instrument."""

    venue: Venue
    symbol: Symbol
    venue_symbol: Annotated[str, Field(description="The venue's own name of the instrument")]
    status: Annotated[
        Literal["trading", "halted"], Field(description="Whether it is traded at present")
    ]
    tick_size: Annotated[Number | None, Field(description="Step of prices, in the quote currency")]
    lot_size: Annotated[Number | None, Field(description="Step of sizes, in the base currency")]
    minimum_notional: Annotated[
        Number | None, Field(description="Least price x size of an order, in the quote currency")
    ]
    ts: Annotated[str, Field(description="When these terms were told, RFC 3339 UTC")]


class GapRow(TypedDict):
    """What we know that we missed."""

    venue: Venue
    symbol: Symbol
    channel: Annotated[Literal["trade", "quote", "book", "candle"], Field(description="Of what")]
    start: Annotated[str, Field(description="From then on it is incomplete, RFC 3339 UTC")]
    end: Annotated[str, Field(description="Until then, RFC 3339 UTC")]
    reason: Annotated[str, Field(description="Why")]
    missing: Annotated[int | None, Field(description="Events missed; null where unknown")]


class GapTotal(TypedDict):
    """What is missing of one venue in the range that was asked for."""

    venue: Venue
    gaps: Annotated[int, Field(description="Number of gaps")]
    seconds: Annotated[float, Field(description="Their lengths together, in seconds")]
    missing: Annotated[int, Field(description="Events missed, where their number is known")]


class QuarantineRow(TypedDict):
    """What was put aside: a frame that no event came of, or an event that could not be handled."""

    id: Annotated[str, Field(description="What `cryptotracker quarantine` knows it by")]
    time: Annotated[str | None, Field(description="When it was put aside, RFC 3339 UTC")]
    venue: Annotated[str, Field(description="Venue that it comes from; empty: from none")]
    mailbox: Annotated[str, Field(description="Part of ours that could make nothing of it")]
    reason: Annotated[str, Field(description="What is wrong with it")]
    body: Annotated[str | None, Field(description="The frame, or the event as JSON")]
    body_base64: Annotated[str | None, Field(description="The frame where it is no UTF-8")]


class InstrumentRow(TypedDict):
    """An instrument that some venue has told of."""

    symbol: Symbol
    base: Annotated[str, Field(description="What is traded")]
    quote_currency: Annotated[str, Field(description="What prices are in")]
    venues: Annotated[list[str], Field(description="Where it is seen, by name")]


class TroubleRow(TypedDict):
    """An instrument that does not do well while its venue does."""

    symbol: Symbol
    state: Annotated[VenueState, Field(description="State of this instrument alone")]
    reason: Annotated[str, Field(description="Why")]
    since: Annotated[str, Field(description="When that was told, RFC 3339 UTC")]


class VenueRow(TypedDict):
    """How a venue does; counters are since its connector started."""

    venue: Venue
    state: Annotated[VenueState, Field(description="stale: silent for more than five seconds")]
    reason: Annotated[str, Field(description="Why it is not live")]
    polled: Annotated[bool, Field(description="Asked now and then: its quotes are of when it was")]
    lasts_s: Annotated[float, Field(description="Seconds that a quote of it is not stale")]
    instruments: Annotated[int, Field(description="Instruments followed")]
    frames: Annotated[int, Field(description="Frames received")]
    events: Annotated[int, Field(description="Events read off them")]
    refused: Annotated[int, Field(description="Frames that could not be read")]
    reconnects: Annotated[int, Field(description="Connections made after the first")]
    events_per_s: Annotated[float, Field(description="Events a second, of late")]
    resyncs: Annotated[int, Field(description="Books that had to start anew")]
    backfilled: Annotated[int, Field(description="Trades read over REST after the fact")]
    gaps: Annotated[int, Field(description="Gaps that stayed")]
    latency_ms: Annotated[float | None, Field(description="Median of receipt less event time")]
    clock_offset_ms: Annotated[
        float | None, Field(description="Milliseconds that the venue's clock is ahead of ours")
    ]
    clock_error_ms: Annotated[
        float | None, Field(description="Milliseconds that the offset may be off, either way")
    ]
    age_ms: Annotated[float, Field(description="Milliseconds since it last told its state")]
    not_live: Annotated[int, Field(description="Instruments that are not live")]
    troubled: Annotated[
        list[TroubleRow], Field(description="Which, as far as they are told; a hundred at most")
    ]


class ActorRow(TypedDict):
    """How a part of ours does."""

    actor: Annotated[str, Field(description="Name, such as storage.writer")]
    process: Annotated[str, Field(description="Host and process id")]
    state: Annotated[
        Literal["starting", "running", "waiting", "restarting", "gave_up", "stopped", "lost"],
        Field(description="State it last told; lost: its process fell silent without a word"),
    ]
    reason: Annotated[str, Field(description="Why it is not running")]
    handled: Annotated[int, Field(description="Events handled")]
    dead: Annotated[int, Field(description="Events that were dead-lettered")]
    restarts: Annotated[int, Field(description="Restarts since its process started")]
    counts: Annotated[
        dict[str, int], Field(description="Its books: what came in and what became of it")
    ]
    age_ms: Annotated[float, Field(description="Milliseconds since it last told its state")]


class LiveRow(TypedDict):
    """Who is connected to the live feed."""

    clients: Annotated[int, Field(description="Clients connected")]
    streams: Annotated[int, Field(description="Different streams among their subscriptions")]


class BalanceRow(TypedDict):
    """One balance, added over all parts that keep it."""

    name: Annotated[str, Field(description="What is counted: frames, letters, events, bus, …")]
    accounts: Annotated[dict[str, int], Field(description="The accounts, what came first")]
    difference: Annotated[int, Field(description="What vanished or came from nowhere; 0: nothing")]


class BooksRow(TypedDict):
    """Whether what came in equals what became of it, part by part."""

    balanced: Annotated[bool, Field(description="Whether every part's books balance exactly")]
    balances: Annotated[list[BalanceRow], Field(description="Of each part in each process")]


class StatusRow(TypedDict):
    """How the system does as seen from the API."""

    mode: Annotated[Mode, Field(description="simulated: the venues are ours")]
    version: Annotated[str, Field(description="Version of CryptoTracker")]
    started: Annotated[str, Field(description="Start of the API, RFC 3339 UTC")]
    uptime_s: Annotated[float, Field(description="Seconds since then")]
    events: Annotated[dict[str, int], Field(description="Events seen since then, by kind")]
    faults: Annotated[list[str], Field(description="What is wrong now, and what to do about it")]
    books: BooksRow
    actors: Annotated[list[ActorRow], Field(description="Our parts, by name")]
    venues: Annotated[list[VenueRow], Field(description="Venues, by name")]
    gaps: Annotated[int, Field(description="Gaps seen since the start")]
    live: LiveRow


class StatusSubject(TypedDict):
    """One item of the live channel ``status``: one of venue, actor and gap is there."""

    subject: Annotated[str, Field(description="venue:NAME, actor:NAME or gap")]
    venue: NotRequired[VenueRow]
    actor: NotRequired[ActorRow]
    gap: NotRequired[GapRow]


class Meta(TypedDict):
    """What every answer says about itself."""

    mode: Annotated[Mode, Field(description="simulated: the venues are ours")]
    as_of: Annotated[str, Field(description="Time of the answer, RFC 3339 UTC")]
    stale: Annotated[bool, Field(description="Whether no venue is live or a row is stale")]


Row = TypeVar("Row")


class Answer(TypedDict, Generic[Row]):
    """Rows, where to go on, and what they are worth."""

    data: Annotated[list[Row], Field(description="Rows")]
    next: Annotated[str | None, Field(description="Path of the page of older rows; null: none")]
    meta: Meta


class GapsAnswer(Answer[GapRow]):
    """Gaps, and what they come to."""

    totals: Annotated[
        list[GapTotal],
        Field(description="By venue, over the whole range: of its newest ten thousand gaps"),
    ]


class StatusAnswer(TypedDict):
    """The system's status."""

    data: StatusRow
    next: Annotated[None, Field(description="There is one page")]
    meta: Meta


class Fault(TypedDict):
    """One thing that is wrong with a request."""

    parameter: Annotated[str, Field(description="Where: the name of a parameter or field")]
    value: Annotated[object, Field(description="What was given")]
    reason: Annotated[str, Field(description="What would be right")]
    did_you_mean: NotRequired[Annotated[list[str], Field(description="Close by, best first")]]


class ProblemBody(TypedDict):
    """A fault as RFC 9457 has it."""

    type: Annotated[str, Field(description="Path of the page that explains this kind of problem")]
    title: Annotated[str, Field(description="The kind of problem in words")]
    status: Annotated[int, Field(description="HTTP status")]
    detail: Annotated[str, Field(description="What happened, and what to do")]
    instance: Annotated[str, Field(description="Path of the request")]
    errors: Annotated[list[Fault], Field(description="Every fault found")]
    trace_id: NotRequired[Annotated[str, Field(description="Finds the fault in our log")]]


class HealthRow(TypedDict):
    """Whether the process lives."""

    status: Annotated[Literal["ok"], Field(description="It answers, so it lives")]
    version: Annotated[str, Field(description="Version of CryptoTracker")]
    uptime_s: Annotated[float, Field(description="Seconds since the start")]


class ReadinessRow(TypedDict):
    """Whether the API has something true to say."""

    ready: Annotated[bool, Field(description="Whether nothing is waited for")]
    waiting_for: Annotated[list[str], Field(description="What is, in words")]
