"""From signals to the rows of the API, and what those look like."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api_service.rows import NumberFormat, computed, rfc3339, symbol_of
from api_service.schemas import Number, Symbol, Venue
from market import Signal


class SignalRow(TypedDict):
    """What a strategy says of a market."""

    venue: Venue
    symbol: Symbol
    strategy: Annotated[str, Field(description="Its name")]
    parameters: Annotated[str, Field(description="All of them, such as fast=10 slow=30")]
    interval: Annotated[str, Field(description="Of the candles that it is told of, or quotes")]
    start: Annotated[str, Field(description="Start of the candle that it decided on, RFC 3339 UTC")]
    ts: Annotated[str, Field(description="Close of that candle, RFC 3339 UTC")]
    side: Annotated[
        Literal["buy", "sell", "hold"],
        Field(description="Whether it wants more than before, less, or the same"),
    ]
    target: Annotated[float, Field(description="Share of its capital that it wants in the coin")]
    price: Annotated[Number, Field(description="The close, or the middle of the quote")]
    reason: Annotated[str, Field(description="Why, in words")]
    values: Annotated[dict[str, float], Field(description="The numbers behind that")]
    corrected: Annotated[bool, Field(description="It had said something else of that candle")]


def signal_row(signal: Signal, number: NumberFormat) -> SignalRow:
    """Return the public form of a signal."""
    return {
        "venue": signal.venue,
        "symbol": symbol_of(signal.instrument),
        "strategy": signal.strategy,
        "parameters": signal.parameters,
        "interval": signal.interval,
        "start": rfc3339(signal.start_ns),
        "ts": rfc3339(signal.event_ns),
        "side": signal.side,
        "target": signal.target,
        "price": number(computed(signal.price)),
        "reason": signal.reason,
        "values": {name: computed(value) for name, value in signal.values.items()},
        "corrected": signal.corrected,
    }
