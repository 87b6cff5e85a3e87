"""Three broker nodes, each on a host of its own: the one that leads dies, another is cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.form import FORM, SHORT, VARIABLE
from tests.faults.rig import Rig, Surroundings
from tests.servers.influx_server import InfluxServer
from tests.servers.namespaces import Host, Network
from tests.servers.proxy import Proxy
from tests.servers.rabbitmq_cluster import RabbitMQCluster
from tests.servers.rabbitmq_node import RabbitMQServer

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
    pytest.mark.rabbitmq,
    pytest.mark.influxdb,
    pytest.mark.timeout(600),
]

NODES = 3
QUEUE = "market.storage.writer"
GAP_S = 10.0
SERVED_AGAIN_WITHIN_S = 15.0
JOINS_WITHIN_S = 90.0


class Apart(Surroundings):
    """The stream on one host, the other services on another; venues and store stay here."""

    def __init__(self, opened: AsyncExitStack, streaming: Host, serving: Host) -> None:
        self._opened = opened
        self._streaming = streaming
        self._serving = serving

    def within(self, command: str) -> Sequence[str]:
        return (self._streaming if command == "stream" else self._serving).within

    async def simulator(self, address: str) -> str:
        to = Proxy(f"http://{address}", listens_with=self._streaming.a_socket)
        return (await self._running(to)).url.removeprefix("http://")

    async def store(self, url: str) -> str:
        return (await self._running(Proxy(url, listens_with=self._serving.a_socket))).url

    async def api(self, port: int) -> int:
        to = Proxy(f"http://127.0.0.1:{port}", dials_with=self._serving.a_socket)
        return int((await self._running(to)).url.rpartition(":")[2])

    async def _running(self, proxy: Proxy) -> Proxy:
        return await self._opened.enter_async_context(proxy.running())


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    if FORM is SHORT:
        pytest.skip(f"three nodes want a machine to themselves for two minutes: {VARIABLE}=full")
    if why_not := Network.why_not() or RabbitMQServer.why_not():
        pytest.skip(why_not)
    with Network.of(NODES + 2) as network:
        yield network


async def test_cluster_whose_leader_dies_and_that_is_cut_in_two_loses_no_trade(
    network: Network, influx_server: InfluxServer, tmp_path: Path
) -> None:
    *hosts, streaming, serving = network.hosts
    async with AsyncExitStack() as opened:
        forming = RabbitMQCluster.formed(hosts)
        cluster = await asyncio.to_thread(forming.__enter__)
        opened.push(forming.__exit__)
        rig = await opened.enter_async_context(
            Rig.running(
                bus_url=cluster.url,
                influx=influx_server,
                folder=tmp_path,
                surroundings=Apart(opened, streaming, serving),
            )
        )
        rates = {}

        async with rig.struck("cluster: leader killed, node cut off", recovers_within_s=10) as blow:
            leader = await asyncio.to_thread(cluster.leader_of, QUEUE)
            await asyncio.to_thread(cluster.nodes[leader].kill)
            rates["leader"] = await rig.until_stored(time.time_ns())
            await asyncio.to_thread(cluster.nodes[leader].start)
            await asyncio.to_thread(cluster.until_whole, QUEUE, within_s=JOINS_WITHIN_S)

            other = await asyncio.to_thread(cluster.leader_of, QUEUE)
            await asyncio.to_thread(network.cut_off, hosts[other])
            cut_at = time.monotonic()
            rates["cut"] = await rig.until_stored(time.time_ns())
            await asyncio.sleep(max(0.0, FORM.cut_s - (time.monotonic() - cut_at)))
            await asyncio.to_thread(network.heal)
            blow.over()
            blow.note = (
                f"next trade stored {rates['leader']:.1f} s after the leader died, "
                f"{rates['cut']:.1f} s after the next one was cut off"
            )

    assert rates["leader"] <= GAP_S, blow.note
    assert rates["cut"] <= SERVED_AGAIN_WITHIN_S, blow.note
