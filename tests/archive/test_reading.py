"""What is in the files comes back: whole, in order, each row once."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import msgspec
import numpy as np
import pytest

from infrastructure.archive.candle_arrays import read_candles
from infrastructure.archive.places import DAY_NS, Place, place_of, start_of_day
from infrastructure.archive.reading import Archive, open_archive
from infrastructure.archive.sources import Span
from market import ArchiveError, Candle, Episode, Instrument, Quote, Trade
from tests.archive.making import damage_all, keep_days, keep_years
from tests.making import MINUTE, SECOND, a_candle, a_quote, a_trade, an_episode

BTC = Instrument("BTC", "USDT")
SILVESTER = start_of_day(date(2025, 12, 31))
NEW_YEAR = SILVESTER + DAY_NS


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with closing(open_archive(tmp_path)) as opened:
        yield opened


def read_starts(
    archive: Archive, start_ns: int = SILVESTER, end_ns: int = NEW_YEAR + DAY_NS
) -> list[int]:
    candles = read_candles(archive, "kraken", BTC, "1m", start_ns=start_ns, end_ns=end_ns)
    return [int(start) for start in candles.start_ns]


def minutes(day_ns: int, number: int, *, close: float = 100.0) -> list[Candle]:
    return [a_candle(start_ns=day_ns + n * MINUTE, close=close) for n in range(number)]


def test_name_of_a_file_says_what_is_in_it() -> None:
    place = Place("venue_candle", "a/b", 2025, date(2025, 3, 4))

    assert place.name == "venue_candle/venue=a%2Fb/year=2025/2025-03-04.parquet"
    assert place_of(place.name) == place
    assert place_of(place.of_year.name) == place.of_year


@pytest.mark.parametrize(
    "name",
    [
        "candle/venue=kraken/year=2025/2025-02-30.parquet",
        "candle/venue=kraken/year=2025/2024-02-03.parquet",
        "candle/venue=kraken/year=2025/2025-02-03.parquet.part",
        "manifest/2025-02-03.jsonl",
    ],
)
def test_file_that_is_none_of_rows_is_not_read(name: str) -> None:
    assert place_of(name) is None


def test_candles_come_over_days_and_years_in_order(archive: Archive, tmp_path: Path) -> None:
    keep_days(tmp_path, minutes(NEW_YEAR, 3))
    keep_years(tmp_path, minutes(SILVESTER, 2))

    assert read_starts(archive) == [
        *(SILVESTER + n * MINUTE for n in range(2)),
        *(NEW_YEAR + n * MINUTE for n in range(3)),
    ]


def test_figures_of_candles_come_back(archive: Archive, tmp_path: Path) -> None:
    keep_days(tmp_path, [a_candle(start_ns=NEW_YEAR, close=101.7, trades=3)])

    found = read_candles(archive, "kraken", BTC, "1m", start_ns=0, end_ns=2**62)

    assert (found.open[0], found.high[0], found.low[0]) == (100.0, 101.7, 100.0)
    assert (found.close[0], found.volume[0], found.trades[0]) == (101.7, 3.0, 3)
    assert found.start_ns.dtype == np.int64


def test_range_holds_its_start_and_not_its_end(archive: Archive, tmp_path: Path) -> None:
    keep_days(tmp_path, minutes(NEW_YEAR, 4))

    found = read_starts(archive, NEW_YEAR + MINUTE, NEW_YEAR + 3 * MINUTE)

    assert found == [NEW_YEAR + MINUTE, NEW_YEAR + 2 * MINUTE]


def test_candles_of_others_are_not_among_them(archive: Archive, tmp_path: Path) -> None:
    others = [
        a_candle("upbit", start_ns=NEW_YEAR),
        a_candle(instrument="ETH-USDT", start_ns=NEW_YEAR),
        a_candle(instrument="BTC-USD", start_ns=NEW_YEAR),
        a_candle(interval="1h", start_ns=NEW_YEAR),
    ]
    keep_days(tmp_path, [*others, *minutes(NEW_YEAR, 1)])

    assert read_starts(archive) == [NEW_YEAR]


def test_archive_without_files_has_no_candles(archive: Archive) -> None:
    assert read_starts(archive) == []
    assert list(archive.read(Trade, start_ns=0, end_ns=2**62)) == []


@pytest.mark.parametrize("header", [False, True], ids=["cut short", "header overwritten"])
def test_file_that_is_damaged_is_named_with_the_remedy(
    archive: Archive, tmp_path: Path, *, header: bool
) -> None:
    keep_days(tmp_path, [a_candle(start_ns=SILVESTER)])
    [damaged] = damage_all(tmp_path, header=header)

    with pytest.raises(ArchiveError) as error:
        read_starts(archive)

    assert damaged.name in str(error.value)
    assert "run `cryptotracker archive`" in str(error.value)


def test_file_of_a_day_counts_before_that_of_its_year(archive: Archive, tmp_path: Path) -> None:
    first, second = minutes(SILVESTER - DAY_NS, 2), minutes(SILVESTER, 2)
    keep_years(tmp_path, [*first, *second])
    keep_days(tmp_path, minutes(SILVESTER, 3, close=107.0))

    found = read_candles(archive, "kraken", BTC, "1m", start_ns=0, end_ns=2**62)

    assert len(found) == len(first) + 3
    assert found.close.tolist() == [100.0, 100.0, 107.0, 107.0, 107.0]


def test_events_of_several_venues_come_in_order_of_time(archive: Archive, tmp_path: Path) -> None:
    trades = [
        a_trade(venue, number=number, at_ns=NEW_YEAR - MINUTE + number * SECOND)
        for number in range(100)
        for venue in ("kraken", "upbit")
    ]
    keep_days(tmp_path, trades)

    found = [one for batch in archive.read(Trade, start_ns=0, end_ns=2**62) for one in batch]

    assert found == sorted(trades, key=lambda one: (one.event_ns, one.venue))


def test_quotes_come_in_order_of_their_receipt(archive: Archive, tmp_path: Path) -> None:
    late = a_quote(at_ns=NEW_YEAR - SECOND, sequence=1)
    late = msgspec.structs.replace(late, received_ns=NEW_YEAR + MINUTE)
    prompt = a_quote("upbit", at_ns=NEW_YEAR + SECOND)
    keep_days(tmp_path, [late, prompt])

    found = archive.read(Quote, start_ns=NEW_YEAR, end_ns=NEW_YEAR + DAY_NS, order="received_ns")

    assert [one for batch in found for one in batch] == [prompt, late]


def test_only_instruments_that_are_meant_are_read(archive: Archive, tmp_path: Path) -> None:
    wanted = a_trade(at_ns=NEW_YEAR)
    keep_days(tmp_path, [wanted, a_trade(instrument="ETH-USDT", at_ns=NEW_YEAR)])

    (batch,) = archive.read(Trade, ["kraken"], [BTC], start_ns=0, end_ns=2**62)

    assert batch == [wanted]


def test_what_is_of_no_venue_is_read(archive: Archive, tmp_path: Path) -> None:
    episode = an_episode(closed_ns=NEW_YEAR)
    keep_days(tmp_path, [episode])

    assert list(archive.read(Episode, start_ns=0, end_ns=2**62)) == [[episode]]


def test_archive_says_which_days_it_has(archive: Archive, tmp_path: Path) -> None:
    keep_days(tmp_path, [a_trade(at_ns=SILVESTER), a_trade(at_ns=NEW_YEAR)])

    assert archive.span_of(Trade) == Span(SILVESTER, NEW_YEAR + DAY_NS)
    assert not archive.span_of(Quote)
