"""Costs: the most exact fact counts, what lies over replaces what it names, the rest is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.routes.costs import (
    CapitalControl,
    Costs,
    Facts,
    Fee,
    Identity,
    Key,
    fee_key,
    fee_name,
)
from market import Instrument, Wallet

BTC_USD = Instrument("BTC", "USD")
BTC_KRW = Instrument("BTC", "KRW")


def a_fee(bps: float) -> Fee:
    return Fee(bps=bps, source="a page")


def of_fees(**fees: float) -> Facts:
    """Make facts of fees by name, with two underscores for the dot."""
    return Facts(fees={fee_key(name.replace("__", ".")): a_fee(bps) for name, bps in fees.items()})


def bps(costs: Costs, venue: str, instrument: Instrument) -> float | None:
    fee = costs.taker_fee(venue, instrument)
    return None if fee is None else fee.bps


@pytest.mark.parametrize(
    ("instrument", "expected"), [("BTC-USD", 20.0), ("ETH-USD", 30.0), ("BTC-KRW", 40.0)]
)
def test_the_most_exact_fee_counts(instrument: str, expected: float) -> None:
    facts = Facts(
        fees={
            ("kraken",): a_fee(40.0),
            ("kraken", "USD"): a_fee(30.0),
            ("kraken", "USD", "BTC"): a_fee(20.0),
        }
    )

    assert bps(Costs(facts), "kraken", Instrument.parse(instrument)) == expected


def test_a_fee_comes_with_its_source_and_date() -> None:
    fee = Costs(of_fees(kraken=40.0)).taker_fee("kraken", BTC_USD)

    assert fee == Fee(bps=40.0, source="a page")


def test_a_fee_that_nobody_tells_is_unknown_and_not_zero() -> None:
    costs = Costs(of_fees(upbit__KRW=5.0))

    assert costs.taker_fee("upbit", BTC_USD) is None
    assert bps(costs, "kraken", BTC_USD) is None


def test_stocks_have_a_fee_of_their_own() -> None:
    costs = Costs(of_fees(alpaca=25.0, alpaca__stocks=0.0))
    share = Instrument("AAPL", "USD")

    assert costs.taker_fee("alpaca", share, is_stock=True) == a_fee(0.0)
    assert costs.taker_fee("alpaca", share) == a_fee(25.0)


def test_a_fee_of_a_whole_venue_replaces_those_of_its_parts_below() -> None:
    below = of_fees(upbit=25.0, upbit__KRW=5.0, kraken=40.0)

    costs = Costs(of_fees(upbit=4.0).over(below))

    assert bps(costs, "upbit", BTC_KRW) == 4.0
    assert bps(costs, "kraken", BTC_USD) == 40.0


def test_a_fee_of_a_part_leaves_the_rest_below_as_it_is() -> None:
    below = of_fees(upbit=25.0, upbit__KRW=5.0)

    costs = Costs(of_fees(upbit__USDT=20.0).over(below))

    assert bps(costs, "upbit", Instrument("BTC", "USDT")) == 20.0
    assert bps(costs, "upbit", BTC_KRW) == 5.0
    assert bps(costs, "upbit", Instrument("XRP", "BTC")) == 25.0


KEYS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map(tuple)
LAYERS = st.dictionaries(KEYS, st.floats(0, 99).map(a_fee)).map(lambda fees: Facts(fees=fees))


@given(top=LAYERS, middle=LAYERS, bottom=LAYERS)
def test_three_layers_are_the_same_whichever_two_are_joined_first(
    top: Facts, middle: Facts, bottom: Facts
) -> None:
    assert top.over(middle).over(bottom) == top.over(middle.over(bottom))


@given(top=LAYERS, bottom=LAYERS)
def test_what_lies_over_is_kept_whole(top: Facts, bottom: Facts) -> None:
    assert top.fees.items() <= top.over(bottom).fees.items()


@pytest.mark.parametrize(
    ("text", "key", "name"),
    [
        ("upbit", ("upbit",), "upbit"),
        (" Upbit.krw ", ("upbit", "KRW"), "upbit.KRW"),
        ("kraken.xbt-usd", ("kraken", "USD", "BTC"), "kraken.BTC-USD"),
        ("alpaca.Stocks", ("alpaca", "stocks"), "alpaca.stocks"),
    ],
)
def test_what_a_fee_is_of_is_read_and_written(text: str, key: Key, name: str) -> None:
    assert fee_key(text) == key
    assert fee_name(key) == name


@pytest.mark.parametrize("text", ["", ".KRW", "upbit.", "upbit.K R W", "upbit.KRW.BTC", "upbit.-"])
def test_what_a_fee_cannot_be_of_is_refused_with_examples(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"such as upbit, upbit\.KRW or kraken\.BTC-USD"
    ) as refused:
        fee_key(text)

    assert repr(text) in str(refused.value)


def test_another_coin_of_the_same_code_has_another_id() -> None:
    tokamak = Identity(asset="tokamak-network", source="a page")
    costs = Costs(Facts(identities={("upbit", "TON"): tokamak}))

    assert costs.asset_id("upbit", "TON") == "tokamak-network"
    assert costs.asset_id("binance", "TON") == "TON"
    assert costs.asset_id("upbit", "BTC") == "BTC"


def test_another_coin_of_the_same_code_is_not_moved_as_if_it_were_the_same() -> None:
    wallets: dict[Key, Wallet] = {
        (venue, "TON"): Wallet(
            venue=venue,
            code="TON",
            withdrawal_fee=0.1,
            withdraws=True,
            deposits=True,
            source="a page",
        )
        for venue in ("upbit", "binance")
    }
    identity = Identity(asset="tokamak-network", source="a page")

    costs = Costs(Facts(wallets=wallets, identities={("upbit", "TON"): identity}))

    assert costs.transfer("TON", "binance", "upbit").open is None
    assert costs.transfer("tokamak-network", "upbit", "binance").open is None


def test_won_cannot_leave_korea() -> None:
    control = CapitalControl(venues=("bithumb", "upbit"), source="a law")
    costs = Costs(Facts(controls={("KRW",): control}))

    assert costs.transfer("KRW", "upbit", "binance").open is False
    assert costs.transfer("KRW", "binance", "upbit").open is False
    assert costs.transfer("KRW", "upbit", "bithumb").open is None
    assert costs.transfer("KRW", "upbit", "binance").source == "a law"
    assert costs.is_controlled("KRW")
    assert not costs.is_controlled("BTC")


def test_a_transfer_that_nobody_tells_of_is_unknown_and_has_no_fee() -> None:
    costs = Costs(Facts())

    terms = costs.transfer("XRP", "kraken", "upbit")

    assert (terms.open, terms.fee, terms.minimum, terms.minutes) == (None, None, None, None)


def test_a_wallet_of_one_network_hides_what_was_said_of_all() -> None:
    every = Wallet(venue="kraken", code="XRP", withdrawal_fee=9.0, withdraws=True, source="a page")
    named = Wallet(
        venue="kraken",
        code="XRP",
        network="XRP",
        withdrawal_fee=0.2,
        withdraws=False,
        source="mine",
    )
    told = Facts(wallets={("kraken", "XRP", "XRP"): named}).over(
        Facts(wallets={("kraken", "XRP"): every})
    )

    terms = Costs(told).transfer("XRP", "kraken", "upbit")

    assert (terms.fee, terms.open) == (0.2, False)
