"""Settings: read from the environment and .env, explained, and refused with the remedy."""

import os
from pathlib import Path

import pytest

from cryptotracker.settings import origins, read_settings, shown
from market import Instrument, SettingsError


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in os.environ:
        if variable.startswith("CRYPTOTRACKER_"):
            monkeypatch.delenv(variable)


def test_without_any_setting_it_runs_embedded_and_simulated() -> None:
    settings = read_settings()

    assert settings.mode == "simulated"
    assert not settings.is_distributed


def test_invented_prices_are_kept_apart_from_real_ones() -> None:
    simulated, live = read_settings(), read_settings(mode="live")

    assert simulated.store_url == "duckdb:data/simulated/market.duckdb"
    assert simulated.state_folder == Path("data/state/simulated")
    assert live.store_url == "duckdb:data/market.duckdb"
    assert live.state_folder == Path("data/state")


def test_a_store_that_is_named_is_used_in_either_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", "duckdb:mine.duckdb")

    assert read_settings().store_url == "duckdb:mine.duckdb"
    assert read_settings(mode="live").store_url == "duckdb:mine.duckdb"
    assert read_settings(store_url="duckdb:").store_url == "duckdb:"


def test_the_environment_comes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CRYPTOTRACKER_PORT=8001\nCRYPTOTRACKER_HOST=10.0.0.1\n", "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_PORT", "8002")

    settings = read_settings()

    assert (settings.port, settings.host) == (8002, "10.0.0.1")


def test_the_command_line_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_PORT", "8002")

    assert read_settings(port=8003).port == 8003


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_ASSETS", "btc, xrp")
    monkeypatch.setenv("CRYPTOTRACKER_QUOTE_CURRENCIES", "USD,KRW")

    assert read_settings().instruments == (
        Instrument("BTC", "USD"),
        Instrument("BTC", "KRW"),
        Instrument("XRP", "USD"),
        Instrument("XRP", "KRW"),
        Instrument("USD", "KRW"),
        Instrument("KRW", "USD"),
    )


@pytest.mark.parametrize(
    ("variable", "value", "hint"),
    [
        ("CRYPTOTRACKER_PORT", "abc", "integer"),
        ("CRYPTOTRACKER_PORT", "70000", "65535"),
        ("CRYPTOTRACKER_BUS_URL", "kafka://host", "amqp://"),
        ("CRYPTOTRACKER_STORE_URL", "mysql://host", "influxdb://"),
        ("CRYPTOTRACKER_MODE", "lvie", "'simulated' or 'live'"),
        ("CRYPTOTRACKER_ASSETS", "", "at least 1"),
        ("CRYPTOTRACKER_TAKER_FEE_BPS", "[1]", "dict"),
        ("CRYPTOTRACKER_CHANNELS", "trade,qoute", "qoute is none of trade, quote, book"),
        ("CRYPTOTRACKER_SIMULATOR", "nonsense", "host:port"),
        ("CRYPTOTRACKER_SIMULATOR", "127.0.0.1:70000", "host:port"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, hint: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as refused:
        read_settings()

    assert variable in str(refused.value)
    assert value in str(refused.value)
    assert hint in str(refused.value)


def test_fees_that_are_not_json_are_refused_with_an_example(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_TAKER_FEE_BPS", "kraken=26")

    with pytest.raises(SettingsError, match=r'TAKER_FEE_BPS .* \{"kraken": 26\}'):
        read_settings()


@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_misspelt_setting_is_refused_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "environment":
        monkeypatch.setenv("CRYPTOTRACKER_PROT", "8001")
    else:
        Path(".env").write_text("CRYPTOTRACKER_PROT=8001\n", encoding="utf-8")

    with pytest.raises(SettingsError, match="CRYPTOTRACKER_PROT: did you mean CRYPTOTRACKER_PORT"):
        read_settings()


def test_variables_that_resemble_no_setting_are_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_NOTES", "written by the operator")
    Path(".env").write_text("PROT=8001\n", encoding="utf-8")

    assert read_settings().port == 8000


def test_a_wrong_url_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_BUS_URL", "kafka://me:canary@host")

    with pytest.raises(SettingsError) as refused:
        read_settings()

    assert "host" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_every_setting_is_printed_with_origin_and_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("CRYPTOTRACKER_HOST=10.0.0.1\n", encoding="utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_PORT", "8002")

    rows = {variable: (value, origin) for variable, value, origin, _ in origins(read_settings())}

    assert rows["CRYPTOTRACKER_PORT"] == ("8002", "environment")
    assert rows["CRYPTOTRACKER_HOST"] == ("10.0.0.1", ".env")
    assert rows["CRYPTOTRACKER_MODE"] == ("simulated", "default")
    assert all(description for *_, description in origins(read_settings()))


def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_STORE_TOKEN", "canary")
    monkeypatch.setenv("CRYPTOTRACKER_BUS_URL", "amqp://me:canary@a/,amqp://me:canary@b/")

    printed = str(list(origins(read_settings())))

    assert "canary" not in printed
    assert shown("amqp://me:pw@a/") == "amqp://me:********@a/"


def test_keys_of_venues_are_variables_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CRYPTOTRACKER_CREDENTIALS__ALPHA_VANTAGE__KEY=0123\n", "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_CREDENTIALS__ALPACA__KEY", "aBc")
    monkeypatch.setenv("CRYPTOTRACKER_CREDENTIALS", '{"alpaca": {"secret": "dEf"}}')

    credentials = read_settings().credentials

    assert {
        venue: {name: secret.get_secret_value() for name, secret in secrets.items()}
        for venue, secrets in credentials.items()
    } == {"alpaca": {"key": "aBc", "secret": "dEf"}, "alpha_vantage": {"key": "0123"}}


def test_keys_of_venues_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_CREDENTIALS__ALPACA__KEY", "canary")

    rows = {variable: row for variable, *row in origins(read_settings())}

    assert rows["CRYPTOTRACKER_CREDENTIALS"][:2] == ["alpaca=key=********", "environment"]
    assert "canary" not in repr(read_settings())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CRYPTOTRACKER_CREDENTIALS", "canary"),
        ("CRYPTOTRACKER_CREDENTIALS", '{"alpaca": "canary"}'),
        ("CRYPTOTRACKER_CREDENTIALS__ALPACA", "canary"),
        ("CRYPTOTRACKER_CREDENTIALS__ALPACA__KEY__MORE", "canary"),
    ],
)
def test_keys_in_another_shape_are_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as refused:
        read_settings()

    assert "CRYPTOTRACKER_CREDENTIALS" in str(refused.value)
    assert "canary" not in str(refused.value)


def test_a_misspelt_key_is_refused_with_what_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_CREDENTAILS__ALPACA__KEY", "canary")

    with pytest.raises(
        SettingsError, match="did you mean CRYPTOTRACKER_CREDENTIALS__ALPACA__KEY"
    ) as refused:
        read_settings()

    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ASSETS", "BTC-USD", "ASSETS is 'BTC-USD': 'BTC-USD' is not the code of a currency"),
        (
            "TAKER_FEE_BPS",
            '{"kraken": "x"}',
            "TAKER_FEE_BPS__KRAKEN is 'x': .* Taker fees in place",
        ),
        ("CREDENTIALS", "alpaca", "CREDENTIALS is not JSON. It means: Keys of venues"),
        ("CREDENTIALS", '{"alpaca": 5}', "CREDENTIALS__ALPACA: .* Keys of venues"),
    ],
)
def test_what_is_wrong_is_said_with_what_it_should_be(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"CRYPTOTRACKER_{variable}", value)

    with pytest.raises(SettingsError, match=said):
        read_settings()


def test_venues_are_known_whatever_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_VENUES", "Kraken, UPBIT")

    assert read_settings().venues == ("kraken", "upbit")
