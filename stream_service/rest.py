"""Requests to a venue's REST interface, in the rhythm that it allows."""

import asyncio
import time
from collections.abc import Callable, Generator
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self, TypeVar

import httpx2
import structlog

from infrastructure.retry import patience
from market import FrameError, VenueBusyError, VenueRefusedError
from stream_service.refusals import why_refused
from stream_service.transport import USER_AGENT
from stream_service.venue import HttpRequest, Venue

T = TypeVar("T")

log = structlog.get_logger()

TIMEOUT_S = 10.0
LONGEST_WAIT_S = 86_400.0
TRIED_FOR_S = 20.0
BUSY_S = 2.0
"""How long a venue is left alone that answers too many requests without saying for how long."""

WAITED_AT_MOST_S = 5.0
"""A venue that asks us to wait no longer is waited for in place; else whoever asked decides."""

ASKED_AT_MOST = 4
"""Times in a row that one request may meet a venue that asks us to wait."""

BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT)
"""Binance says 418 while an address is banned."""

UNANSWERED = (httpx2.HTTPError, TimeoutError)
"""What a request without a good answer raises."""


class VenueRest:
    """Makes the requests of one venue, those of all its connections in one rhythm.

    Args:
        venue: Whose; its keys never get into an error or a log line.
        on_date: Told the venue's clock from the header of each answer: in whole seconds, our clock
            when the request left and when the answer came.
        clock: Ours.

    """

    def __init__(
        self,
        venue: Venue,
        on_date: Callable[[int, int, int], None] = lambda *_stamps: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._venue = venue
        self._clock = clock
        self._on_date = on_date
        self._turn = asyncio.Lock()
        self._closed_until = 0.0
        self._is_held_back = False
        self._http = httpx2.AsyncClient(
            base_url=venue.rest_url,
            timeout=TIMEOUT_S,
            trust_env=not venue.is_simulated,  # a proxy does not know ours
            headers={"User-Agent": USER_AGENT},
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.__aexit__()

    async def body(self, request: HttpRequest) -> bytes:
        """Return the body of the answer; what passes is tried again for a while.

        Raises:
            VenueRefusedError: the venue turns the request down for good.
            VenueBusyError: it asks us to wait for longer than a few seconds.
            httpx2.HTTPError: it does not answer well.
            TimeoutError: nor in time.

        """
        body = b""
        async for attempt in patience(*UNANSWERED, within_s=TRIED_FOR_S):
            with attempt:
                body = self._content(request, await self._reply(request))
        return body

    async def dialogue(self, requests: Generator[HttpRequest, bytes, T]) -> T:
        """Make the requests that a generator yields, one after the other; return its result.

        Raises:
            httpx2.HTTPError: the venue does not answer well.
            TimeoutError: nor in time.
            VenueRefusedError: it turns us down, or its answer cannot be read.
            VenueBusyError: it asks us to wait for longer than a few seconds.

        """
        try:
            request = next(requests)
            while True:
                reply = await self._reply(request)
                request = requests.send(self._content(request, reply))
        except StopIteration as done:
            result: T = done.value
            return result
        except FrameError as error:
            raise VenueRefusedError(self._redacted(str(error))) from None

    async def _reply(self, request: HttpRequest) -> httpx2.Response:
        """Ask once it is our turn, and again after the short wait that the venue asks for.

        Raises:
            VenueBusyError: it asks for a longer one.

        """
        wait_s = 0.0
        for _ in range(ASKED_AT_MOST):
            await self._take_turn(request)
            reply = await self._exchange(request)
            wait_s = _wait_s(reply)
            if not wait_s:
                self._is_held_back = False
                return reply
            if not self._is_held_back:
                log.warning("rest.held_back", venue=self._venue.name, wait_s=wait_s)
            self._is_held_back = True
            self._closed_until = max(self._closed_until, time.monotonic() + wait_s)
        raise self._busy(request, wait_s)

    async def _take_turn(self, request: HttpRequest) -> None:
        """Wait until we may ask: in the venue's rhythm, and not while it asks us to wait."""
        async with self._turn:
            await asyncio.sleep(self._venue.rest_interval_s)
            wait_s = self._closed_until - time.monotonic()
            if wait_s > WAITED_AT_MOST_S:
                raise self._busy(request, wait_s)
            await asyncio.sleep(wait_s)

    def _busy(self, request: HttpRequest, wait_s: float) -> VenueBusyError:
        why = f"{self._venue.name} has no time for {request.path} for {wait_s:.0f} s"
        return VenueBusyError(self._redacted(why), wait_s=wait_s)

    async def _exchange(self, request: HttpRequest) -> httpx2.Response:
        base = self._venue.other_rest_urls[request.host] if request.host else ""
        sent_ns = self._clock()
        async with asyncio.timeout(TIMEOUT_S):
            reply = await self._http.request(
                request.method, base + request.path, headers=dict(request.headers)
            )
        self._note_date(reply, sent_ns, self._clock())
        return reply

    def _content(self, request: HttpRequest, reply: httpx2.Response) -> bytes:
        """Return what came.

        Raises:
            VenueRefusedError: the request is turned down for good.
            httpx2.HTTPStatusError: it is no answer now.

        """
        if reply.is_client_error and reply.status_code != HTTPStatus.REQUEST_TIMEOUT:
            why = why_refused(reply.status_code, reply.text)
            why = f"{self._venue.name} answers {request.path} with {why}"
            raise VenueRefusedError(self._redacted(why))
        try:
            return reply.raise_for_status().content
        except httpx2.HTTPStatusError as error:
            text = self._redacted(str(error))
            raise httpx2.HTTPStatusError(
                text, request=error.request, response=error.response
            ) from None

    def _note_date(self, reply: httpx2.Response, sent_ns: int, received_ns: int) -> None:
        if reply.headers.get("Age", "0") != "0":
            return  # a cache on the way keeps the date of when it asked
        text = reply.headers.get("Date", "")
        try:
            date_s = int(parsedate_to_datetime(text).timestamp())
        except ValueError:
            return  # a header that is missing or wrong tells nothing
        self._on_date(date_s, sent_ns, received_ns)

    def _redacted(self, text: str) -> str:
        for secret in self._venue.keys.values():
            text = text.replace(secret, "********") if secret else text
        return text


def _wait_s(reply: httpx2.Response) -> float:
    """Return how long the venue asks us to wait; 0: it answers."""
    if reply.is_success:
        return 0.0
    text = reply.headers.get("Retry-After", "")
    asked_s = min(float(text), LONGEST_WAIT_S) if text.isdecimal() else 0.0
    return asked_s or (BUSY_S if reply.status_code in BUSY else 0.0)
