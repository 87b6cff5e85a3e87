"""The proxy does to connections what it says."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.servers.proxy import Proxy
from tests.waiting import eventually


@asynccontextmanager
async def an_echo() -> AsyncIterator[str]:
    """A server that says what it hears."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65_536):
                writer.write(chunk)
        except ConnectionError:
            pass  # it is what some of the tests are about
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with an_echo() as url, Proxy(url, seed=3).running() as proxy:
        yield proxy


@asynccontextmanager
async def connected(
    proxy: Proxy,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def test_what_is_said_comes_back_whole_and_in_order(proxy: Proxy) -> None:
    proxy.there.latency_s = proxy.back.latency_s = 0.01
    proxy.there.jitter_s = 0.02
    said = bytes(range(256)) * 2_000

    async with connected(proxy) as (reader, writer):
        writer.write(said)

        assert await reader.readexactly(len(said)) == said


async def test_latency_is_paid_on_each_way(proxy: Proxy) -> None:
    proxy.there.latency_s = proxy.back.latency_s = 0.05

    async with connected(proxy) as (reader, writer):
        began = time.monotonic()
        writer.write(b"a")
        await reader.readexactly(1)

    assert time.monotonic() - began >= 0.1


async def test_thin_way_takes_the_time_that_its_width_says(proxy: Proxy) -> None:
    proxy.there.bytes_per_s = 100_000

    async with connected(proxy) as (reader, writer):
        began = time.monotonic()
        writer.write(bytes(20_000))
        await reader.readexactly(20_000)

    assert time.monotonic() - began >= 0.2


async def test_what_is_held_comes_once_it_is_let_go(proxy: Proxy) -> None:
    async with connected(proxy) as (reader, writer):
        proxy.back.hold()
        writer.write(b"held")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(4), 0.1)
        proxy.back.let_go()

        assert await reader.readexactly(4) == b"held"


async def test_silence_is_of_present_connections_only(proxy: Proxy) -> None:
    async with connected(proxy) as (reader, writer):
        writer.write(b"a")
        await reader.readexactly(1)
        proxy.silence()
        writer.write(b"b")
        async with connected(proxy) as (newer_reader, newer_writer):
            newer_writer.write(b"c")

            assert await newer_reader.readexactly(1) == b"c"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)


async def test_reset_is_felt_at_once(proxy: Proxy) -> None:
    async with connected(proxy) as (reader, writer):
        writer.write(b"a")
        await reader.readexactly(1)
        proxy.reset()

        with pytest.raises(ConnectionResetError):
            await reader.read(1)


async def test_client_of_a_half_open_connection_is_told_nothing(proxy: Proxy) -> None:
    async with connected(proxy) as (reader, writer):
        writer.write(b"a")
        await reader.readexactly(1)
        proxy.half_open()
        writer.write(b"b")

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)


async def test_server_that_is_away_is_a_connection_that_is_closed() -> None:
    async with Proxy("tcp://127.0.0.1:9").running() as proxy, connected(proxy) as (reader, _):
        await eventually(reader.at_eof)
