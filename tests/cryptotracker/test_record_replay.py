"""What was recorded of venues comes out again, by real sockets, the same as it did then."""

from __future__ import annotations

import asyncio
import gzip
import re
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from cryptotracker import __version__
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Mailbox, Overflow
from market import Book, Event, Instrument, Trade
from stream_service.connection import VenueConnection
from stream_service.recorder import Recorder
from stream_service.simulator.faults import Fault
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import Venue
from stream_service.venues import load_venues
from tests.cryptotracker.test_command_line import command, first_lines, outcome
from tests.processes import free_port
from tests.waiting import eventually

VENUES = load_venues()
INSTRUMENTS = tuple(
    Instrument(base, quote) for base in ("BTC", "ETH") for quote in ("USDT", "USD", "KRW")
)
FAULTS: tuple[Fault, ...] = ("lost-frame", "garbage", "bad-checksum", "duplicate-trade", "hang-up")
BOOKS = 4
FRAMES_BYTES = 5_000
"""A recording that is larger has more in it than its beginning."""

_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class Original:
    """A simulated venue with faults, recorded; the last one, at ``hung_up_ns``, is a hang-up."""

    def __init__(self, venue: Venue, folder: Path) -> None:
        self.heard: list[Event] = []
        self.hung_up_ns = 0
        listings = simulated_listings(venue, INSTRUMENTS)
        self._name = venue.name
        self._world = World({venue.name: listings}, seed=3, start_ns=time.time_ns())
        self._served = SimulatedVenues([venue], self._world.markets)
        self._recorder = Recorder(folder, version=__version__, rotate_bytes=200_000)

    async def run(self) -> None:
        """Play a market with one fault after the other."""
        bus = LocalBus()
        box = bus.mailbox("test", ["#"], capacity=100_000, overflow=Overflow.WAIT)
        async with self._served.serving(), box as mailbox, asyncio.TaskGroup() as tasks:
            with self._recorder as recorder:
                venue = recorder.heard(self._served.venue(self._name), INSTRUMENTS)
                connection = VenueConnection(venue, INSTRUMENTS, bus, tap=recorder)
                running = tasks.create_task(connection.run())
                listening = tasks.create_task(self._listen(mailbox))
                await self._has_news()
                for fault in FAULTS:
                    self.hung_up_ns = time.time_ns()
                    await self._served.cause(self._name, fault)
                    await self._has_news()
                running.cancel()
                await asyncio.wait([running])
            listening.cancel()

    async def _has_news(self) -> None:
        """Let the market move until books of every instrument came."""
        before = len(self.heard)
        async with asyncio.timeout(20):
            while not self._are_all_in(self.heard[before:]):
                self._served.play(list(self._world.step(time.time_ns(), 10)))
                await asyncio.sleep(0.05)

    def _are_all_in(self, events: Sequence[Event]) -> bool:
        listed = {one.instrument for one in self._world.markets[self._name].listings}
        books = [event.instrument for event in events if isinstance(event, Book)]
        return all(books.count(one) > BOOKS for one in listed)

    async def _listen(self, mailbox: Mailbox) -> None:
        while True:
            self.heard += await mailbox.receive(1_000)
            await mailbox.done()


def recordings_in(folder: Path) -> list[str]:
    return [str(path) for path in folder.glob("*.rec.gz")]


def decoded(out: str) -> list[Event]:
    """Return the events that a command printed."""
    return [_decoder.decode(line) for line in out.splitlines()]


def books_of(events: Sequence[Event]) -> list[Book]:
    """Return the books but for times of ours and what is made of them, in the order they came."""
    found = [event for event in events if isinstance(event, Book)]
    plain = [
        replace(
            book,
            event_ns=0 if book.event_ns == book.received_ns else book.event_ns,
            received_ns=0,
            sequence=0,
        )
        for book in found
    ]
    return sorted(plain, key=lambda book: book.instrument)


def trades_of(events: Sequence[Event], before_ns: int) -> list[Trade]:
    """Return the trades in no order: one that is streamed may be asked for at the same time."""
    found = [one for one in events if isinstance(one, Trade) and one.event_ns < before_ns]
    plain = [replace(trade, backfilled=False, received_ns=0, sequence=0) for trade in found]
    return sorted(plain, key=lambda trade: (trade.instrument, trade.trade_id))


@pytest.mark.parametrize("name", VENUES)
async def test_books_and_trades_come_out_as_they_did(name: str, tmp_path: Path) -> None:
    original = Original(VENUES[name], tmp_path)
    await original.run()
    files = recordings_in(tmp_path)

    status, out, _ = await outcome("replay", *files, "--speed", "max", "--print", folder=tmp_path)

    again = decoded(out)
    assert status == 0
    assert books_of(again) == books_of(original.heard)
    until_ns = original.hung_up_ns  # what is asked for later depends on when it is asked
    assert trades_of(again, until_ns) == trades_of(original.heard, until_ns)


async def test_a_recorded_second_takes_a_second_to_replay_unless_it_is_hurried(
    tmp_path: Path,
) -> None:
    await Original(VENUES["kraken"], tmp_path).run()
    files = recordings_in(tmp_path)

    whole = await outcome("replay", *files, "--speed", "4", "--print", folder=tmp_path)
    status, out, _ = await outcome("replay", *files, "--speed", "max", "--print", folder=tmp_path)

    assert status == whole[0] == 0
    assert books_of(decoded(out)) == books_of(decoded(whole[1]))


async def test_a_recording_is_made_and_the_whole_system_runs_on_it(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    status, said, errors = await outcome(
        "record", "binance", "kraken", "--to", str(folder), "--minutes", "0.05", folder=tmp_path
    )
    files = recordings_in(folder)

    async with command("replay", *files, "--port", "0", folder=tmp_path) as process:
        lines = await first_lines(process, 2)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            ended = await process.wait()

    assert (status, errors) == (0, "")
    assert re.search(r"Recorded [\d,]+ frames and [\d,]+ answers", said)
    assert {Path(file).name.partition("-")[0] for file in files} == {"binance", "kraken"}
    assert "page http://127.0.0.1:" in lines
    assert "bps net" in lines
    assert ended == 130


async def test_what_was_recorded_until_an_interrupt_can_be_decoded(tmp_path: Path) -> None:
    async with command("record", "kraken", "--to", "kept", folder=tmp_path) as process:
        await first_lines(process, 1)
        await eventually(lambda: recordings_in(tmp_path / "kept"), within_s=20)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            summary, errors = await process.communicate()
    [file] = recordings_in(tmp_path / "kept")

    status, out, _ = await outcome("decode", "kraken", file, folder=tmp_path)

    assert process.returncode == 130, errors.decode()
    assert "Recorded" in summary.decode(), errors.decode()
    assert status == 0
    assert {event.venue for event in decoded(out) if isinstance(event, Book)} <= {"kraken"}


async def test_a_venue_that_says_no_goodbye_does_not_keep_a_recording_open(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with (
        command("simulate", address, folder=tmp_path, venues="kraken") as simulator,
        command("record", "kraken", "--to", "kept", folder=tmp_path, simulator=address) as process,
    ):
        kept = tmp_path / "kept"
        await eventually(lambda: any(map(_has_frames, recordings_in(kept))), within_s=30)
        simulator.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(10):
            said, errors = await process.communicate()

    assert process.returncode == 130, errors.decode()
    assert "Recorded" in said.decode(), errors.decode()


def _has_frames(recording: str) -> bool:
    return Path(recording).stat().st_size > FRAMES_BYTES


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no recording"),
        (b"{}\n", "no recording"),
        (gzip.compress(b'{"kind":"frame","link":1,"at_ns":1,"bytes":0}\n\n'), "no start"),
        (gzip.compress(b'{"kind":"start","format":9,"version":"9.9","venue":"kraken",'
                       b'"started_ns":1}\n'), "version 9.9"),
    ],
    ids=["empty", "text", "no-start", "newer"],
)  # fmt: skip
async def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "some.rec.gz"
    file.write_bytes(content)

    status, _, errors = await outcome("replay", str(file), folder=tmp_path)

    assert status == 2
    assert words in errors
    assert len(errors.splitlines()) == 1


async def test_a_speed_is_a_number_or_max(tmp_path: Path) -> None:
    status, _, errors = await outcome("replay", "x.rec.gz", "--speed", "-1", folder=tmp_path)

    assert status == 2
    assert "--speed is '-1'" in errors
