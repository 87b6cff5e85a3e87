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
from market import FrameError, VenueRefusedError
from stream_service.venue import HttpRequest, Venue

T = TypeVar("T")

log = structlog.get_logger()

TIMEOUT_S = 10.0
DIALOGUE_TIMEOUT_S = 30.0
LONGEST_WAIT_S = 86_400.0
TRIED_FOR_S = 20.0

TRY_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT, HTTPStatus.REQUEST_TIMEOUT)
"""Client errors that pass; Binance says 418 while an address is banned."""

UNANSWERED = (httpx2.HTTPError, TimeoutError)
"""What a request without a good answer raises."""


class VenueRest:
    """Makes the requests of one venue, those of all its connections in one rhythm.

    Args:
        venue: Whose; its keys never get into an error or a log line.
        on_date: Told the venue's clock from the header of each answer: in whole seconds, our clock
            when the request left and when the answer came.

    """

    def __init__(
        self, venue: Venue, on_date: Callable[[int, int, int], None] = lambda *_stamps: None
    ) -> None:
        self._venue = venue
        self._on_date = on_date
        self._turn = asyncio.Lock()
        self._http = httpx2.AsyncClient(
            base_url=venue.rest_url,
            timeout=TIMEOUT_S,
            trust_env=not venue.is_on_this_machine,  # a proxy does not know our loopback
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
            httpx2.HTTPError: it does not answer well.
            TimeoutError: nor in time.

        """
        body = b""
        async for attempt in patience(*UNANSWERED, within_s=TRIED_FOR_S):
            with attempt:
                reply = await self._reply(request)
                if reply.is_client_error and reply.status_code not in TRY_AGAIN:
                    raise VenueRefusedError(
                        self._redacted(
                            f"{self._venue.name} answers {request.path} with {reply.status_code}: "
                            f"{reply.text[:200]}"
                        )
                    )
                body = await self._content(reply)
        return body

    async def dialogue(self, requests: Generator[HttpRequest, bytes, T]) -> T:
        """Make the requests that a generator yields, one after the other; return its result.

        Raises:
            httpx2.HTTPError: the venue does not answer well.
            TimeoutError: nor in time.
            VenueRefusedError: its answer cannot be read.

        """
        try:
            request = next(requests)
            while True:
                async with asyncio.timeout(DIALOGUE_TIMEOUT_S):
                    reply = await self._reply(request)
                request = requests.send(await self._content(reply))
        except StopIteration as done:
            result: T = done.value
            return result
        except FrameError as error:
            raise VenueRefusedError(self._redacted(str(error))) from None

    async def _reply(self, request: HttpRequest) -> httpx2.Response:
        async with self._turn:
            await asyncio.sleep(self._venue.rest_interval_s)
        base = self._venue.other_rest_urls[request.host] if request.host else ""
        sent_ns = time.time_ns()
        async with asyncio.timeout(TIMEOUT_S):
            reply = await self._http.request(
                request.method, base + request.path, headers=dict(request.headers)
            )
        self._note_date(reply, sent_ns, time.time_ns())
        return reply

    async def _content(self, reply: httpx2.Response) -> bytes:
        """Return what came; wait first where the venue asks for it, lest it ban our address.

        Raises:
            httpx2.HTTPStatusError: it is no answer but a refusal.

        """
        if wait_s := _retry_after_s(reply):
            log.warning("rest.held_back", venue=self._venue.name, wait_s=wait_s)
            async with self._turn:  # nobody else asks meanwhile
                await asyncio.sleep(wait_s)
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


def _retry_after_s(reply: httpx2.Response) -> float:
    """Return how long the venue asks us to wait."""
    text = reply.headers.get("Retry-After", "0")
    return min(float(text), LONGEST_WAIT_S) if text.isdecimal() else 0.0
