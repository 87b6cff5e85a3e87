"""What the API promises of routes, their lives and premiums; see `api_service.schemas`."""

from typing import Annotated, Literal, NotRequired, TypeAlias

from pydantic import Field
from typing_extensions import TypedDict

from api_service.schemas import Meta, Number, Price, Symbol, Venue

RouteKind: TypeAlias = Literal["direct", "fx", "triangular", "cycle"]
RouteMode: TypeAlias = Literal["inventory", "transfer", "comparison"]
Basis: TypeAlias = Literal["bank", "stable", "same"]
CurvePair: TypeAlias = Annotated[list[Number], Field(min_length=2, max_length=2)]

RouteId = Annotated[
    str, Field(description="Mode's letter | venue:CURRENCY > … , for as long as it exists")
]
Asset = Annotated[str, Field(description="What the first leg gets")]
Kind = Annotated[
    RouteKind, Field(description="fx: a comparison through a rate, to be taken nowhere")
]
ModeOfRoute = Annotated[
    RouteMode, Field(description="inventory: funds wait at every venue; transfer: coins are sent")
]
Amount = Annotated[Number, Field(description="In the start currency: decimal string or number")]
Usd = Annotated[float | None, Field(description="US dollars; null: not known")]


class RouteSide(TypedDict):
    """The first or last trade of a route: the quote it rests on."""

    venue: Venue
    symbol: Symbol
    price: Price
    fee_bps: Annotated[float, Field(description="Taker fee, hundredths of a percent")]
    sequence: Annotated[str, Field(description="Of the quote")]


class RouteRate(TypedDict):
    """How the two quote currencies are compared."""

    value: Annotated[Number, Field(description="Buying quote currency for one selling one")]
    source: Annotated[str, Field(description="Quotes it is read off; empty: same currency")]
    age_ms: Annotated[float, Field(description="Age of the oldest of them, in ms")]


class RouteLegRow(TypedDict):
    """One step: a trade, a move between venues, or a conversion that can be done nowhere."""

    kind: Annotated[Literal["buy", "sell", "move", "convert"], Field(description="What is done")]
    venue: Annotated[str, Field(description="Where; of a move: from where")]
    to_venue: Annotated[str, Field(description="Where a move goes; else empty")]
    source: Annotated[str, Field(description="Currency that goes in")]
    target: Annotated[str, Field(description="Currency that comes out")]
    symbol: Annotated[str | None, Field(description="Market of a trade")]
    price: Annotated[Number | None, Field(description="Best price; null: a move has none")]
    average_price: Annotated[Number | None, Field(description="What the size gets on average")]
    worst_price: Annotated[Number | None, Field(description="The last price that is needed")]
    levels: Annotated[int, Field(description="Levels of the book that the size takes")]
    amount_in: Annotated[Number, Field(description="In the source currency")]
    amount_out: Annotated[Number, Field(description="In the target currency, after the fee")]
    fee: Annotated[Number | None, Field(description="In fee_currency; null: not known")]
    fee_currency: Annotated[str, Field(description="What the fee is paid in")]
    fee_bps: Annotated[float | None, Field(description="Of a trade: the taker fee")]
    minutes: Annotated[float | None, Field(description="How long a move takes; null: not known")]
    ts: Annotated[str | None, Field(description="Quote's time at the venue, RFC 3339 UTC")]
    recv_ts: Annotated[str | None, Field(description="When we received it, RFC 3339 UTC")]
    age_ms: Annotated[float | None, Field(description="Milliseconds since then")]
    sequence: Annotated[str | None, Field(description="Of the quote or book priced on")]


class ReceiptLine(TypedDict):
    """A part of the return; those before a ``net`` or ``return`` add up to it."""

    what: Annotated[
        Literal["gross", "fee", "compounding", "net", "transfer", "depth", "return"],
        Field(
            description="gross: best prices; compounding: fees on fees; net: after taker fees; "
            "transfer: fee of a move; depth: worse levels, steps of size; return: at the size"
        ),
    ]
    venue: Annotated[str, Field(description="Who takes the fee; else empty")]
    bps: Annotated[float | None, Field(description="Hundredths of a percent; null: not known")]


class AtNotional(TypedDict):
    """What a route would earn on the notional asked for, read off its curve by interpolation."""

    amount_in: Amount
    profit: Amount
    profit_usd: Annotated[float, Field(description="The same in US dollars")]
    return_bps: Annotated[float, Field(description="Profit of what is put in, in bps")]


class RouteRow(TypedDict):
    """A way round through venues and currencies, from one currency back to it."""

    id: RouteId
    asset: Asset
    kind: Kind
    mode: ModeOfRoute
    start: Annotated[str, Field(description="Currency it begins and ends with")]
    buy: RouteSide
    sell: RouteSide
    rate: RouteRate
    gross_bps: Annotated[float, Field(description="Return at the best prices before fees, in bps")]
    net_bps: Annotated[float, Field(description="Return at the best prices after taker fees")]
    size: Annotated[Number, Field(description="What the first leg gets at the best size")]
    amount_in: Amount
    amount_out: Amount
    profit: Annotated[Number, Field(description="Earned at that size, all fees paid, in currency")]
    currency: Annotated[str, Field(description="What the profit is in: the start currency")]
    profit_usd: Usd
    return_bps: Annotated[float, Field(description="Profit of what is put in at that size, in bps")]
    limited_by: Annotated[str, Field(description="What keeps the size from being larger")]
    fees_usd: Usd
    transfer_minutes: Annotated[float | None, Field(description="Of all moves; null: not known")]
    transfer_risk_bps: Annotated[
        float | None, Field(description="What the price may lose meanwhile; null: not known")
    ]
    age_ms: Annotated[float, Field(description="Age of the oldest quote it rests on, in ms")]
    skew_ms: Annotated[float, Field(description="Time between oldest and newest quote, in ms")]
    open_s: Annotated[float, Field(description="Seconds that it has been profitable; 0: it is not")]
    peak_net_bps: Annotated[float, Field(description="Best net return since it opened, in bps")]
    peak_profit_usd: Usd
    times_seen: Annotated[int, Field(description="How often it opened within 24 hours")]
    takeable: Annotated[bool, Field(description="Whether nothing is known to keep from taking it")]
    why_not: Annotated[list[str], Field(description="What keeps it from being taken")]
    at_notional: NotRequired[AtNotional]
    legs: NotRequired[Annotated[list[RouteLegRow], Field(description="The steps, in order")]]
    curve: NotRequired[
        Annotated[list[CurvePair], Field(description="[amount_in, profit] in the start currency")]
    ]
    receipt: NotRequired[
        Annotated[list[ReceiptLine], Field(description="From the gross return to what is left")]
    ]


class RoutesMeta(Meta):
    """What an answer with routes says about itself."""

    suspicious: Annotated[
        int, Field(description="Routes left out as their prices cannot be those of one coin")
    ]


class RoutesAnswer(TypedDict):
    """Routes, and how many are hidden."""

    data: Annotated[list[RouteRow], Field(description="Rows")]
    next: Annotated[None, Field(description="There is one page")]
    meta: RoutesMeta


class RouteAnswer(TypedDict):
    """One route with its legs, its curve and its receipt."""

    data: RouteRow
    next: Annotated[None, Field(description="There is one page")]
    meta: Meta


class EpisodeRow(TypedDict):
    """The life of a route that was profitable for a while."""

    route_id: RouteId
    asset: Asset
    kind: Kind
    mode: ModeOfRoute
    opened: Annotated[str, Field(description="When it became profitable, RFC 3339 UTC")]
    closed: Annotated[str, Field(description="When that ended, RFC 3339 UTC")]
    lasted_s: Annotated[float, Field(description="Seconds between the two")]
    reason: Annotated[str, Field(description="What ended it")]
    peak_net_bps: Annotated[float, Field(description="Best net return, in bps")]
    peak_profit_usd: Usd
    peak_at: Annotated[str | None, Field(description="When that was, RFC 3339 UTC")]
    updates: Annotated[int, Field(description="How often it changed")]


class PremiumRow(TypedDict):
    """How much dearer an asset is in one market than in another."""

    asset: Annotated[str, Field(description="What is compared")]
    venue: Venue
    symbol: Symbol
    reference_venue: Annotated[str, Field(description="Venue it is held against")]
    reference_symbol: Annotated[str, Field(description="Instrument it is held against")]
    basis: Annotated[
        Basis, Field(description="Rate used; bank: of money, stable: a coin's market, same: none")
    ]
    premium_bps: Annotated[float, Field(description="Dearer than the reference, in bps")]
    rate: Annotated[Number, Field(description="Quote currency for one of the reference's")]
    rate_source: Annotated[str, Field(description="Where the rate is read; empty: same currency")]
    rate_age_ms: Annotated[float, Field(description="Age of the rate, in ms")]
    age_ms: Annotated[float, Field(description="Age of the oldest price of the two, in ms")]
    ts: Annotated[str, Field(description="When it was so, RFC 3339 UTC")]
    stale: Annotated[bool, Field(description="Whether it was not told again for too long")]
