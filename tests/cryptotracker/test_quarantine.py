"""What was put aside, as a user asks for it from another process than the one that did it."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.bus.local_letters import ReturnedMail
from infrastructure.bus.port import DeadLetter, Mailbox, Overflow
from market import Event, Trade
from tests.cryptotracker.test_command_line import REFUSED, outcome
from tests.making import SECOND, a_trade
from tests.waiting import eventually

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
        f"{KRAKEN.id}  1970-01-01T00:00:01Z  kraken  no such channel",
        '    {"channel": 1}',
        f"{UPBIT.id}  1970-01-01T00:00:02Z  upbit  not JSON",
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


async def test_a_letter_is_shown_whole_by_the_beginning_of_its_id(folder: Path) -> None:
    _, text, _ = await outcome("quarantine", "show", UPBIT.id[:5], folder=folder)
    _, event, _ = await outcome("quarantine", "show", TRADE.id, folder=folder)

    assert text.splitlines() == [
        f"id       {UPBIT.id}",
        "time     1970-01-01T00:00:02Z",
        "venue    upbit",
        "mailbox  stream.upbit",
        "reason   not JSON",
        "000000  ff fe                                            ..",
    ]
    assert '"kind": "trade"' in event


async def test_dropping_asks_first_and_says_which_it_does_not_know(folder: Path) -> None:
    unsure, _, asked = await outcome("quarantine", "drop", "--all", folder=folder)
    unknown, _, said = await outcome("quarantine", "drop", "zzz", "--yes", folder=folder)
    nothing, _, which = await outcome("quarantine", "drop", "--yes", folder=folder)

    assert (unsure, unknown, nothing) == (1, 2, 2)
    assert "Let go of 3 for good?" in asked
    assert "There is no zzz in quarantine" in said
    assert "Say which" in which
    assert await _kept(folder) == [KRAKEN, UPBIT, TRADE]


async def test_what_is_dropped_is_gone_and_the_rest_is_not(folder: Path) -> None:
    status, _, said = await outcome("quarantine", "drop", KRAKEN.id, "--yes", folder=folder)
    await outcome("quarantine", "drop", "--mailbox", "storage.writer", "--yes", folder=folder)

    assert (status, said) == (0, "1 dropped.\n")
    assert await _kept(folder) == [UPBIT]


async def test_an_event_goes_back_to_the_mailbox_that_refused_it_alone(folder: Path) -> None:
    async with _running(folder) as (bus, heard):
        status, shown, said = await outcome("quarantine", "replay", TRADE.id, folder=folder)

        assert (status, said) == (0, "1 given back, 0 in quarantine.\n")
        assert shown == f"{TRADE.id}  given back to storage.writer\n"
        assert heard == {"storage.writer": [TRADE.event], "refresher.candles": []}
        assert await bus.dead_letters(9) == [KRAKEN, UPBIT]


async def test_what_fails_again_stays_with_the_new_reason(folder: Path) -> None:
    async with _running(folder, refuses="storage.writer") as (bus, _):
        status, shown, said = await outcome("quarantine", "replay", "--all", folder=folder)
        kept = await bus.dead_letters(9)

    assert (status, said) == (1, "0 given back, 3 in quarantine.\n")
    assert f"{TRADE.id}  was refused anew: it is refused" in shown
    assert f"{KRAKEN.id}  stays: " in shown
    assert {letter.mailbox for letter in kept} == {
        "stream.kraken",
        "stream.upbit",
        "storage.writer",
    }
    assert KRAKEN.reason not in [letter.reason for letter in kept]
    assert {KRAKEN.id, UPBIT.id} <= {letter.id for letter in kept}


async def test_a_frame_that_todays_decoder_reads_is_published(tmp_path: Path) -> None:
    frame = (
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1700000000100,"s":"BTCUSDT",'
        b'"t":7,"p":"100.5","q":"2","T":1700000000099,"m":true,"M":true}}'
    )
    at_ns = 1_700_000_000_200_000_000
    letter = DeadLetter("stream.binance", "no such stream", body=frame, at_ns=at_ns)
    await _bus_of(tmp_path).put_aside([letter])

    async with _running(tmp_path) as (bus, heard):
        status, shown, _ = await outcome("quarantine", "replay", letter.id, folder=tmp_path)

        assert (status, shown) == (0, f"{letter.id}  read and published: one event\n")
        trade = heard["storage.writer"][0]
        assert isinstance(trade, Trade)
        assert (trade.venue, trade.trade_id, trade.price, trade.backfilled) == (
            "binance",
            "7",
            100.5,
            True,
        )
        assert heard["refresher.candles"] == [trade]
        assert await bus.dead_letters(9) == []


async def test_what_is_given_back_while_nothing_runs_waits_for_the_start(folder: Path) -> None:
    status, shown, _ = await outcome("quarantine", "replay", TRADE.id, folder=folder)

    async with _running(folder) as (_, heard):
        await eventually(lambda: heard["storage.writer"] == [TRADE.event])

    assert status == 0
    assert "it waits for the next start (1 in all)" in shown


@pytest.mark.rabbitmq
async def test_a_broker_gives_back_what_is_asked_for_and_lets_go_of_it(
    tmp_path: Path, amqp_url: str
) -> None:
    from infrastructure.bus.amqp import connect_amqp  # noqa: PLC0415  # slow to import

    at_ns = time.time_ns()
    letter = DeadLetter("storage.writer", "no", event=a_trade(number=at_ns), at_ns=at_ns)
    async with (
        connect_amqp(amqp_url) as bus,
        bus.mailbox("storage.writer", ["nothing"], capacity=9, overflow=Overflow.WAIT) as mailbox,
    ):
        await bus.put_aside([letter])
        _, shown, said = await outcome(
            "quarantine", "replay", letter.id, folder=tmp_path, bus_url=amqp_url
        )
        left = [one for one in await bus.dead_letters(1_000) if one.id == letter.id]

    assert (shown, left) == (f"{letter.id}  given back to storage.writer\n", []), said
    del mailbox


@pytest.mark.rabbitmq
async def test_where_the_bus_is_a_broker_that_is_asked(tmp_path: Path, amqp_url: str) -> None:
    from infrastructure.bus.amqp import connect_amqp  # noqa: PLC0415  # slow to import

    async with connect_amqp(amqp_url) as bus:
        await bus.put_aside([UPBIT])

    status, shown, _ = await outcome("quarantine", folder=tmp_path, bus_url=amqp_url)

    assert status == 0
    assert "upbit  not JSON" in shown


def _bus_of(folder: Path) -> LocalBus:
    return LocalBus(folder / "data" / "state" / "simulated" / "dead_letters.jsonl")


async def _kept(folder: Path) -> Sequence[DeadLetter]:
    return await _bus_of(folder).dead_letters(9)


@asynccontextmanager
async def _running(
    folder: Path, *, refuses: str = ""
) -> AsyncIterator[tuple[LocalBus, dict[str, list[Event]]]]:
    """Run what another process of ours does: two mailboxes, of which one may refuse all."""
    bus = _bus_of(folder)
    heard: dict[str, list[Event]] = {"storage.writer": [], "refresher.candles": []}

    async def listen(name: str, mailbox: Mailbox) -> None:
        while True:
            for event in await mailbox.receive(1):
                if name == refuses:
                    await mailbox.dead_letter(event, "it is refused")
                else:
                    heard[name].append(event)
            await mailbox.done()

    async with AsyncExitStack() as opened, asyncio.TaskGroup() as tasks:
        working = [tasks.create_task(ReturnedMail(bus).run())]
        for name in heard:
            mailbox = await opened.enter_async_context(
                bus.mailbox(name, ["trade.#"], capacity=9, overflow=Overflow.WAIT)
            )
            working.append(tasks.create_task(listen(name, mailbox)))
        yield bus, heard
        for task in working:
            task.cancel()
