"""Which venues are followed, with which keys."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cryptotracker.choice import chosen_polled, chosen_venues, with_keys
from cryptotracker.settings import read_settings
from market import SettingsError
from stream_service.polled import PolledVenue
from stream_service.venue import Venue
from stream_service.venues import load_polled, load_venues

KEY = "CRYPTOTRACKER_CREDENTIALS__ALPHA_VANTAGE__KEY"


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def names(venues: Sequence[Venue | PolledVenue]) -> list[str]:
    return [venue.name for venue in venues]


def test_all_venues_are_followed_unless_some_are_named() -> None:
    settings = read_settings()

    assert names(chosen_venues(settings)) == list(load_venues())
    assert names(chosen_polled(settings)) == list(load_polled())


def test_streamed_and_polled_venues_are_named_side_by_side() -> None:
    settings = read_settings(venues=("upbit", "coingecko", "binance"))

    assert names(chosen_venues(settings)) == ["upbit", "binance"]
    assert names(chosen_polled(settings)) == ["coingecko"]


def test_of_all_venues_those_without_their_key_are_left_out() -> None:
    settings = read_settings(mode="live")

    polled = with_keys(settings, chosen_polled(settings))
    streamed = with_keys(settings, chosen_venues(settings))

    assert names(polled) == ["coingecko"]
    assert {"binance", "kraken", "upbit"} <= set(names(streamed))
    assert all(not venue.credentials for venue in streamed)


def test_simulated_venues_need_no_key() -> None:
    settings = read_settings()

    assert names(with_keys(settings, chosen_polled(settings))) == list(load_polled())


def test_a_venue_is_given_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "canary")
    settings = read_settings(mode="live", venues=("alpha_vantage",))

    (venue,) = with_keys(settings, chosen_polled(settings))

    assert venue.keys == {"key": "canary"}
    assert venue.missing == ()


def test_naming_a_venue_without_its_key_is_refused_with_the_variable() -> None:
    settings = read_settings(mode="live", venues=("alpha_vantage", "binance"))

    with pytest.raises(SettingsError, match=f"alpha_vantage needs key: set {KEY}"):
        with_keys(settings, chosen_polled(settings))


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("CRYPTOTRACKER_VENUES", "binance,mtgox", "VENUES names 'mtgox'.*binance.*coingecko.*all"),
        ("CRYPTOTRACKER_TAKER_FEE_BPS", '{"krakn": 9}', "TAKER_FEE_BPS names 'krakn'.*kraken"),
        ("CRYPTOTRACKER_CREDENTIALS__ALPHAVANTAGE__KEY", "canary", "'alphavantage'.*alpha_vantage"),
        ("CRYPTOTRACKER_CREDENTIALS__ALPHA_VANTAGE__KYE", "canary", "'kye'.*Known: key"),
        ("CRYPTOTRACKER_CREDENTIALS__BINANCE__KEY", "canary", "'binance'.*Known: .*alpha_vantage"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, why: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError, match=why) as refused:
        chosen_venues(read_settings())

    assert "canary" not in str(refused.value)
