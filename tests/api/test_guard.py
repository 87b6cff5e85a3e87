"""What every request passes."""

import httpx2
import pytest


@pytest.mark.parametrize("path", ["/v1/quotes", "/nothing", "/v1/quotes?no=1", "/docs", "/healthz"])
async def test_every_answer_is_locked_down(path: str, client: httpx2.AsyncClient) -> None:
    response = await client.get(path)

    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8000", "localhost.", ""])
async def test_a_foreign_name_is_refused(host: str, client: httpx2.AsyncClient) -> None:
    response = await client.get("/v1/quotes", headers={"host": host})

    assert response.status_code == 421
    assert response.json()["type"] == "/problems/unknown-host"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:80"]
)
async def test_our_own_names_are_answered(host: str, client: httpx2.AsyncClient) -> None:
    response = await client.get("/healthz", headers={"host": host})

    assert response.status_code == 200
