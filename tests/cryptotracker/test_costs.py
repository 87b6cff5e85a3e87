"""The table that ships is whole; settings and a file go before it; a wrong entry is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analytics.routes.costs import CapitalControl, Costs, Fee, Identity
from cryptotracker.costs import read_costs, shipped_facts
from cryptotracker.settings import read_settings
from market import Instrument, SettingsError, Wallet
from stream_service.venues import load_venues
from tests.processes import ROOT

BTC_KRW = Instrument("BTC", "KRW")
BTC_USD = Instrument("BTC", "USD")


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in os.environ:
        if variable.startswith("CRYPTOTRACKER_"):
            monkeypatch.delenv(variable)


def a_file(text: str) -> str:
    Path("costs.toml").write_text(text, "utf-8")
    return "costs.toml"


def bps(costs: Costs, venue: str, instrument: Instrument) -> float | None:
    fee = costs.taker_fee(venue, instrument)
    return None if fee is None else fee.bps


def test_every_venue_that_is_streamed_has_a_fee() -> None:
    assert {venue for venue, *_ in shipped_facts().fees} == set(load_venues())


def test_everything_that_ships_says_where_it_was_read_and_when() -> None:
    facts = shipped_facts()

    entries: list[Fee | Wallet | Identity | CapitalControl] = [
        *facts.fees.values(),
        *facts.wallets.values(),
        *facts.identities.values(),
        *facts.controls.values(),
    ]

    assert len(entries) > 20
    assert all(one.source and not one.source.endswith(".toml") for one in entries)
    assert all(one.checked is not None for one in entries)


def test_no_withdrawal_that_ships_is_free() -> None:
    assert all(wallet.withdrawal_fee != 0 for wallet in shipped_facts().wallets.values())


@pytest.mark.parametrize(
    ("venue", "instrument", "expected"),
    [
        ("upbit", BTC_KRW, 5.0),
        ("upbit", Instrument("BTC", "USDT"), 25.0),
        ("bithumb", Instrument("ETH", "BTC"), 25.0),
        ("kraken", BTC_USD, 40.0),
        ("alpaca", BTC_USD, 25.0),
    ],
)
def test_public_fees_are_those_of_the_lowest_tier(
    venue: str, instrument: Instrument, expected: float
) -> None:
    assert bps(read_costs(read_settings()), venue, instrument) == expected


def test_stocks_are_free_of_commission_at_alpaca() -> None:
    fee = read_costs(read_settings()).taker_fee("alpaca", Instrument("AAPL", "USD"), is_stock=True)

    assert fee is not None
    assert fee.bps == 0.0


def test_doubtful_fees_are_marked() -> None:
    costs = read_costs(read_settings())

    assumed = {venue: costs.taker_fee(venue, BTC_USD) for venue in ("okx", "bybit", "kraken")}

    assert {venue: fee is not None and fee.assumed for venue, fee in assumed.items()} == {
        "okx": True,
        "bybit": True,
        "kraken": False,
    }


def test_toncoin_and_the_tokamak_network_are_told_apart() -> None:
    costs = read_costs(read_settings())

    assert costs.asset_id("upbit", "TON") == "tokamak-network"
    assert costs.asset_id("binance", "TON") == "TON"


def test_coins_of_a_false_code_are_compared_with_no_other() -> None:
    identities = shipped_facts().identities

    ids = [identity.asset for identity in identities.values()]

    assert len(set(ids)) == len(ids)
    assert all(one == one.lower() for one in ids)


def test_settings_come_before_the_file_and_that_before_the_table() -> None:
    path = a_file('[fees.upbit]\nbps = 7\n[fees."kraken.USD"]\nbps = 16\n')

    costs = read_costs(read_settings(fees_file=path, taker_fee_bps={"upbit.KRW": 3}))

    assert bps(costs, "upbit", BTC_KRW) == 3.0
    assert bps(costs, "upbit", Instrument("BTC", "USDT")) == 7.0
    assert bps(costs, "kraken", BTC_USD) == 16.0
    assert bps(costs, "kraken", Instrument("BTC", "EUR")) == 40.0


def test_what_is_overridden_says_by_what() -> None:
    path = a_file("[fees.upbit]\nbps = 7\n")

    costs = read_costs(read_settings(fees_file=path, taker_fee_bps={"kraken.BTC-USD": 20}))

    sources = [costs.taker_fee("upbit", BTC_KRW), costs.taker_fee("kraken", BTC_USD)]
    assert [fee and fee.source for fee in sources] == ["costs.toml", "CRYPTOTRACKER_TAKER_FEE_BPS"]


def test_a_file_tells_of_wallets_coins_and_money() -> None:
    path = a_file(
        """
        [wallets."kraken.XRP.XRP"]
        withdrawal_fee = 0.2
        withdraws = true
        minutes = 3
        source = "my account"
        checked = 2026-11-20

        [wallets."upbit.XRP"]
        deposits = true
        deposit_fee = 0

        [identities."okx.ton"]
        asset = "another-ton"

        [capital_controls.CNY]
        venues = ["OKX"]
        """
    )

    costs = read_costs(read_settings(fees_file=path))

    terms = costs.transfer("XRP", "kraken", "upbit")
    assert (terms.fee, terms.open, terms.minutes) == (0.2, True, 3.0)
    assert terms.source == "my account; costs.toml"
    assert costs.asset_id("okx", "TON") == "another-ton"
    assert costs.transfer("CNY", "okx", "kraken").open is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[fees.upbit\n", "costs.toml is not TOML: .* line 1"),
        ("[fees.upbit]\nbps = 1\n[fees.upbit]\nbps = 2\n", "costs.toml is not TOML: .* line 3"),
        ("[fee.upbit]\nbps = 1\n", r"costs.toml, \[fee\]: .* Did you mean fees\?"),
        ("fees = 3\n", r"costs.toml: fees is 3, not tables \[fees.NAME\]"),
        ("[fees]\nupbit = 3\n", r"\[fees.upbit\]: it is 3, not a table of bps"),
        ("[fees.upbit]\nbps = -1\n", r"\[fees.upbit\]: bps is -1: .* >= 0"),
        ("[fees.upbit]\nbps = inf\n", r"\[fees.upbit\]: bps is inf: .* < 10000"),
        ("[fees.upbit]\nbps = nan\n", r"\[fees.upbit\]: bps is nan"),
        ('[fees.upbit]\nbps = "5"\n', r"\[fees.upbit\]: bps is '5': Expected `float`"),
        ("[fees.upbit]\nsource = 'x'\n", r"\[fees.upbit\]: .* missing required field `bps`"),
        ("[fees.upbit]\nbps = 1\nbpss = 2\n", r"no key 'bpss'. Did you mean bps\?"),
        ("[fees.upbit]\nbps = 1\nvenue = 'kraken'\n", r"\[fees.upbit\]: there is no key 'venue'"),
        ("[fees.upbit.KRW]\nbps = 1\n", r'write \[fees."upbit.KRW"\], with the quotes'),
        ("[fees.upbit]\nbps = 1\n[fees.Upbit]\nbps = 2\n", "another entry is of the same"),
        ("[fees.upbitt]\nbps = 1\n", r"no venue 'upbitt'. Did you mean upbit\?"),
        ('[fees."upbit.K-R-W"]\nbps = 1\n', "'upbit.K-R-W' is not what a fee is of"),
        ("[fees.upbit]\nbps = 1\nchecked = 'May'\n", "checked is 'May'"),
        ("[wallets.kraken]\nminutes = 1\n", "'kraken' names no coin"),
        ('[wallets."kraken.XRP"]\nwithdrawal_fee = -1\n', "withdrawal_fee is -1"),
        ('[identities."upbit.TON.x"]\nasset = "a"\n', "named by venue and code"),
        ('[identities."upbit.TON"]\nasset = "a>b"\n', "asset is 'a>b'"),
        ("[capital_controls.KRW]\nvenues = []\n", r"venues is \[\]"),
        ('[capital_controls.KRW]\nvenues = ["upbitt"]\n', "no venue 'upbitt'"),
        ("[capital_controls.KRW]\nvenues = [1]\n", r"venues is \[1\]"),
    ],
)
def test_a_wrong_entry_is_named_with_its_value_and_the_remedy(text: str, said: str) -> None:
    settings = read_settings(fees_file=a_file(text))

    with pytest.raises(SettingsError, match=said) as refused:
        read_costs(settings)

    assert "costs.toml" in str(refused.value)


def test_the_file_that_the_documents_show_can_be_read() -> None:
    text = (ROOT / "docs" / "COSTS.md").read_text("utf-8")
    shown = text.partition("```toml\n")[2].partition("```")[0]

    costs = read_costs(read_settings(fees_file=a_file(shown)))

    assert bps(costs, "upbit", BTC_KRW) == 4.0
    assert costs.transfer("XRP", "kraken", "upbit").fee == 0.2
    assert costs.asset_id("okx", "ABC") == "abc-of-the-other-kind"
    assert costs.is_controlled("CNY")


def test_a_file_that_is_not_there_is_named_with_its_setting() -> None:
    settings = read_settings(fees_file="nowhere.toml")

    with pytest.raises(SettingsError, match=r"CRYPTOTRACKER_FEES_FILE is 'nowhere\.toml'"):
        read_costs(settings)


def test_a_file_that_is_no_text_is_refused() -> None:
    Path("costs.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(SettingsError, match="no text in UTF-8"):
        read_costs(read_settings(fees_file="costs.toml"))


@pytest.mark.parametrize(
    ("fees", "said"),
    [
        ('{"upbit.K-R-W": 5}', "'upbit.K-R-W' is not what a fee is of"),
        ('{"upbit": -1}', "greater than or equal to 0"),
        ('{"upbit": 10000}', "less than 10000"),
        ('{"upbit": NaN}', "finite"),
        ('{"kraken.BTC-USD": 1, "kraken.XBT-USD": 2}', "two of the fees are of the same"),
    ],
)
def test_wrong_fees_of_the_settings_are_refused(
    fees: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_TAKER_FEE_BPS", fees)

    with pytest.raises(SettingsError, match=said):
        read_settings()
