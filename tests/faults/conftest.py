"""One rig a file: its tests strike it in turn; one that a test left unsound is made anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import pytest_asyncio

from tests.faults.report import PROPERTY
from tests.faults.rig import Rig
from tests.faults.rigs import Rigs
from tests.servers.influx_server import InfluxServer
from tests.servers.rabbitmq_node import RabbitMQServer


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
