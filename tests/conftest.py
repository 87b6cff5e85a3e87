"""Fixtures of every test; those of a server or a port live in the plugins named here."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from infrastructure.log import NOISY

pytest_plugins: list[str] = [
    "tests.servers.rabbitmq",
    "tests.servers.influxdb",
    "tests.servers.s3",
    "tests.faults.report",
]

LONG = ("system", "faults")
"""Folders whose tests take a minute each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest first, so that no process is left with one of them in the end."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture(autouse=True)
def _logs_as_ever() -> Iterator[None]:
    """Undo what a command does to the logs of its process, which here is that of all tests."""
    yield
    structlog.reset_defaults()
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.NOTSET)
