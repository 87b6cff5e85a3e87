"""A day goes from the store to the archive: verified, once, and again only if it changed."""

from collections.abc import AsyncIterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from infrastructure.archive.day import Archived, archive_day
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.folding import fold
from infrastructure.archive.kinds import KINDS
from infrastructure.archive.manifest import read_record, whole_days
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.archive.reading import Archive
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.past import Store
from infrastructure.timeseries.port import Stored
from market import ArchiveUnavailableError, Candle, SettingsError, Trade
from tests.archive.making import kept_kind, of_every_kind
from tests.making import MINUTE, SECOND, a_candle, a_gap, a_trade

DAY = date(2026, 3, 4)
START = start_of_day(DAY)
NOW = START + DAY_NS + 600 * SECOND


@pytest.fixture
async def embedded() -> AsyncIterator[EmbeddedTimeSeries]:
    with closing(EmbeddedTimeSeries.open(None)) as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    return LocalFiles(tmp_path / "archive")


async def archived(store: Store, files: LocalFiles, day: date = DAY) -> Archived:
    return await archive_day(store, files, day, now_ns=NOW)


def rows(files: LocalFiles, kind: type[Stored]) -> list[Stored]:
    with closing(Archive(files)) as archive:
        told = archive.read(kind, start_ns=0, end_ns=2**62)
        return [event for batch in told for event in batch]


def contents(files: LocalFiles) -> dict[str, bytes]:
    return {name: files.read(name) or b"" for name in files.names("")}


async def test_every_kind_is_archived_and_comes_back(store: Store, files: LocalFiles) -> None:
    day, after = of_every_kind(START + MINUTE), of_every_kind(START + DAY_NS)
    await store.write([*day, *after])

    found = await archived(store, files)

    assert (found.files, found.changed, found.rows) == (len(KINDS), len(KINDS), len(KINDS))
    assert [rows(files, kind) for kind in KINDS] == [
        [one for one in day if kept_kind(one) is kind] for kind in KINDS
    ]
    assert whole_days(files) == {DAY}


async def test_archiving_again_changes_nothing(
    embedded: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    await embedded.write([a_trade(number=n, at_ns=START + n) for n in range(300)])
    await archived(embedded, files)
    before = contents(files)

    again = await archived(embedded, files)

    assert again.changed == 0
    assert contents(files) == before


async def test_same_rows_make_the_same_bytes(embedded: EmbeddedTimeSeries, tmp_path: Path) -> None:
    await embedded.write([a_trade(number=n % 7, at_ns=START + n) for n in range(30_000)])
    await embedded.write([a_candle(start_ns=START + n * MINUTE) for n in range(1_440)])
    one, other = LocalFiles(tmp_path / "one"), LocalFiles(tmp_path / "other")

    await archived(embedded, one)
    await archived(embedded, other)

    assert contents(one) == contents(other)


async def test_late_trade_and_corrected_candle_are_taken_in(
    embedded: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    early, candle = a_trade(number=1, at_ns=START), a_candle(start_ns=START)
    await embedded.write([early, candle])
    await archived(embedded, files)
    late = replace(a_trade(number=2, at_ns=START + 1, backfilled=True), received_ns=NOW)
    corrected = replace(a_candle(start_ns=START, trades=2), received_ns=NOW)
    await embedded.write([late, corrected])

    again = await archived(embedded, files)

    assert again.changed == 2
    assert rows(files, Trade) == [early, late]
    assert rows(files, Candle) == [corrected]


async def test_what_expired_in_the_store_stays_in_the_archive(
    embedded: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    gone = a_trade(number=1, at_ns=START)
    await embedded.write([gone])
    await archived(embedded, files)
    with closing(EmbeddedTimeSeries.open(None)) as emptied:
        late = replace(a_trade(number=2, at_ns=START + 1), received_ns=NOW)
        await emptied.write([late])

        await archived(emptied, files)

    assert rows(files, Trade) == [gone, late]


async def test_day_that_is_not_over_is_refused(
    embedded: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    with pytest.raises(SettingsError, match="2026-03-05 is not over"):
        await archived(embedded, files, DAY + timedelta(days=1))


async def test_two_do_not_write_at_once(embedded: EmbeddedTimeSeries, files: LocalFiles) -> None:
    with files.desk(), pytest.raises(ArchiveUnavailableError, match="another process writes"):
        await archived(embedded, files)


async def test_minutes_without_a_candle_are_told_by_why(
    embedded: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    with_candle = [a_candle(start_ns=START + n * MINUTE) for n in range(1_400)]
    in_gap = a_gap(start_ns=START + 1_400 * MINUTE, end_ns=START + 1_410 * MINUTE - 1)
    has_trade = a_trade(at_ns=START + 1_439 * MINUTE)
    await embedded.write([*with_candle, in_gap, has_trade])

    found = await archived(embedded, files)

    holes = next(one.holes for one in read_record(files, DAY).lines.values() if one.holes)
    assert (holes.named, holes.quiet, holes.unknown, holes.unexplained) == (10, 29, 0, 1)
    assert found.unexplained == 1


async def test_days_are_folded_once_their_month_has_settled(
    embedded: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    candles = [a_candle(start_ns=START + n * DAY_NS) for n in range(-1, 1)]
    trades = [a_trade(number=n, at_ns=START + n * DAY_NS) for n in range(-1, 1)]
    await embedded.write([*candles, *trades])
    for day in (DAY - timedelta(days=1), DAY):
        await archived(embedded, files, day)

    assert fold(files, date(2026, 4, 7)) == []
    (folded,) = fold(files, date(2026, 4, 8))

    assert (folded.place.name, folded.days, folded.rows) == (
        "candle/venue=kraken/year=2026/2026.parquet",
        2,
        2,
    )
    assert files.names("candle") == [folded.place.name]
    assert rows(files, Candle) == candles
    assert rows(files, Trade) == trades


async def test_folded_day_that_changes_is_mended_and_folded_again(
    embedded: EmbeddedTimeSeries, files: LocalFiles
) -> None:
    other, candle = a_candle(start_ns=START - DAY_NS), a_candle(start_ns=START)
    await embedded.write([other, candle])
    for day in (DAY - timedelta(days=1), DAY):
        await archived(embedded, files, day)
    fold(files, date(2026, 4, 8))
    corrected = replace(a_candle(start_ns=START, trades=2), received_ns=NOW)
    await embedded.write([corrected])

    await archived(embedded, files)
    assert rows(files, Candle) == [other, corrected]

    fold(files, date(2026, 4, 8))
    assert rows(files, Candle) == [other, corrected]
    assert len(files.names("candle")) == 1


async def test_what_was_left_half_written_is_cleared_away(
    embedded: EmbeddedTimeSeries, files: LocalFiles, tmp_path: Path
) -> None:
    left = tmp_path / "archive" / ".writing" / "candle.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    await embedded.write([a_candle(start_ns=START)])

    await archived(embedded, files)

    assert not left.exists()
