"""The connection of each venue in turn."""

from collections.abc import AsyncIterator

import pytest

from tests.stream.running import VENUES, Running, running_venue


@pytest.fixture(params=VENUES.values(), ids=lambda venue: venue.name)
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    async with running_venue(request.param) as running:
        yield running


@pytest.fixture
async def kraken() -> AsyncIterator[Running]:
    """Yield a venue where what is tested is the same at each."""
    async with running_venue(VENUES["kraken"]) as running:
        yield running
