"""The chart: history by REST and what follows from the feed, drawn as candles."""

from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.web.canned import a_candle, a_quote, an_advice
from tests.web.conftest import OpenPage
from tests.web.fake_api import FakeApi

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

COLOURED_PIXELS = """(place, name) => {
  const probe = document.createElement("canvas").getContext("2d");
  const swatch = document.body.appendChild(document.createElement("i"));
  swatch.style.color = `var(${name})`;
  probe.fillStyle = getComputedStyle(swatch).color;
  swatch.remove();
  probe.fillRect(0, 0, 1, 1);
  const wanted = [...probe.getImageData(0, 0, 1, 1).data].join();
  return [...place.querySelectorAll("canvas")].reduce((count, canvas) => {
    if (!canvas.width || !canvas.height) return count;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) count += data.slice(i, i + 4).join() === wanted;
    return count;
  }, 0);
}"""


def drawn(page: Page, bars: int) -> Locator:
    return page.locator(f'[data-testid="chart-canvas"][data-drawn="true"][data-bars="{bars}"]')


async def test_history_is_drawn_as_candles(api: FakeApi, open_page: OpenPage) -> None:
    api.history = [a_candle(minutes_ago) for minutes_ago in range(1, 31)]

    page = await open_page()

    await expect(drawn(page, 30)).to_be_visible()
    await page.wait_for_function(f"([e, n]) => ({COLOURED_PIXELS})(e, n) > 50", arg=await up(page))
    label = await drawn(page, 30).get_attribute("aria-label")
    assert label == "Candles BTC-USDT at binance, 1m, 30 bars, last close 67,050.0"


async def up(page: Page) -> list[Any]:
    return [await page.get_by_test_id("chart-canvas").element_handle(), "--up"]


async def test_signals_are_marked_on_their_candles(api: FakeApi, open_page: OpenPage) -> None:
    api.history = [a_candle(minutes_ago) for minutes_ago in range(1, 31)]
    api.signals = [an_advice(20), an_advice(10, side="sell"), an_advice(8, venue="kraken")]
    page = await open_page()

    await page.get_by_test_id("board-advice").click()

    await expect(drawn(page, 30)).to_have_attribute("data-marks", "2")
    await api.put("signals", an_advice(4), an_advice(10, side="hold"))

    await api.put("signals", an_advice(2, side="sell"))
    await expect(drawn(page, 30)).to_have_attribute("data-marks", "3")


async def test_the_open_candle_follows_the_feed(api: FakeApi, open_page: OpenPage) -> None:
    api.history = [a_candle(minutes_ago) for minutes_ago in (3, 2, 1)]
    page = await open_page()
    await expect(drawn(page, 3)).to_be_visible()

    await api.put("candles", a_candle(0, close="67123.5", closed=False))

    await expect(drawn(page, 4)).to_have_attribute(
        "aria-label", "Candles BTC-USDT at binance, 1m, 4 bars, last close 67,123.5"
    )


async def test_bars_can_be_read_as_a_table(api: FakeApi, open_page: OpenPage) -> None:
    api.history = [a_candle(2, close="67011.5"), a_candle(1, close="67099")]
    page = await open_page()
    await expect(drawn(page, 2)).to_be_visible()

    await page.get_by_role("button", name="Last bars as table").click()

    rows = page.get_by_test_id("chart").locator("tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("67,099.0")


async def test_a_cell_of_the_board_opens_its_chart(api: FakeApi, open_page: OpenPage) -> None:
    await api.put("quotes", a_quote("kraken", "ETH-USD", bid="3480", ask="3481"))
    page = await open_page()

    await page.locator('[data-testid="board-cell"][data-asset="ETH"][data-venue="kraken"]').click()

    await expect(page.get_by_label("Market")).to_have_value("kraken:ETH-USD")
    await expect(page.get_by_test_id("chart")).to_contain_text("No trades of ETH-USD at kraken")


async def test_minutes_move_the_last_of_the_longer_bars(open_page: OpenPage) -> None:
    page = await open_page()
    bar = {
        "open": 10,
        "high": 12,
        "low": 9,
        "close": 11,
        "volume": 5,
        "trades": 3,
        "complete": True,
    }
    bars = [{"time": 0} | bar, {"time": 300} | bar]
    minutes = [
        {"time": 360, "open": 11, "high": 15, "low": 10, "close": 14, "volume": 2, "trades": 1},
        {"time": 600, "open": 14, "high": 14, "low": 13, "close": 13, "volume": 1, "trades": 1},
    ]

    found = await page.evaluate(
        "([bars, minutes]) => import('/candles.js').then("
        "({ broughtUpToDate }) => broughtUpToDate(bars, minutes, 300))",
        [bars, minutes],
    )

    moved = {"time": 300, "high": 15, "low": 9, "close": 14}
    assert found == [bars[0], bar | moved, minutes[1]]


async def test_long_candles_are_asked_for_as_they_are(api: FakeApi, open_page: OpenPage) -> None:
    interval = "4h"
    long = [a_candle(minutes_ago) | {"interval": interval} for minutes_ago in (9, 5, 1)]
    api.history = [a_candle(3), *long[:-1], long[-1] | {"complete": False}]
    page = await open_page()
    await expect(drawn(page, 1)).to_be_visible()

    await page.get_by_label("Interval").select_option(interval)
    await page.get_by_role("button", name="Last bars as table").click()

    rows = page.get_by_test_id("chart").locator("tbody tr")
    await expect(rows).to_have_count(3)
    await expect(rows.first.get_by_title("number unknown")).to_be_visible()


async def test_minutes_without_trades_keep_their_place(open_page: OpenPage) -> None:
    page = await open_page()

    times = await page.evaluate(
        "import('/drawing.js').then(({ withHoles }) => "
        "withHoles([{ time: 0 }, { time: 180 }], 60).map(bar => bar.time))"
    )

    assert times == [0, 60, 120, 180]
