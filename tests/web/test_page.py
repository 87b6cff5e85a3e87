"""The page in Chromium against an API of its own: what is sent is what is seen."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.waiting import eventually
from tests.web.canned import a_premium, a_quote, a_route, a_venue, an_advice, id_of
from tests.web.conftest import OpenPage
from tests.web.fake_api import FakeApi

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MINUS = "\N{MINUS SIGN}"
XRP = id_of("XRP", "kraken", "upbit")
BTC = id_of("BTC", "kraken", "binance")


def row(page: Page, route_id: str) -> Locator:
    return page.locator(f'[data-testid="route-row"][data-route-id="{route_id}"]')


def cell(page: Page, venue: str, asset: str) -> Locator:
    return page.locator(f'[data-testid="board-cell"][data-venue="{venue}"][data-asset="{asset}"]')


async def ids(page: Page) -> list[str]:
    rows = page.get_by_test_id("route-row")
    return [str(await each.get_attribute("data-route-id")) for each in await rows.all()]


async def test_the_badge_says_what_the_server_says(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()

    await expect(page.get_by_test_id("mode-badge")).to_have_text("SIMULATED")

    api.mode = "live"
    other = await open_page()
    await expect(other.get_by_test_id("mode-badge")).to_have_text("LIVE")


async def test_numbers_shown_are_those_sent(open_page: OpenPage) -> None:
    page = await open_page()

    gain = row(page, XRP)
    await expect(gain.get_by_test_id("route-net")).to_have_text("+106.1")
    await expect(gain.locator(".col-net")).to_contain_text("▲")
    await expect(gain.locator(".col-net small")).to_have_text("+137.1")
    await expect(gain.locator(".col-return")).to_have_text("+99.0book of upbit")
    await expect(gain.locator(".col-profit")).to_have_text("+9.90 $1,000 USDT")
    await expect(gain.locator(".col-route")).to_have_text(
        "kraken → upbitdirect · funds on both sides · USDT"
    )


async def test_a_loss_has_a_real_minus_and_points_down(open_page: OpenPage) -> None:
    page = await open_page()

    loss = row(page, BTC)
    await expect(loss.get_by_test_id("route-net")).to_have_text(f"{MINUS}3.0")
    await expect(loss.locator(".col-net")).to_contain_text("▼")


async def test_a_value_changes_in_its_place(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()
    net = row(page, XRP).get_by_test_id("route-net")
    await expect(net).to_have_text("+106.1")
    await net.evaluate("element => { element.marked = true }")

    await api.put("routes", a_route(net_bps=99.4))

    await expect(net).to_have_text("+99.4")
    assert await net.evaluate("element => element.marked")


async def test_rows_do_not_move_under_the_pointer(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()
    await row(page, XRP).hover()

    await api.put("routes", a_route("BTC", "kraken", "binance", net_bps=300.0))

    await expect(page.get_by_test_id("moved")).to_have_text("2 moved ↑")
    assert await ids(page) == [XRP, BTC]
    await page.get_by_test_id("moved").click()
    await expect(page.get_by_test_id("route-row").first).to_have_attribute("data-route-id", BTC)


async def test_rows_follow_the_ranking_when_nobody_points(
    api: FakeApi, open_page: OpenPage
) -> None:
    page = await open_page()
    await expect(page.get_by_test_id("route-row").first).to_have_attribute("data-route-id", XRP)

    await api.put("routes", a_route("BTC", "kraken", "binance", net_bps=300.0))

    await expect(page.get_by_test_id("route-row").first).to_have_attribute("data-route-id", BTC)


async def test_a_route_that_is_gone_leaves_the_table(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()
    await expect(row(page, BTC)).to_be_visible()

    await api.put("routes", gone=[BTC])

    await expect(row(page, BTC)).to_have_count(0)


async def test_the_detail_is_a_receipt_that_adds_up(api: FakeApi, open_page: OpenPage) -> None:
    await api.put(
        "routes",
        a_route(
            "ETH",
            why_not=("capital_controls", "transfer_unknown"),
            currencies=("USDT", "KRW"),
            prices=("3480.25", "4830000"),
        ),
    )
    page = await open_page()

    await row(page, id_of("ETH", "kraken", "upbit", ("USDT", "KRW"))).click()

    detail = page.get_by_test_id("detail")
    for text in ("+137.1", f"{MINUS}26.0", f"{MINUS}5.0", "▲ +106.1", f"{MINUS}7.1", "▲ +99.0"):
        await expect(detail.get_by_text(text, exact=True)).to_be_visible()
    await expect(detail.get_by_test_id("receipt-usd")).to_have_text("+9.90")
    await expect(detail).to_contain_text("transfer fee krakennot known")
    reasons = page.get_by_test_id("why-not").locator("li")
    await expect(reasons).to_have_text(
        ["capital controls", "nobody says whether the asset can be transferred"]
    )


async def test_each_leg_shows_price_amount_fee_and_age(api: FakeApi, open_page: OpenPage) -> None:
    await api.put("routes", a_route("ETH", currencies=("USDT", "KRW")))
    page = await open_page()

    await row(page, id_of("ETH", "kraken", "upbit", ("USDT", "KRW"))).click()

    legs = page.get_by_test_id("legs").locator("tr")
    await expect(legs).to_have_count(4)
    await expect(legs.nth(0)).to_contain_text(re.compile(r"Buy ETH-USDT\s*kraken · \d+ m?s"))
    await expect(legs.nth(0)).to_contain_text("3 levels, 0.5231 to 0.5231")
    await expect(legs.nth(0)).to_contain_text("fee 3.210 ETH")
    await expect(legs.nth(1)).to_contain_text("fee not known")
    await expect(legs.nth(3)).to_contain_text("1,379.31upbit:USDT-KRW · 400 ms")


async def test_the_life_of_a_route_is_told(open_page: OpenPage) -> None:
    page = await open_page()
    await row(page, XRP).click()

    detail = page.get_by_test_id("detail")
    await expect(detail).to_contain_text("17\N{MULTIPLICATION SIGN} in 24 h")
    await expect(detail.get_by_test_id("receipt-life")).to_have_text("41 s")
    await expect(detail).to_contain_text("+118.6")


async def test_the_curve_marks_the_best_size_and_the_notional(open_page: OpenPage) -> None:
    page = await open_page()
    await row(page, XRP).click()
    best = page.get_by_test_id("curve-best").locator("circle")
    await expect(best).to_have_attribute("cx", "240")  # 1,000 of 1,250 of 300
    await expect(page.get_by_test_id("curve-mine")).to_have_count(0)

    await page.get_by_test_id("notional").fill("250")

    mine = page.get_by_test_id("curve-mine").locator("circle")
    await expect(mine).to_have_attribute("cx", "60")


async def test_a_notional_shows_what_routes_earn_on_it(api: FakeApi, open_page: OpenPage) -> None:
    await api.put("routes", a_route("ETH", currencies=("KRW", "USDT")))
    page = await open_page()
    await expect(row(page, XRP)).to_be_visible()

    await page.get_by_test_id("notional").fill("500")

    await expect(row(page, XRP).get_by_test_id("route-net")).to_have_text("+10.0")
    await expect(row(page, XRP).locator(".col-profit")).to_have_text("+0.50 $500.0 USDT")
    await expect(row(page, id_of("ETH", "kraken", "upbit", ("KRW", "USDT")))).to_have_count(0)
    assert {"notional": 500} in [each.get("filter") for each in api.asked]


async def test_a_kind_and_a_mode_are_asked_for(api: FakeApi, open_page: OpenPage) -> None:
    eth = id_of("ETH", "kraken", "upbit", ("USDT", "KRW"))
    await api.put("routes", a_route("ETH", currencies=("USDT", "KRW")))
    page = await open_page()
    await expect(page.get_by_test_id("route-row")).to_have_count(3)

    await page.get_by_label("Kind").select_option("fx")
    await expect(page.get_by_test_id("route-row")).to_have_count(1)
    await expect(row(page, eth)).to_contain_text("comparison · USDT→KRW")
    await page.get_by_label("Mode").select_option("inventory")

    await expect(page.get_by_test_id("empty")).to_contain_text("No route fits")
    await page.get_by_test_id("empty").get_by_role("button").click()
    await expect(page.get_by_test_id("route-row")).to_have_count(3)


async def test_a_cycle_shows_every_venue_on_its_way(api: FakeApi, open_page: OpenPage) -> None:
    loop = "T|binance:USDT>binance:XRP>upbit:XRP>upbit:KRW>kraken:KRW>kraken:USDT"
    cycle = a_route("XRP", "binance", "upbit", currencies=("USDT", "KRW"))
    await api.put("routes", cycle | {"id": loop, "kind": "cycle", "mode": "transfer"})
    page = await open_page()

    shown = row(page, loop).locator(".col-route")
    await expect(shown).to_have_text("binance → upbit → krakencycle · coins are sent · USDT→KRW")
    await api.put("status", a_venue("kraken", "down"))
    await expect(row(page, loop).get_by_test_id("stale")).to_have_text("◌ stale: kraken down")


async def test_an_old_bank_rate_shows_its_age_and_does_not_make_a_route_stale(
    api: FakeApi, open_page: OpenPage
) -> None:
    rate = {"value": "0.000725", "source": "alpha_vantage:USD-KRW", "age_ms": 7_200_000.0}
    old = a_route("ETH", currencies=("USDT", "KRW")) | {"rate": rate}
    await api.put("routes", old)
    page = await open_page()

    await row(page, old["id"]).click()

    await expect(row(page, old["id"]).get_by_test_id("stale")).to_have_count(0)
    await expect(page.get_by_test_id("legs")).to_contain_text("alpha_vantage:USD-KRW · 2 h")


async def test_takeable_routes_come_first_then_the_most_dollars(
    api: FakeApi, open_page: OpenPage
) -> None:
    small = a_route("SOL", net_bps=20.0, why_not=())
    large = a_route("ADA", net_bps=30.0, why_not=())
    await api.put("routes", small, large)
    page = await open_page()

    await expect(page.get_by_test_id("route-row")).to_have_count(4)
    assert await ids(page) == [large["id"], small["id"], XRP, BTC]
    await page.get_by_role("button", name="Net bps").click()
    await expect(page.get_by_test_id("route-row").first).to_have_attribute("data-route-id", XRP)
    await eventually(lambda: any(each.get("sort") == "-net_bps" for each in api.asked))


async def test_premiums_are_shown_on_both_bases_with_their_rate(
    api: FakeApi, open_page: OpenPage
) -> None:
    await api.put("premiums", a_premium(), a_premium(basis="bank", premium_bps=-31.0))
    await api.put("premiums", a_premium("ETH"))
    page = await open_page()

    await page.get_by_test_id("board-premium").click()

    btc, eth = (page.get_by_test_id("premium-row").nth(n).locator("td") for n in range(2))
    await expect(btc).to_have_text(
        [
            "binanceBTC-USDT",
            re.compile(rf"▼ {MINUS}0\.31 %1,383\.7 · alpha_vantage:USD-KRW · 3 min"),
            re.compile(r"▲ \+2\.19 %1,383\.7 · upbit:USDT-KRW · \d+ m?s"),
        ]
    )
    await expect(eth.nth(1)).to_have_text("—no rate")
    await api.put("premiums", a_premium(premium_bps=105.0, stale=True))
    await expect(btc.nth(2)).to_have_text("▲ +1.05 %◌ stale")
    await eventually(lambda: "board=premium" in page.url)


async def test_a_venue_without_premiums_says_so(open_page: OpenPage) -> None:
    page = await open_page("/?board=premium")

    await page.get_by_label("Dearer at").select_option("kraken")

    await expect(page.get_by_test_id("premium-empty")).to_contain_text("No premium at kraken now")


async def test_signals_are_shown_newest_first_with_their_reasons(
    api: FakeApi, open_page: OpenPage
) -> None:
    await api.put("signals", an_advice(5), an_advice(3, strategy="macd", side="sell"))
    page = await open_page()

    await page.get_by_test_id("board-advice").click()

    rows = page.get_by_test_id("advice-row")
    await expect(rows).to_have_count(2)
    await expect(rows.nth(0)).to_contain_text("▼ Sell0 %67,020.5macd")
    await expect(rows.nth(1)).to_contain_text("fast 67011.1 · slow 66990")
    await api.put("signals", an_advice(5, side="hold"))
    await expect(rows.nth(1)).to_contain_text("Taken back")
    await page.get_by_label("Strategy").select_option("macd")
    await expect(rows).to_have_count(1)
    await eventually(lambda: "strategy=macd" in page.url)


async def test_a_venue_that_is_down_strikes_its_routes_only(
    api: FakeApi, open_page: OpenPage
) -> None:
    page = await open_page()
    await expect(row(page, XRP)).to_be_visible()

    await api.put("status", a_venue("upbit", "down", reason="no route (DNS)"))

    chip = page.get_by_test_id("venue-upbit")
    await expect(chip).to_have_attribute("data-state", "down")
    await expect(chip).to_contain_text("no route (DNS)")
    await expect(row(page, XRP).get_by_test_id("stale")).to_have_text("◌ stale: upbit down")
    await expect(row(page, BTC).get_by_test_id("stale")).to_have_count(0)
    await expect(page.get_by_test_id("route-row").first).to_have_attribute("data-route-id", BTC)


async def test_a_route_that_is_not_told_again_grows_stale(open_page: OpenPage) -> None:
    page = await open_page(clock=True)
    await expect(row(page, XRP)).to_be_visible()
    await expect(row(page, XRP).get_by_test_id("stale")).to_have_count(0)

    await page.clock.fast_forward(6000)

    await expect(row(page, XRP).get_by_test_id("stale")).to_have_text("◌ stale")


async def test_an_empty_table_says_what_the_best_is(open_page: OpenPage) -> None:
    page = await open_page("/?min=500")

    empty = page.get_by_test_id("empty")
    await expect(empty).to_contain_text("Best is +106.1 bps (XRP, kraken → upbit)")

    await empty.get_by_role("button").click()
    await expect(row(page, XRP)).to_be_visible()


async def test_a_filter_asks_for_more_and_is_kept_in_the_address(
    api: FakeApi, open_page: OpenPage
) -> None:
    page = await open_page()
    await expect(row(page, BTC)).to_be_visible()

    await page.keyboard.press("/")
    await page.keyboard.type("upbit")

    await expect(row(page, BTC)).to_have_count(0)
    await expect(row(page, XRP)).to_be_visible()
    await eventually(lambda: "q=upbit" in page.url)
    await eventually(lambda: any(each.get("limit") == 500 for each in api.asked))
    await page.reload()
    await expect(page.locator("#filter")).to_have_value("upbit")


async def test_suspicious_routes_are_counted_not_shown(api: FakeApi, open_page: OpenPage) -> None:
    await api.put("routes", a_route("LUNA", net_bps=4000.0, why_not=("suspicious",)))
    page = await open_page()

    await expect(row(page, XRP)).to_be_visible()
    assert await ids(page) == [XRP, BTC]
    await page.get_by_role("button", name="1 suspicious").click()
    await expect(row(page, id_of("LUNA", "kraken", "upbit"))).to_be_visible()


async def test_pause_holds_every_number_and_says_since_when(
    api: FakeApi, open_page: OpenPage
) -> None:
    page = await open_page()
    await expect(row(page, XRP)).to_be_visible()

    await page.keyboard.press("p")
    await expect(page.get_by_test_id("conn-state")).to_contain_text("paused")
    await api.put("routes", a_route(net_bps=77.7))
    await api.put("status", a_venue("upbit", "down"))
    await expect(row(page, XRP).get_by_test_id("route-net")).to_have_text("+106.1")

    await page.get_by_test_id("pause").click()
    await expect(row(page, XRP).get_by_test_id("route-net")).to_have_text("+77.7")


async def test_a_price_that_is_asked_for_now_and_then_is_as_of_its_time_and_never_the_best(
    api: FakeApi, open_page: OpenPage
) -> None:
    await api.put("status", a_venue("coingecko", polled=True))
    cheap = a_quote("coingecko", bid="60000", ask="60000", age_ms=7_200_000.0)
    await api.put("quotes", cheap | {"ts": "2026-11-20T09:41:07.000000Z"})

    page = await open_page()

    reference = cell(page, "coingecko", "BTC")
    await expect(reference).to_contain_text("60,000.0")
    await expect(reference).to_contain_text("as of 09:41")
    await expect(reference).not_to_have_class(re.compile("stale"))
    await expect(cell(page, "kraken", "BTC")).to_contain_text("best")


async def test_the_board_compares_venues_in_one_currency(api: FakeApi, open_page: OpenPage) -> None:
    await api.put(
        "quotes",
        a_quote("upbit", "USDT-KRW", bid="1400", ask="1400"),
        a_quote("upbit", "BTC-KRW", bid="93856000", ask="93863000"),
    )
    page = await open_page()

    await expect(cell(page, "kraken", "BTC").get_by_test_id("board-price")).to_have_text("67,012.0")
    await expect(cell(page, "kraken", "BTC")).to_contain_text("★ best")
    await expect(cell(page, "binance", "BTC")).to_contain_text("+5.0")
    await expect(cell(page, "upbit", "BTC").get_by_test_id("board-price")).to_have_text("67,045.0")
    await page.get_by_label("Prices in").select_option("KRW")
    await expect(cell(page, "upbit", "BTC").get_by_test_id("board-price")).to_have_text(
        "93,863,000"
    )


async def test_a_stale_price_is_struck_with_its_reason(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()

    await api.put("quotes", a_quote("kraken", stale_reason="kraken is down: closed", age_ms=12_500))

    struck = cell(page, "kraken", "BTC")
    await expect(struck).to_contain_text("◌ stale 12 s")
    await expect(struck).to_have_attribute("title", re.compile("kraken is down: closed"))
    await expect(cell(page, "binance", "BTC")).to_contain_text("★ best")


async def test_a_price_without_a_rate_says_so(api: FakeApi, open_page: OpenPage) -> None:
    await api.put("quotes", a_quote("upbit", "BTC-KRW", bid="93856000", ask="93863000"))
    page = await open_page()

    await expect(cell(page, "upbit", "BTC")).to_have_text("—no rate from KRW to USDT")


async def test_a_refused_stream_shows_the_problem(api: FakeApi, open_page: OpenPage) -> None:
    api.refuses["routes"] = {"title": "No such asset", "detail": "Nobody lists XYZ.", "status": 404}
    page = await open_page()

    problem = page.get_by_test_id("routes").get_by_role("alert")
    await expect(problem).to_contain_text("No such asset")
    await expect(problem).to_contain_text("Nobody lists XYZ.")


async def test_keys_walk_the_table_and_open_the_detail(open_page: OpenPage) -> None:
    page = await open_page()
    await expect(row(page, XRP)).to_be_visible()

    await page.keyboard.press("j")
    await expect(row(page, XRP)).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(row(page, BTC)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(row(page, BTC)).to_have_attribute("aria-selected", "true")
    await expect(page.get_by_test_id("detail")).to_contain_text("BTC kraken → binance")
    await page.keyboard.press("Escape")
    await expect(row(page, BTC)).to_have_attribute("aria-selected", "false")


async def test_focus_stays_with_its_row(api: FakeApi, open_page: OpenPage) -> None:
    page = await open_page()
    await row(page, BTC).focus()

    await api.put(
        "routes", a_route(net_bps=90.0), a_route("BTC", "kraken", "binance", net_bps=95.0)
    )

    await expect(row(page, BTC).get_by_test_id("route-net")).to_have_text("+95.0")
    await expect(row(page, BTC)).to_be_focused()
    assert await ids(page) == [XRP, BTC]


async def test_keys_are_listed_and_rest_while_one_writes(open_page: OpenPage) -> None:
    page = await open_page()
    await expect(row(page, XRP)).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("pause or go on")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)

    await page.keyboard.press("/")
    await page.keyboard.type("pt?")

    await expect(page.locator("#filter")).to_have_value("pt?")
    await expect(page.get_by_test_id("pause")).to_have_text("Pause")


async def test_theme_and_palette_outlive_the_page(open_page: OpenPage) -> None:
    page = await open_page(color_scheme="dark")
    root = page.locator("html")
    await expect(root).to_have_attribute("data-theme", "dark")
    await expect(row(page, XRP)).to_be_visible()

    await page.keyboard.press("t")
    await page.get_by_label("Up and down colours").select_option("western")
    await page.reload()

    await expect(root).to_have_attribute("data-theme", "light")
    await expect(root).to_have_attribute("data-palette", "western")


async def test_korean_is_spoken_with_red_for_up(open_page: OpenPage) -> None:
    page = await open_page(locale="ko-KR")

    await expect(page.locator("html")).to_have_attribute("lang", "ko")
    await expect(page.locator("html")).to_have_attribute("data-palette", "korean")
    await expect(page.get_by_test_id("mode-badge")).to_have_text("모의 데이터")
    await expect(page.get_by_role("columnheader", name="경로")).to_be_visible()
    await page.get_by_label("언어").select_option("en")
    await expect(page.get_by_role("heading", name="Best routes")).to_be_visible()


async def test_without_scripts_the_page_leads_to_the_api(open_page: OpenPage) -> None:
    page = await open_page(java_script_enabled=False)

    await expect(page.get_by_role("link", name="best routes")).to_have_attribute(
        "href", "/v1/routes"
    )
