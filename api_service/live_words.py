"""What clients of the live feed are told, message by message; a change here is a new version.

Fields may be added, so readers ignore those they do not know.
"""

from typing import Annotated, Any, Generic, Literal, NotRequired, TypeAlias, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from api_service.indicator_rows import IndicatorOf, IndicatorRow
from api_service.route_schemas import EpisodeRow, PremiumRow, RouteRow
from api_service.schemas import (
    BookRow,
    CandleRow,
    Mode,
    ProblemBody,
    QuoteRow,
    StatusSubject,
    SummaryRow,
    TradeRow,
)
from api_service.signal_rows import SignalRow

Id: TypeAlias = int | str | None
Delivery: TypeAlias = Literal["latest", "all"]

Asked = Annotated[Id, Field(description="The id of the message that this answers")]
Sub = Annotated[str, Field(description="The subscription, as its ack names it")]
Seq = Annotated[int, Field(description="Rises by one with each update of the subscription")]
Time = Annotated[str, Field(description="RFC 3339 UTC")]

Row = TypeVar("Row")


class Welcome(TypedDict):
    """What comes first."""

    type: Literal["welcome"]
    session: Annotated[str, Field(description="What a later connection may resume")]
    protocol: Annotated[int, Field(description="Version of these messages")]
    mode: Annotated[Mode, Field(description="simulated: the venues are ours")]
    heartbeat_s: Annotated[float, Field(description="Seconds between two heartbeats")]
    resume_s: Annotated[float, Field(description="Seconds for which a session may be resumed")]
    time: Time


class Ack(TypedDict):
    """A subscription is begun, or ended: then it names no stream."""

    type: Literal["ack"]
    id: Asked
    sub: Sub
    stream: NotRequired[Annotated[str, Field(description="Channel/number; heartbeats name it")]]
    delivery: NotRequired[
        Annotated[Delivery, Field(description="latest: what lies between may be left out")]
    ]
    max_hz: NotRequired[Annotated[int, Field(description="Updates a second at most")]]
    subscriptions: Annotated[list[str], Field(description="Those of this connection now")]


class Snapshot(TypedDict, Generic[Row]):
    """All rows of a subscription; it takes the place of all that was told before."""

    type: Literal["snapshot"]
    sub: Sub
    seq: Seq
    data: Annotated[list[Row], Field(description="Rows")]


class Update(TypedDict, Generic[Row]):
    """Rows that changed or came; who finds a hole in `seq` subscribes anew."""

    type: Literal["update"]
    sub: Sub
    seq: Seq
    merged: Annotated[
        int, Field(description="Events that this tells of; 0 on `indicators`, which are computed")
    ]
    data: Annotated[list[Row], Field(description="Rows that take the place of those of their key")]
    gone: Annotated[list[str], Field(description="Keys of rows that are there no more")]


class RoutesSnapshot(Snapshot[RouteRow]):
    """Routes, and how many are hidden."""

    suspicious: Annotated[int, Field(description="Routes that are hidden as no price can be so")]


class RoutesUpdate(Update[RouteRow]):
    """As the snapshot of routes."""

    suspicious: Annotated[int, Field(description="Routes that are hidden as no price can be so")]


WaitsFor = Annotated[
    str | None, Field(description="Why there are no rows, or none newer; null: nothing is wrong")
]


class IndicatorsSnapshot(Snapshot[IndicatorRow]):
    """Values, and what they are of."""

    indicator: Annotated[IndicatorOf, Field(description="What the values are of")]
    waits_for: WaitsFor


class IndicatorsUpdate(Update[IndicatorRow]):
    """As the snapshot of indicators."""

    indicator: Annotated[IndicatorOf, Field(description="What the values are of")]
    waits_for: WaitsFor


class Missed(TypedDict):
    """Updates of a lossless subscription that this client does not get."""

    type: Literal["gap"]
    sub: Sub
    from_seq: Annotated[int, Field(description="The first of them")]
    to_seq: Annotated[int, Field(description="The last of them")]
    reason: Annotated[str, Field(description="slow_consumer or resume")]
    backfill: Annotated[str | None, Field(description="Path that their events can be read at")]


class Heartbeat(TypedDict):
    """The connection lives."""

    type: Literal["heartbeat"]
    time: Time
    lag_ms: Annotated[float, Field(description="How far behind the bus this process is")]
    streams: Annotated[dict[str, int], Field(description="The last `seq` of each stream")]


class Pong(TypedDict):
    """The answer to a ping."""

    type: Literal["pong"]
    id: Asked
    time_in: Time
    time_out: Time


class Refusal(TypedDict):
    """A message that nothing was done of, and why."""

    type: Literal["error"]
    id: Asked
    problem: Annotated[ProblemBody, Field(description="As REST answers with")]


class Closing(TypedDict):
    """The last words before the server closes the connection."""

    type: Literal["closing"]
    reason: Annotated[str, Field(description="Why")]
    retry_after_s: Annotated[float, Field(description="Seconds after which to come back")]


Told: TypeAlias = Welcome | Ack | Missed | Heartbeat | Pong | Refusal | Closing
"""All messages but those with rows."""

ROWS: dict[str, Any] = {
    "books": BookRow,
    "candles": CandleRow,
    "episodes": EpisodeRow,
    "indicators": IndicatorRow,
    "premiums": PremiumRow,
    "quotes": QuoteRow,
    "routes": RouteRow,
    "signals": SignalRow,
    "status": StatusSubject,
    "summaries": SummaryRow,
    "trades": TradeRow,
}
"""The rows of each channel."""


def _of(message: Any, **special: Any) -> dict[str, Any]:
    """Return the message of each channel, of its rows where there is no special one."""
    return {channel: message[row] for channel, row in ROWS.items()} | special


SNAPSHOTS = _of(Snapshot, indicators=IndicatorsSnapshot, routes=RoutesSnapshot)
"""The snapshots of each channel."""

UPDATES = _of(Update, indicators=IndicatorsUpdate, routes=RoutesUpdate)
"""The updates of each channel."""
