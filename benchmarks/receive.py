"""From the TLS socket to the normalised event: what a frame costs the process that receives it.

A process of its own sends quotes as Binance frames them, as fast as they are taken. They come
through a link and an intake, over each transport, to a bus that counts; in alternating rounds.
Floor: a loop of our own over a bare `websockets` client that decodes the same frames with msgspec
and does nothing else. What is measured is CPU time of this process.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from benchmarks.report import Figure, arguments, report
from cryptotracker.running import fast_loop
from infrastructure.bus.local import LocalBus
from infrastructure.log import configure_logging
from market import Event, Instrument, Listing, Quote
from stream_service.intake import Intake
from stream_service.link import Gate, Link
from stream_service.rest import VenueRest
from stream_service.simulator.prices import World, simulated_listings
from stream_service.transport import TransportName, installed_transports
from stream_service.venue import Options, Venue
from stream_service.venues import load_venues
from tests.servers.certificates import Certificate, a_certificate

VENUE = "binance"
INSTRUMENTS = [Instrument(base, "USDT") for base in ("BTC", "ETH", "SOL", "XRP")]
DISTINCT = 1_000
BATCH = 50
GOAL_PER_S = 500_000.0
GOAL_TIMES_WEBSOCKETS = 3.0
GOAL_OF_BARE = 0.9
SHORT_FRAME, MIDDLE_FRAME = 126, 65_536
ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CLOSE = b"\x88\x02\x03\xe8"

Way = Callable[[str], Awaitable[int]]


class CountingBus(LocalBus):
    """Counts quotes and keeps nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Bus.publish`."""
        self.count += len(events)


class Row(
    msgspec.Struct, rename={"symbol": "s", "bid": "b", "bid_size": "B", "ask": "a", "ask_size": "A"}
):
    """What a frame says."""

    symbol: str
    bid: float
    bid_size: float
    ask: float
    ask_size: float


class Frame(msgspec.Struct):
    """A frame of Binance's combined stream."""

    data: Row


def quote_frames() -> tuple[Venue, list[Listing], list[bytes]]:
    """Let the exchange's side frame quotes, `DISTINCT` of them."""
    venue = load_venues()[VENUE]
    listings = simulated_listings(venue, INSTRUMENTS)
    world = World({VENUE: listings}, seed=3, start_ns=time.time_ns())
    side = venue.exchange_side(world.markets[VENUE])
    session = venue.session(listings, Options(channels=frozenset({"quote"})))
    session.opened()
    for frame in session.outgoing():
        side.receive(frame)
    side.outgoing()
    frames: list[bytes] = []
    while len(frames) < DISTINCT:
        for event in world.step(time.time_ns(), 10):
            if isinstance(event, Quote):
                side.tell(event)
        frames += side.outgoing()
    return venue, listings, frames[:DISTINCT]


async def send(frames: Sequence[bytes], count: int, certificate: Certificate) -> None:
    """Serve ``count`` frames to each client, as fast as it takes them; print the port."""
    bodies = [b"".join(map(_framed, frames[at : at + BATCH])) for at in range(0, DISTINCT, BATCH)]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_accepted(await reader.readuntil(b"\r\n\r\n")))
        with suppress(ConnectionError):
            for body in itertools.islice(itertools.cycle(bodies), count // BATCH):
                writer.write(body)
                await writer.drain()
            writer.write(CLOSE)
            await writer.drain()
            await reader.read(1)
        writer.close()

    context = certificate.server_context()
    async with await asyncio.start_server(talk, "127.0.0.1", ssl=context) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


def _framed(frame: bytes) -> bytes:
    size = len(frame)
    if size < SHORT_FRAME:
        return b"\x81" + bytes([size]) + frame
    return b"\x81\x7e" + size.to_bytes(2, "big") + frame


def _accepted(request: bytes) -> bytes:
    lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n")[1:] if line)
    key = next(value for name, value in lines.items() if name.lower() == b"sec-websocket-key")
    digest = base64.b64encode(hashlib.sha1(key + ACCEPT).digest())  # noqa: S324  # RFC 6455
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return upgrade + b"Sec-WebSocket-Accept: " + digest + b"\r\n\r\n"


def through_link(
    transport: TransportName, venue: Venue, listings: Sequence[Listing], rest: VenueRest
) -> Way:
    """Return the way through a link and an intake; nothing is asked over REST."""

    async def receive(url: str) -> int:
        here = msgspec.structs.replace(venue, websocket_url=url, connect_interval_s=0.0)
        bus = CountingBus()
        link = Link(
            here,
            listings,
            Options(channels=frozenset({"quote"})),
            rest=rest,
            intake=Intake(here, bus),
            gate=Gate(0.0),
            transport=transport,
        )
        await link.run()
        return bus.count

    return receive


async def bare(url: str) -> int:
    """Read and decode; nothing else."""
    decoder, count = msgspec.json.Decoder(Frame, strict=False), 0
    async with connect(url, compression=None, proxy=None) as socket:
        with suppress(ConnectionClosed):
            while True:
                decoder.decode(await socket.recv(decode=False))
                count += 1
    return count


async def measure(*, quick: bool) -> list[Figure]:
    """Run the rounds; return the figures, in frames a second of CPU time."""
    count, rounds = (20_000, 3) if quick else (100_000, 5)
    venue, listings, _frames = quote_frames()
    nowhere = venue.at("wss://127.0.0.1:9/", "http://127.0.0.1:9")
    async with VenueRest(nowhere) as rest:
        ways: dict[str, Way] = {"bare": bare}
        for name in installed_transports():
            ways[name] = through_link(name, venue, listings, rest)
        rates = await _rates(ways, count, rounds)
    return list(_figures({name: statistics.median(of_way) for name, of_way in rates.items()}))


async def _rates(ways: Mapping[str, Way], count: int, rounds: int) -> dict[str, list[float]]:
    """Return the frames a second of each round of each way; a first round warms up."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        certificate = a_certificate(Path(folder))
        os.environ["SSL_CERT_FILE"] = str(certificate.certificate)
        command = (sys.executable, "-m", "benchmarks.receive", "--send", folder, str(count))
        sender = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            port = int(await sender.stdout.readline() if sender.stdout else 0)
            for name, way in [*ways.items()] * (1 + rounds):
                before = time.process_time()
                got = await way(f"wss://localhost:{port}/")
                if got < count:
                    raise RuntimeError(f"{name}: {got} of {count} frames came")
                rates[name].append(got / (time.process_time() - before))
        finally:
            sender.kill()
            await sender.wait()
    return {name: of_way[1:] for name, of_way in rates.items()}


def _figures(rates: dict[str, float]) -> Sequence[Figure]:
    floor, reference = rates["bare"], rates["websockets"]
    figures = [
        Figure(name="websockets", value=reference, unit="frames/s", floor=floor, better="higher"),
        Figure(
            name="websockets against the bare loop",
            value=reference / floor,
            unit="times",
            goal=GOAL_OF_BARE,
            better="higher",
        ),
    ]
    if fast := rates.get("picows"):
        is_fast = fast >= GOAL_PER_S
        figures += [
            Figure(name="picows", value=fast, unit="frames/s", floor=floor, better="higher"),
            Figure(
                name="picows against websockets",
                value=fast / reference,
                unit="times",
                goal=None if is_fast else GOAL_TIMES_WEBSOCKETS,
                better="higher",
            ),
        ]
    return figures


def main() -> None:
    """Measure and report; or send, where the command line says so."""
    configure_logging("error")
    if sys.argv[1:2] == ["--send"]:
        folder, count = Path(sys.argv[2]), int(sys.argv[3])
        certificate = Certificate(folder / "certificate.pem", folder / "key.pem")
        with asyncio.Runner(loop_factory=fast_loop()) as runner:
            runner.run(send(quote_frames()[2], count, certificate))
        return
    given = arguments(__doc__ or "")
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        figures = runner.run(measure(quick=given.quick))
    report("receive", figures, as_json=given.json)


if __name__ == "__main__":
    main()
