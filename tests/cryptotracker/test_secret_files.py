"""Secrets that come from files instead of the environment, which many can read."""

import os
from pathlib import Path

import pytest

from cryptotracker.settings import origins, read_settings
from market import SettingsError


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in os.environ:
        if variable.startswith("CRYPTOTRACKER_"):
            monkeypatch.delenv(variable)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def test_a_secret_is_what_its_file_holds(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret.write_text("amqp://serve:hidden@rabbitmq:5672/\n", "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_BUS_URL_FILE", str(secret))

    assert read_settings().bus_url == "amqp://serve:hidden@rabbitmq:5672/"
    assert read_settings(bus_url="local://").bus_url == "local://"


def test_a_file_may_be_named_in_the_env_file_too(secret: Path) -> None:
    secret.write_text("a token", "utf-8")
    Path(".env").write_text(f"CRYPTOTRACKER_STORE_TOKEN_FILE={secret}\n", "utf-8")

    assert read_settings().store_token.get_secret_value() == "a token"


def test_keys_of_venues_are_json_in_their_file(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.write_text('{"alpaca": {"key": "k", "secret": "s"}}', "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_CREDENTIALS_FILE", str(secret))

    keys = read_settings().credentials["alpaca"]

    assert {name: key.get_secret_value() for name, key in keys.items()} == {
        "key": "k",
        "secret": "s",
    }


def test_an_empty_file_says_nothing(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret.write_text("\n", "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_CREDENTIALS_FILE", str(secret))

    assert read_settings().credentials == {}


def test_the_file_is_told_and_the_secret_is_not(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.write_text("hidden", "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_STORE_TOKEN_FILE", str(secret))

    told = {name: (value, origin) for name, value, origin, _ in origins(read_settings())}

    assert told["CRYPTOTRACKER_STORE_TOKEN"] == ("********", str(secret))
    assert told["CRYPTOTRACKER_BUS_URL"] == ("local://", "default")


def test_a_file_that_is_not_there_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_BUS_URL_FILE", "/nowhere/bus_url")

    with pytest.raises(SettingsError, match="CRYPTOTRACKER_BUS_URL_FILE is '/nowhere/bus_url'"):
        read_settings()


def test_a_secret_is_given_once(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret.write_text("from the file", "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_STORE_TOKEN_FILE", str(secret))
    monkeypatch.setenv("CRYPTOTRACKER_STORE_TOKEN", "from the environment")

    with pytest.raises(SettingsError, match="are both there: leave one out"):
        read_settings()


def test_keys_that_are_not_json_are_refused_unseen(
    secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret.write_text("hidden", "utf-8")
    monkeypatch.setenv("CRYPTOTRACKER_CREDENTIALS_FILE", str(secret))

    with pytest.raises(SettingsError, match="not JSON") as refused:
        read_settings()
    assert "hidden" not in str(refused.value)


def test_only_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOTRACKER_STORE_ORG_FILE", "org")

    with pytest.raises(SettingsError, match="There is no setting CRYPTOTRACKER_STORE_ORG_FILE"):
        read_settings()
