"""What was put aside, as a user asks for it from another process than the one that did it."""

from pathlib import Path

import msgspec
import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import DeadLetter
from tests.cryptotracker.test_command_line import REFUSED, outcome
from tests.making import SECOND, a_trade

KRAKEN = DeadLetter("stream.kraken", "no such channel", body=b'{"channel":\n1}', at_ns=SECOND)
UPBIT = DeadLetter("stream.upbit", "not JSON", body=b"\xff\xfe", at_ns=2 * SECOND)
TRADE = DeadLetter("storage.writer", "price cannot be nan", event=a_trade(), at_ns=3 * SECOND)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A folder in which the system ran that put three letters aside."""
    bus = LocalBus(tmp_path / "data" / "state" / "simulated" / "dead_letters.jsonl")
    await bus.put_aside([KRAKEN, UPBIT, TRADE])
    return tmp_path


async def test_time_venue_reason_and_first_bytes_are_shown(folder: Path) -> None:
    status, shown, _ = await outcome("quarantine", folder=folder)

    assert status == 0
    assert shown.splitlines()[:3] == [
        "1970-01-01T00:00:01Z  kraken  no such channel",
        '    {"channel": 1}',
        "1970-01-01T00:00:02Z  upbit  not JSON",
    ]
    assert "kraken  price cannot be nan" in shown


async def test_raw_frames_come_one_a_line_and_events_not_at_all(folder: Path) -> None:
    status, shown, _ = await outcome("quarantine", "--raw", "--venue", "Kraken", folder=folder)

    assert (status, shown) == (0, '{"channel": 1}\n')


async def test_the_newest_are_shown_as_json(folder: Path) -> None:
    _, shown, _ = await outcome("quarantine", "--json", "--limit", "2", folder=folder)

    upbit, trade = (msgspec.json.decode(line) for line in shown.splitlines())
    assert (upbit["venue"], upbit["body"], upbit["body_base64"]) == ("upbit", None, "//4=")
    assert msgspec.json.decode(trade["body"])["kind"] == "trade"


async def test_nothing_in_quarantine_is_said(tmp_path: Path) -> None:
    status, shown, said = await outcome("quarantine", "--venue", "kraken", folder=tmp_path)

    assert (status, shown, said) == (0, "", "Nothing of kraken is in quarantine.\n")


async def test_what_real_venues_said_is_kept_apart(folder: Path) -> None:
    bus = LocalBus(folder / "data" / "state" / "dead_letters.jsonl")
    await bus.put_aside([UPBIT])

    _, shown, _ = await outcome("quarantine", "--live", folder=folder)

    assert "upbit" in shown
    assert "kraken" not in shown


async def test_a_venue_that_does_not_exist_is_named_with_a_near_one(tmp_path: Path) -> None:
    status, _, said = await outcome("quarantine", "--venue", "krakn", folder=tmp_path)

    assert status == 2
    assert "There is no venue 'krakn'. Did you mean kraken?" in said


async def test_a_broker_that_does_not_answer_is_said(tmp_path: Path) -> None:
    status, _, said = await outcome(
        "quarantine", folder=tmp_path, bus_url=f"amqp://{REFUSED}/", connect_timeout_s="0.5"
    )

    assert status == 4
    assert f"RabbitMQ at {REFUSED} does not answer" in said


@pytest.mark.rabbitmq
async def test_where_the_bus_is_a_broker_that_is_asked(tmp_path: Path, amqp_url: str) -> None:
    from infrastructure.bus.amqp import connect_amqp  # noqa: PLC0415  # slow to import

    async with connect_amqp(amqp_url) as bus:
        await bus.put_aside([UPBIT])

    status, shown, _ = await outcome("quarantine", folder=tmp_path, bus_url=amqp_url)

    assert status == 0
    assert "upbit  not JSON" in shown
