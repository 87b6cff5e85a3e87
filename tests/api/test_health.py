"""Health: alive at once, ready once there is something true to say."""

import asyncio

import httpx2
from pydantic import TypeAdapter

from api_service.app import create_app
from api_service.schemas import HealthRow, ReadinessRow
from tests.api.serving import Api
from tests.api.stores import AwayStore
from tests.making import a_quote, a_status
from tests.waiting import eventually


async def test_a_process_that_answers_lives(client: httpx2.AsyncClient) -> None:
    response = await client.get("/healthz")

    TypeAdapter(HealthRow).validate_python(response.json(), strict=True, extra="forbid")
    assert response.json()["status"] == "ok"


async def test_it_says_what_it_waits_for_until_it_is_ready(
    api: Api, client: httpx2.AsyncClient
) -> None:
    before = await client.get("/readyz")

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(api.view.run())
        await eventually(api.view.listening.is_set)
        now_ns = api.clock.now_ns
        await api.view.bus.publish([a_quote(at_ns=now_ns), a_status(at_ns=now_ns)])
        await eventually(lambda: api.view.quotes)
        after = await client.get("/readyz")
        running.cancel()

    TypeAdapter(ReadinessRow).validate_python(before.json(), strict=True, extra="forbid")
    assert (before.status_code, len(before.json()["waiting_for"])) == (503, 3)
    assert (after.status_code, after.json()) == (200, {"ready": True, "waiting_for": []})


async def test_a_store_that_is_away_is_waited_for(api: Api) -> None:
    app = create_app(api.view, api.hub, AwayStore(), mode="live", version="1")
    transport = httpx2.ASGITransport(app)

    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        response = await client.get("/readyz")

    assert response.json()["waiting_for"][-1] == "the store: it is away"
