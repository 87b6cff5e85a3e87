"""The actor that polls, over real HTTP to a service on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from structlog.testing import capture_logs

from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Overflow
from market import Event, FrameError, Instrument, Quote, Summary, VenueStatus
from stream_service.polled import Allowance, PolledVenue, Poller, Wish
from stream_service.polling import VenuePolling
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venue import HttpRequest, Market
from stream_service.venues import load_polled
from tests.making import SECOND, a_summary
from tests.waiting import eventually

KEY = "canary/+& key"
WANTED = [Instrument("USD", "KRW"), Instrument("EUR", "USD")]
OK = "200 OK"
FUTURE = 1_000.0
"""A price from which on it is told two hours ahead of its time."""

NOW = 1_790_000_000 * SECOND


class CountingPoller(Poller):
    """Asks for the price of each instrument ten times a second; the answer is a number."""

    def wishes(self) -> Sequence[Wish]:
        return [
            Wish(request=HttpRequest(f"/price?of={one}", about=("price", one)), every_s=0.1)
            for one in self.wanted or ()
        ]

    def answered(self, request: HttpRequest, body: bytes, received_ns: int) -> Sequence[Event]:
        try:
            last = float(json.loads(body))
        except (ValueError, TypeError) as error:
            raise FrameError("counting", body, f"{error} in {body!r}") from error
        assert request.about is not None
        at_ns = received_ns if last < FUTURE else received_ns + 7_200 * SECOND
        return [a_summary("counting", str(request.about[1]), last=last, at_ns=at_ns)]

    def recognise(self, body: bytes, hint: str) -> HttpRequest | None:
        raise NotImplementedError(body, hint)


def sign(request: HttpRequest, keys: Mapping[str, str]) -> HttpRequest:
    key = keys.get("key", "")
    path = f"{request.path}&key={quote(key, safe='')}"
    return msgspec.structs.replace(request, headers=(("X-Key", key),), path=path)


def no_answer(path: str, market: Market) -> bytes:
    raise LookupError(path, market)


COUNTING = PolledVenue(
    name="counting",
    rest_url="",
    poller=CountingPoller,
    covers=lambda instrument: instrument.base != "BTC",
    sign=sign,
    answer=no_answer,
    budget=Allowance(),
    credentials=("key",),
    keys={"key": KEY},
)


class Service:
    """Answers what it is told to, over HTTP; remembers what it was asked."""

    def __init__(self) -> None:
        self.status = OK
        self.headers = ""
        self.body = b"7"
        self.replies_about: dict[str, tuple[str, bytes]] = {}
        self.asked: list[str] = []
        self.url = ""

    @property
    def venue(self) -> PolledVenue:
        return msgspec.structs.replace(COUNTING, rest_url=self.url)

    def replies(self, status: str, body: bytes = b"", headers: str = "") -> None:
        self.status, self.body, self.headers = status, body, headers

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Service]:
        async with await asyncio.start_server(self._answer, "127.0.0.1") as server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head.decode())
                status, body = self._reply(self.asked[-1])
                length = f"Content-Length: {len(body)}\r\n"
                writer.write(f"HTTP/1.1 {status}\r\n{self.headers}{length}\r\n".encode() + body)
                await writer.drain()
        writer.close()

    def _reply(self, asked: str) -> tuple[str, bytes]:
        special = (reply for word, reply in self.replies_about.items() if word in asked)
        return next(special, (self.status, self.body))


class Running:
    """A polling with everything that it has published."""

    def __init__(self, polling: VenuePolling, bus: LocalBus) -> None:
        self.polling = polling
        self.bus = bus
        self.heard: list[Event] = []

    @property
    def status(self) -> VenueStatus:
        return [event for event in self.heard if isinstance(event, VenueStatus)][-1]

    @property
    def summaries(self) -> list[Summary]:
        return [event for event in self.heard if isinstance(event, Summary)]

    @property
    def prices(self) -> list[Quote | Summary]:
        return [event for event in self.heard if isinstance(event, Quote | Summary)]

    async def until(self, state: str, reason: str = "") -> None:
        def is_so() -> bool:
            return (
                any(isinstance(event, VenueStatus) for event in self.heard)
                and self.status.state == state
                and reason in self.status.reason
            )

        await eventually(is_so)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with Service().serving() as service:
        yield service


@asynccontextmanager
async def polled(
    venue: PolledVenue,
    wanted: Sequence[Instrument] = WANTED,
    *,
    state: Path | None = None,
    tap: Callable[[HttpRequest, bytes, int], None] | None = None,
) -> AsyncIterator[Running]:
    bus = LocalBus()
    running = Running(VenuePolling(venue, wanted, bus, state=state, tap=tap), bus)
    async with bus.mailbox("test", ["#"], capacity=9_999, overflow=Overflow.DROP_OLDEST) as mailbox:

        async def listen() -> None:
            while True:
                running.heard.extend(await mailbox.receive(1_000))

        tasks = [asyncio.create_task(listen()), asyncio.create_task(running.polling.run())]
        try:
            yield running
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_answers_are_published_over_and_over(service: Service) -> None:
    async with polled(service.venue) as running:
        await eventually(lambda: len(running.summaries) >= 4)

        assert {summary.instrument for summary in running.summaries} == set(WANTED)
        assert running.polling.listening.is_set()
        assert running.polling.handled >= 4
        await running.until("live")


async def test_the_key_is_sent_and_kept_out_of_the_request_that_is_told(service: Service) -> None:
    heard: list[HttpRequest] = []

    async with polled(service.venue, tap=lambda request, *_: heard.append(request)):
        await eventually(lambda: heard)

    assert f"X-Key: {KEY}".lower() in service.asked[0].lower()
    assert "canary" not in str(heard)


async def test_only_what_it_covers_is_asked_for(service: Service) -> None:
    async with polled(service.venue, [*WANTED, Instrument("BTC", "USD")]) as running:
        await running.until("live")

        assert running.status.instruments == 2
        assert not any("BTC" in asked for asked in service.asked)


async def test_what_is_told_of_the_future_is_left_out(service: Service) -> None:
    service.replies(OK, b"1000")

    async with polled(service.venue) as running:
        await eventually(lambda: any(getattr(e, "refused", 0) >= 2 for e in running.heard))

        assert running.summaries == []


async def test_without_its_key_nothing_is_asked_and_the_remedy_is_told(service: Service) -> None:
    venue = msgspec.structs.replace(service.venue, keys={})

    async with polled(venue) as running:
        await running.until("refused", "key missing: set CRYPTOTRACKER_CREDENTIALS__COUNTING__KEY")

    assert service.asked == []


async def test_it_waits_as_long_as_it_is_asked_to(service: Service) -> None:
    service.replies("429 Too Many Requests", headers="Retry-After: 3600\r\n")

    async with polled(service.venue) as running:
        await running.until("down", "asked to wait 3600 s")

    assert len(service.asked) == 1


async def test_a_page_of_the_network_before_it_is_waited_for(service: Service) -> None:
    service.replies("403 Forbidden", b"<html>busy</html>", "Content-Type: text/html\r\n")

    async with polled(service.venue) as running:
        await running.until("down", "asked to wait 60 s")

    assert len(service.asked) == 1


async def test_once_it_answers_again_it_is_live(service: Service) -> None:
    service.replies("429 Too Many Requests", headers="Retry-After: 0\r\n")

    async with polled(service.venue) as running:
        await running.until("down")
        service.replies(OK, b"8")
        await running.until("live")

        assert running.status.reason == ""


async def test_a_service_that_answered_before_is_stale_while_it_fails(service: Service) -> None:
    async with polled(service.venue) as running:
        await running.until("live")
        service.replies("500 Internal Server Error")
        await running.until("stale", "with 500")


async def test_a_service_that_is_not_there_is_down(service: Service) -> None:
    venue = msgspec.structs.replace(service.venue, rest_url="http://127.0.0.1:9")

    async with polled(venue) as running:
        await running.until("down", "does not answer")


async def test_a_request_that_is_turned_down_is_not_made_again(service: Service) -> None:
    service.replies("404 Not Found", b'{"error":"coin not found"}')

    async with polled(service.venue) as running:
        await eventually(lambda: len(service.asked) == 2)
        await running.until("refused", "coin not found")
        await eventually(lambda: len(running.heard) > 3)

    assert len(service.asked) == 2  # once for each instrument


async def test_one_request_that_is_turned_down_is_told_beside_what_is_live(
    service: Service,
) -> None:
    service.replies_about["EUR-USD"] = ("404 Not Found", b"no such thing")

    async with polled(service.venue) as running:
        await running.until("live", "404: no such thing")
        await eventually(lambda: len(running.summaries) > 2)

        assert running.status.state == "live"
        assert "no such thing" in running.status.reason


async def test_of_many_requests_that_are_turned_down_a_few_are_told(service: Service) -> None:
    service.replies("404 Not Found", b"no such thing")
    many = [Instrument(f"C{number}", "USD") for number in range(5)]

    async with polled(service.venue, many) as running:
        await running.until("refused", "; and 2 more")


async def test_what_cannot_be_read_is_put_aside_without_the_key(service: Service) -> None:
    service.replies(OK, b"<html>we know canary/+& key and canary%2F%2B%26%20key</html>")

    async with polled(service.venue) as running:
        await running.until("down")

        (letter,) = await running.bus.dead_letters(10)
    assert letter.mailbox == "stream.counting"
    assert letter.body == b"<html>we know ******** and ********</html>"
    assert "canary" not in letter.reason


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (OK, ""),
        ("400 Bad Request", ""),
        ("401 Unauthorized", "Content-Type: text/html\r\n"),
        ("429 Too Many Requests", ""),
        ("500 Internal Server Error", ""),
    ],
)
async def test_the_key_is_nowhere_that_people_look(
    service: Service, status: str, headers: str
) -> None:
    service.replies(status, f'{{"error": "your key {KEY} is bad"}}'.encode(), headers)
    bodies: list[bytes] = []

    with capture_logs() as logs:
        async with polled(service.venue, tap=lambda _, body, __: bodies.append(body)) as running:
            await eventually(lambda: any("********" in str(log) for log in logs))
            letters = await running.bus.dead_letters(10)
            told = str(running.heard)

    assert "canary" not in f"{logs} {letters} {told} {bodies}"


async def test_the_calls_are_counted_over_a_restart(service: Service, tmp_path: Path) -> None:
    venue = msgspec.structs.replace(service.venue, budget=Allowance(a_day=3, burst=3))
    async with polled(venue, state=tmp_path) as running:
        await eventually(lambda: len(running.summaries) == 3)

    async with polled(venue, state=tmp_path) as running:
        await eventually(lambda: len(running.heard) >= 2)

    assert len(service.asked) == 3
    assert json.loads((tmp_path / "counting.budget.json").read_bytes())["used"] == 3


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"day": "x"}', b"\xff"])
async def test_a_garbled_count_is_as_good_as_none(
    service: Service, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "counting.budget.json").write_bytes(content)

    async with polled(service.venue, state=tmp_path) as running:
        await running.until("live")


async def test_a_folder_that_cannot_be_written_to_is_told_once(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")

    with capture_logs() as logs:
        async with polled(service.venue, state=tmp_path / "file") as running:
            await eventually(lambda: len(running.summaries) >= 3)

    assert [log["event"] for log in logs].count("budget.not_kept") == 1


@pytest.mark.parametrize("name", sorted(load_polled()))
async def test_every_service_finds_its_answers_in_the_simulator(name: str) -> None:
    venue = load_polled()[name]
    world = World({name: simulated_listings(venue, WANTED)}, seed=3, start_ns=NOW)

    async with (
        SimulatedVenues([], world.markets, polled=[venue]).serving() as served,
        polled(served.polled_venue(name)) as running,
    ):
        await running.until("live")
        await eventually(lambda: WANTED[0] in {event.instrument for event in running.prices})

    won = next(event for event in running.prices if event.instrument == WANTED[0])
    assert won.venue == name
    assert 1_370.0 < (won.last if isinstance(won, Summary) else won.bid) < 1_386.0
