"""`cryptotracker venues` and `symbols`: what there is, for people and for programs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from cryptotracker.known import known_venues
from cryptotracker.venue_commands import matches
from tests.cryptotracker.test_command_line import REFUSED, outcome
from tests.making import a_listing


async def test_every_venue_is_in_the_table(tmp_path: Path) -> None:
    status, out, errors = await outcome("venues", folder=tmp_path)

    assert (status, errors) == (0, "")
    assert all(name in out for name in known_venues())
    assert "polled" in out


async def test_venues_are_told_to_programs(tmp_path: Path) -> None:
    status, out, _ = await outcome("venues", "--json", folder=tmp_path)

    rows = {row["name"]: row for row in map(msgspec.json.decode, out.splitlines())}
    assert status == 0
    assert set(rows) == set(known_venues())
    assert rows["kraken"]["kind"] == "streamed"
    assert "BTC" in rows["binance"]["quote_currencies"]
    assert rows["alpaca"]["needs_credentials"]
    assert not rows["coingecko"]["needs_credentials"]


async def test_an_instrument_is_found_at_every_venue_that_lists_it(tmp_path: Path) -> None:
    status, out, errors = await outcome("symbols", "btc-usdt", "--json", folder=tmp_path)

    rows = {row["venue"]: row for row in map(msgspec.json.decode, out.splitlines())}
    assert (status, errors) == (0, "")
    assert {"binance", "kraken", "okx"} <= set(rows)
    assert rows["binance"]["symbol"] == "BTCUSDT"
    assert rows["kraken"]["symbol"] == "BTC/USDT"
    assert {row["instrument"] for row in rows.values()} == {"BTC-USDT"}
    assert rows["binance"]["tick_size"] > 0


async def test_only_the_venues_that_are_named_are_asked(tmp_path: Path) -> None:
    status, out, _ = await outcome("symbols", "KRW", "--venue", "upbit", folder=tmp_path)

    assert status == 0
    assert "KRW-BTC" in out
    assert "bithumb" not in out


async def test_nothing_found_is_said(tmp_path: Path) -> None:
    status, out, errors = await outcome("symbols", "nosuch", "--venue", "kraken", folder=tmp_path)

    assert status == 1
    assert not out
    assert "'nosuch'" in errors


async def test_a_venue_that_does_not_answer_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://{REFUSED}")  # whatever the machine can reach
    monkeypatch.setenv("NO_PROXY", "")

    status, _, errors = await outcome(
        "symbols", "BTC", "--live", "--venue", "kraken", "--venue", "alpaca", folder=tmp_path
    )

    assert status == 1
    assert "kraken does not answer" in errors
    assert "alpaca does not answer: it needs key and secret" in errors
    assert "Traceback" not in errors


async def test_an_unknown_venue_is_named_with_a_near_one(tmp_path: Path) -> None:
    status, _, errors = await outcome("symbols", "BTC", "--venue", "okex", folder=tmp_path)

    assert status == 2
    assert "Did you mean okx" in errors


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("BTC", True),
        ("usdt", True),
        ("XBT", True),
        ("btc-usdt", True),
        ("BTC/USDT", True),
        ("btcus", True),
        ("", True),
        ("ETH", False),
        ("BTC-USD", False),
        ("USDT-BTC", False),
    ],
)
def test_what_is_asked_for_is_a_code_an_instrument_or_part_of_a_symbol(
    query: str, *, is_found: bool
) -> None:
    listing = a_listing("BTC-USDT", "BTCUSDT")

    assert matches(listing, query) is is_found
