"""Connections to a broker that is not there, wholly or in part; see also the tests of the bus."""

import asyncio
import contextlib
import gc
import logging
import warnings

import pytest

from infrastructure.bus.amqp.broker import Broker
from market import BusUnavailableError

NOBODY = "amqp://me:canary@127.0.0.1:9/"
"""An address of loopback where nobody listens."""


async def test_a_connection_that_failed_leaves_nothing_behind_wherever_it_is_collected(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL, logger="aiormq")  # or the record would hold on to it
    broker = Broker(NOBODY)
    gc.collect()

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        gc.disable()
        try:
            await _connect_in_vain(broker)
            await asyncio.to_thread(gc.collect)
        finally:
            gc.enable()

    assert [str(warning.message) for warning in seen] == []


async def test_node_that_failed_is_tried_after_the_others(amqp_url: str) -> None:
    tried = 0

    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        broker = Broker(f"amqp://127.0.0.1:{port}/,{amqp_url}")
        for _ in range(4):
            async with broker.link("test"):
                pass

    assert tried == 1


async def test_connection_that_is_cut_short_in_its_handshake_leaves_no_socket_open() -> None:
    """One that an ended event loop leaves open is found by whoever collects the garbage."""
    came, gone = asyncio.Event(), asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        with contextlib.suppress(ConnectionResetError):
            while await reader.read(1_024):
                pass
        gone.set()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connecting = asyncio.create_task(_connect_in_vain(Broker(f"amqp://127.0.0.1:{port}/")))
        await came.wait()
        connecting.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({connecting})
            await gone.wait()

    assert connecting.cancelled()


async def _connect_in_vain(broker: Broker) -> None:
    with contextlib.suppress(BusUnavailableError):  # pytest.raises would hold on to it too
        async with broker.link("test"):
            pass
