"""Requests to a venue, to a real server on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stream_service.rest import VenueRest
from stream_service.venue import HttpRequest, ListingRequests, Venue
from stream_service.venues import load_venues


@asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[Venue]:
    """Serve one answer to every request; yield a venue whose REST interface that is."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        yield load_venues()["binance"].at("ws://127.0.0.1:9/", f"http://127.0.0.1:{port}")


def listing() -> ListingRequests:
    yield HttpRequest("/listing")
    return []


@pytest.mark.parametrize("status", ["418 I'm a teapot", "429 Too Many Requests"])
async def test_a_venue_that_asks_us_to_wait_is_not_asked_again_meanwhile(status: str) -> None:
    reply = f"HTTP/1.1 {status}\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"

    async with answering(reply.encode()) as venue, VenueRest(venue) as rest:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await rest.dialogue(listing())
