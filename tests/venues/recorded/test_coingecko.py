"""CoinGecko's recorded answers, against a plain reading of the same JSON."""

import json
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from market import Summary
from stream_service.venues.coingecko import CoinGeckoPoller
from tests.venues.polled_cases import instruments, read

FOLDER = os.environ.get("CRYPTOTRACKER_FRAMES")
pytestmark = pytest.mark.skipif(
    FOLDER is None, reason="CRYPTOTRACKER_FRAMES names no folder of recorded frames"
)


def lines(name: str) -> list[bytes]:
    return (Path(FOLDER or "") / f"coingecko/{name}.jsonl").read_bytes().splitlines()


def plain(line: bytes) -> Any:
    return json.loads(line, parse_float=Decimal, parse_int=Decimal)


def summaries(poller: CoinGeckoPoller, line: bytes) -> list[Summary]:
    return [event for event in read(poller, line) if isinstance(event, Summary)]


def ns_of(stamp: str) -> int:
    at = datetime.fromisoformat(stamp)
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000


def test_every_recorded_market_is_a_summary() -> None:
    for line in lines("oas2026-rest_coins_markets"):
        (summary,) = summaries(CoinGeckoPoller(), line)
        (row,) = plain(line)

        assert (summary.symbol, summary.name) == (row["id"], row["name"])
        assert str(summary.instrument) == f"{row['symbol'].upper()}-USD"
        assert summary.last == float(row["current_price"])
        assert (summary.high, summary.low) == (float(row["high_24h"]), float(row["low_24h"]))
        assert summary.volume == pytest.approx(float(row["total_volume"] / row["current_price"]))
        assert summary.event_ns == ns_of(row["last_updated"])


def test_recorded_rates_give_what_a_dollar_costs() -> None:
    for line in lines("oas2026-rest_exchange_rates"):
        rates = plain(line)["rates"]
        poller = CoinGeckoPoller(instruments("USD-KRW", "EUR-USD", "USD-JPY"))

        told = {str(one.instrument): one.last for one in summaries(poller, line)}

        assert told == {
            f"{base}-{quote}": pytest.approx(
                float(rates[quote.lower()]["value"] / rates[base.lower()]["value"])
            )
            for base, quote in (("USD", "KRW"), ("EUR", "USD"), ("USD", "JPY"))
        }


def test_recorded_simple_prices_are_summaries() -> None:
    for line in lines("oas2026-rest_simple_price"):
        (summary,) = summaries(CoinGeckoPoller(), line)
        fields = plain(line)["bitcoin"]

        assert str(summary.instrument) == "BTC-USD"
        assert summary.last == float(fields["usd"])
        assert summary.volume == pytest.approx(float(fields["usd_24h_vol"] / fields["usd"]))
        assert summary.event_ns == int(fields["last_updated_at"]) * 1_000_000_000


@pytest.mark.parametrize(
    "name",
    [
        "oas2026-rest_coins_list",
        "oas2026-rest_coins_tickers",
        "oas2026-rest_exchanges_tickers",
        "oas2026-rest_market_chart",
        "oas2026-rest_ohlc",  # of half an hour, which is none of our lengths
        "oas2026-rest_ping",
        "oas2026-rest_supported_vs_currencies",
    ],
)
def test_what_else_was_recorded_is_read_without_event(name: str) -> None:
    for line in lines(name):
        assert read(CoinGeckoPoller(), line, "bitcoin") == []


def test_every_recording_is_covered_here() -> None:
    names = {path.stem for path in (Path(FOLDER or "") / "coingecko").glob("*.jsonl")}

    assert len(names) == 10
