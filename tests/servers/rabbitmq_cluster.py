"""Three RabbitMQ nodes on hosts of their own that form a cluster; each can be killed or cut off."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Self

from tests.servers.namespaces import Host
from tests.servers.rabbitmq_node import Place, RabbitMQServer

FORMED_WITHIN_S = 120.0

CONFIG = """
loopback_users = none
cluster_partition_handling = pause_minority
cluster_keepalive_interval = 2000
cluster_formation.peer_discovery_backend = classic_config
"""


class RabbitMQCluster:
    """Nodes in the order of their hosts."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        cookie = secrets.token_hex(20)
        names = [f"test5672@{host.address}" for host in hosts]
        peers = "".join(
            f"cluster_formation.classic_config.nodes.{number} = {name}\n"
            for number, name in enumerate(names, start=1)
        )
        self.nodes = [
            RabbitMQServer(
                place=Place(
                    address=host.address, within=host.within, cookie=cookie, config=CONFIG + peers
                )
            )
            for host in hosts
        ]

    @classmethod
    @contextmanager
    def formed(cls, hosts: Sequence[Host]) -> Iterator[Self]:
        """Start the nodes and wait until they are one."""
        cluster = cls(hosts)
        with ExitStack() as opened:
            for node in cluster.nodes:
                opened.callback(node.remove)
            with ThreadPoolExecutor(len(hosts)) as threads:
                list(threads.map(_start, cluster.nodes))
            cluster._until_formed()
            yield cluster

    @property
    def url(self) -> str:
        """Those of all nodes."""
        return ",".join(node.url for node in self.nodes)

    def leader_of(self, queue: str) -> int:
        """Return the number of the node that leads a queue."""
        leader = self._queue(queue)["leader"]
        return next(n for n, node in enumerate(self.nodes) if node.name == leader)

    def until_whole(self, queue: str, *, within_s: float) -> None:
        """Return once all members of a queue are there.

        Raises:
            TimeoutError: they are not in time.

        """
        patience = time.monotonic() + within_s
        while len(self._queue(queue)["online"]) < len(self.nodes):
            if time.monotonic() > patience:
                raise TimeoutError(f"{queue} has too few members: {self._queue(queue)}")
            time.sleep(0.2)

    def _queue(self, name: str) -> dict[str, str]:
        """Ask the first node that answers about a queue."""
        columns = ("name", "leader", "online")
        for node in self.nodes:
            if node.is_running:
                rows = json.loads(node.ctl("list_queues", *columns, "--formatter", "json"))
                return next(row for row in rows if row["name"] == name)
        raise RuntimeError("no node runs")

    def _until_formed(self) -> None:
        patience = time.monotonic() + FORMED_WITHIN_S
        while True:
            status = json.loads(self.nodes[0].ctl("cluster_status", "--formatter", "json"))
            if len(status["running_nodes"]) == len(self.nodes):
                return
            if time.monotonic() > patience:
                raise RuntimeError(f"the nodes did not find one another: {status}")
            time.sleep(0.2)


def _start(node: RabbitMQServer) -> None:
    node.start(within_s=FORMED_WITHIN_S)
