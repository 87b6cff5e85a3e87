"""Days go to the archive and series come out of it, as people ask for it on the command line."""

import csv
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cryptotracker.cli import app
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, day_of
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import SettingsError
from tests.making import MINUTE, a_candle

TODAY_NS = time.time_ns() // DAY_NS * DAY_NS


@pytest.fixture(autouse=True)
async def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a store with candles of yesterday and of the day before."""
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", f"duckdb:{tmp_path / 'market.duckdb'}")
    monkeypatch.setenv("CRYPTOTRACKER_ARCHIVE", str(tmp_path / "archive"))
    starts = [TODAY_NS - n * DAY_NS + MINUTE for n in (2, 1)]
    with closing(EmbeddedTimeSeries.open(tmp_path / "market.duckdb")) as store:
        await store.write([a_candle(start_ns=at_ns) for at_ns in starts])


def said(*words: str) -> Sequence[str]:
    """Run a command; return the lines that it printed."""
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def test_all_days_that_are_missing_are_archived_and_then_exported(tmp_path: Path) -> None:
    first, second, last = said("archive")

    said("export", "candles", "kraken", "BTC-USDT", "--from", "-3d", "--out", f"{tmp_path}/c.csv")

    days = [day_of(TODAY_NS - n * DAY_NS) for n in (2, 1)]
    assert first == f"{days[0]}: 1 rows, 1 of 1 files written"
    assert second == f"{days[1]}: 1 rows, 1 of 1 files written"
    assert last == f"2 days are in {tmp_path / 'archive'}."
    assert whole_days(LocalFiles(tmp_path / "archive")) == set(days)
    with (tmp_path / "c.csv").open() as opened:
        starts = [int(row["start_ns"]) for row in csv.DictReader(opened)]
    assert starts == [TODAY_NS - n * DAY_NS + MINUTE for n in (2, 1)]


def test_one_day_is_archived_where_it_is_asked_for(tmp_path: Path) -> None:
    day = day_of(TODAY_NS - DAY_NS)

    said("archive", "--day", str(day), "--to", f"{tmp_path}/elsewhere")

    assert whole_days(LocalFiles(tmp_path / "elsewhere")) == {day}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("archive", "--day", str(day_of(TODAY_NS))), "is not over"),
        (("export", "pools", "kraken", "BTC-USDT"), "'pools' is none of"),
        (("export", "signals", "kraken", "BTC-USDT", "--interval", "1s"), "--interval is one of"),
        (("export", "candles", "kraken", "BTCUSDT"), "BASE-QUOTE"),
        (("export", "candles", "kraken", "BTC-USDT", "--from", "now", "--to", "-1d"), "is empty"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(words: Sequence[str], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        CliRunner().invoke(app, list(words), catch_exceptions=False)


def test_without_a_place_there_is_no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRYPTOTRACKER_ARCHIVE")

    with pytest.raises(SettingsError, match="CRYPTOTRACKER_ARCHIVE"):
        CliRunner().invoke(app, ["archive"], catch_exceptions=False)
