"""The server: takes its port or says who has it, ends in good order, comes back."""

import asyncio
import os
import signal
import socket

import httpx2
import pytest

from api_service.server import ApiServer, bind
from infrastructure.supervisor import Supervised, Supervisor
from market import SettingsError
from tests.api.serving import Api, live, served
from tests.making import a_quote


def test_a_port_that_is_taken_is_refused_with_its_owner_and_the_remedy() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(SettingsError) as refused:
            bind("127.0.0.1", port)

    assert f"Port {port} is used by" in str(refused.value)
    assert f"(pid {os.getpid()})" in str(refused.value)
    assert f"Use --port {port + 1}, or stop it." in str(refused.value)


@pytest.mark.parametrize("host", ["no such host", "192.0.2.1"])
def test_an_address_that_is_not_ours_is_refused(host: str) -> None:
    with pytest.raises(SettingsError, match=host):
        bind(host, 0)


def test_a_client_that_stops_reading_is_left_to_the_kernel_with_little_to_keep() -> None:
    with bind("127.0.0.1", 0) as listener:
        kept = listener.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        dead_after_ms = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert kept == 2 * 128 * 1024  # Linux doubles what is asked for
    assert dead_after_ms == 8_000


async def test_the_end_is_told_to_live_clients_first(api: Api) -> None:
    server = ApiServer(api.app, "127.0.0.1", 0)
    running = asyncio.create_task(server.run())
    await server.listening.wait()

    async with live(server) as client:
        await client.subscribe("quotes")
        await api.feed(a_quote())
        running.cancel()
        closing = await client.hear("closing")
        await client.connection.wait_closed()
    await asyncio.wait([running])

    assert (closing["reason"], closing["retry_after_s"]) == ("restart", 2)
    assert client.connection.close_code == 1001


async def test_a_server_that_was_ended_can_be_run_again(api: Api) -> None:
    server = ApiServer(api.app, "127.0.0.1", 0)

    answers = []
    for _ in range(2):
        running = asyncio.create_task(server.run())
        await server.listening.wait()
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
            answers.append((await client.get("/healthz")).status_code)
        running.cancel()
        await asyncio.wait([running])

    assert answers == [200, 200]
    assert not server.listening.is_set()
    assert server.handled == 2


async def test_it_is_supervised_like_any_other_part(api: Api) -> None:
    server = ApiServer(api.app, "127.0.0.1", 0)
    parts: list[Supervised] = [api.view, server]
    running = asyncio.create_task(Supervisor(api.view.bus).run(parts))
    await server.listening.wait()

    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        status = (await client.get("/v1/status")).json()["data"]
    running.cancel()
    await asyncio.wait([running])

    assert status["actors"][0]["actor"] == "api.server"


async def test_a_probe_that_wants_no_body_gets_none(server: ApiServer) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        response = await client.head("/healthz")

    assert (response.status_code, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0


async def test_signals_are_left_to_the_process(api: Api) -> None:
    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]

    async with served(api.app):
        serving = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]

    assert serving == before


async def test_a_request_that_is_being_answered_is_let_end_for_a_moment_only(api: Api) -> None:
    asked, never = asyncio.Event(), asyncio.Event()

    @api.app.get("/never")
    async def wait() -> None:
        asked.set()
        await never.wait()

    api.app.router.routes.insert(0, api.app.router.routes.pop())
    server = ApiServer(api.app, "127.0.0.1", 0)
    running = asyncio.create_task(server.run())
    await server.listening.wait()

    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        asking = asyncio.create_task(client.get("/never"))
        await asked.wait()
        running.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait([running])
            with pytest.raises(httpx2.HTTPError):
                (await asking).raise_for_status()
