"""What the bus on RabbitMQ does with a spool while its broker is away, and when it dies itself."""

import asyncio
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from infrastructure.bus.amqp import connect_amqp
from market import Event, SpoolError, Trade
from tests.mailboxes import (
    RESTARTED_WITHIN_S,
    WITHIN_S,
    a_mailbox,
    publish_each,
    read_until_seen,
    trades_numbered,
)
from tests.servers.rabbitmq import SMALL
from tests.servers.rabbitmq_node import RabbitMQServer

pytestmark = pytest.mark.rabbitmq

COUNT = 2_000


async def test_what_memory_has_no_room_for_waits_on_disk_while_the_broker_is_away(
    rabbitmq_node: RabbitMQServer, exchange: str, tmp_path: Path
) -> None:
    trades = trades_numbered(COUNT)

    async with (
        connect_amqp(rabbitmq_node.url, exchange=exchange, limits=SMALL, spool=tmp_path) as bus,
        a_mailbox(bus) as mailbox,
        asyncio.timeout(RESTARTED_WITHIN_S),
    ):
        await _kill(rabbitmq_node)
        await publish_each(bus, trades)
        spooled = bus.counters.spooled
        await asyncio.to_thread(rabbitmq_node.start)
        read = await read_until_seen(mailbox, set(trades))
        await bus.flush()

    assert spooled >= COUNT - 2 * SMALL.outbox_events  # as many may be on their way
    assert list(dict.fromkeys(read)) == trades
    assert bus.counters.unspooled == bus.counters.spooled
    assert bus.counters.confirmed == COUNT


async def test_what_was_on_disk_arrives_after_its_process_was_killed(
    rabbitmq_node: RabbitMQServer, exchange: str, tmp_path: Path
) -> None:
    trades = trades_numbered(COUNT)
    async with connect_amqp(rabbitmq_node.url, exchange=exchange) as bus:
        await bus.keep("storage", ["#"])
    publisher = await _started(rabbitmq_node.url, exchange, tmp_path)
    try:
        await _said(publisher, "up")
        await _kill(rabbitmq_node)
        _begin(publisher)
        await _said(publisher, "done")
    finally:
        with suppress(ProcessLookupError):
            publisher.kill()
        await publisher.wait()
    await asyncio.to_thread(rabbitmq_node.start)

    async with (
        connect_amqp(rabbitmq_node.url, exchange=exchange, spool=tmp_path) as bus,
        a_mailbox(bus) as mailbox,
    ):
        read = await read_until_seen(mailbox, {trades[-1]})
        await bus.flush()

    on_disk = _numbers(read)
    assert on_disk[-1] == COUNT
    assert on_disk == list(range(on_disk[0], COUNT + 1))
    assert on_disk[0] <= 2 * SMALL.outbox_events + 1  # as above
    assert bus.counters.published == bus.counters.confirmed == len(on_disk)


async def test_what_the_broker_did_not_confirm_is_there_for_the_next_process(
    rabbitmq_node: RabbitMQServer, exchange: str, tmp_path: Path
) -> None:
    trades = trades_numbered(40)

    async with connect_amqp(rabbitmq_node.url, exchange=exchange, spool=tmp_path) as bus:
        await bus.keep("storage", ["#"])
        await _kill(rabbitmq_node)
        await publish_each(bus, trades)
    await asyncio.to_thread(rabbitmq_node.start)
    async with (
        connect_amqp(rabbitmq_node.url, exchange=exchange, spool=tmp_path) as bus,
        a_mailbox(bus) as mailbox,
    ):
        assert await read_until_seen(mailbox, {trades[-1]}) == trades


async def test_a_disk_that_fails_ends_the_bus_with_what_to_do(
    amqp_url: str, exchange: str, tmp_path: Path
) -> None:
    with pytest.raises(SpoolError, match=r"cannot be written .* free or mend the disk"):
        await _publish_without_a_disk(amqp_url, exchange, tmp_path / "spool")


async def _publish_without_a_disk(url: str, exchange: str, folder: Path) -> None:
    async with connect_amqp(url, exchange=exchange, limits=SMALL, spool=folder) as bus:
        await asyncio.to_thread(shutil.rmtree, folder)
        with suppress(SpoolError):
            await bus.publish(trades_numbered(COUNT))
        await asyncio.Event().wait()


async def _started(url: str, exchange: str, folder: Path) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.infrastructure.spooling_process")
    return await asyncio.create_subprocess_exec(
        *command,
        url,
        exchange,
        str(folder),
        str(COUNT),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )


async def _said(process: asyncio.subprocess.Process, what: str) -> None:
    assert process.stdout
    async with asyncio.timeout(WITHIN_S):
        assert await process.stdout.readline() == f"{what}\n".encode()


def _begin(process: asyncio.subprocess.Process) -> None:
    assert process.stdin
    process.stdin.write(b"\n")


def _numbers(events: list[Event]) -> list[int]:
    return sorted({event.sequence for event in events if isinstance(event, Trade)})


async def _kill(node: RabbitMQServer) -> None:
    await asyncio.to_thread(node.remember_queues)
    await asyncio.to_thread(node.kill)
