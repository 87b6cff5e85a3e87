"""The WebSocket transports: whatever one of them does, the other does too."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from stream_service import transport as transports
from stream_service.transport import (
    TransportName,
    asked_to_wait_s,
    installed_transports,
    open_socket,
    socket_errors,
    why_lost,
)
from tests.processes import free_port
from tests.servers.certificates import a_certificate
from tests.waiting import eventually

Talk = Callable[[ServerConnection], Awaitable[None]]
Exchange = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["websockets", "picows"])
def transport(request: pytest.FixtureRequest) -> TransportName:
    name: TransportName = request.param
    if name not in installed_transports():
        pytest.skip(f"{name} is not installed")
    return name


class Hesitant:
    """A venue that accepts a WebSocket once it is let."""

    def __init__(self) -> None:
        self.url = ""
        self.asked, self.answers, self.over = (asyncio.Event() for _ in range(3))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.set()
        await self.answers.wait()
        key = re.search("Sec-WebSocket-Key: (.*)\r", request, re.IGNORECASE)
        assert key
        with suppress(ConnectionError):
            writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept_key(key[1]).encode() + b"\r\n\r\n"
            )
            await reader.read()
        self.over.set()
        writer.close()


@asynccontextmanager
async def hesitant() -> AsyncIterator[Hesitant]:
    venue = Hesitant()
    async with await asyncio.start_server(venue.answer, "127.0.0.1", 0) as server:
        venue.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield venue


async def dial(url: str, transport: TransportName) -> None:
    async with open_socket(url, transport=transport):
        pytest.fail("nobody waited for it any more")


@asynccontextmanager
async def served(talk: Talk, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    async with serve(talk, "127.0.0.1", 0, compression=None, ssl=context) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"{'wss' if context else 'ws'}://localhost:{port}/"


async def test_text_and_binary_frames_come_as_bytes_in_order(transport: TransportName) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send('{"price": "₩1"}')
        await socket.send(b"\x00\xff")
        await socket.send("")
        await socket.wait_closed()

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        frames = [await socket.recv(decode=False) for _ in range(3)]

    assert frames == ['{"price": "₩1"}'.encode(), b"\x00\xff", b""]


async def test_frames_of_every_length_come_between_pings(transport: TransportName) -> None:
    told = [b"a" * length for length in (125, 126, 127, 65_535, 65_536)]

    async def talk(socket: ServerConnection) -> None:
        for frame in told:
            await socket.ping(f"{len(frame):125}")
            await socket.send([frame[:9], frame[9:]])
            await socket.pong(b"p" * 125)
            await socket.send(frame)
        await socket.wait_closed()

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        frames = [await socket.recv(decode=False) for _ in range(2 * len(told))]

    assert frames == [frame for frame in told for _ in range(2)]


async def test_dialling_that_is_cut_short_leaves_no_connection_open(
    transport: TransportName,
) -> None:
    async with hesitant() as venue:
        dialling = asyncio.create_task(dial(venue.url, transport))
        await venue.asked.wait()
        dialling.cancel()
        await asyncio.sleep(0)
        venue.answers.set()
        async with asyncio.timeout(5):
            await asyncio.wait({dialling})
            await venue.over.wait()

    assert dialling.cancelled()


@pytest.mark.parametrize("times", [1, 2])
async def test_answer_that_comes_when_dialling_was_given_up_opens_no_connection(
    transport: TransportName, times: int
) -> None:
    async with hesitant() as venue:
        dialling = asyncio.create_task(dial(venue.url, transport))
        await venue.asked.wait()
        for _ in range(times):
            dialling.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.wait({dialling})
            venue.answers.set()
            await venue.over.wait()

    assert dialling.cancelled()


async def test_a_frame_of_many_parts_comes_whole(transport: TransportName) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send(["a" * 70_000, "b" * 70_000, "c"])
        await socket.wait_closed()

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        frame = await socket.recv(decode=False)

    assert frame == b"a" * 70_000 + b"b" * 70_000 + b"c"


async def test_frames_are_sent_as_text(transport: TransportName) -> None:
    heard: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def talk(socket: ServerConnection) -> None:
        async for frame in socket:
            heard.put_nowait(frame)

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        await socket.send(b'{"method":"ping"}', text=True)
        assert await heard.get() == '{"method":"ping"}'


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011])
async def test_a_venue_that_closes_is_a_socket_error(transport: TransportName, code: int) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.close(code)

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        with pytest.raises(socket_errors()):
            await socket.recv(decode=False)


async def test_a_connection_that_breaks_is_a_socket_error(transport: TransportName) -> None:
    async def talk(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        with pytest.raises((OSError, *socket_errors())):
            await socket.recv(decode=False)


async def test_what_came_before_a_close_is_read_first(transport: TransportName) -> None:
    async def talk(socket: ServerConnection) -> None:
        for number in range(100):
            await socket.send(str(number))
        await socket.close()

    frames: list[bytes] = []
    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        with suppress(*socket_errors()):
            while True:
                frames.append(await socket.recv(decode=False))

    assert frames == [str(number).encode() for number in range(100)]


async def test_a_frame_beyond_the_limit_ends_the_connection(
    transport: TransportName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "LARGEST_FRAME", 1_000)

    async def talk(socket: ServerConnection) -> None:
        await socket.send("x" * 2_000)
        await socket.wait_closed()

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        with pytest.raises((OSError, *socket_errors())):
            await socket.recv(decode=False)


async def test_a_slow_reader_holds_the_venue_back(transport: TransportName) -> None:
    sent = 0

    async def talk(socket: ServerConnection) -> None:
        nonlocal sent
        for _ in range(20_000):
            await socket.send(b"x" * 4_096)
            sent += 1

    async with served(talk) as url, open_socket(url, transport=transport) as socket:
        await socket.recv(decode=False)
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)

        assert sent < 20_000


async def test_a_refusal_to_connect_says_how_long_to_wait(transport: TransportName) -> None:
    error = await refused_with(429, transport, {"Retry-After": "7"})

    assert asked_to_wait_s(error) == 7.0


async def test_a_country_that_is_not_served_is_told_so(transport: TransportName) -> None:
    error = await refused_with(451, transport)

    assert why_lost(error) == (
        "the venue answers the connection with 451 (the country of this address is not served)"
    )


async def test_an_address_where_nobody_listens_is_told_in_words(transport: TransportName) -> None:
    with pytest.raises(OSError, match=r"refused|failed") as caught:
        async with open_socket(f"ws://127.0.0.1:{free_port()}", transport=transport):
            pass

    assert why_lost(caught.value) == "nobody listens at its address"


async def test_why_a_connection_broke_is_told_as_it_is() -> None:
    assert why_lost(ConnectionResetError("gone")) == "gone"
    assert why_lost(TimeoutError()) == "no answer in time"


def test_every_transport_connects_in_the_fast_event_loop(transport: TransportName) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def heard() -> bytes:
        async with serve(lambda socket: socket.send(b"frame"), "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with open_socket(f"ws://127.0.0.1:{port}", transport=transport) as socket:
                return await socket.recv(decode=False)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(heard()) == b"frame"


async def test_we_say_who_we_are_but_from_no_page(transport: TransportName) -> None:
    seen: list[Request] = []

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append(socket.request)
        await socket.wait_closed()

    async with served(talk) as url, open_socket(url.rstrip("/"), transport=transport):
        await eventually(lambda: len(seen) == 1)

    [request] = seen
    assert request.path == "/"
    assert request.headers["User-Agent"] == "CryptoTracker"
    assert "Origin" not in request.headers
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_a_venue_that_answers_no_pings_is_stayed_with(
    transport: TransportName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "PING_EVERY_S", 0.05)
    pings: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
        assert key is not None
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_key(key[1].decode()).encode()
        )
        while len(pings) < 5:
            head = await reader.readexactly(2)
            await reader.readexactly(4 + (head[1] & 0x7F))
            pings.append(head[:1])
        writer.write(b"\x81\x02ok")
        await writer.drain()
        await reader.read()

    async with (
        listening(talk) as port,
        open_socket(f"ws://127.0.0.1:{port}/", transport=transport) as socket,
    ):
        assert await socket.recv(decode=False) == b"ok"

    assert set(pings) == {b"\x89"}


async def test_a_proxy_that_refuses_is_a_socket_error(
    transport: TransportName, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with listening(refuse) as port:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        with pytest.raises(socket_errors()) as caught:
            async with open_socket("wss://venue.invalid/", transport=transport):
                pass

    assert "407" in why_lost(caught.value)


@asynccontextmanager
async def listening(talk: Exchange) -> AsyncIterator[int]:
    """Talk to one client, whom it outlives; yield the port."""
    is_over = asyncio.Event()

    async def see_out(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await talk(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        is_over.set()

    async with await asyncio.start_server(see_out, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1]
        await is_over.wait()


async def refused_with(
    status: int, transport: TransportName, headers: Mapping[str, str] = {}
) -> Exception:
    """Return what comes of a connection that is refused with an HTTP status."""

    def refuse(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(status, "no")
        response.headers.update(headers)
        return response

    async def talk(_socket: ServerConnection) -> None:
        return

    async with serve(talk, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(socket_errors()) as caught:
            async with open_socket(f"ws://127.0.0.1:{port}/", transport=transport):
                pass
    return caught.value


async def test_nobody_there_is_an_os_error(transport: TransportName) -> None:
    with pytest.raises(ConnectionRefusedError):
        async with open_socket("ws://127.0.0.1:9/", transport=transport):
            pass


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    transport: TransportName, tmp_path: Path
) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send("never heard")

    context = a_certificate(tmp_path).server_context()
    async with served(talk, context) as url:
        with pytest.raises(ssl.SSLCertVerificationError):
            async with open_socket(url, transport=transport):
                pass


async def test_a_certificate_that_is_trusted_is_taken(
    transport: TransportName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send("heard")
        await socket.wait_closed()

    certificate = a_certificate(tmp_path)
    monkeypatch.setattr(transports, "_trusted", certificate.client_context)
    async with (
        served(talk, certificate.server_context()) as url,
        open_socket(url, transport=transport) as socket,
    ):
        assert await socket.recv(decode=False) == b"heard"
