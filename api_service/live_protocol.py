"""The words of the live feed: what clients say, read and checked; what they are told, written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from api_service.live_words import Delivery, Id, Told
from api_service.problems import ProblemError, fault
from api_service.selection import RouteSort, RouteTerms

PATH = "/v1/live"
PROTOCOL = 1
SUBPROTOCOL = "cryptotracker.v1"


class _Message(
    msgspec.Struct, frozen=True, tag_field="op", tag=str.lower, forbid_unknown_fields=True
):
    """What a client says; ``id`` is its own, and comes back in the answer."""


class IndicatorTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which indicator, with which parameters, held against which market."""

    name: str
    parameters: dict[str, float] = {}
    reference_venue: str | None = None
    reference_symbol: str | None = None
    rate_venue: str | None = None


class Subscribe(_Message, frozen=True, kw_only=True):
    """Ask for a channel; lists may be single names, and what is left out means all."""

    channel: str
    id: Id = None
    symbol: list[str] | str = []
    venue: list[str] | str = []
    asset: list[str] | str = []
    interval: str | None = None
    filter: RouteTerms | None = None
    indicator: IndicatorTerms | None = None
    sort: RouteSort | None = None
    detail: bool | None = None
    limit: int | None = None
    max_hz: float | None = None
    delivery: Delivery | None = None


class Unsubscribe(_Message, frozen=True, kw_only=True):
    """Give up a subscription."""

    sub: str
    id: Id = None


class Ping(_Message, frozen=True, kw_only=True):
    """Ask for the time, twice."""

    id: Id = None


class Resume(_Message, frozen=True, kw_only=True):
    """Go on where an earlier connection ended: the last ``seq`` seen of each subscription."""

    session: str
    streams: dict[str, int]
    id: Id = None


Message: TypeAlias = Subscribe | Unsubscribe | Ping | Resume


class _AnyMessage(msgspec.Struct):
    id: Id = None


_message_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_id_decoder = msgspec.json.Decoder(_AnyMessage)
_encoder = msgspec.json.Encoder()


class MessageError(ProblemError):
    """A client's message that cannot be taken; ``is_json`` where it is JSON at least."""

    def __init__(self, problem: ProblemError, message_id: Id, *, is_json: bool) -> None:
        super().__init__(problem.kind, problem.detail, problem.errors)
        self.message_id = message_id
        self.is_json = is_json


def read_message(text: str | bytes) -> Message:
    """Read what a client says.

    Raises:
        MessageError: it is no message, or not one that makes sense.

    """
    try:
        return _message_decoder.decode(text)
    except msgspec.ValidationError as error:
        problem = ProblemError(
            "invalid-parameter", f"{error}.", [fault(_place_in(error), None, str(error))]
        )
        raise MessageError(problem, _id_of(text), is_json=True) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        problem = ProblemError("malformed-message", f"{error}.")
        raise MessageError(problem, None, is_json=False) from error


def write(told: Told) -> str:
    """Write what a client is told."""
    return _encoder.encode(told).decode()


def write_rows(
    message_type: Literal["snapshot", "update"],
    head: Mapping[str, object],
    rows: Iterable[object],
    gone: Sequence[str] | None = None,
) -> str:
    """Write a snapshot or an update."""
    body = {"type": message_type, **head, "data": list(rows)}
    if gone is not None:
        body["gone"] = gone
    return _encoder.encode(body).decode()


def names(given: list[str] | str) -> list[str]:
    """Read a list of names, or a single one."""
    return [given] if isinstance(given, str) else given


def _place_in(error: msgspec.ValidationError) -> str:
    _, found, path = str(error).rpartition("`$.")
    return path.rstrip("`") if found else ""


def _id_of(text: str | bytes) -> Id:
    try:
        return _id_decoder.decode(text).id
    except (msgspec.DecodeError, RecursionError):
        return None
