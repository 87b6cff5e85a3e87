"""Alpha Vantage and CoinGecko, as their documents say: rates, prices and reference prices."""

from collections.abc import Iterable
from decimal import Decimal

from hypothesis import strategies as st

from tests.venues.oracle.plain import (
    SECOND_NS,
    Fact,
    Kind,
    QuoteFact,
    SummaryFact,
    Tree,
    amounts,
    each,
    iso_ns,
    iso_times,
    one,
    texts,
)

RATE = "Realtime Currency Exchange Rate"


@st.composite
def rates(draw: st.DrawFn) -> Tree:
    base, quote_currency = draw(st.sampled_from([("USD", "KRW"), ("BTC", "USD"), ("EUR", "USD")]))
    row = {
        "1. From_Currency Code": base,
        "2. From_Currency Name": "one",
        "3. To_Currency Code": quote_currency,
        "4. To_Currency Name": "other",
        "5. Exchange Rate": draw(texts),
        "6. Last Refreshed": draw(iso_times(most=0)).replace("T", " ").removesuffix("Z"),
        "7. Time Zone": "UTC",
    }
    nothing = {"8. Bid Price": "-", "9. Ask Price": "-"}
    bid, ask = sorted(draw(st.lists(amounts, min_size=2, max_size=2, unique=True)))
    both = {"8. Bid Price": f"{bid:f}", "9. Ask Price": f"{ask:f}"}
    row |= draw(st.sampled_from([{}, nothing, both]))
    return {RATE: row}


def rate(tree: Tree) -> Iterable[Fact]:
    row = tree[RATE]
    name = f"{row['1. From_Currency Code']}-{row['3. To_Currency Code']}"
    at = iso_ns(row["6. Last Refreshed"])
    if row.get("8. Bid Price", "-") == "-":
        yield SummaryFact(name, Decimal(row["5. Exchange Rate"]), at)
    else:
        # there are prices on both sides, and nobody tells for how much
        bid, ask = Decimal(row["8. Bid Price"]), Decimal(row["9. Ask Price"])
        yield QuoteFact(name, bid, Decimal(0), ask, Decimal(0), at)


IDS = {"bitcoin": "BTC", "ethereum": "ETH"}


@st.composite
def prices(draw: st.DrawFn) -> Tree:
    found: dict[str, Tree] = {}
    for coin in draw(st.lists(st.sampled_from(sorted(IDS)), min_size=1, unique=True)):
        row: dict[str, Decimal | int] = {
            currency: draw(amounts)
            for currency in draw(
                st.lists(st.sampled_from(["usd", "krw", "eur"]), min_size=1, unique=True)
            )
        }
        row["last_updated_at"] = draw(st.integers(1_600_000_000, 1_790_000_000))
        found[coin] = row
    return found


def price(tree: Tree) -> Iterable[Fact]:
    for coin, row in tree.items():
        for currency, value in row.items():
            if currency != "last_updated_at":
                at = row["last_updated_at"] * SECOND_NS
                yield SummaryFact(f"{IDS[coin]}-{currency.upper()}", value, at)


@st.composite
def exchange_rates(draw: st.DrawFn) -> Tree:
    """Draw what one BTC is worth in two currencies."""
    usd, krw = draw(st.integers(1, 10**6)), draw(st.integers(1, 10**10))
    values = {"btc": Decimal(1), "usd": Decimal(usd), "krw": Decimal(krw)}
    return {
        "rates": {
            code: {"name": code, "unit": code, "value": value, "type": "fiat"}
            for code, value in values.items()
        }
    }


def exchange_rate(tree: Tree) -> Iterable[Fact]:
    values = {code: float(row["value"]) for code, row in tree["rates"].items()}
    yield SummaryFact("USD-KRW", values["krw"] / values["usd"], None)


ALPHA_VANTAGE = {"rate": Kind(one(rates()), each(rate), (SummaryFact, QuoteFact))}
COINGECKO = {
    "simple": Kind(one(prices()), each(price), (SummaryFact,)),
    "exchange_rates": Kind(one(exchange_rates()), each(exchange_rate), (SummaryFact,)),
}
