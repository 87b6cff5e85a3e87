"""The disk of broker or store is full to the last byte, and is freed again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.faults.form import FORM
from tests.faults.rig import Rig
from tests.faults.rigs import Rigs
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer
from tests.servers.small_disk import SmallDisk

pytestmark = [
    pytest.mark.faults,
    pytest.mark.rabbitmq,
    pytest.mark.influxdb,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(400),
    pytest.mark.skipif(bool(SmallDisk.why_not()), reason=SmallDisk.why_not()),
]


class OnSmallDisks(NamedTuple):
    """Broker and store, each with a disk of its own."""

    node: RabbitMQServer
    nodes_disk: SmallDisk
    influx: InfluxServer
    influxes_disk: SmallDisk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def servers(
    the_rabbitmq_node: RabbitMQServer,
    influx_server: InfluxServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[OnSmallDisks]:
    del the_rabbitmq_node, influx_server  # where these are, others can be
    folder = tmp_path_factory.mktemp("disks")
    with ExitStack() as opened:
        try:
            nodes_disk = opened.enter_context(SmallDisk.mounted(folder / "rabbitmq", megabytes=250))
            influxes_disk = opened.enter_context(
                SmallDisk.mounted(folder / "influxdb", megabytes=200)
            )
        except PermissionError as error:
            pytest.skip(str(error))
        node, influx = RabbitMQServer(nodes_disk.folder), InfluxServer(influxes_disk.folder)
        opened.callback(node.remove)
        opened.callback(influx.remove)
        yield OnSmallDisks(node, nodes_disk, influx, influxes_disk)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rigs(
    servers: OnSmallDisks, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Rigs]:
    made = Rigs(servers.node, servers.influx, tmp_path_factory.mktemp("faults"))
    try:
        yield made
    finally:
        await made.close()


async def test_store_whose_disk_was_full_loses_no_trade_once_it_is_restarted(
    rig: Rig, servers: OnSmallDisks
) -> None:
    async with rig.struck("InfluxDB: disk full, then restarted", recovers_within_s=8) as blow:
        await asyncio.to_thread(servers.influxes_disk.fill)
        await asyncio.sleep(FORM.full_disk_s)
        waiting = await rig.reason_of("storage.writer")
        servers.influxes_disk.free()
        await asyncio.sleep(1)
        await asyncio.to_thread(servers.influx.restart)
        blow.over()
        blow.note = waiting[:200]

    assert "restart" in waiting, waiting


async def test_broker_whose_disk_was_full_loses_no_trade_once_it_is_restarted(
    rig: Rig, servers: OnSmallDisks
) -> None:
    async with rig.struck("broker: disk full, then restarted", recovers_within_s=15) as blow:
        await asyncio.to_thread(servers.nodes_disk.fill)
        await asyncio.sleep(FORM.full_disk_s)
        servers.nodes_disk.free()
        await asyncio.sleep(1)
        await asyncio.to_thread(servers.node.kill)
        await asyncio.to_thread(servers.node.start)
        blow.over()
