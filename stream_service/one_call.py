"""One call to a service that counts them: a request in, the body or why there is none out."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Self

import httpx2

from market import VenueBusyError, VenueRefusedError
from stream_service.polled import PolledVenue
from stream_service.redaction import Redaction
from stream_service.refusals import in_words, why_refused
from stream_service.transport import USER_AGENT
from stream_service.venue import HttpRequest

TIMEOUT_S = 10.0
WAIT_S = 60.0
"""How long to wait where a busy service does not say."""

LONGEST_WAIT_S = 86_400.0

BUSY = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.IM_A_TEAPOT,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


class OneCall:
    """Makes the calls of one service, each of them once: a failed one is counted like the rest."""

    def __init__(self, venue: PolledVenue) -> None:
        self._venue = venue
        self._redaction = Redaction(venue.keys.values())
        self._http = httpx2.AsyncClient(
            timeout=TIMEOUT_S,
            trust_env=not venue.is_simulated,  # a proxy does not know ours
            headers={"Accept": "application/json", "User-Agent": USER_AGENT},
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.__aexit__()

    async def body(self, request: HttpRequest) -> bytes:
        """Return the body of the answer, without our keys should it hold them.

        Raises:
            VenueBusyError: the service, or the network before it, asks us to wait.
            VenueRefusedError: it turns this request down.
            ConnectionError: it does not answer, or not well; nothing says what would help.

        """
        signed = self._venue.sign(request, self._venue.keys)
        root = self._venue.other_rest_urls.get(signed.host, self._venue.rest_url)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reply = await self._http.request(
                    signed.method, root + signed.path, headers=dict(signed.headers)
                )
        except (httpx2.HTTPError, OSError, TimeoutError) as error:
            why = self._redaction.text(in_words(error))
            # not chained: the error that is left behind may hold the URL, and with it the key
            raise ConnectionError(f"{self._venue.name} does not answer: {why}") from None
        self._check(reply, request)
        return self._redaction.body(reply.content)

    def _check(self, reply: httpx2.Response, request: HttpRequest) -> None:
        if reply.is_success:
            return
        text = why_refused(reply.status_code, self._redaction.text(reply.text))
        why = f"{self._venue.name} answers {request.path} with {text}"
        is_page = "html" in reply.headers.get("Content-Type", "")
        if reply.status_code in BUSY or (reply.is_client_error and is_page):
            # a page, not JSON, comes from the network before the service, which blocks for a while
            raise VenueBusyError(why, wait_s=_retry_after_s(reply))
        if reply.is_client_error:
            raise VenueRefusedError(why)
        raise ConnectionError(why)


def _retry_after_s(reply: httpx2.Response) -> float:
    """Return how long to wait; the header has seconds or a date."""
    text = reply.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return min(float(text), LONGEST_WAIT_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return WAIT_S
    at = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 1.0), LONGEST_WAIT_S)
