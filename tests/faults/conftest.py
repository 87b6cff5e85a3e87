"""One rig a file: its tests strike it in turn; one that a test left unsound is made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from tests.faults.report import PROPERTY
from tests.faults.rig import Rig, a_vhost
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer


class Rigs:
    """Opens a rig when it is first asked for, and another where the last one is unsound."""

    def __init__(self, node: RabbitMQServer, influx: InfluxServer, folder: Path) -> None:
        self._node = node
        self._influx = influx
        self._folder = folder
        self._opened = AsyncExitStack()
        self._rig: Rig | None = None
        self._count = 0

    async def sound(self) -> Rig:
        """Return a rig that is well, and its servers too."""
        if self._rig is None or not self._rig.is_sound:
            await self.close()
            await asyncio.to_thread(self._node.start_if_down)
            await asyncio.to_thread(self._influx.start)
            self._count += 1
            folder = self._folder / str(self._count)
            folder.mkdir()
            url = await self._opened.enter_async_context(a_vhost(self._node))
            self._rig = await self._opened.enter_async_context(
                Rig.running(bus_url=url, influx=self._influx, folder=folder)
            )
            await asyncio.to_thread(self._node.remember_queues)
        return self._rig

    async def close(self) -> None:
        """Close the rig that is open."""
        self._rig = None
        await self._opened.aclose()
        self._opened = AsyncExitStack()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rigs(
    the_rabbitmq_node: RabbitMQServer,
    influx_server: InfluxServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Rigs]:
    made = Rigs(the_rabbitmq_node, influx_server, tmp_path_factory.mktemp("faults"))
    try:
        yield made
    finally:
        await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def rig(rigs: Rigs, record_property: Callable[[str, object], None]) -> AsyncIterator[Rig]:
    """A rig that is well."""
    rig = await rigs.sound()
    seen = len(rig.outcomes)
    yield rig
    for outcome in rig.outcomes[seen:]:
        record_property(PROPERTY, msgspec.json.encode(outcome).decode())
