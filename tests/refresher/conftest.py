"""A bus, a store in memory, and a clock that stands at noon."""

from collections.abc import Iterator

import pytest

from infrastructure.bus.local import LocalBus
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from tests.refresher.listening import NOON, HandClock


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON)


@pytest.fixture
def store() -> Iterator[EmbeddedTimeSeries]:
    store = EmbeddedTimeSeries.open(None)
    yield store
    store.close()
