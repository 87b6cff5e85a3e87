"""Problems: what can be wrong with a request, told as RFC 9457 has it, over HTTP and live alike."""

import difflib
import secrets
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api_service.schemas import Fault, ProblemBody
from market import (
    ArchiveError,
    ArchiveUnavailableError,
    CryptoTrackerError,
    StoreUnavailableError,
    UnavailableError,
)

log = structlog.get_logger()


class Kind(msgspec.Struct, frozen=True):
    """A kind of problem: its status, its title and what to do about it."""

    status: int
    title: str
    remedy: str


KINDS: Mapping[str, Kind] = {
    "invalid-parameter": Kind(
        400, "A parameter makes no sense", "Each fault is listed with its remedy; see /docs."
    ),
    "malformed-message": Kind(
        400, "Not a message", "A live message is one JSON object a frame, with a field `op`."
    ),
    "unknown-host": Kind(
        421,
        "Not served under that name",
        "Ask by an address that the setting allowed_hosts names, such as 127.0.0.1.",
    ),
    "foreign-origin": Kind(
        403,
        "Not open to pages of other sites",
        "Browsers may open the live feed only from the page that this server serves.",
    ),
    "not-found": Kind(404, "No such path", "The paths are listed at /docs."),
    "upgrade-required": Kind(
        426, "A WebSocket, no page", "Connect with a WebSocket client; /docs tells how to go on."
    ),
    "method-not-allowed": Kind(
        405, "Not that method", "All is read with GET; only /v1/backtests is asked with POST."
    ),
    "unknown-symbol": Kind(404, "No such symbol", "GET /v1/instruments lists what is followed."),
    "unknown-venue": Kind(404, "No such venue", "GET /v1/venues lists the venues."),
    "unknown-route": Kind(
        404, "No such route", "Routes come and go; GET /v1/routes lists those there are."
    ),
    "unknown-subscription": Kind(404, "No such subscription", "Each ack lists those there are."),
    "unknown-session": Kind(
        404, "No such session", "It ended more than a minute ago, or before a restart: subscribe."
    ),
    "range-too-large": Kind(
        413, "Too much at once", "Name fewer symbols or venues, or a shorter range."
    ),
    "no-candles": Kind(404, "No candles", "GET /v1/candles tells what there is."),
    "too-many-backtests": Kind(429, "Too many backtests", "Wait until another is done."),
    "backtest-too-long": Kind(
        413, "A backtest takes too long", "Ask for fewer candles, or use `cryptotracker backtest`."
    ),
    "too-many-subscriptions": Kind(
        429, "Too many subscriptions", "Unsubscribe, or take several symbols in one subscription."
    ),
    "too-many-clients": Kind(503, "Too many clients", "Close one, or try again later."),
    "store-unavailable": Kind(
        503, "History is away", "The store does not answer; what is live still does. Try again."
    ),
    "archive-damaged": Kind(
        500,
        "A file of the archive is damaged",
        "The detail names it; whoever runs the API removes it and archives its days again.",
    ),
    "bus-unavailable": Kind(
        503, "The bus is away", "The message broker does not answer. Try again."
    ),
    "internal": Kind(500, "The fault is ours", "The trace id finds it in the log of the API."),
    "refused": Kind(400, "Refused", "The detail says why."),
}
"""Every kind of problem by the last word of its ``type``."""

_OF_HISTORY = (StoreUnavailableError, ArchiveUnavailableError)

_BY_STATUS = {404: "not-found", 405: "method-not-allowed"}


class ProblemError(CryptoTrackerError):
    """A request that cannot be answered as it is."""

    def __init__(self, kind: str, detail: str, errors: Iterable[Fault] = ()) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.kind].status

    def body(self, instance: str) -> ProblemBody:
        """Return the public form, for a request of the path ``instance``."""
        return {
            "type": f"/problems/{self.kind}",
            "title": KINDS[self.kind].title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "errors": self.errors,
        }


def fault(
    parameter: str, value: object, reason: str, *, close_to: str = "", known: Iterable[str] = ()
) -> Fault:
    """Describe one fault; of ``known`` those that resemble ``close_to`` are proposed."""
    found: Fault = {"parameter": parameter, "value": value, "reason": reason}
    if close := difflib.get_close_matches(close_to, list(known), n=3, cutoff=0.6):
        found["did_you_mean"] = close
    return found


def problem_response(problem: ProblemError, instance: str) -> Response:
    """Answer with a problem."""
    return _response(problem.body(instance))


def handle_problems(app: FastAPI) -> None:
    """Make every error of ``app`` an answer of one form."""
    asked_wrongly = ProblemError, RequestValidationError, HTTPException
    for kind in (*asked_wrongly, UnavailableError, ArchiveError):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(Exception, _answer)


def _answer(request: Request, error: Exception) -> Response:
    match error:
        case ProblemError():
            return problem_response(error, request.url.path)
        case RequestValidationError():
            return problem_response(_invalid(request, error), request.url.path)
        case HTTPException():
            kind = _BY_STATUS.get(error.status_code, "refused")
            problem = ProblemError(kind, f"{request.method} {request.url.path}: {error.detail}.")
            return _response(problem.body(request.url.path), error.status_code, error.headers)
        case UnavailableError():
            away = "store" if isinstance(error, _OF_HISTORY) else "bus"
            problem = ProblemError(f"{away}-unavailable", str(error))
            return _response(problem.body(request.url.path), headers={"retry-after": "5"})
        case ArchiveError():
            log.error("api.archive_damaged", path=request.url.path, why=str(error))
            return problem_response(ProblemError("archive-damaged", f"{error}."), request.url.path)
        case _:
            return _internal(request, error)


def _invalid(request: Request, error: RequestValidationError) -> ProblemError:
    faults = [_fault_of(request, found) for found in error.errors()]
    named = ", ".join(found["parameter"] for found in faults)
    return ProblemError("invalid-parameter", f"Cannot be understood: {named}.", faults)


def _fault_of(request: Request, found: Mapping[str, object]) -> Fault:
    location = found["loc"]
    name = ".".join(str(part) for part in location[1:]) if isinstance(location, tuple) else ""
    value = None if found["type"] == "missing" else found.get("input")
    if found["type"] == "extra_forbidden":
        known = _parameters_of(request)
        reason = f"there is no such parameter; there are {', '.join(known) or 'none'}"
        return fault(name, value, reason, close_to=name, known=known)
    return fault(name, value, str(found["msg"]).removeprefix("Value error, "))


def _internal(request: Request, error: Exception) -> Response:
    trace_id = secrets.token_hex(8)
    log.error("api.failed", trace_id=trace_id, path=request.url.path, exc_info=error)
    problem = ProblemError("internal", f"It is in the log of the API as {trace_id}.")
    body = problem.body(request.url.path)
    body["trace_id"] = trace_id
    return _response(body)


def _parameters_of(request: Request) -> Sequence[str]:
    path = request.app.openapi()["paths"].get(request.scope["route"].path, {})
    return [str(parameter["name"]) for parameter in path.get("get", {}).get("parameters", [])]


def _response(
    body: ProblemBody, status: int | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        msgspec.json.encode(body),
        status_code=status or body["status"],
        headers=headers,
        media_type="application/problem+json",
    )
