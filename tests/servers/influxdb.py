"""Fixtures of the store: both adapters; InfluxDB is a private server unless a URL is given."""

import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import NamedTuple, NoReturn, Protocol

import pytest

from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.influx import InfluxTimeSeries, connect_influx
from infrastructure.timeseries.port import TimeSeries
from tests.servers.influx_server import InfluxServer

__all__ = ["Access", "ConnectInflux", "InfluxServer"]

VARIABLE = "CRYPTOTRACKER_TEST_INFLUX_"
REQUIRE_VARIABLE = "CRYPTOTRACKER_REQUIRE_SERVERS"
IMAGE = "influxdb:2.7"
PORT = 8086


class Access(NamedTuple):
    """Where an InfluxDB is and what opens it."""

    url: str
    token: str
    org: str


class ConnectInflux(Protocol):
    """Opens a store in InfluxDB with buckets of this test's own, which keep for ever."""

    def __call__(
        self, access: Access | None = None, *, raw_retention_s: int = 0, timeout_s: float = 10.0
    ) -> AbstractAsyncContextManager[InfluxTimeSeries]: ...


@pytest.fixture(scope="session")
def influx_server() -> Iterator[InfluxServer]:
    """A private server that is up; a test that ends it starts it again."""
    with _a_server() as node:
        yield node


@pytest.fixture
def own_influx_server() -> Iterator[InfluxServer]:
    """A private server that nobody else writes to."""
    with _a_server() as node:
        yield node


@pytest.fixture(scope="session")
def influx(request: pytest.FixtureRequest) -> Iterator[Access]:
    """An InfluxDB: of the environment, of a private server, or of a container."""
    if url := os.environ.get(f"{VARIABLE}URL"):
        yield Access(url, os.environ[f"{VARIABLE}TOKEN"], os.environ[f"{VARIABLE}ORG"])
    elif not (why_not := InfluxServer.why_not()):
        node: InfluxServer = request.getfixturevalue("influx_server")
        yield Access(node.url, node.token, node.org)
    else:
        yield from _in_container(why_not)


@pytest.fixture
def bucket_prefix() -> str:
    """A name of this test's own at the server."""
    return f"test-{secrets.token_hex(6)}"


@pytest.fixture
def connect_store(influx: Access, bucket_prefix: str) -> ConnectInflux:
    """Open a store in InfluxDB, as often as the test likes."""

    def connecting(
        access: Access | None = None, *, raw_retention_s: int = 0, timeout_s: float = 10.0
    ) -> AbstractAsyncContextManager[InfluxTimeSeries]:
        url, token, org = access or influx
        return connect_influx(
            url,
            token=token,
            org=org,
            bucket_prefix=bucket_prefix,
            raw_retention_s=raw_retention_s,
            timeout_s=timeout_s,
        )

    return connecting


@pytest.fixture(params=["embedded", pytest.param("influx", marks=pytest.mark.influxdb)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[TimeSeries]:
    """A store of each kind that holds nothing yet and keeps events of any age."""
    if request.param == "embedded":
        embedded = EmbeddedTimeSeries.open(None)
        try:
            yield embedded
        finally:
            embedded.close()
        return
    connecting: ConnectInflux = request.getfixturevalue("connect_store")
    async with connecting() as in_influx:
        yield in_influx


@contextmanager
def _a_server() -> Iterator[InfluxServer]:
    if why_not := InfluxServer.why_not():
        _do_without(why_not)
    node = InfluxServer()
    try:
        node.start()
        yield node
    finally:
        node.remove()


def _in_container(why_no_node: str) -> Iterator[Access]:
    if not _docker_answers():
        _do_without(f"{why_no_node}; and Docker does not answer")
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    # slow to import and rarely needed; the first has no types
    from docker.errors import DockerException  # type: ignore[import-untyped]  # noqa: PLC0415
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import HttpWaitStrategy  # noqa: PLC0415

    token = secrets.token_urlsafe(24)
    first_run = {
        "DOCKER_INFLUXDB_INIT_MODE": "setup",
        "DOCKER_INFLUXDB_INIT_USERNAME": "tests",
        "DOCKER_INFLUXDB_INIT_PASSWORD": secrets.token_urlsafe(12),
        "DOCKER_INFLUXDB_INIT_ORG": "tests",
        "DOCKER_INFLUXDB_INIT_BUCKET": "tests",
        "DOCKER_INFLUXDB_INIT_ADMIN_TOKEN": token,
    }
    try:
        container = DockerContainer(IMAGE).with_exposed_ports(PORT).with_envs(**first_run)
        container.waiting_for(HttpWaitStrategy(PORT, "/health")).start()
    except DockerException as error:
        _do_without(f"{why_no_node}; and Docker does not run {IMAGE}: {error}")
    try:
        host, port = container.get_container_host_ip(), container.get_exposed_port(PORT)
        yield Access(f"http://{host}:{port}", token, "tests")
    finally:
        container.stop()


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    asked = subprocess.run([docker, "version"], capture_output=True, timeout=30, check=False)  # noqa: S603  # no input
    return asked.returncode == 0


def _do_without(why: str) -> NoReturn:
    if os.environ.get(REQUIRE_VARIABLE) == "1":
        pytest.fail(f"no InfluxDB to test with: {why}")
    pytest.skip(f"no InfluxDB to test with: {why}")
