"""Tables over all markets: right, and the same by whichever engine."""

import importlib.util
import json
import shutil
from collections.abc import Iterator
from math import fsum, sqrt
from pathlib import Path

import duckdb
import numpy as np
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from analytics.backtest import Terms, backtest, bars_of, folded
from analytics.strategies import SmaCross
from cryptotracker.backtesting.markets import files_of
from cryptotracker.cli import app
from infrastructure.scale import (
    DuckDbEngine,
    SparkEngine,
    candles_text,
    crossings_text,
    returns_text,
)
from market import Candle, SettingsError
from market.intervals import INTERVALS
from tests.archive.making import keep_days
from tests.making import MINUTE, a_candle

ALL_OF_IT = "SELECT * FROM candles"
DAYS = 2
EVER = 2**62
TEXTS = {
    "candles": candles_text(interval="15m", start_ns=0, end_ns=EVER),
    "returns": returns_text(start_ns=0, end_ns=EVER),
    "crossings": crossings_text(interval="5m", fast=3, slow=10, start_ns=0, end_ns=EVER),
}


def minutes(symbol: str, scale: float, seed: int) -> Iterator[Candle]:
    """Make days of minutes, of which some are missing, with prices and sizes of many digits."""
    random = np.random.default_rng(seed)
    closes = scale * np.exp(np.cumsum(random.normal(0, 1e-3, DAYS * 1_440)))
    for place, close in enumerate(closes.tolist()):
        if random.random() < 0.3:
            before = closes[max(place - 1, 0)]
            yield replace(
                a_candle("kraken", symbol, start_ns=place * MINUTE, close=close),
                open=before,
                high=max(before, close) * 1.001,
                low=min(before, close) * 0.999,
                volume=float(random.exponential() / scale),
            )


BTC = list(minutes("BTC-KRW", 137_700_123.0, 1))
PEPE = list(minutes("PEPE-USDT", 1.23e-5, 2))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("archive")
    keep_days(root, [*BTC, *PEPE])
    return str(root)


def test_longer_candles_are_those_that_are_folded_here(archive: str) -> None:
    found = DuckDbEngine().asked(files_of(archive), TEXTS["candles"])

    for base, own in (("BTC", BTC), ("PEPE", PEPE)):
        expected, part = folded(bars_of(own, "1m"), "15m"), found["base"] == base
        for name in ("start_ns", "open", "high", "low", "close"):
            assert np.array_equal(found[name][part], getattr(expected, name))
        assert found["volume"][part] == pytest.approx(expected.volume, rel=1e-9)
    first = [one for one in BTC if one.start_ns < INTERVALS["15m"]]
    typical = fsum((one.high + one.low + one.close) / 3 * one.volume for one in first)
    assert found["vwap"][0] == pytest.approx(typical / fsum(one.volume for one in first))


def test_what_each_market_did_can_be_worked_by_hand(tmp_path: Path) -> None:
    closes = [100.0, 110.0, 99.0, 108.9]
    keep_days(
        tmp_path,
        [a_candle(start_ns=n * INTERVALS["1d"], close=close) for n, close in enumerate(closes)],
    )

    found = DuckDbEngine().asked(files_of(str(tmp_path)), TEXTS["returns"])

    (row,) = zip(*(column.tolist() for column in found.values()), strict=True)
    told = dict(zip(found, row, strict=True))
    assert told["candles"] == 4
    assert told["total_return"] == pytest.approx(0.089)
    assert told["max_drawdown"] == pytest.approx(-0.1)
    changes = [0.1, -0.1, 0.1]
    mean = sum(changes) / 3
    variance = sum((one - mean) ** 2 for one in changes) / 2
    assert told["volatility"] == pytest.approx(sqrt(variance * 365))


def test_crossings_are_the_trades_of_the_strategy(archive: str) -> None:
    found = DuckDbEngine().asked(files_of(archive), TEXTS["crossings"])

    for base, own in (("BTC", BTC), ("PEPE", PEPE)):
        bars, part = folded(bars_of(own, "1m"), "5m"), found["base"] == base
        fills = backtest(SmaCross, bars, Terms(), fast=3, slow=10).account.fills
        assert found["start_ns"][part].tolist() == [
            int(bars.start_ns[fill.index]) for fill in fills
        ]
        sides = ["buy" if fill.size > 0 else "sell" for fill in fills]
        assert found["side"][part].tolist() == sides
        assert len(fills) > 20


@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None,
    reason="Spark is not installed: pip install 'cryptotracker[spark]' beside Java 17",
)
@pytest.mark.timeout(600)  # four sessions, each of many processes
@pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of py4j, which leaves its sockets to the collector
def test_spark_gives_the_same_tables_to_the_last_bit(archive: str, tmp_path: Path) -> None:
    files = files_of(archive)

    for text in TEXTS.values():
        here, there = (one.asked(files, text) for one in (DuckDbEngine(), SparkEngine("local[2]")))
        assert list(here) == list(there)
        assert [one.tolist() for one in here.values()] == [one.tolist() for one in there.values()]
    SparkEngine("local[2]").write(files, TEXTS["returns"], tmp_path / "returns.parquet")

    assert counted(f"{tmp_path}/returns.parquet/*.parquet") == 2


def counted(files: str) -> int:
    """Return how many rows there are in files."""
    with duckdb.connect() as database:
        rows = database.execute(f"SELECT count(*) FROM '{files}'").fetchall()  # noqa: S608  # ours
    return int(rows[0][0])


def ran(*words: str | Path) -> str:
    found = CliRunner().invoke(app, ["query", *map(str, words)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_a_table_is_printed_or_written_as_json_csv_and_parquet(
    archive: str, tmp_path: Path
) -> None:
    printed = ran("returns", archive)
    told = [json.loads(line) for line in ran("returns", archive, "--json").splitlines()]
    for suffix in ("csv", "parquet"):
        ran("candles", archive, "--interval", "1d", "--out", tmp_path / f"days.{suffix}")

    assert "1970-01-01T00:00:00Z" in printed
    assert [row["base"] for row in told] == ["BTC", "PEPE"]
    assert told[0]["candles"] == len(BTC)
    assert counted(f"{tmp_path}/days.csv") == counted(f"{tmp_path}/days.parquet") == 2 * DAYS


def test_a_question_of_ones_own_is_answered(archive: str) -> None:
    asked = "SELECT base, count(*) AS rows FROM candles GROUP BY base ORDER BY base"

    told = [json.loads(line) for line in ran(asked, archive, "--json").splitlines()]

    assert told == [{"base": "BTC", "rows": len(BTC)}, {"base": "PEPE", "rows": len(PEPE)}]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("returned",), "'returned' is no table"),
        (("SELECT nothing FROM candles",), "nothing"),
        (("candles", "--interval", "2m"), "--interval is '2m'"),
        (("candles", "--interval", "1s"), "--interval is '1s': tables are made of minutes"),
        (("candles", "--set", "fast=3"), "--set is for crossings; 'candles' takes none"),
        (("returns", "--interval", "1h"), "--interval is for candles, crossings; 'returns' takes"),
        ((ALL_OF_IT, "--from", "1970-01-02"), "write start_ns >= 86400000000000 in SQL"),
        ((ALL_OF_IT, "--to", "1970-01-02"), "write start_ns < 86400000000000 in SQL"),
        ((ALL_OF_IT, "--interval", "5m"), "write \"interval\" = '5m' in SQL"),
        ((ALL_OF_IT, "--set", "fast=3"), "write the numbers in SQL"),
        (("crossings", "--set", "fast=300"), "fast \\(300\\) must be above 0 and less than slow"),
        (("crossings", "--set", "quick=3"), "crossings take fast and slow"),
        (("returns", "--out", "returns.xls"), "must end in .csv or .parquet"),
    ],
)
def test_what_cannot_be_asked_is_named(archive: str, words: tuple[str, ...], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        ran(words[0], archive, *words[1:])
