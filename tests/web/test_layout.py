"""What the page looks like and weighs: phones, contrast, security, size."""

import pytest
from playwright.async_api import expect

from tests.web.canned import a_premium, a_quote, a_route, a_venue
from tests.web.conftest import OpenPage
from tests.web.fake_api import FakeApi

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
SIDEWAYS = "document.documentElement.scrollWidth > innerWidth"
CUT = """() => [...document.querySelectorAll("#routes td:is(.col-net, .col-profit, .col-state)")]
  .filter(cell => cell.scrollWidth > cell.clientWidth).map(cell => cell.textContent)"""
"""Cells whose text does not fit."""

VENUES = ("binance", "kraken", "upbit", "bithumb", "kucoin", "bitstamp")
ASSETS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "ADA", "TRX", "LINK", "DOT", "AVAX")

LOW_CONTRASTS = """() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const painted = colours => {
    for (const colour of colours) { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); }
    return [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = rgb => {
    const [r, g, b] = rgb.map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("option, canvas, .unseen")) continue;
    const behind = ["white"];
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      layers.unshift(getComputedStyle(e).backgroundColor);
    }
    const back = painted([...behind, ...layers]);
    const front = painted([...behind, ...layers, getComputedStyle(element).color]);
    const [one, other] = [light(back), light(front)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (other + 0.05);
    if (ratio < 4.5) low.push(`${element.className} "${element.textContent.trim()}" ${ratio}`);
  }
  return low;
}"""


async def fill(api: FakeApi) -> None:
    """Give the page as much to show as it ever shows."""
    await api.put("status", *(a_venue(venue) for venue in VENUES), a_venue("kucoin", "down"))
    for asset in ASSETS:
        others = [
            a_quote(venue, f"{asset}-USDT", ask=f"{67000 + 9 * i}")
            for i, venue in enumerate(VENUES)
        ]
        stale = a_quote("bithumb", f"{asset}-USDT", stale_reason="bithumb is silent")
        await api.put("quotes", *others, stale)
        pairs = [(buy, sell) for buy in VENUES[:3] for sell in VENUES[3:]]
        await api.put(
            "routes", *(a_route(asset, *pair, net_bps=i - 4.0) for i, pair in enumerate(pairs))
        )


async def test_a_phone_scrolls_down_not_sideways(api: FakeApi, open_page: OpenPage) -> None:
    await fill(api)
    page = await open_page(**PHONE)
    await expect(page.get_by_test_id("route-row")).to_have_count(50)

    for tab, shown in (("Prices", "board"), ("Chart", "chart"), ("Best routes", "routes")):
        await page.get_by_role("navigation").get_by_role("link", name=tab).tap()
        await expect(page.get_by_test_id(shown)).to_be_visible()
        assert not await page.evaluate(SIDEWAYS), tab

    await page.evaluate("scrollTo(0, document.body.scrollHeight)")
    await expect(page.get_by_test_id("mode-badge")).to_be_in_viewport()


async def test_a_phone_shows_a_route_as_a_sheet(api: FakeApi, open_page: OpenPage) -> None:
    await fill(api)
    page = await open_page(**PHONE)
    await expect(page.get_by_test_id("detail")).to_be_hidden()

    await page.get_by_test_id("route-row").first.tap()

    await expect(page.get_by_test_id("detail")).to_be_focused()
    await expect(page.get_by_test_id("receipt-net")).to_be_visible()
    await page.get_by_test_id("mode-badge").tap(trial=True)
    await page.get_by_test_id("detail-close").tap()
    await expect(page.get_by_test_id("detail")).to_be_hidden()


@pytest.mark.parametrize("width", [600, 900, 1200, 1920])
async def test_no_width_scrolls_sideways(api: FakeApi, open_page: OpenPage, width: int) -> None:
    await fill(api)
    page = await open_page(viewport={"width": width, "height": 900})

    await expect(page.get_by_test_id("route-row")).to_have_count(50)

    assert not await page.evaluate(SIDEWAYS)


async def test_profit_and_state_of_every_route_are_whole_at_1400(
    api: FakeApi, open_page: OpenPage
) -> None:
    doubts = ("fx_comparison", "capital_controls", "transfer_unknown")
    dear = a_route("DOGE", net_bps=12_345.6, currencies=("USDT", "KRW"), why_not=doubts)
    halted = a_route("TRX", "bitstamp", "bithumb", why_not=("transfer_time_unknown",))
    await fill(api)
    await api.put("routes", dear, halted)
    page = await open_page(viewport={"width": 1400, "height": 900})
    await expect(page.get_by_test_id("route-row")).to_have_count(50)

    assert await page.evaluate(CUT) == []


async def test_premiums_fit_a_phone(api: FakeApi, open_page: OpenPage) -> None:
    await api.put("premiums", a_premium(), a_premium(basis="bank"))
    page = await open_page("/?board=premium", **PHONE)

    await page.get_by_role("navigation").get_by_role("link", name="Prices").tap()

    await expect(page.get_by_test_id("premium-row")).to_have_count(1)
    assert not await page.evaluate(SIDEWAYS)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("palette", ["safe", "western", "korean"])
async def test_every_text_can_be_read(
    api: FakeApi, open_page: OpenPage, theme: str, palette: str
) -> None:
    await fill(api)
    page = await open_page(color_scheme=theme, reduced_motion="reduce")
    await page.get_by_label("Up and down colours").select_option(palette)
    await expect(page.get_by_test_id("route-row")).to_have_count(50)

    assert await page.evaluate(LOW_CONTRASTS) == []


async def test_the_page_stays_small(api: FakeApi, open_page: OpenPage) -> None:
    await fill(api)
    page = await open_page()

    await expect(page.get_by_test_id("route-row")).to_have_count(50)

    assert await page.evaluate("document.querySelectorAll('*').length") <= 1500
    assert await page.evaluate("performance.getEntriesByType('resource').length") <= 32


async def test_the_policy_lets_nothing_else_run(open_page: OpenPage) -> None:
    page = await open_page(expected="Executing inline script")
    await expect(page.get_by_test_id("route-row")).to_have_count(2)

    refused = await page.evaluate(
        """() => new Promise(resolve => {
          document.addEventListener("securitypolicyviolation", event => {
            event.stopImmediatePropagation();
            resolve(event.effectiveDirective);
          });
          const script = document.createElement("script");
          script.type = "text/javascript";
          script.textContent = "window.ran = true";
          document.head.append(script);
        })"""
    )

    assert refused == "script-src-elem"
    assert await page.evaluate("window.ran") is None
