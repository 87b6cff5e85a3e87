"""Fixtures of the bus: both adapters; RabbitMQ runs on a private node unless a URL is given."""

import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NoReturn, Protocol

import pytest

from infrastructure.bus.amqp import DEFAULT_LIMITS, AmqpBus, AmqpLimits, connect_amqp
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Bus
from market.codec import JSON, ContentType
from tests.books import assert_kept
from tests.servers.rabbitmq_node import RabbitMQServer

URL_VARIABLE = "CRYPTOTRACKER_TEST_AMQP_URL"
REQUIRE_VARIABLE = "CRYPTOTRACKER_REQUIRE_SERVERS"
IMAGE = "rabbitmq:4"
AMQP_PORT = 5672

THE_NODE = pytest.StashKey[RabbitMQServer]()

SMALL = AmqpLimits(outbox_events=60, conflate_above=20, mailbox_bytes=4_000)
"""Limits that a test reaches at once."""


class MakeBus(Protocol):
    """Opens a bus; those that one test opens share their broker."""

    def __call__(
        self, *, small: bool = False, partitions: int = 1
    ) -> AbstractAsyncContextManager[Bus]: ...


class Connect(Protocol):
    """Opens a bus on RabbitMQ with an exchange of this test's own."""

    def __call__(  # noqa: PLR0913  # as `connect_amqp`
        self,
        url: str = "",
        *,
        content_type: ContentType = JSON,
        confirm_timeout_s: float = 5.0,
        connect_timeout_s: float = 10.0,
        limits: AmqpLimits = DEFAULT_LIMITS,
        partitions: int = 1,
        declares: bool = True,
    ) -> AbstractAsyncContextManager[AmqpBus]: ...


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a test that failed show what its node says, while that is still so."""
    report = yield
    node = item.config.stash.get(THE_NODE, None)
    if report.when == "call" and report.failed and node and isinstance(item, pytest.Function):
        exchange = item.funcargs.get("exchange")
        if isinstance(exchange, str):
            report.sections.append(("RabbitMQ", node.state_of(exchange)))
    return report


@pytest.fixture(scope="session")
def the_rabbitmq_node(pytestconfig: pytest.Config) -> Iterator[RabbitMQServer]:
    """The private node of this run."""
    if why_not := RabbitMQServer.why_not():
        _do_without(why_not)
    node = RabbitMQServer()
    try:
        node.start()
        pytestconfig.stash[THE_NODE] = node
        yield node
    finally:
        node.remove()


@pytest.fixture
def rabbitmq_node(the_rabbitmq_node: RabbitMQServer) -> Iterator[RabbitMQServer]:
    """A private node for a test to end; it is up before and after."""
    yield the_rabbitmq_node
    if not the_rabbitmq_node.is_running:
        the_rabbitmq_node.start()


@pytest.fixture(scope="session")
def amqp_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a RabbitMQ: of the environment, of a private node, or of a container."""
    if url := os.environ.get(URL_VARIABLE):
        yield url
    elif not (why_not := RabbitMQServer.why_not()):
        node: RabbitMQServer = request.getfixturevalue("the_rabbitmq_node")
        yield node.url
    else:
        yield from _in_container(why_not)


@pytest.fixture
def exchange() -> str:
    """A name of this test's own at the broker."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def connect(amqp_url: str, exchange: str) -> Connect:
    """Open a bus on RabbitMQ, as often as the test likes."""

    @asynccontextmanager
    async def connecting(  # noqa: PLR0913  # as `connect_amqp`
        url: str = "",
        *,
        content_type: ContentType = JSON,
        confirm_timeout_s: float = 5.0,
        connect_timeout_s: float = 10.0,
        limits: AmqpLimits = DEFAULT_LIMITS,
        partitions: int = 1,
        declares: bool = True,
    ) -> AsyncIterator[AmqpBus]:
        async with connect_amqp(
            url or amqp_url,
            exchange=exchange,
            content_type=content_type,
            confirm_timeout_s=confirm_timeout_s,
            connect_timeout_s=connect_timeout_s,
            limits=limits,
            partitions=partitions,
            declares=declares,
        ) as bus:
            yield bus
            assert_kept(bus.counts, "bus")

    return connecting


@pytest.fixture(params=["local", pytest.param("amqp", marks=pytest.mark.rabbitmq)])
def make_bus(request: pytest.FixtureRequest) -> MakeBus:
    """Open a bus of each kind, as often as the test likes."""
    return _local() if request.param == "local" else _amqp(request.getfixturevalue("connect"))


@pytest.fixture
async def bus(make_bus: MakeBus) -> AsyncIterator[Bus]:
    """A bus of each kind."""
    async with make_bus() as opened:
        yield opened


def _local() -> MakeBus:
    the_process: dict[int, LocalBus] = {}

    @asynccontextmanager
    async def opened(*, small: bool = False, partitions: int = 1) -> AsyncIterator[Bus]:
        del small  # its mailboxes count events, so a test makes them as small as it likes
        yield the_process.setdefault(partitions, LocalBus(partitions=partitions))

    return opened


def _amqp(connect: Connect) -> MakeBus:
    def opened(*, small: bool = False, partitions: int = 1) -> AbstractAsyncContextManager[Bus]:
        return connect(limits=SMALL if small else DEFAULT_LIMITS, partitions=partitions)

    return opened


def _in_container(why_no_node: str) -> Iterator[str]:
    if not _docker_answers():
        _do_without(f"{why_no_node}; and Docker does not answer")
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  # slow, rarely used
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    started = LogMessageWaitStrategy("Server startup complete")
    with DockerContainer(IMAGE).with_exposed_ports(AMQP_PORT).waiting_for(started) as container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(AMQP_PORT)
        yield f"amqp://guest:guest@{host}:{port}/"


def _docker_answers() -> bool:
    if (docker := shutil.which("docker")) is None:
        return False
    asked = subprocess.run(  # noqa: S603  # the path that which() found
        [docker, "version"], capture_output=True, timeout=20, check=False
    )
    return asked.returncode == 0


def _do_without(why: str) -> NoReturn:
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"no RabbitMQ to test with: {why}")
    pytest.skip(f"no RabbitMQ to test with: {why}")
