"""Wallets: what the two venues that publish their terms mean by them."""

from __future__ import annotations

import msgspec
import pytest

from market import FrameError, VenueBusyError, VenueRefusedError, Wallet
from stream_service.venue import Venue
from stream_service.venues.bithumb import VENUE as BITHUMB
from stream_service.venues.kucoin import VENUE as KUCOIN
from tests.making import a_listing
from tests.venues.cases import VENUES
from tests.venues.playing import ToldMarket

TELLING = [venue for venue in VENUES.values() if venue.list_wallets]

CHAIN = {
    "chainName": "TRC20",
    "withdrawalMinSize": "10",
    "depositMinSize": "0.5",
    "withdrawFeeRate": "0",
    "withdrawalMinFee": "1.5",
    "isWithdrawEnabled": True,
    "isDepositEnabled": False,
    "confirms": 1,
    "chainId": "trx",
}
NETWORK = {
    "net_name": "XRP",
    "deposit_fee_quantity": "0",
    "deposit_minimum_quantity": "0.2",
    "withdraw_fee_quantity": "0.4",
    "withdraw_minimum_quantity": "20.1",
}


def read(venue: Venue, body: bytes) -> list[Wallet]:
    assert venue.list_wallets is not None
    asking = venue.list_wallets(venue)
    next(asking)
    with pytest.raises(StopIteration) as done:
        asking.send(body)
    wallets: list[Wallet] = done.value.value
    return wallets


def kucoin(*rows: object) -> list[Wallet]:
    return read(KUCOIN, msgspec.json.encode({"code": "200000", "data": rows}))


def bithumb(*rows: object) -> list[Wallet]:
    return read(BITHUMB, msgspec.json.encode(rows))


def test_kucoin_tells_fees_and_states_of_each_chain() -> None:
    other = {**CHAIN, "chainName": "ERC20", "isDepositEnabled": True}

    first, second = kucoin({"currency": "USDT", "chains": [CHAIN, other]})

    assert first == Wallet(
        venue="kucoin",
        code="USDT",
        network="TRC20",
        withdrawal_fee=1.5,
        withdrawal_minimum=10.0,
        withdraws=True,
        deposit_minimum=0.5,
        deposits=False,
        source="https://api.kucoin.com/api/v3/currencies",
    )
    assert (second.network, second.deposits) == ("ERC20", True)


def test_a_fee_that_grows_with_the_amount_is_unknown() -> None:
    [wallet] = kucoin({"currency": "USDT", "chains": [{**CHAIN, "withdrawFeeRate": "0.001"}]})

    assert wallet.withdrawal_fee is None


def test_a_coin_without_chains_has_no_wallet() -> None:
    assert kucoin({"currency": "OLD", "chains": None}, {"currency": "NEW", "chains": []}) == []


def test_bithumb_tells_fees_but_not_whether_it_is_open() -> None:
    [wallet] = bithumb({"name": "리플", "currency": "XRP", "networks": [NETWORK]})

    assert wallet == Wallet(
        venue="bithumb",
        code="XRP",
        network="XRP",
        withdrawal_fee=0.4,
        withdrawal_minimum=20.1,
        deposit_fee=0.0,
        deposit_minimum=0.2,
        source="https://api.bithumb.com/v2/fee/inout/ALL",
    )


def test_what_a_venue_leaves_out_is_unknown() -> None:
    [chain] = kucoin({"currency": "XRP", "chains": [{"chainName": "XRP"}]})
    [network] = bithumb({"currency": "XRP", "networks": [{"net_name": "XRP"}]})

    assert (chain.withdrawal_fee, chain.withdraws, chain.deposits) == (None, None, None)
    assert (network.withdrawal_fee, network.deposit_fee) == (None, None)


def test_a_coin_that_cannot_be_read_does_not_cost_the_others() -> None:
    [wallet] = bithumb(
        {"currency": "XRP", "networks": [{**NETWORK, "withdraw_fee_quantity": "-1"}]},
        {"currency": "EOS", "networks": [NETWORK]},
    )

    assert wallet.code == "EOS"


@pytest.mark.parametrize("venue", TELLING, ids=[venue.name for venue in TELLING])
@pytest.mark.parametrize("body", [b"", b"{", b"null", b"7", b"\xff\xfe", b'[{"x": 1}]'])
def test_an_unreadable_list_of_wallets_raises_frame_error(venue: Venue, body: bytes) -> None:
    assert venue.list_wallets is not None
    asking = venue.list_wallets(venue)
    next(asking)

    with pytest.raises(FrameError, match=venue.name):
        asking.send(body)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"code":"429000","msg":"Too Many Requests"}', VenueBusyError),
        (b'{"code":"400100","msg":"no"}', VenueRefusedError),
    ],
)
def test_a_refusal_of_kucoin_is_one(body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(KUCOIN, body)


@pytest.mark.parametrize("venue", TELLING, ids=[venue.name for venue in TELLING])
def test_both_sides_of_the_wire_mean_the_same_terms(venue: Venue) -> None:
    assert venue.list_wallets is not None
    request = next(venue.list_wallets(venue))
    market = ToldMarket([a_listing("XRP-USDT"), a_listing("XRP-BTC")], [])

    [wallet] = read(venue, venue.answer(request.path, market))

    assert (wallet.venue, wallet.code) == (venue.name, "XRP")
    assert wallet.withdrawal_fee
    assert wallet.withdrawal_minimum
    assert wallet.withdrawal_minimum > wallet.withdrawal_fee
