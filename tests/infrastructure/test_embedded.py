"""What the store in a file does when it is opened again, and when it cannot be opened."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from msgspec import structs

from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Instrument, SettingsError, StoreUnavailableError
from tests.making import a_candle, a_gap, a_summary, a_trade

ROOT = Path(__file__).parents[2]
BTC = Instrument("BTC", "USDT")
EVER = {"start_ns": 0, "end_ns": 2**63 - 1, "limit": 10}

WRITE_AND_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from tests.making import a_trade

asyncio.run(EmbeddedTimeSeries.open(Path(sys.argv[1])).write([a_trade(number=5)]))
os.kill(os.getpid(), signal.SIGKILL)
"""

OPEN_AND_WAIT = """
import sys
from pathlib import Path
from infrastructure.timeseries.embedded import EmbeddedTimeSeries

store = EmbeddedTimeSeries.open(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


OF_AN_EARLIER_VERSION = """
CREATE TABLE gap (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, channel VARCHAR, start_ns BIGINT,
    end_ns BIGINT, reason VARCHAR, event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, channel, start_ns)
);
INSERT INTO gap VALUES ('kraken', 'BTC', 'USDT', 'trade', 1, 2, 'lost', 2, 2, 2);
CREATE TABLE candle (
    venue VARCHAR, base VARCHAR, quote_currency VARCHAR, "interval" VARCHAR, start_ns BIGINT,
    open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE, volume DOUBLE,
    trades BIGINT, closed BOOLEAN, event_ns BIGINT, received_ns BIGINT, sequence BIGINT,
    PRIMARY KEY (venue, base, quote_currency, "interval", start_ns)
);
INSERT INTO candle VALUES
    ('kraken', 'BTC', 'USDT', '1m', 0, 100, 100, 100, 100, 1, 1, true, 1, 1, 1);
"""


async def test_store_that_is_opened_again_has_all_of_it(tmp_path: Path) -> None:
    store = EmbeddedTimeSeries.open(tmp_path / "of" / "mine" / "store.duckdb")
    await store.write([a_trade(), a_candle(trades=3)])
    store.close()

    again = EmbeddedTimeSeries.open(tmp_path / "of" / "mine" / "store.duckdb")
    await again.write([a_trade(), a_candle(trades=2)])

    assert await again.trades("kraken", BTC, **EVER) == [a_trade()]
    assert await again.candles("kraken", BTC, "1m", **EVER) == [a_candle(trades=3)]
    again.close()


async def test_what_was_written_survives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"

    subprocess.run(  # noqa: ASYNC221, S603  # nothing else goes on
        [sys.executable, "-c", WRITE_AND_DIE, path], cwd=ROOT, timeout=60, check=False
    )

    store = EmbeddedTimeSeries.open(path)
    assert await store.trades("kraken", BTC, **EVER) == [a_trade(number=5)]
    store.close()


async def test_file_of_an_earlier_version_is_read_and_written_to(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with duckdb.connect(path) as old:
        old.execute(OF_AN_EARLIER_VERSION)

    store = EmbeddedTimeSeries.open(path)
    await store.write([structs.replace(a_gap(start_ns=5, end_ns=6), missing=3), a_summary()])
    gaps = await store.gaps("kraken", BTC, **EVER)
    lacking = structs.replace(a_candle(start_ns=60), complete=False)
    await store.write([lacking])
    candles = await store.candles("kraken", BTC, "1m", **EVER)
    store.close()

    assert candles == [a_candle(), lacking]
    assert [(gap.start_ns, gap.reason, gap.missing) for gap in gaps] == [
        (1, "lost", None),
        (5, "reconnected", 3),
    ]


def test_file_of_another_process_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with subprocess.Popen(  # noqa: S603  # our own command
        [sys.executable, "-c", OPEN_AND_WAIT, path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"

        with pytest.raises(StoreUnavailableError, match=f"{path} is open in another process; end"):
            EmbeddedTimeSeries.open(path)


def test_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"directory of the store .*store.duckdb cannot be"):
        EmbeddedTimeSeries.open(tmp_path / "file" / "store.duckdb")


def test_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    path.write_text("something else " * 1_000)

    with pytest.raises(SettingsError, match=r"not a valid DuckDB database file.*another file"):
        EmbeddedTimeSeries.open(path)
