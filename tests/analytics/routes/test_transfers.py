"""Terms of a transfer: two wallets joined, and nothing made up where one of them is silent."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec.structs import replace

from analytics.routes.state import Transfer
from analytics.routes.transfers import UNKNOWN, terms_between
from market import Wallet

A_WALLET = Wallet(
    venue="kraken",
    code="XRP",
    network="XRP",
    withdrawal_fee=0.5,
    withdraws=True,
    deposit_fee=0.0,
    deposits=True,
    source="kraken",
)


def a_wallet(venue: str = "kraken", **terms: float | bool | str | None) -> Wallet:
    return replace(A_WALLET, venue=venue, source=venue, **terms)


def test_both_ends_make_the_terms() -> None:
    out = a_wallet("kraken", withdrawal_fee=0.5, withdrawal_minimum=2.0, minutes=4.0)
    into = a_wallet("upbit", deposit_fee=0.25, deposit_minimum=1.0, minutes=9.0)

    terms = terms_between([out], [into])

    assert (terms.fee, terms.minimum, terms.open) == (0.75, 2.0, True)
    assert (terms.minutes, terms.network, terms.source) == (4.0, "XRP", "kraken; upbit")
    assert not terms.assumed


def test_enough_is_sent_that_enough_arrives() -> None:
    out = a_wallet(withdrawal_fee=0.5, withdrawal_minimum=2.0)
    into = a_wallet("upbit", deposit_minimum=10.0)

    assert terms_between([out], [into]).minimum == 10.5


@pytest.mark.parametrize(
    ("withdraws", "deposits", "is_open"),
    [
        (True, True, True),
        (True, None, None),
        (None, True, None),
        (None, None, None),
        (False, True, False),
        (True, False, False),
        (False, None, False),
        (None, False, False),
    ],
)
def test_a_transfer_is_open_where_both_ends_say_so(
    *, withdraws: bool | None, deposits: bool | None, is_open: bool | None
) -> None:
    terms = terms_between([a_wallet(withdraws=withdraws)], [a_wallet(deposits=deposits)])

    assert terms.open is is_open


def test_an_open_network_comes_before_a_cheap_one() -> None:
    paying = [
        a_wallet(network="TRC20", withdrawal_fee=1.0, withdraws=False),
        a_wallet(network="ERC20", withdrawal_fee=5.0),
        a_wallet(network="BEP20", withdrawal_fee=3.0),
    ]
    taking = [a_wallet("upbit", network=name) for name in ("trc20", "erc20", "bep20")]

    terms = terms_between(paying, taking)

    assert (terms.network, terms.fee) == ("BEP20", 3.0)


def test_networks_that_are_called_differently_may_be_the_same() -> None:
    terms = terms_between([a_wallet(network="ERC20")], [a_wallet("upbit", network="ETH")])

    assert (terms.open, terms.fee, terms.source) == (None, None, "kraken; upbit")


def test_a_venue_that_pays_out_on_no_network_is_closed_whatever_they_are_called() -> None:
    paying = [a_wallet(network="ERC20", withdraws=False)]

    assert terms_between(paying, [a_wallet("upbit", network="ETH")]).open is False


def test_a_wallet_of_all_networks_goes_with_any() -> None:
    terms = terms_between([a_wallet(network="")], [a_wallet("upbit", network="ETH")])

    assert (terms.open, terms.network) == (True, "ETH")


def test_a_fee_is_known_where_the_target_is_silent_but_not_the_state() -> None:
    terms = terms_between([a_wallet(withdrawal_fee=0.5)], [])

    assert (terms.fee, terms.open, terms.assumed) == (0.5, None, True)


def test_a_fee_is_unknown_where_the_source_is_silent() -> None:
    terms = terms_between([], [a_wallet("upbit")])

    assert (terms.fee, terms.open) == (None, None)
    assert terms.of("XRP", "kraken", "upbit") is None


def test_a_deposit_fee_that_nobody_mentions_is_assumed_away() -> None:
    assert terms_between([a_wallet()], [a_wallet("upbit", deposit_fee=None)]).assumed


def test_nothing_said_is_nothing_known() -> None:
    assert terms_between([], []) == UNKNOWN


def test_the_older_of_two_dates_is_told() -> None:
    out = Wallet(venue="kraken", code="XRP", source="a", checked=date(2026, 9, 1))
    into = Wallet(venue="upbit", code="XRP", source="b", checked=date(2026, 8, 1))

    assert terms_between([out], [into]).checked == date(2026, 8, 1)


def test_terms_with_a_fee_make_a_transfer() -> None:
    terms = terms_between([a_wallet(minutes=3.0)], [a_wallet("upbit")])

    assert terms.of("XRP", "kraken", "upbit") == Transfer(
        asset="XRP", source="kraken", target="upbit", fee=0.5, open=True, minutes=3.0
    )
