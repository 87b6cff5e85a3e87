"""The command line as a user meets it: what it prints, how it ends, what it says when it cannot."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from cryptotracker.running import NICENESS
from tests.processes import ROOT, free_port

Process = asyncio.subprocess.Process

LEAST_URGENT = 19
"""The highest niceness that there is."""

REFUSED = "127.0.0.1:9"
"""An address of loopback where nobody listens."""


@asynccontextmanager
async def command(*words: str, folder: Path, **settings: str) -> AsyncIterator[Process]:
    """Run a command in an empty folder, without any setting but those given."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CRYPTOTRACKER_")}
    variables = {f"CRYPTOTRACKER_{name.upper()}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cryptotracker",
        *words,
        cwd=folder,
        env=environment | variables | {"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def outcome(*words: str, folder: Path, **settings: str) -> tuple[int | None, str, str]:
    """Run a command to its end; return status, standard output and standard error."""
    async with asyncio.timeout(30), command(*words, folder=folder, **settings) as process:
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()


async def first_lines(process: Process, count: int) -> str:
    """Return the first lines that the process prints."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return "".join([(await process.stdout.readline()).decode() for _ in range(count)])


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """Listen as a broker that says nothing; yield the port, and what is set once it is dialled."""
    dialled = asyncio.Event()

    def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.set()
        taken.append(writer)

    taken: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], dialled
        for writer in taken:
            writer.close()


async def test_up_shows_page_and_first_route_and_ends_on_interrupt(tmp_path: Path) -> None:
    port = free_port()
    async with command("up", "--port", str(port), folder=tmp_path) as process:
        lines = await first_lines(process, 2)
        async with httpx2.AsyncClient(trust_env=False) as http:
            page = await http.get(f"http://127.0.0.1:{port}/")
            routes = await http.get(f"http://127.0.0.1:{port}/v1/routes")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            status = await process.wait()
        assert process.stderr is not None
        errors = (await process.stderr.read()).decode()

    assert "SIMULATED" in lines
    assert f"http://127.0.0.1:{port}/" in lines
    assert re.search(r"best \w+ .* bps net", lines)
    assert page.status_code == httpx2.codes.OK
    assert routes.json()["data"]
    assert status == 130
    assert "Traceback" not in errors
    assert (tmp_path / "data" / "simulated" / "market.duckdb").is_file()


async def test_sigterm_ends_it_in_good_order(tmp_path: Path) -> None:
    async with command("up", "--port", "0", "--store", "duckdb:", folder=tmp_path) as process:
        await first_lines(process, 2)
        process.terminate()
        async with asyncio.timeout(10):
            assert await process.wait() == 0


async def test_what_was_stored_is_there_after_a_restart(tmp_path: Path) -> None:
    port = free_port()
    async with command("up", "--port", str(port), folder=tmp_path) as process:
        await first_lines(process, 2)
        async with httpx2.AsyncClient(trust_env=False) as http:
            url = f"http://127.0.0.1:{port}/v1/trades?symbol=BTC-USD&venue=kraken&limit=500"
            before: list[dict[str, str]] = []
            for _ in range(200):
                if before := (await http.get(url)).json()["data"]:
                    break
                await asyncio.sleep(0.1)
        process.terminate()
        await process.wait()

    async with command("up", "--port", str(port), folder=tmp_path) as process:
        await first_lines(process, 2)
        async with httpx2.AsyncClient(trust_env=False) as http:
            after = (await http.get(f"{url}&order=asc&start=-1h")).json()["data"]

    assert before
    assert {trade["id"] for trade in before} <= {trade["id"] for trade in after}


async def test_a_taken_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        status, _, errors = await outcome("up", "--port", str(port), folder=tmp_path)

    assert status == 3
    assert f"Port {port} is used by" in errors
    assert f"pid {os.getpid()}" in errors
    assert f"--port {port + 1}" in errors
    assert len(errors.splitlines()) == 1


async def test_a_bad_setting_is_named_with_the_remedy(tmp_path: Path) -> None:
    status, _, errors = await outcome("up", folder=tmp_path, mode="lvie")

    assert status == 2
    assert "CRYPTOTRACKER_MODE is 'lvie'" in errors
    assert len(errors.splitlines()) == 1


async def test_an_unknown_venue_is_named_with_those_there_are(tmp_path: Path) -> None:
    status, _, errors = await outcome("up", folder=tmp_path, venues="binance,mtgox")

    assert status == 2
    assert "mtgox" in errors
    assert "kraken" in errors


async def test_a_fee_of_an_unknown_venue_is_refused(tmp_path: Path) -> None:
    status, _, errors = await outcome("up", folder=tmp_path, port="0", taker_fee_bps='{"krakn": 9}')

    assert status == 2
    assert "'krakn'" in errors
    assert "kraken" in errors


async def test_a_simulator_that_cannot_listen_says_where_and_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        status, _, errors = await outcome("simulate", address, folder=tmp_path)

    assert status == 3
    assert f"cannot listen on {address}" in errors
    assert "cryptotracker simulate" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("service", ["store", "refresh", "serve", "stream"])
async def test_a_broker_that_is_away_is_named_without_its_password(
    tmp_path: Path, service: str
) -> None:
    status, _, errors = await outcome(
        service,
        *(["--port", "0"] if service == "serve" else []),
        folder=tmp_path,
        bus_url=f"amqp://me:canary@{REFUSED}/",
        store_url="duckdb:",
        simulator=REFUSED,
        connect_timeout_s="0.5",
        log_level="error",
    )

    assert status == 4
    assert REFUSED in errors
    assert "canary" not in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("service", "more"), [("store", NICENESS), ("refresh", NICENESS), ("serve", 0), ("stream", 0)]
)
async def test_what_nobody_waits_for_gives_way_to_the_others(
    tmp_path: Path, service: str, more: int
) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    async with listening() as (port, dialled):
        settings = {"bus_url": f"amqp://127.0.0.1:{port}/", "store_url": "duckdb:", "port": "0"}
        async with command(service, folder=tmp_path, simulator=REFUSED, **settings) as process:
            async with asyncio.timeout(30):
                await dialled.wait()

            assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(own + more, LEAST_URGENT)


async def test_a_store_that_is_away_is_named(tmp_path: Path) -> None:
    status, _, errors = await outcome(
        "up",
        "--port",
        "0",
        folder=tmp_path,
        store_url=f"influxdb://{REFUSED}",
        store_token="canary",  # noqa: S106  # to look for in the output
        connect_timeout_s="0.5",
    )

    assert status == 4
    assert REFUSED in errors
    assert "canary" not in errors


async def test_a_store_in_use_is_named(tmp_path: Path) -> None:
    async with command("up", "--port", "0", folder=tmp_path) as process:
        await first_lines(process, 1)

        status, _, errors = await outcome("up", "--port", "0", folder=tmp_path)

    assert status == 4
    assert "market.duckdb" in errors
    assert len(errors.splitlines()) == 1


async def test_live_without_internet_says_so_and_names_the_simulator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://{REFUSED}")  # whatever the machine can reach
    monkeypatch.setenv("NO_PROXY", "")

    status, _, errors = await outcome("up", "--live", "--port", "0", folder=tmp_path)

    assert status == 4
    assert "No venue answered" in errors
    assert "without --live" in errors


@pytest.mark.parametrize("service", ["stream", "store", "refresh", "serve"])
async def test_a_service_alone_needs_a_broker(tmp_path: Path, service: str) -> None:
    status, _, errors = await outcome(service, folder=tmp_path, simulator=REFUSED)

    assert status == 2
    assert "CRYPTOTRACKER_BUS_URL" in errors
    assert "cryptotracker up" in errors


async def test_a_stream_of_simulated_venues_needs_a_simulator(tmp_path: Path) -> None:
    status, _, errors = await outcome("stream", folder=tmp_path, bus_url="amqp://localhost/")

    assert status == 2
    assert "cryptotracker simulate" in errors


async def test_settings_are_printed_with_their_origin(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CRYPTOTRACKER_STORE_TOKEN=canary\n", encoding="utf-8")

    status, out, _ = await outcome("settings", folder=tmp_path, port="8002")

    assert status == 0
    assert "CRYPTOTRACKER_PORT=8002\n    environment" in out
    assert "CRYPTOTRACKER_STORE_TOKEN=********\n    .env" in out
    assert "canary" not in out
