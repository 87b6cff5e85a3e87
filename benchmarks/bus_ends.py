"""The two ends of a bus as processes of their own: ours, and one message an event with aio-pika.

Started as ``python -m benchmarks.bus_ends WAY END JOB``; says it is ready, begins when it is told
to on standard input, and says what it did, both as a line of JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count as numbers
from typing import Literal, Protocol, TypeAlias

import aio_pika
import msgspec
from aio_pika.abc import AbstractIncomingMessage

from benchmarks.report import percentile
from cryptotracker.running import fast_loop
from infrastructure.actor import Actor
from infrastructure.bus.amqp import AmqpLimits, connect_amqp
from infrastructure.bus.amqp.topology import Topology
from infrastructure.bus.port import Bus
from infrastructure.log import configure_logging
from market import Event, Instrument, Quote, Trade, codec, routing_key

VENUE = "binance"
INSTRUMENTS = [Instrument(f"COIN{number:03}", "USDT") for number in range(200)]
HANDFUL = 4
"""Events that are published together, as one reading of a socket gives them."""

TURN = 16
"""Handfuls after which the publisher lets others run."""

TICK_S = 0.001
WINDOW = 256
"""Messages of aio-pika that are on their way together; more gain nothing."""

PREFETCH = 128
MAILBOX = "storage"
MAILBOX_BYTES = 512 * 1024**2
CONFIRM_WITHIN_S = 60.0

LIMITS = AmqpLimits(conflate_above=200_000)
"""As by default, but that nothing is conflated: what is published is what is to arrive."""

End: TypeAlias = Literal["publish", "consume"]


class Job(msgspec.Struct, kw_only=True):
    """What a process is to do; ``rate`` in events a second, 0: as fast as they are taken."""

    url: str
    exchange: str
    count: int
    rate: float = 0.0


class Done(msgspec.Struct, kw_only=True):
    """What it did; ``began`` and ``ended`` by the monotonic clock, which all processes share."""

    began: float
    ended: float
    cpu_s: float
    messages: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


class Way(Protocol):
    """A way to publish events and to get them."""

    async def publish(self, job: Job, start: Callable[[], Awaitable[None]]) -> int:
        """Publish; return the number of messages."""

    async def consume(self, job: Job, start: Callable[[], Awaitable[None]]) -> list[int]:
        """Receive them all; return how long each was on its way, in ns."""


class Ours:
    """The bus of the system, and an actor at its end."""

    async def publish(self, job: Job, start: Callable[[], Awaitable[None]]) -> int:
        """See `Way.publish`; an event is safe when it ends."""
        async with connect_amqp(
            job.url, exchange=job.exchange, limits=LIMITS, confirm_timeout_s=CONFIRM_WITHIN_S
        ) as bus:
            await start()
            for handfuls in paced(job):
                for handful in handfuls:
                    await bus.publish(handful)
                await asyncio.sleep(TICK_S if job.rate else 0)
            await bus.flush()
            return bus.counters.messages

    async def consume(self, job: Job, start: Callable[[], Awaitable[None]]) -> list[int]:
        """See `Way.consume`."""
        async with connect_amqp(job.url, exchange=job.exchange) as bus:
            reader = Reader(bus, job.count)
            reading = asyncio.create_task(reader.run())
            await reader.listening.wait()
            await start()
            await reader.read_all.wait()
            reading.cancel()
            await asyncio.wait({reading})
            return reader.on_the_way_ns


class Reader(Actor[Quote | Trade]):
    """Counts; its mailbox is bound instrument by instrument."""

    name = MAILBOX
    handles = (Quote, Trade)

    def __init__(self, bus: Bus, expected: int) -> None:
        super().__init__(bus)
        self.read_all = asyncio.Event()
        self.on_the_way_ns: list[int] = []
        self._expected = expected

    @property
    def patterns(self) -> list[str]:
        """See `Actor.patterns`."""
        return patterns()

    async def receive(self, events: Sequence[Quote | Trade]) -> None:
        """See `Actor.receive`."""
        now_ns = time.time_ns()
        self.on_the_way_ns += [now_ns - event.received_ns for event in events]
        if len(self.on_the_way_ns) >= self._expected:
            self.read_all.set()


class Plain:
    """aio-pika as its documentation shows it, but for a window of messages that are unconfirmed."""

    async def publish(self, job: Job, start: Callable[[], Awaitable[None]]) -> int:
        """See `Way.publish`."""
        async with await aio_pika.connect(job.url) as connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(job.exchange)

            async def send(event: Event) -> None:
                message = aio_pika.Message(
                    codec.encode([event]), delivery_mode=aio_pika.DeliveryMode.PERSISTENT
                )
                await exchange.publish(message, routing_key(event))

            await start()
            window: list[Event] = []
            for handfuls in paced(job):
                window += [event for handful in handfuls for event in handful]
                if len(window) >= WINDOW:
                    await asyncio.gather(*map(send, window))
                    window = []
            await asyncio.gather(*map(send, window))
        return job.count

    async def consume(self, job: Job, start: Callable[[], Awaitable[None]]) -> list[int]:
        """See `Way.consume`."""
        on_the_way_ns: list[int] = []
        read_all = asyncio.Event()

        async def arrived(message: AbstractIncomingMessage) -> None:
            [event] = codec.decode(message.body)
            on_the_way_ns.append(time.time_ns() - event.received_ns)
            await message.ack()
            if len(on_the_way_ns) == job.count:
                read_all.set()

        async with AsyncExitStack() as opened:
            connection = await opened.enter_async_context(await aio_pika.connect(job.url))
            channel = await connection.channel()
            await channel.set_qos(PREFETCH)
            queue = await Topology(job.exchange, MAILBOX_BYTES).mailbox(
                channel, MAILBOX, patterns(), None
            )
            await queue.consume(arrived)
            await start()
            await read_all.wait()
        return on_the_way_ns


WAYS: dict[str, Way] = {"ours": Ours(), "plain": Plain()}


def patterns() -> list[str]:
    """Return what the queue is bound to: each instrument, of whatever kind and venue."""
    return [f"*.*.{each.base}.{each.quote_currency}" for each in INSTRUMENTS]


def paced(job: Job) -> Iterator[list[list[Event]]]:
    """Give the handfuls that are due, made now; a turn's worth at once where there is no rate."""
    number, began = 0, time.perf_counter()
    made = made_events()
    while number < job.count:
        due = job.count
        if job.rate:
            due = min(due, int((time.perf_counter() - began) * job.rate))
        due = min(due, number + TURN * HANDFUL)
        yield [
            [next(made) for _ in range(min(HANDFUL, due - at))]
            for at in range(number, due, HANDFUL)
        ]
        number = max(number, due)


def made_events() -> Iterator[Event]:
    """Make two quotes to a trade, of one instrument after the other, without end."""
    for number in numbers():
        instrument, now_ns = INSTRUMENTS[number % len(INSTRUMENTS)], time.time_ns()
        if number % 3:
            yield Quote(
                venue=VENUE,
                instrument=instrument,
                bid=64_231.12,
                bid_size=0.5312,
                ask=64_231.13,
                ask_size=1.25,
                event_ns=now_ns,
                received_ns=now_ns,
                sequence=number,
            )
        else:
            yield Trade(
                venue=VENUE,
                instrument=instrument,
                trade_id=str(number),
                side="buy",
                price=64_231.13,
                size=0.0125,
                event_ns=now_ns,
                received_ns=now_ns,
                sequence=number,
            )


async def run(way: Way, end: End, job: Job) -> Done:
    """Do the job once standard input says so."""
    began, used = 0.0, 0.0

    async def start() -> None:
        nonlocal began, used
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began, used = time.monotonic(), time.process_time()

    if end == "publish":
        messages = await way.publish(job, start)
        return Done(
            began=began,
            ended=time.monotonic(),
            cpu_s=time.process_time() - used,
            messages=messages,
        )
    on_the_way = sorted(await way.consume(job, start))
    return Done(
        began=began,
        ended=time.monotonic(),
        cpu_s=time.process_time() - used,
        p50_ms=percentile(on_the_way, 0.5) / 1e6,
        p99_ms=percentile(on_the_way, 0.99) / 1e6,
    )


def main() -> None:
    """Do what the command line says."""
    configure_logging("error")
    way, end, job = sys.argv[1:]
    if end not in ("publish", "consume"):
        sys.exit(f"{end}: neither publish nor consume")
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        done = runner.run(run(WAYS[way], "publish" if end == "publish" else "consume", _job(job)))
    print(msgspec.json.encode(done).decode(), flush=True)


def _job(text: str) -> Job:
    return msgspec.json.decode(text, type=Job)


if __name__ == "__main__":
    main()
