"""Connections to a broker that is not there, wholly or in part; see also the tests of the bus."""

import asyncio
import contextlib
import gc
import logging
import threading
import warnings

import aio_pika
import pytest

from infrastructure.bus.amqp.broker import Broker
from market import BusUnavailableError
from tests.servers.proxy import Proxy

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


@pytest.mark.rabbitmq
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


@pytest.mark.rabbitmq
async def test_loop_that_ends_with_bytes_unsent_leaves_no_socket_open(amqp_url: str) -> None:
    """One that stays open is found by whoever collects the garbage, long after."""
    loop, held = asyncio.get_running_loop(), threading.Event()

    def hold(proxy: Proxy) -> None:
        proxy.hold()
        held.set()

    async def publish_to_a_peer_that_reads_no_more(proxy: Proxy) -> None:
        with contextlib.suppress(BusUnavailableError):
            async with Broker(proxy.url).link("test", confirms=True) as link:
                loop.call_soon_threadsafe(hold, proxy)
                await asyncio.to_thread(held.wait, 5.0)
                message = aio_pika.Message(bytes(32 * 1024**2))
                publishing = link.channel.default_exchange.publish(message, "nowhere")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(publishing, 0.2)
                link.give_up("reads no more")
        await asyncio.sleep(0.1)  # the connection begins to close, and the loop ends

    async with Proxy(amqp_url).running() as proxy:
        gc.collect()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            await asyncio.to_thread(asyncio.run, publish_to_a_peer_that_reads_no_more(proxy))
            await asyncio.to_thread(gc.collect)
        proxy.let_go()

    assert [str(warning.message) for warning in seen] == []


async def _connect_in_vain(broker: Broker) -> None:
    with contextlib.suppress(BusUnavailableError):  # pytest.raises would hold on to it too
        async with broker.link("test"):
            pass
