"""The real system in a real browser: a venue's frame goes in, the figure is on the page."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from market import Instrument
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venues import load_venues
from tests.making import a_book, a_quote, a_trade
from tests.processes import Service, free_port, until_ready
from tests.web.canned import id_of

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

INSTRUMENTS = [Instrument("BTC", quote) for quote in ("USDT", "USD")]
PATIENCE_MS = 20_000
ROUTE = f"[data-route-id='{id_of('BTC', 'binance', 'kraken')}']"


class System:
    """The whole system in one process beside this one; the venues are played here."""

    def __init__(self, served: SimulatedVenues, service: Service, url: str) -> None:
        self.served = served
        self.service = service
        self.url = url

    def quote(self, venue: str, instrument: str, bid: float, ask: float) -> None:
        """Let a venue tell a best bid and ask, with the book that they are of."""
        now = time.time_ns()
        self.served.tell(
            a_book(venue, instrument, bids=[(bid, 1.0)], asks=[(ask, 1.0)], at_ns=now, sequence=now)
        )
        self.served.tell(a_quote(venue, instrument, bid=bid, ask=ask, at_ns=now))


@pytest_asyncio.fixture(loop_scope="session")
async def system(tmp_path: Path) -> AsyncIterator[System]:
    venues = list(load_venues().values())
    listings = {venue.name: simulated_listings(venue, INSTRUMENTS) for venue in venues}
    world = World(listings, seed=1, start_ns=time.time_ns())
    port = free_port()
    async with AsyncExitStack() as opened:
        served = await opened.enter_async_context(SimulatedVenues(venues, world.markets).serving())
        settings = {
            "simulator": served.address,
            "assets": "BTC",
            "quote_currencies": "USDT,USD",
            "store_url": "duckdb:",
            "port": str(port),
        }
        service = Service("up", settings=settings, log=tmp_path / "up.log")
        await service.start()
        opened.push_async_callback(service.end)
        await until_ready(port, service)
        yield System(served, service, f"http://127.0.0.1:{port}/")


@pytest_asyncio.fixture(loop_scope="session")
async def page(chromium: Browser, system: System) -> AsyncIterator[Page]:
    context = await chromium.new_context(
        viewport={"width": 1440, "height": 900}, locale="en-US", reduced_motion="reduce"
    )
    page = await context.new_page()
    await page.goto(system.url)
    yield page
    await context.close()


async def keep_telling(system: System, bid: float) -> None:
    """Let two venues say the same again and again, as quiet markets do."""
    while True:
        system.quote("binance", "BTC-USDT", 99.0, 100.0)
        system.quote("kraken", "BTC-USDT", bid, bid + 1.0)
        await asyncio.sleep(0.2)


async def test_a_frame_becomes_a_figure_on_the_page(page: Page, system: System) -> None:
    telling = asyncio.create_task(keep_telling(system, bid=102.0))
    row = page.locator(ROUTE)

    # bought at 100 with 10 bps, sold at 102 with 40 bps: 102 x 0.996 x 0.999 / 100 - 1
    await expect(row.get_by_test_id("route-net")).to_contain_text("+149.0", timeout=PATIENCE_MS)
    await expect(page.get_by_test_id("mode-badge")).to_contain_text("SIMULATED")
    await expect(page.get_by_test_id("venue-kraken")).to_be_visible()

    telling.cancel()
    telling = asyncio.create_task(keep_telling(system, bid=103.0))
    await expect(row.get_by_test_id("route-net")).to_contain_text("+248.5", timeout=PATIENCE_MS)
    telling.cancel()


async def test_trades_become_a_candle_on_the_chart(page: Page, system: System) -> None:
    telling = asyncio.create_task(keep_telling(system, bid=102.0))
    row = page.locator(ROUTE)
    believed = row.get_by_test_id("route-net")
    await expect(believed).to_contain_text("+149.0", timeout=PATIENCE_MS)
    now = time.time_ns() // 1_000_000 * 1_000_000
    system.served.tell(a_trade("kraken", "BTC-USDT", number=now // 1_000, price=101.5, at_ns=now))

    await page.get_by_label("Market").select_option("kraken:BTC-USDT")
    canvas = page.get_by_test_id("chart-canvas")

    await expect(canvas).to_have_attribute("data-bars", "1", timeout=PATIENCE_MS)
    await expect(canvas).to_have_attribute("data-drawn", "true", timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Last bars as table").click()
    await expect(page.locator("table.bars tbody td").nth(3)).to_have_text("101.50")
    telling.cancel()


async def test_a_venue_that_dies_takes_its_routes_along(page: Page, system: System) -> None:
    telling = asyncio.create_task(keep_telling(system, bid=102.0))
    row = page.locator(ROUTE)
    await expect(row).to_be_visible(timeout=PATIENCE_MS)

    system.served.refusing.add("kraken")
    await system.served.hang_up("kraken")

    await expect(row).to_have_count(0, timeout=PATIENCE_MS)
    await expect(page.get_by_test_id("venue-kraken")).to_contain_text("down", timeout=PATIENCE_MS)
    telling.cancel()


async def test_the_page_recovers_when_the_system_was_restarted(page: Page, system: System) -> None:
    telling = asyncio.create_task(keep_telling(system, bid=102.0))
    row = page.locator(ROUTE)
    await expect(row).to_be_visible(timeout=PATIENCE_MS)

    await system.service.kill()
    await expect(page.get_by_test_id("banner")).to_be_visible(timeout=PATIENCE_MS)
    await system.service.start()

    await expect(page.get_by_test_id("banner")).to_be_hidden(timeout=2 * PATIENCE_MS)
    await expect(row.get_by_test_id("route-net")).to_contain_text("+149.0", timeout=PATIENCE_MS)
    telling.cancel()
