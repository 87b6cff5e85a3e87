"""Numbers as text, and prices across currencies: the page's pure functions, run where they live."""

from typing import Any

import pytest

from tests.web.canned import a_quote
from tests.web.conftest import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

MINUS = "\N{MINUS SIGN}"


FIGURES = {
    "exact('92345678.5')": "92,345,678.5",
    "exact('-0.000012')": f"{MINUS}0.000012",
    "exact('735')": "735",
    "signed(106.14, 1)": "+106.1",
    "signed(-3.04, 1)": f"{MINUS}3.0",
    "signed(-0.04, 1)": "0.0",
    "arrow(-0.04, 1)": "■",
    "arrow(-0.05, 1)": "▼",
    "price(0.000012345678)": "0.000012346",
    "price(92345678.4)": "92,345,678",
    "amount('0.00421234')": "0.004212",
    "span(999)": "999 ms",
    "span(61000)": "1 min",
    "clock(Date.UTC(2026, 10, 20, 12, 0, 4))": "12:00:04",
}


async def test_figures_are_written_plainly(open_page: OpenPage) -> None:
    page = await open_page()

    calls = ", ".join(f"words.{call}" for call in FIGURES)
    written = await page.evaluate(f"import('/words.js').then(words => [{calls}])")

    assert written == list(FIGURES.values())


async def test_rates_are_found_across_currencies(open_page: OpenPage) -> None:
    quotes = [
        a_quote("upbit", "USDT-KRW", bid="1399", ask="1401"),
        a_quote("kraken", "USDT-USD", bid="1", ask="1"),
        a_quote("kraken", "BTC-USD"),
        a_quote("upbit", "BTC-KRW"),
    ]
    page = await open_page()

    rates: list[Any] = await page.evaluate(
        "quotes => import('/prices.js').then(({ ratesTo }) => [...ratesTo(quotes, 'USD')])", quotes
    )

    assert rates == [["USD", 1], ["USDT", 1], ["KRW", pytest.approx(1 / 1400)]]


async def test_the_best_price_to_sell_at_is_the_highest(open_page: OpenPage) -> None:
    quotes = [
        a_quote("kraken", bid="100", ask="101"),
        a_quote("upbit", bid="102", ask="103"),
        a_quote("binance", bid="200", ask="201", stale_reason="down"),
    ]
    page = await open_page()

    best, kraken, stale = await page.evaluate(
        """quotes => import('/prices.js').then(({ boardOf }) => {
          const [row] = boardOf(quotes, 'USDT', 'sell').rows;
          return [row.best.venue, row.cells.get('kraken').bps, row.cells.get('binance').bps];
        })""",
        quotes,
    )

    assert best == "upbit"
    assert kraken == pytest.approx(-196.08, abs=0.01)
    assert stale is None
