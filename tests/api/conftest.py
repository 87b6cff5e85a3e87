"""Fixtures of the API's tests."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from api_service.server import ApiServer
from tests.api.serving import Api, an_api, served


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = an_api()
    yield made
    made.store.close()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(api.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as made:
        yield made


@pytest.fixture
async def server(api: Api) -> AsyncIterator[ApiServer]:
    async with served(api.app) as made:
        yield made
