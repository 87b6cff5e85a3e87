"""What is wrong and what is missing: seen at a glance, and on record."""

import re

import pytest
from playwright.async_api import expect

from tests.web.canned import a_candle, a_gap, a_venue
from tests.web.conftest import OpenPage
from tests.web.fake_api import FakeApi
from tests.web.test_layout import LOW_CONTRASTS, SIDEWAYS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}
BOX = """name => {
    const box = document.querySelector(`[data-testid="${name}"]`)?.getBoundingClientRect();
    return box?.width ? {x: box.x, width: box.width} : null;
}"""
"""Where something is, measured in one go: the chart draws its shades anew with each change."""

MINUS = "\N{MINUS SIGN}"
AWAY = {"title": "History is away", "detail": "Wait."}
TROUBLED = (
    ("ETH-USDT", "resyncing", "checksum does not match"),
    ("SOL-USDT", "stale", "no trades for 60 s"),
    ("XRP-USDT", "stale", "no quotes for 45 s, the longest that it has ever been silent"),
)


async def test_an_instrument_that_is_not_live_is_named_with_the_reason(
    api: FakeApi, open_page: OpenPage
) -> None:
    page = await open_page()

    await api.put("status", a_venue("kraken", troubled=TROUBLED))

    chip = page.get_by_test_id("venue-kraken")
    await expect(chip.get_by_test_id("troubled")).to_have_text(
        ["▲ ETH-USDT resyncing: checksum does not match", "▲ SOL-USDT stale: no trades for 60 s"]
    )
    await expect(chip).to_contain_text("+1 more")


async def test_a_venue_opens_its_records(api: FakeApi, open_page: OpenPage) -> None:
    await api.put("status", a_venue("kraken", troubled=TROUBLED))
    api.gaps = [a_gap("kraken", missing=None), a_gap("kraken", "ETH-USD"), a_gap("upbit")]
    page = await open_page()

    await page.get_by_test_id("venue-kraken").get_by_role("button").click()

    records = page.get_by_test_id("records")
    counters = records.get_by_test_id("counters-kraken").locator("td")
    await expect(counters).to_have_text(
        ["live", f"{MINUS}12 ms ± 4", "63 ms", "3", "1,041", "2", "0", "3"]
    )
    await expect(records.get_by_test_id("not-live")).to_have_count(3)
    await expect(records.get_by_test_id("not-live").last).to_contain_text("no quotes for 45 s")
    await expect(records.get_by_test_id("gap-totals")).to_have_text("kraken: 2 gaps, 2 min")
    gaps = records.get_by_test_id("gap")
    await expect(gaps).to_have_count(2)
    await expect(gaps.first.locator("td")).to_have_text(
        [re.compile(r"\d\d:\d\d"), "trades", "2 min", "?", "connection lost"]
    )
    await page.keyboard.press("Escape")
    await expect(records).to_be_hidden()


async def test_gaps_of_all_venues_are_listed_and_grow(api: FakeApi, open_page: OpenPage) -> None:
    api.gaps = [a_gap("kraken"), a_gap("upbit", "BTC-KRW")]
    page = await open_page()
    await page.get_by_test_id("gap-count").click()
    await expect(page.get_by_test_id("records").get_by_test_id("gap")).to_have_count(2)

    api.gaps = [a_gap("binance"), *api.gaps]
    await api.put("status", {"subject": "gap", "gap": api.gaps[0]})

    await expect(page.get_by_test_id("records").get_by_test_id("gap")).to_have_count(3)
    await page.get_by_test_id("records-close").click()
    await expect(page.get_by_test_id("records")).to_be_hidden()


async def test_records_that_do_not_come_are_said(open_page: OpenPage) -> None:
    page = await open_page(expected="503")
    await page.route(
        "**/v1/gaps**",
        lambda route: route.fulfill(
            status=503, json={"title": "History is away", "detail": "Wait."}
        ),
    )

    await page.get_by_test_id("gap-count").click()

    await expect(page.get_by_test_id("records").get_by_role("alert")).to_have_text(
        "History is away Wait."
    )


async def test_a_gap_is_shaded_in_the_chart_and_says_what_is_missing(
    api: FakeApi, open_page: OpenPage
) -> None:
    api.history = [a_candle(minutes_ago) for minutes_ago in range(1, 31)]
    api.gaps = [a_gap(minutes_ago=12, minutes=3), a_gap("kraken")]
    page = await open_page()

    shade = page.get_by_test_id("gap-shade")
    await expect(shade).to_have_count(1)
    note = shade.get_by_role("note")
    await expect(note).to_have_attribute(
        "title", re.compile(r"^trades \d\d:\d\d:\d\d.\d\d:\d\d:\d\d UTC: 7 missing · connection")
    )
    await expect(note).to_be_visible()
    box = await (await page.wait_for_function(BOX, arg="gap-shade")).json_value()
    canvas = await (await page.wait_for_function(BOX, arg="chart-canvas")).json_value()
    assert 3 * 6 <= box["width"] <= 6 * 6
    assert canvas["x"] < box["x"] < canvas["x"] + canvas["width"]

    api.gaps.append(a_gap(minutes_ago=2, minutes=1))
    await api.put("status", {"subject": "gap", "gap": api.gaps[-1]})
    await expect(shade).to_have_count(2)


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
async def test_records_fit_a_phone(api: FakeApi, open_page: OpenPage, locale: str) -> None:
    await api.put("status", *(a_venue(name, troubled=TROUBLED) for name in ("kraken", "upbit")))
    api.gaps = [a_gap("kraken"), a_gap("upbit", "BTC-KRW")] * 20
    page = await open_page(**PHONE, locale=locale)
    await expect(page.get_by_test_id("troubled")).to_have_count(4)
    assert not await page.evaluate(SIDEWAYS)

    await page.get_by_test_id("gap-count").tap()

    records = page.get_by_test_id("records")
    await expect(records.get_by_test_id("gap").first).to_be_visible()
    box = await records.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert not await page.evaluate(SIDEWAYS)
    assert await records.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert await page.evaluate(LOW_CONTRASTS) == []
