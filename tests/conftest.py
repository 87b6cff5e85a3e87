"""Fixtures of every test; those of a server or a port live in the plugins named here."""

import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling, Scheduling

from infrastructure.log import NOISY

pytest_plugins: list[str] = [
    "tests.servers.rabbitmq",
    "tests.servers.influxdb",
    "tests.servers.s3",
    "tests.faults.report",
]

settings.register_profile(
    "ours",
    deadline=None,  # a busy machine fails no test
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CRYPTOTRACKER_REQUIRE_SERVERS") == "1",  # on CI the same each time
)
settings.load_profile("ours")

LONG = ("system", "faults")
"""Folders whose tests start all services and measure how soon they are well again."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest first, so that no process is left with one of them in the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


class _OneLongAtATime(LoadFileScheduling):  # type: ignore[misc]  # the library has no types
    """Give each process a file at a time, and all long tests to one: no two of them run at once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "long" if file.startswith(tuple(f"tests/{one}/" for one in LONG)) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    """Have files run in parallel, but not those of long tests."""
    return _OneLongAtATime(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _logs_as_ever() -> Iterator[None]:
    """Undo what a command does to the logs of its process, which here is that of all tests."""
    yield
    structlog.reset_defaults()
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.NOTSET)
