"""One Chromium for all page tests, a context and a fake API for each."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.web.canned import a_quote, a_route, a_venue
from tests.web.fake_api import FakeApi

OpenPage: TypeAlias = Callable[..., Awaitable[Page]]

CHROMIUM = os.environ.get("CRYPTOTRACKER_CHROMIUM") or shutil.which("chromium")
PATIENCE_MS = 5000
A_REFUSED_CONNECTION = "WebSocket connection to"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Start the browser; skip without one, fail where servers are required."""
    if CHROMIUM is None:
        reason = "no chromium in PATH; install it or set CRYPTOTRACKER_CHROMIUM"
        if os.environ.get("CRYPTOTRACKER_REQUIRE_SERVERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def api() -> AsyncIterator[FakeApi]:
    """Serve the page with two venues, two routes and the quotes behind them."""
    async with FakeApi().serving() as fake:
        await fake.put("status", a_venue("kraken"), a_venue("upbit"), a_venue("binance"))
        await fake.put("routes", a_route(), a_route("BTC", "kraken", "binance", net_bps=-3.0))
        await fake.put("quotes", a_quote("kraken"), a_quote("binance", bid="67040", ask="67045.5"))
        yield fake


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, api: FakeApi) -> AsyncIterator[OpenPage]:
    """Open pages; whatever they complain of in the console fails the test."""
    complaints: list[str] = []
    contexts = []

    async def open_one(
        path: str = "/",
        *,
        clock: bool = False,
        expected: str = A_REFUSED_CONNECTION,
        **options: Any,
    ) -> Page:
        def complain(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and expected not in message.text:
                complaints.append(message.text)

        shape = {"viewport": {"width": 1440, "height": 900}, "locale": "en-US"} | options
        context = await chromium.new_context(**shape)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = await context.new_page()
        page.on("console", complain)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if clock:
            await page.clock.install()
        await page.goto(f"{api.url}{path}")
        return page

    yield open_one
    for context in contexts:
        await context.close()
    assert complaints == []
