"""`cryptotracker fees`: what is used, where it comes from, and what is unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from analytics.routes.costs import Costs
from cryptotracker.costs.asking import ask_wallets
from stream_service.simulator.prices import SimulatedMarket
from stream_service.simulator.server import SimulatedVenues
from stream_service.venues import load_venues
from tests.cryptotracker.test_command_line import REFUSED, outcome
from tests.making import a_listing


async def rows_of(*words: str, folder: Path, **settings: str) -> dict[str, dict[str, object]]:
    status, out, errors = await outcome("fees", *words, "--json", folder=folder, **settings)
    assert (status, errors) == (0, "")
    rows = map(msgspec.json.decode, out.splitlines())
    return {f"{row['kind']} {row['of']}": row for row in rows}


async def test_every_venue_has_a_row_with_source_and_date(tmp_path: Path) -> None:
    status, out, errors = await outcome("fees", folder=tmp_path)

    assert (status, errors) == (0, "")
    assert all(name in out for name in load_venues())
    assert "2026-10-31" in out
    assert "assumed" in out
    assert "Tokamak Network" in out
    assert "is unknown" in out


async def test_one_venue_is_shown_alone(tmp_path: Path) -> None:
    rows = await rows_of("upbit", folder=tmp_path)

    assert set(rows) == {"fee upbit", "fee upbit.KRW", "identity upbit.TON", "capital_control KRW"}
    assert rows["fee upbit.KRW"]["bps"] == 5.0
    assert rows["fee upbit.KRW"]["state"] == "public"


async def test_what_is_overridden_is_shown_so(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[wallets."kraken.XRP"]\nwithdrawal_fee = 0.2\n', "utf-8")

    rows = await rows_of(
        "kraken", folder=tmp_path, taker_fee_bps='{"kraken.btc-usd": 20}', fees_file="mine.toml"
    )

    assert rows["fee kraken.BTC-USD"]["state"] == "overridden"
    assert rows["fee kraken.BTC-USD"]["bps"] == 20.0
    assert rows["fee kraken"]["state"] == "public"
    assert rows["wallet kraken.XRP"]["withdrawal_fee"] == 0.2
    assert rows["wallet kraken.XRP"]["deposits"] is None
    assert rows["wallet kraken.XRP"]["source"] == "mine.toml"


async def test_a_wallet_is_told_to_people(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[wallets."kraken.XRP"]\nwithdrawal_fee = 0.2\ndeposits = false\n', "utf-8"
    )

    _, out, _ = await outcome("fees", "kraken", folder=tmp_path, fees_file="mine.toml")

    assert "out unknown at 0.2, in closed" in out


async def test_a_service_that_nothing_is_traded_at_has_no_known_fee(tmp_path: Path) -> None:
    rows = await rows_of("coingecko", folder=tmp_path)

    assert rows["fee coingecko"]["state"] == "unknown"
    assert rows["fee coingecko"]["bps"] is None


async def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[fees.upbit]\nbps = -5\n", "utf-8")

    status, _, errors = await outcome("fees", folder=tmp_path, fees_file="mine.toml")

    assert status == 2
    assert "mine.toml, [fees.upbit]: bps is -5" in errors
    assert "Traceback" not in errors


async def test_the_system_does_not_start_on_a_wrong_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[fees.upbit]\nbpss = 5\n", "utf-8")

    status, _, errors = await outcome("up", folder=tmp_path, port="0", fees_file="mine.toml")

    assert status == 2
    assert "no key 'bpss'. Did you mean bps?" in errors


async def test_a_venue_that_does_not_answer_is_said_and_the_rest_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://{REFUSED}")  # whatever the machine can reach
    monkeypatch.setenv("NO_PROXY", "")

    status, out, errors = await outcome("fees", "kucoin", "--live", folder=tmp_path)

    assert status == 1
    assert "kucoin" in out
    assert "kucoin does not tell of its wallets" in errors


async def test_venues_tell_of_their_wallets_and_of_the_transfer_between_them() -> None:
    venues = [load_venues()[name] for name in ("kucoin", "bithumb", "kraken")]
    markets = {one.name: SimulatedMarket([a_listing("XRP-USDT")]) for one in venues}

    async with SimulatedVenues(venues, markets).serving() as served:
        told, troubles = await ask_wallets([served.venue(one.name) for one in venues])

    terms = Costs(told).transfer("XRP", "bithumb", "kucoin")
    assert troubles == []
    assert set(told.wallets) == {("kucoin", "XRP", "XRP"), ("bithumb", "XRP", "XRP")}
    assert terms.fee
    assert terms.open is None
    assert terms.checked == datetime.now(UTC).date()
    assert Costs(told).transfer("XRP", "kraken", "kucoin").fee is None
