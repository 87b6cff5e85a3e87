"""Many markets: the same of each, whichever engine does the work."""

import importlib.util
import json
import os
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from analytics.backtest import Terms, backtest, bars_of
from analytics.indicators.history import Series
from analytics.strategies import SmaCross
from cryptotracker.backtesting.markets import Asked, files_of, on_each_market
from cryptotracker.cli import app
from infrastructure.scale import DuckDbEngine, Engine, SparkEngine, crossing_text
from infrastructure.scale.engine import text_of
from market import Candle, Instrument, SettingsError
from tests.analytics.backtest.candles import walk
from tests.archive.making import keep_days
from tests.making import MINUTE, a_candle

PAIRS = [{"fast": 3, "slow": 10}, {"fast": 5, "slow": 20}]


def candles(symbol: str, seed: int) -> list[Candle]:
    bars = walk(1_000, seed=seed)
    rows = zip(bars.start_ns.tolist(), bars.close.tolist(), strict=True)
    return [a_candle("kraken", symbol, start_ns=at, close=close) for at, close in rows]


ADA = Instrument("ADA", "USD")
BTC, ETH = candles("BTC-USDT", 1), candles("ETH-USDT", 2)


@pytest.fixture
def archive(tmp_path: Path) -> str:
    across = [replace(one, venue="all", instrument=ADA) for one in BTC]  # no market to trade on
    keep_days(tmp_path, [*BTC, *ETH, *across])
    return str(tmp_path)


def asked(interval: str = "1m", *, with_fills: bool = True) -> Asked:
    return Asked(
        named="sma-cross",
        tried=PAIRS,
        terms=Terms(),
        interval=interval,
        start_ns=0,
        end_ns=2**62,
        with_fills=with_fills,
    )


def test_each_market_has_what_a_backtest_of_it_has(archive: str) -> None:
    found = on_each_market(DuckDbEngine(), files_of(archive), asked())

    assert [(market.venue, market.base) for market, _ in found] == [
        ("kraken", "BTC"),
        ("kraken", "ETH"),
    ]
    for (_, tried), own in zip(found, (BTC, ETH), strict=True):
        for one, pair in zip(tried, PAIRS, strict=True):
            alone = backtest(SmaCross, bars_of(own, "1m"), Terms(), **pair)
            assert one.figures == alone.figures
            assert one.fills == tuple((f.index, f.size, f.price) for f in alone.account.fills)


def crossed(engine: Engine, files: list[str]) -> list[tuple[list[tuple[int, int]], Series]]:
    """Return purchases and sales of each market, by place, and the equity, out of SQL."""
    candles = text_of(interval="1m", start_ns=0, end_ns=2**62)
    text = crossing_text(candles=candles, fast=3, slow=10, capital=10_000.0, rate=0.001)
    found = engine.asked(files, text)
    parts = (found["base"] == base for base in ("BTC", "ETH"))
    return [
        (
            [(at, int(way)) for at, way in enumerate(found["traded"][part]) if way],
            found["equity"][part],
        )
        for part in parts
    ]


def test_sql_finds_the_trades_and_the_equity_of_the_object(archive: str) -> None:
    found = crossed(DuckDbEngine(), files_of(archive))

    for (trades, equity), own in zip(found, (BTC, ETH), strict=True):
        alone = backtest(SmaCross, bars_of(own, "1m"), Terms(), **PAIRS[0]).account
        assert trades == [(fill.index, 1 if fill.size > 0 else -1) for fill in alone.fills]
        assert equity == pytest.approx(alone.equity, rel=1e-10)


def test_prices_that_stand_still_cross_nothing_in_sql_or_out_of_it(tmp_path: Path) -> None:
    closes = [100.1, 100.3, *[100.7] * 40, 100.2, *[100.1] * 40]
    still = [a_candle(start_ns=n * MINUTE, close=close) for n, close in enumerate(closes)]
    keep_days(tmp_path, still)

    ((trades, _), _) = crossed(DuckDbEngine(), files_of(str(tmp_path)))

    alone = backtest(SmaCross, bars_of(still, "1m"), Terms(), **PAIRS[0]).account
    assert trades == [(fill.index, 1 if fill.size > 0 else -1) for fill in alone.fills]
    assert len(trades) == 2


@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None,
    reason="Spark is not installed: pip install 'cryptotracker[spark]' beside Java 17",
)
@pytest.mark.timeout(600)  # two sessions, each of many processes
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of py4j, which leaves its sockets to the collector
def test_spark_gives_the_same_to_the_last_bit(
    archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")])
    )
    files = files_of(archive)

    found = on_each_market(SparkEngine("local[2]"), files, asked("5m"))

    assert found == on_each_market(DuckDbEngine(), files, asked("5m"))
    both = zip(crossed(SparkEngine("local[2]"), files), crossed(DuckDbEngine(), files), strict=True)
    for (trades, equity), (trades_here, equity_here) in both:
        assert trades == trades_here
        assert equity == pytest.approx(equity_here, rel=1e-10)


def test_spark_that_is_not_there_says_how_to_have_it(
    archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyspark.sql", None)

    with pytest.raises(SettingsError, match=r"cryptotracker\[spark\]"):
        on_each_market(SparkEngine("local[2]"), files_of(archive), asked())


def test_the_command_tells_a_row_a_market_and_trial(archive: str) -> None:
    words = ["markets", "sma-cross", archive, "--sweep", "fast=3,5", "--set", "slow=20", "--json"]

    found = CliRunner().invoke(app, ["backtest", *words], catch_exceptions=False)

    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(row["symbol"], row["fast"]) for row in rows] == [
        ("BTC-USDT", 3),
        ("BTC-USDT", 5),
        ("ETH-USDT", 3),
        ("ETH-USDT", 5),
    ]


def test_candles_of_a_second_are_sought_in_their_own_folder(tmp_path: Path) -> None:
    keep_days(tmp_path, [a_candle(), a_candle(interval="1s")])

    assert [Path(file).parts[-4] for file in files_of(str(tmp_path))] == ["candle"]
    assert [Path(file).parts[-4] for file in files_of(str(tmp_path), "1s")] == ["candle_second"]


def test_a_strategy_that_needs_premiums_is_tried_on_one_market_at_a_time(archive: str) -> None:
    words = ["backtest", "markets", "premium-reversion", archive]

    with pytest.raises(SettingsError, match="premium-reversion looks at premiums"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_folder_without_candles_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no Parquet files of candles below"):
        files_of(str(tmp_path))
