"""A bus and a store of their own for each test."""

from collections.abc import Iterator
from contextlib import closing

import duckdb
import pytest

from infrastructure.bus.local import LocalBus
from tests.storage.running import WatchedStore


@pytest.fixture
def local_bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def embedded() -> Iterator[WatchedStore]:
    with closing(WatchedStore(duckdb.connect(":memory:"))) as store:
        yield store
