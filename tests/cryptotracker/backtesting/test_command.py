"""The command from end to end, in this process."""

import asyncio
import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from analytics.backtest import DEFINITIONS, Terms, backtest
from analytics.strategies import PremiumReversion, SmaCross
from cryptotracker.cli import app
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import SettingsError
from tests.analytics.backtest.candles import walk
from tests.archive.making import keep_days
from tests.making import a_candle
from tests.processes import free_port

BARS = walk(3_000)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file of candles."""
    path = tmp_path / "candles.csv"
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("start_ns", "open", "high", "low", "close", "volume"))
        columns = (BARS.start_ns, BARS.open, BARS.high, BARS.low, BARS.close, BARS.volume)
        rows.writerows(zip(*(column.tolist() for column in columns), strict=True))
    return path


def ran(*words: str | Path) -> str:
    """Run the command; return what it prints."""
    found = CliRunner().invoke(app, ["backtest", *map(str, words)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_a_file_of_candles_gives_the_figures_of_the_python_call(file: Path) -> None:
    told = json.loads(ran("sma-cross", file, "--set", "fast=5", "--set", "slow=20", "--json"))

    found = backtest(SmaCross, BARS, Terms(), fast=5, slow=20)
    assert told["figures"]["sharpe"] == found.figures.sharpe
    assert told["figures"]["end_value"] == found.figures.end_value
    assert told["definitions"] == DEFINITIONS
    assert told["to"] == "1970-01-03T02:00:00Z"


def test_every_figure_is_printed_with_its_definition(file: Path) -> None:
    printed = " ".join(ran("sma-cross", file).split())

    assert "3,000 candles of 1m" in printed
    for definition in DEFINITIONS.values():
        assert " ".join(definition.split()) in printed


def test_equity_fills_and_trades_are_written_as_csv(file: Path, tmp_path: Path) -> None:
    ran("sma-cross", file, "--csv", tmp_path / "out")

    found = backtest(SmaCross, BARS, Terms())
    with (tmp_path / "out" / "equity.csv").open() as rows:
        equity = [float(row["equity"]) for row in csv.DictReader(rows)]
    with (tmp_path / "out" / "fills.csv").open() as rows:
        sizes = [float(row["size"]) for row in csv.DictReader(rows)]
    with (tmp_path / "out" / "trades.csv").open() as rows:
        gains = [float(row["gain"]) for row in csv.DictReader(rows)]
    assert equity == found.account.equity.tolist()
    assert sizes == [fill.size for fill in found.account.fills]
    assert gains == [trip.gain for trip in found.account.trips]


def test_the_report_stands_alone(file: Path, tmp_path: Path) -> None:
    ran("sma-cross", file, "--report", tmp_path / "report.html")

    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"https?:|src=|<link|@import|url\(", page)
    assert page.count('class="chart"') == 3
    assert "NaN" not in page


def test_the_best_of_a_sweep_is_shown_and_all_of_it_told(file: Path) -> None:
    words = ("--sweep", "fast=5,10", "--sweep", "slow=20,30", "--by", "total_return")

    told = json.loads(ran("sma-cross", file, *words, "--json"))

    assert len(told["sweep"]) == 4
    returns = [trial["total_return"] for trial in told["sweep"]]
    assert returns == sorted(returns, reverse=True)
    assert told["figures"]["total_return"] == pytest.approx(returns[0])
    assert told["parameters"] == {name: told["sweep"][0][name] for name in ("fast", "slow")}


def test_a_walk_forward_is_tested_on_what_came_after(file: Path, tmp_path: Path) -> None:
    words = ("--sweep", "fast=5,10", "--set", "slow=20", "--walk-forward", "1d:12h")

    ran("sma-cross", file, *words, "--csv", tmp_path, "--report", tmp_path / "walk.html")

    with (tmp_path / "steps.csv").open() as rows:
        begun = [row["from"] for row in csv.DictReader(rows)]
    assert begun == ["1970-01-02T00:00:00Z", "1970-01-02T12:00:00Z", "1970-01-03T00:00:00Z"]
    assert "walked forward" in (tmp_path / "walk.html").read_text()


def test_candles_of_the_store_are_folded_to_the_interval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EmbeddedTimeSeries.open(tmp_path / "market.duckdb")
    candles = [
        a_candle("kraken", "BTC-USDT", start_ns=start, close=close, closed=True)
        for start, close in zip(BARS.start_ns.tolist(), BARS.close.tolist(), strict=True)
    ]
    asyncio.run(store.write(candles))
    store.close()
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", f"duckdb:{tmp_path / 'market.duckdb'}")
    words = ("sma-cross", "BTC-USDT", "--venue", "kraken", "--interval", "5m", "--json")

    told = json.loads(ran(*words, "--from", "1970-01-01", "--to", "1970-01-02"))

    assert (told["interval"], told["candles"], told["of"]) == ("5m", 288, "BTC-USDT at kraken")


def test_the_archive_comes_before_the_store_without_hole_or_double(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candles = [
        a_candle(start_ns=start, close=close)
        for start, close in zip(BARS.start_ns.tolist(), BARS.close.tolist(), strict=True)
    ]
    keep_days(tmp_path / "archive", candles[:1_440])
    store = EmbeddedTimeSeries.open(tmp_path / "market.duckdb")
    asyncio.run(store.write(candles[1_000:]))
    store.close()
    monkeypatch.setenv("CRYPTOTRACKER_ARCHIVE", str(tmp_path / "archive"))
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", f"duckdb:{tmp_path / 'market.duckdb'}")

    told = json.loads(ran("sma-cross", "BTC-USDT", "--venue", "kraken", "--json"))

    assert told["candles"] == 3_000


def test_premiums_are_made_of_candles_of_the_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = BARS.first(600)
    closes = zip(bars.start_ns.tolist(), bars.close.tolist(), strict=True)
    candles = [
        a_candle(venue, "BTC-USDT", start_ns=start, close=close if venue == "kraken" else 100.0)
        for start, close in closes
        for venue in ("kraken", "binance")
    ]
    keep_days(tmp_path, candles)
    monkeypatch.setenv("CRYPTOTRACKER_ARCHIVE", str(tmp_path))
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", "duckdb:")
    words = ("premium-reversion", "BTC-USDT", "--set", "period=20", "--json", "--venue")

    told = json.loads(ran(*words, "kraken"))
    with pytest.raises(SettingsError, match="No premium of binance BTC-USDT over binance"):
        ran(*words, "binance")

    before = np.append(np.nan, bars.close[:-1] / 100.0 - 1.0) * 10_000.0
    found = backtest(PremiumReversion, replace(bars, premium_bps=before), Terms(), period=20)
    assert told["figures"]["fills"] == found.figures.fills > 10


def test_why_the_archive_alone_is_read_is_told_where_it_has_no_premium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_days(tmp_path, [a_candle(start_ns=start) for start in BARS.start_ns[:600].tolist()])
    monkeypatch.setenv("CRYPTOTRACKER_ARCHIVE", str(tmp_path))
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", f"influxdb://127.0.0.1:{free_port()}")
    monkeypatch.setenv("CRYPTOTRACKER_CONNECT_TIMEOUT_S", "0.1")

    words = ["backtest", "premium-reversion", "BTC-USDT", "--venue", "kraken"]
    found = CliRunner().invoke(app, words)

    assert isinstance(found.exception, SettingsError)
    assert "No premium of kraken BTC-USDT over binance" in str(found.exception)
    assert "The archive alone is read: InfluxDB" in found.stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("sma-crss", "BTC-USDT"), "'sma-crss' is no strategy; there are"),
        (("route-taker", "BTC-USDT"), "is no strategy"),
        (("sma-cross", "BTC"), "an instrument is written BASE-QUOTE"),
        (("sma-cross", "BTC-USDT", "--interval", "2m"), "--interval is '2m'"),
        (("sma-cross", "BTC-USDT", "--from", "soon"), "a time is now, -1h"),
        (("sma-cross", "BTC-USDT", "--from", "now"), "is not before"),
        (("sma-cross", "BTC-USDT", "--set", "fast"), "it must be name=value"),
        (("sma-cross", "BTC-USDT", "--set", "fast=500"), "must be less than slow"),
        (("sma-cross", "BTC-USDT", "--fee-bps", "-1"), "fee_bps is -1"),
        (("sma-cross", "BTC-USDT", "--walk-forward", "9d:3d"), "say with --sweep which to try"),
        (("sma-cross", "B-C", "--sweep", "fast=2", "--walk-forward", "9"), "such as 90d:30d"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(words: tuple[str, ...], why: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(why)):
        ran(*words)
