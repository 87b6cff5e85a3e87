"""One rig for many tests: opened when it is first asked for, made anew once it is unsound."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from tests.faults.rig import HERE, Rig, Surroundings, a_vhost
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer


class Rigs:
    """Opens a rig when it is first asked for, and another where the last one is unsound."""

    def __init__(
        self,
        node: RabbitMQServer,
        influx: InfluxServer,
        folder: Path,
        surroundings: Surroundings = HERE,
    ) -> None:
        self._surroundings = surroundings
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
                Rig.running(
                    bus_url=url,
                    influx=self._influx,
                    folder=folder,
                    surroundings=self._surroundings,
                )
            )
            await asyncio.to_thread(self._node.remember_queues)
        return self._rig

    async def close(self) -> None:
        """Close the rig that is open."""
        self._rig = None
        await self._opened.aclose()
        self._opened = AsyncExitStack()
