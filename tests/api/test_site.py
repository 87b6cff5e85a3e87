"""The web page's files."""

import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from api_service.app import create_app
from tests.api.serving import Api

IMPORT_MAP = '{"imports": {}}'
PAGE = (
    f'<!doctype html><script type="importmap">{IMPORT_MAP}</script><script src="/a.mjs"></script>'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    web = tmp_path / "web"
    (web / "vendor").mkdir(parents=True)
    (web / "index.html").write_text(PAGE)
    (web / "vendor" / "a.mjs").write_text("export {}")
    (web / ".secret").write_text("hidden")
    (tmp_path / "outside.txt").write_text("outside")
    return web


@pytest.fixture
async def visitor(api: Api, folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(api.view, api.hub, api.store, mode="live", version="1", web=folder)
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as made:
        yield made


async def test_the_page_may_run_its_import_map_and_our_files_only(
    visitor: httpx2.AsyncClient,
) -> None:
    response = await visitor.get("/")

    digest = base64.b64encode(hashlib.sha256(IMPORT_MAP.encode()).digest()).decode()
    assert response.text == PAGE
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert "frame-ancestors 'none'" in policy


async def test_a_module_is_javascript_compressed_and_asked_for_again_by_etag(
    visitor: httpx2.AsyncClient,
) -> None:
    first = await visitor.get("/vendor/a.mjs", headers={"accept-encoding": "gzip"})
    again = await visitor.get("/vendor/a.mjs", headers={"if-none-match": first.headers["etag"]})

    assert first.text == "export {}"
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


async def test_a_changed_file_is_sent_as_it_is_now(
    visitor: httpx2.AsyncClient, folder: Path
) -> None:
    await visitor.get("/vendor/a.mjs")
    (folder / "vendor" / "a.mjs").write_text("export default 1")

    response = await visitor.get("/vendor/a.mjs")

    assert response.text == "export default 1"


@pytest.mark.parametrize("path", ["/../outside.txt", "/%2e%2e/outside.txt", "/.secret", "/vendor"])
async def test_nothing_else_is_served(path: str, visitor: httpx2.AsyncClient) -> None:
    response = await visitor.get(path)

    assert response.status_code == 404


async def test_without_a_page_there_is_a_plain_one_that_says_so(api: Api, tmp_path: Path) -> None:
    app = create_app(api.view, api.hub, api.store, mode="live", version="1", web=tmp_path / "web")
    transport = httpx2.ASGITransport(app)

    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as visitor:
        response = await visitor.get("/")

    assert "index.html is missing" in response.text
    assert "/docs" in response.text
