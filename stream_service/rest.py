"""Requests to a venue's REST interface: one after the other, in the rhythm that it allows."""

import asyncio
from collections.abc import Generator
from http import HTTPStatus
from typing import Self, TypeVar

import httpx2
import structlog

from infrastructure.retry import backoff
from market import FrameError, VenueRefusedError
from stream_service.venue import HttpRequest, Venue

T = TypeVar("T")

log = structlog.get_logger()

TIMEOUT_S = 10.0
DIALOGUE_TIMEOUT_S = 30.0
LONGEST_WAIT_S = 3_600.0

TRY_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT, HTTPStatus.REQUEST_TIMEOUT)
"""Client errors that pass; Binance says 418 while an address is banned."""


class VenueRest:
    """Makes the requests of one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
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
        """Return the body of the answer, however often it takes to get one.

        Raises:
            VenueRefusedError: the venue turns the request down for good.

        """
        body = b""
        async for attempt in backoff(httpx2.HTTPError, TimeoutError):
            with attempt:
                await asyncio.sleep(self._venue.rest_interval_s)
                async with asyncio.timeout(TIMEOUT_S):
                    reply = await self._http.get(request.path)
                if reply.is_client_error and reply.status_code not in TRY_AGAIN:
                    raise VenueRefusedError(
                        f"{self._venue.name} answers {request.path} with {reply.status_code}: "
                        f"{reply.text[:200]}"
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
                    reply = await self._http.get(request.path)
                request = requests.send(await self._content(reply))
        except StopIteration as done:
            result: T = done.value
            return result
        except FrameError as error:
            raise VenueRefusedError(str(error)) from error

    async def _content(self, reply: httpx2.Response) -> bytes:
        """Return what came; wait first where the venue asks for it, lest it ban our address.

        Raises:
            httpx2.HTTPStatusError: it is no answer but a refusal.

        """
        if wait_s := _retry_after_s(reply):
            log.warning("rest.held_back", venue=self._venue.name, wait_s=wait_s)
            await asyncio.sleep(wait_s)
        return reply.raise_for_status().content


def _retry_after_s(reply: httpx2.Response) -> float:
    """Return how long the venue asks us to wait."""
    text = reply.headers.get("Retry-After", "0")
    return min(float(text), LONGEST_WAIT_S) if text.isdecimal() else 0.0
