"""An archive in a bucket is as good as one in a folder; a server that speaks S3 stands for it."""

import os
from contextlib import closing
from datetime import date

import pytest

from infrastructure.archive.candle_arrays import read_candles
from infrastructure.archive.day import archive_day
from infrastructure.archive.folding import fold
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.archive.reading import Archive, files_at
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import ArchiveUnavailableError, Candle, Instrument, SettingsError
from tests.making import MINUTE, a_candle

DAY = date(2026, 3, 4)
START = start_of_day(DAY)
BTC = Instrument("BTC", "USDT")


@pytest.fixture
def url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    return f"s3://market/test-{os.urandom(4).hex()}?endpoint={s3_endpoint}&region=us-east-1"


async def test_days_are_archived_folded_and_read(url: str) -> None:
    files = files_at(url)
    candles = [a_candle(start_ns=START + n * MINUTE, close=float(n)) for n in range(1, 1_440)]
    with closing(EmbeddedTimeSeries.open(None)) as store:
        await store.write(candles)
        await archive_day(store, files, DAY, now_ns=START + 2 * DAY_NS)
        again = await archive_day(store, files, DAY, now_ns=START + 2 * DAY_NS)

    with closing(Archive(files)) as archive:
        whole = [one for batch in archive.read(Candle, start_ns=0, end_ns=2**62) for one in batch]
        assert whole == candles
        (folded,) = fold(files, date(2026, 4, 8))
        closes = read_candles(archive, "kraken", BTC, "1m", start_ns=0, end_ns=2**62).close

    assert again.changed == 0
    assert whole_days(files) == {DAY}
    assert files.names("candle") == [folded.place.name]
    assert closes.tolist() == [candle.close for candle in candles]


def test_bucket_that_is_not_there_is_named(url: str) -> None:
    files = files_at(url.replace("//market", "//nowhere"))

    with pytest.raises(ArchiveUnavailableError, match="s3://nowhere"):
        files.write("manifest/2026-03-04.jsonl", b"{}")


@pytest.mark.parametrize("url", ["s3:///folder", "s3://market/folder?user=me"])
def test_address_that_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="s3://BUCKET/FOLDER"):
        files_at(url)
