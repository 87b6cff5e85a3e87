"""`cryptotracker doctor`: what is well is said so, what is not comes with what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cryptotracker.machine_checks import INSTRUMENT, NAME, machine_findings
from cryptotracker.settings import Settings
from infrastructure.bus.amqp import connect_amqp
from infrastructure.bus.port import Overflow
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from tests.cryptotracker.test_command_line import REFUSED, outcome
from tests.making import a_trade
from tests.processes import free_port


def line_of(out: str, name: str) -> str:
    """Return the only line about something."""
    [line] = [line for line in out.splitlines() if f" {name}" in line]
    return line


async def test_all_is_well_in_a_fresh_folder(tmp_path: Path) -> None:
    status, out, errors = await outcome(
        "doctor", folder=tmp_path, venues="kraken,alpaca,coingecko", port=str(free_port())
    )

    assert (status, errors) == (0, "")
    assert "written and read back" in line_of(out, "store")
    assert "of BTC-" in line_of(out, "kraken stream")
    assert "the key is accepted" in line_of(out, "alpaca stream")
    assert line_of(out, "kraken clock").startswith("ok")
    assert "it answers" in line_of(out, "coingecko answer")
    assert "All is well" in out


async def test_nothing_is_left_in_the_store(tmp_path: Path) -> None:
    await outcome("doctor", folder=tmp_path, venues="kraken", port=str(free_port()))

    [file] = [one for one in (tmp_path / "data").rglob("*") if one.is_file()]
    store = EmbeddedTimeSeries.open(file)
    found = await store.trades(NAME, INSTRUMENT, start_ns=0, end_ns=2**62, limit=1)
    store.close()
    assert not found


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        status, out, _ = await outcome("doctor", folder=tmp_path, venues="kraken", port=port)

    assert status == 1
    assert line_of(out, f"port {port}").startswith("failed")
    assert "Something failed" in out


async def test_broker_store_and_simulator_that_are_away_are_named_without_secrets(
    tmp_path: Path,
) -> None:
    status, out, errors = await outcome(
        "doctor",
        folder=tmp_path,
        venues="kraken",
        port=str(free_port()),
        bus_url=f"amqp://me:canary@{REFUSED}/",
        store_url=f"influxdb://{REFUSED}",
        store_token="canary",  # noqa: S106  # to look for in the output
        simulator=REFUSED,
    )

    failed = [line for line in out.splitlines() if line.startswith("failed")]
    assert (status, errors) == (1, "")
    assert len(failed) == 3
    assert all("→" in line for line in failed)
    assert "canary" not in out


async def test_a_bad_setting_is_a_finding_like_any_other(tmp_path: Path) -> None:
    status, out, errors = await outcome("doctor", folder=tmp_path, venues="mtgox")

    assert (status, errors) == (1, "")
    assert out.startswith("failed  settings: ")
    assert "mtgox" in out


async def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()

    status, out, _ = await outcome(
        "doctor",
        folder=tmp_path,
        venues="kraken",
        port=str(free_port()),
        state_dir=str(tmp_path / "taken" / "below"),
    )

    assert status == 1
    assert line_of(out, f"folder {tmp_path}").startswith("failed")


async def test_without_internet_each_real_venue_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://{REFUSED}")  # whatever the machine can reach
    monkeypatch.setenv("NO_PROXY", "")

    status, out, errors = await outcome("doctor", "--live", folder=tmp_path, port=str(free_port()))

    assert (status, errors) == (1, "")
    assert line_of(out, f"kraken {REFUSED}").startswith("failed")
    assert line_of(out, "alpaca key").startswith("warning")
    assert "CRYPTOTRACKER_CREDENTIALS__ALPACA__KEY" in line_of(out, "alpaca key")


@pytest.mark.rabbitmq
async def test_a_broker_is_published_to_and_read_from(tmp_path: Path, amqp_url: str) -> None:
    status, out, _ = await outcome(
        "doctor", folder=tmp_path, venues="kraken", port=str(free_port()), bus_url=amqp_url
    )

    assert status == 0
    assert "confirmed and read back" in line_of(out, "broker")


@pytest.mark.rabbitmq
async def test_no_part_of_a_system_hears_of_the_doctor(tmp_path: Path, amqp_url: str) -> None:
    """An actor that told that it had stopped was a fault of the system for five minutes."""
    settings = Settings.model_validate(
        {"bus_url": amqp_url, "store_url": f"duckdb:{tmp_path}/store", "port": free_port()}
    )
    async with (
        connect_amqp(amqp_url) as bus,
        bus.mailbox("view", ["#"], capacity=10, overflow=Overflow.DROP_OLDEST) as mailbox,
    ):
        found = [one async for one in machine_findings(settings)]
        await bus.publish([trade := a_trade()])
        heard = await mailbox.receive(10)

    assert any(one.name.startswith("broker") and one.state == "ok" for one in found)
    assert list(heard) == [trade]
