"""Requests to a venue, to a real server on loopback."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from market import VenueBusyError, VenueRefusedError
from stream_service.rest import VenueRest
from stream_service.venue import HttpRequest, ListingRequests, Venue
from stream_service.venues import load_venues

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[tuple[Venue, list[float]]]:
    """Serve these answers, the last one for ever; yield a venue, and when it was asked."""
    asked: list[float] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(replies[min(len(asked), len(replies) - 1)])
        asked.append(time.monotonic())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        venue = load_venues()["binance"].at("ws://127.0.0.1:9/", f"http://127.0.0.1:{port}")
        yield venue, asked


def listing() -> ListingRequests:
    yield HttpRequest("/listing")
    return []


@pytest.mark.parametrize("status", ["418 I'm a teapot", "429 Too Many", "503 Maintenance"])
async def test_a_venue_that_asks_us_to_wait_is_not_asked_again_meanwhile(status: str) -> None:
    reply = f"HTTP/1.1 {status}\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"
    async with answering(reply.encode()) as (venue, asked), VenueRest(venue) as rest:
        for request in (rest.dialogue(listing()), rest.body(HttpRequest("/trades"))):
            with pytest.raises(VenueBusyError) as caught:
                await request

            assert caught.value.wait_s == pytest.approx(60.0, abs=2.0)

    assert len(asked) == 1


async def test_a_short_wait_is_waited_for_in_place() -> None:
    busy = b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    async with answering(busy, OK) as (venue, asked), VenueRest(venue) as rest:
        body = await rest.body(HttpRequest("/trades"))

    assert body == b"[]"
    assert asked[1] - asked[0] >= 1.0


async def test_a_venue_that_goes_on_asking_us_to_wait_is_told_once() -> None:
    busy = b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    with capture_logs() as logs:
        async with answering(busy, busy, OK) as (venue, asked), VenueRest(venue) as rest:
            await rest.body(HttpRequest("/trades"))

    assert len(asked) == 3
    assert [log["event"] for log in logs].count("rest.held_back") == 1


async def test_a_request_that_is_turned_down_is_not_made_again() -> None:
    refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope"
    async with answering(refusal) as (venue, asked), VenueRest(venue) as rest:
        with pytest.raises(VenueRefusedError, match="404: nope"):
            await rest.body(HttpRequest("/trades"))

    assert len(asked) == 1


async def test_a_refusal_is_told_in_words() -> None:
    said = b'{"code":0,"msg":"Service unavailable from a restricted location"}'

    assert await refused_with(b"451 Legal", said) == (
        "binance answers /trades with 451 (the country of this address is not served): "
        '{"code":0,"msg":"Service unavailable from a restricted location"}'
    )


async def test_of_a_page_that_refuses_only_its_words_are_told() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>Request blocked</title><style>p {color: red}</style>"
        b"<!-- edge --></head><body><p>Bad\n country</p></body></html>"
    )

    assert await refused_with(b"403 Forbidden", page) == (
        "binance answers /trades with 403 (this address is turned away: its country is not served, "
        "it asked too often, or the key may not do that): Request blocked Bad country"
    )


async def refused_with(status: bytes, body: bytes) -> str:
    """Return what is told of an answer."""
    reply = b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
    async with answering(reply) as (venue, _), VenueRest(venue) as rest:
        with pytest.raises(VenueRefusedError) as caught:
            await rest.body(HttpRequest("/trades"))
    return str(caught.value)


async def test_an_answer_of_many_bytes_comes_compressed_and_whole() -> None:
    rows = b"[%b]" % b",".join(
        b'{"symbol":"C%dUSDT","status":"TRADING"}' % n for n in range(90_000)
    )
    packed = gzip.compress(rows)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    async with answering(head % len(packed) + packed) as (venue, _), VenueRest(venue) as rest:
        assert await rest.body(HttpRequest("/listing")) == rows


async def test_what_passes_is_tried_again() -> None:
    away = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    async with answering(away, OK) as (venue, asked), VenueRest(venue) as rest:
        assert await rest.body(HttpRequest("/trades")) == b"[]"

    assert len(asked) == 2
