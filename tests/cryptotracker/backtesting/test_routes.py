"""`cryptotracker backtest routes` from end to end, in this process."""

import asyncio
import csv
import json
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from analytics.backtest.arbitrage.definitions import DEFINITIONS
from analytics.strategies.route_taker import TakeTerms
from cryptotracker.cli import app
from cryptotracker.strategies import take_terms
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Event, Quote, SettingsError
from tests.making import SECOND, a_listed, a_quote, a_status

MS = SECOND // 1_000
FEES = {"CRYPTOTRACKER_TAKER_FEE_BPS": '{"binance": 0, "kraken": 0}'}
WALLETS = "".join(
    f"""
[wallets."{venue}.{coin}"]
withdrawal_fee = {fee}
withdraws = true
deposits = true
deposit_fee = 0
minutes = 10
source = "a page"
"""
    for venue in ("binance", "kraken")
    for coin, fee in (("BTC", 0.01), ("USDT", 1.0))
)
HERE = ("--set", "despite=transfer_unknown")


def chances(at_ns: int) -> list[Event]:
    """Return quotes between which 2 BTC bring 4 dollars, gone after 100 ms."""
    cheap = a_quote("binance", bid=99.0, ask=100.0, ask_size=3.0, at_ns=at_ns)
    dear = a_quote("kraken", bid=102.0, ask=103.0, bid_size=2.0, at_ns=at_ns + 500 * MS)
    gone = a_quote("kraken", bid=98.0, ask=99.9, bid_size=2.0, at_ns=at_ns + 600 * MS)
    later = a_quote("kraken", bid=98.0, ask=99.9, at_ns=at_ns + 3 * SECOND)
    return [cheap, dear, gone, later]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of events as `replay --print` prints them."""
    at_ns = 1_790_000_000 * SECOND
    lives = [a_status(venue, at_ns=at_ns) for venue in ("binance", "kraken")]
    path = tmp_path / "events.jsonl"
    path.write_bytes(msgspec.json.Encoder().encode_lines([*lives, *chances(at_ns)]))
    return path


def ran(*words: str | Path, env: dict[str, str] | None = None) -> str:
    """Run the command; return what it prints."""
    found = CliRunner().invoke(
        app,
        ["backtest", "routes", *map(str, words)],
        catch_exceptions=False,
        env=FEES | (env or {}),
    )
    assert found.exit_code == 0, found.output
    return found.stdout


def test_a_file_of_events_tells_what_is_kept_by_latency(file: Path) -> None:
    told = json.loads(ran(file, *HERE, "--latency", "0,50,150", "--json"))

    at_once, early, late = told["latencies"]
    assert [one["latency_ms"] for one in told["latencies"]] == ["0", "50", "150"]
    assert at_once["total"]["kept_usd"] == pytest.approx(4.0)
    assert early["total"]["kept_share"] == pytest.approx(1.0)
    assert late["total"]["missing"] == {"price": 1}
    assert told["definitions"] == DEFINITIONS
    assert told["from"] == "2026-09-21T14:13:20.000Z"


def test_what_came_of_each_route_is_in_files(file: Path, tmp_path: Path) -> None:
    ran(file, *HERE, "--csv", tmp_path / "out", "--report", tmp_path / "report.html")

    takes = list(csv.DictReader((tmp_path / "out" / "takes.csv").read_text().splitlines()))
    fills = list(csv.DictReader((tmp_path / "out" / "fills.csv").read_text().splitlines()))
    page = (tmp_path / "report.html").read_text()
    assert [row["state"] for row in takes] == ["filled", "filled", "partial", "partial"]
    assert [row["side"] for row in fills[:2]] == ["buy", "sell"]
    assert "http" not in page.replace("http://www.w3.org", "")


def test_balances_bound_what_is_taken(file: Path) -> None:
    given = ("--balance", "binance:USDT=100", "--latency", "0")

    told = json.loads(ran(file, *HERE, *given, "--json"))

    assert told["latencies"][0]["total"]["kept_usd"] == pytest.approx(2.0)


def test_the_store_is_replayed_where_no_file_is_named(tmp_path: Path) -> None:
    """Nothing in it says each second that a venue lives; from its first quote on it does."""
    at_ns = time.time_ns() - 60 * SECOND
    terms = [a_listed(venue, at_ns=at_ns) for venue in ("binance", "kraken")]
    quotes = [event for event in chances(at_ns) if isinstance(event, Quote)]
    store = tmp_path / "market.duckdb"

    async def keep() -> None:
        opened = EmbeddedTimeSeries.open(store)
        await opened.write([*terms, *quotes])
        opened.close()

    asyncio.run(keep())
    env = {"CRYPTOTRACKER_STORE_URL": f"duckdb:{store}"}
    told = json.loads(ran(*HERE, "--latency", "0", "--json", "--from", "-1h", env=env))

    assert told["quotes_and_books"] == 4
    assert told["latencies"][0]["total"]["kept_usd"] == pytest.approx(4.0)


def test_rebalancing_and_transfers_are_told(tmp_path: Path) -> None:
    """2 BTC for 200 USDT bring 204; both are sent back at once, for 0.01 BTC and 1 USDT."""
    at_ns = 1_790_000_000 * SECOND
    lives = [a_status(venue, at_ns=at_ns) for venue in ("binance", "kraken")]
    file, costs = tmp_path / "events.jsonl", tmp_path / "costs.toml"
    file.write_bytes(msgspec.json.Encoder().encode_lines([*lives, *chances(at_ns)]))
    costs.write_text(WALLETS)
    env = {"CRYPTOTRACKER_FEES_FILE": str(costs)}
    out = tmp_path / "out"
    given = ("--rebalance", "below 0.999", "--latency", "0", "--csv", out, "--json")

    (told,) = json.loads(ran(file, *given, env=env))["latencies"]

    moved = list(csv.DictReader((out / "transfers.csv").read_text().splitlines()))
    assert told["rebalanced"]["transfers"] == len(moved) == 2
    assert [(row["asset"], row["source"], row["fee"]) for row in moved] == [
        ("BTC", "binance", "0.01"),
        ("USDT", "kraken", "1.0"),
    ]
    assert told["unfunded"] == told["unfunded_without"] == {"routes": 0, "seen_usd": 0.0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--rebalance", "weekly"), "'weekly' is no way to rebalance"),
        (("--latency", "soon"), "'soon' is no latency"),
        (("--set", "despite=luck"), "'luck' is none of"),
        (("--set", "min_profit_usd=-1"), "min_profit_usd"),
        (("--balance", "binance"), "venue:ASSET=amount"),
        (("--from", "yesterday"), "--from"),
    ],
)
def test_what_makes_no_sense_is_named_with_the_remedy(
    file: Path, words: tuple[str, str], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        ran(file, *words)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text("{}\n")

    with pytest.raises(SettingsError, match=r"other.jsonl, line 1 is no event"):
        ran(tmp_path / "other.jsonl")


def test_what_a_setting_asks_of_routes_is_checked_by_name() -> None:
    assert take_terms("") is None
    assert take_terms("min_profit_usd=5, despite=fee_assumed") == TakeTerms(
        min_profit_usd=5.0, despite="fee_assumed"
    )
    with pytest.raises(SettingsError, match="CRYPTOTRACKER_ROUTE_TAKER is 'profit=5'"):
        take_terms("profit=5")
