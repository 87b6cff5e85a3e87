"""The page's live feed when the connection is not what it should be."""

import json

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.waiting import eventually
from tests.web.canned import a_route
from tests.web.conftest import OpenPage
from tests.web.fake_api import FakeApi

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


async def net_of_the_first(page: Page, text: str) -> None:
    await expect(page.get_by_test_id("route-net").first).to_have_text(text)


async def lose_updates(page: Page, channel: str, *, first: int) -> None:
    """Lose the ``first`` updates of a channel between server and page."""
    left = first
    subs: set[str] = set()
    ids: set[int] = set()

    def connect(to_page: WebSocketRoute) -> None:
        to_server = to_page.connect_to_server()

        def ask(text: str | bytes) -> None:
            message = json.loads(text)
            if message.get("channel") == channel:
                ids.add(message["id"])
            to_server.send(text)

        def tell(text: str | bytes) -> None:
            nonlocal left
            message = json.loads(text)
            if message["type"] == "ack" and message["id"] in ids:
                subs.add(message["sub"])
            if message["type"] == "update" and message["sub"] in subs and left > 0:
                left -= 1
            else:
                to_page.send(text)

        to_page.on_message(ask)
        to_server.on_message(tell)

    await page.route_web_socket("**/v1/live", connect)
    await page.reload()


async def test_a_hole_in_the_feed_is_counted_and_filled(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()
    await lose_updates(page, "routes", first=1)
    await net_of_the_first(page, "+106.1")

    await api.put("routes", a_route(net_bps=120.0), a_route("SOL", net_bps=10.0))
    await api.put("routes", a_route(net_bps=130.0))

    await net_of_the_first(page, "+130.0")
    await expect(page.get_by_test_id("gap-count")).to_have_text("gaps 1")
    await expect(page.get_by_test_id("route-row")).to_have_count(3)


async def test_a_lost_last_frame_is_noticed_by_the_heartbeat(
    api: FakeApi, open_page: OpenPage
) -> None:
    api.heartbeat_s = 0.2
    page = await open_page()
    await lose_updates(page, "routes", first=1)
    await net_of_the_first(page, "+106.1")

    await api.put("routes", a_route(net_bps=120.0))

    await net_of_the_first(page, "+120.0")
    await expect(page.get_by_test_id("gap-count")).to_have_text("gaps 1")


async def test_a_lost_connection_freezes_the_numbers_and_comes_back(
    api: FakeApi, open_page: OpenPage
) -> None:
    page = await open_page()
    await net_of_the_first(page, "+106.1")
    await expect(page.get_by_test_id("banner")).to_have_count(0)
    await page.wait_for_function("document.querySelector('.clock').textContent")

    await api.hang_up()

    banner = page.get_by_test_id("banner")
    await expect(banner).to_contain_text("The connection was closed.")
    await expect(banner).to_contain_text("Next attempt in")
    await expect(page.get_by_test_id("conn-state")).to_contain_text("disconnected")
    await net_of_the_first(page, "+106.1")

    api.reachable = True
    await api.put("routes", a_route(net_bps=55.5))
    await banner.get_by_role("button", name="Retry now").click()
    await expect(banner).to_have_count(0)
    await net_of_the_first(page, "+55.5")


async def test_the_page_dials_again_by_itself(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()
    await net_of_the_first(page, "+106.1")

    await api.hang_up()
    await expect(page.get_by_test_id("banner")).to_be_visible()
    api.reachable = True

    await expect(page.get_by_test_id("banner")).to_have_count(0, timeout=10_000)
    await expect(page.get_by_test_id("conn-state")).to_contain_text("live")


async def test_frozen_numbers_are_grey_and_dated(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page(clock=True)
    await net_of_the_first(page, "+106.1")
    await page.clock.fast_forward(1500)

    await api.hang_up()

    await expect(page.locator("html")).to_have_attribute("data-frozen", "")
    await expect(page.get_by_test_id("banner")).to_contain_text("Numbers are frozen as of")
    await expect(page.get_by_test_id("routes")).to_contain_text("frozen")
    grey = await page.locator(".panel-head .muted").first.evaluate("e => getComputedStyle(e).color")
    await expect(page.get_by_test_id("route-net").first).to_have_css("color", grey)


async def test_twelve_seconds_of_silence_end_the_connection(
    api: FakeApi, open_page: OpenPage
) -> None:
    page = await open_page(clock=True)
    await net_of_the_first(page, "+106.1")
    api.silent = True

    await page.clock.fast_forward(13_000)

    await expect(page.get_by_test_id("banner")).to_contain_text("The server fell silent.")


async def test_a_page_hidden_for_long_asks_for_nothing(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page(clock=True)
    await net_of_the_first(page, "+106.1")
    await page.evaluate(HIDE, arg=True)

    await page.clock.run_for(31_000)
    await eventually(lambda: api.streams == [])
    await api.put("routes", a_route(net_bps=42.0))
    await page.evaluate(HIDE, arg=False)

    await net_of_the_first(page, "+42.0")
    await expect(page.get_by_test_id("gap-count")).to_have_text("gaps 0")


async def test_a_venue_gap_is_counted(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()
    await net_of_the_first(page, "+106.1")

    await api.put("status", {"subject": "gap", "gap": {"venue": "kraken", "reason": "reconnected"}})

    await expect(page.get_by_test_id("gap-count")).to_have_text("gaps 1")


async def test_a_wrong_clock_is_told(open_page: OpenPage) -> None:
    page = await open_page(clock=True)
    await net_of_the_first(page, "+106.1")
    await expect(page.get_by_test_id("wrong-clock")).to_have_count(0)

    await page.clock.set_system_time("2020-01-01T00:00:00Z")
    await page.clock.fast_forward(31_000)

    await expect(page.get_by_test_id("wrong-clock")).to_contain_text("Your clock is")
