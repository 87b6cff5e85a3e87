from pathlib import Path

import duckdb
import numpy as np
import pytest

from infrastructure.candle_files import Wanted, read_candle_file
from market import Instrument, SettingsError

MINUTE_NS = 60_000_000_000
NEW_YEAR_NS = 1_735_689_600_000_000_000


def _csv(folder: Path, *rows: str, head: str = "start,open,high,low,close,volume") -> Path:
    file = folder / "candles.csv"
    file.write_text("\n".join([head, *rows]) + "\n")
    return file


def test_candles_of_a_csv_file_come_in_order_of_time(tmp_path: Path) -> None:
    file = _csv(tmp_path, "2025-01-01T00:01:00Z,2,4,1,3,10", "2025-01-01T00:00:00Z,1,2,1,2,5")

    found = read_candle_file(file, Wanted())

    assert found.interval == "1m"
    assert found.columns["start_ns"].tolist() == [NEW_YEAR_NS, NEW_YEAR_NS + MINUTE_NS]
    assert found.columns["close"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("unit_ns", [1, 1_000, 1_000_000, 1_000_000_000])
def test_a_time_may_be_a_number_in_any_usual_unit(tmp_path: Path, unit_ns: int) -> None:
    rows = [f"{(NEW_YEAR_NS + n * MINUTE_NS) // unit_ns},1,1,1,1,1" for n in range(2)]
    file = _csv(tmp_path, *rows, head="timestamp,open,high,low,close,volume")

    found = read_candle_file(file, Wanted())

    assert found.columns["start_ns"].tolist() == [NEW_YEAR_NS, NEW_YEAR_NS + MINUTE_NS]


def test_of_a_parquet_file_what_is_wanted_is_read(tmp_path: Path) -> None:
    file = tmp_path / "candles.parquet"
    duckdb.execute(
        "COPY (SELECT venue, 'BTC' AS base, 'USDT' AS quote_currency, '1m' AS interval, closed, "  # noqa: S608  # numbers and a path
        f"{NEW_YEAR_NS} + i * {MINUTE_NS} AS start_ns, i + 1.0 AS open, i + 1.0 AS high, "
        "i + 1.0 AS low, i + 1.0 AS close, 1.0 AS volume, NULL::DOUBLE AS premium_bps "
        "FROM range(10) r(i), (VALUES ('kraken', true), ('upbit', true), ('kraken', false)) "
        f"v(venue, closed)) TO '{file}'"
    )
    span = (NEW_YEAR_NS + 2 * MINUTE_NS, NEW_YEAR_NS + 4 * MINUTE_NS)

    found = read_candle_file(file, Wanted("upbit", Instrument("BTC", "USDT"), "1m", *span))

    assert found.columns["open"].tolist() == [3.0, 4.0]
    assert bool(np.isnan(found.columns["premium_bps"]).all())
    with pytest.raises(SettingsError, match="several candles of one time"):
        read_candle_file(file, Wanted(instrument=Instrument("BTC", "USDT")))


def test_what_is_no_file_of_candles_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"name a \.parquet or \.csv file"):
        read_candle_file(tmp_path / "candles.txt", Wanted())
    with pytest.raises(SettingsError, match="cannot be read as candles"):
        read_candle_file(tmp_path / "none.csv", Wanted())
    with pytest.raises(SettingsError, match="has no column low, volume; it has start, open"):
        read_candle_file(_csv(tmp_path, "1,1,1,1", head="start,open,high,close"), Wanted())
    with pytest.raises(SettingsError, match="holds no such candles"):
        read_candle_file(_csv(tmp_path, "2025-01-01,1,1,1,1,1"), Wanted(end_ns=1))
