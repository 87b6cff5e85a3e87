"""An archive in a bucket is as good as one in a folder; a server that speaks S3 stands for it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from urllib.request import Request, urlopen

import pytest

from infrastructure.archive.day import archive_day
from infrastructure.archive.folding import fold
from infrastructure.archive.manifest import whole_days
from infrastructure.archive.places import DAY_NS, start_of_day
from infrastructure.archive.reading import Archive, files_at
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import ArchiveUnavailableError, Candle, Instrument, SettingsError
from tests.making import MINUTE, a_candle

for needed in ("obstore", "fsspec", "moto.server"):
    pytest.importorskip(needed, reason="pip install 'cryptotracker[s3]' 'moto[s3,server]'")

DAY = date(2026, 3, 4)
START = start_of_day(DAY)
BTC = Instrument("BTC", "USDT")

SERVER = """
import threading
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
threading.Event().wait()
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3, and has a bucket."""
    server = subprocess.Popen(  # noqa: S603  # our own text
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    urlopen(Request(f"{url}/market", method="PUT"), timeout=10).close()  # noqa: S310  # loopback
    yield url
    server.kill()
    server.wait()
    server.stdout.close()


@pytest.fixture
def url(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    return f"s3://market/test-{os.urandom(4).hex()}?endpoint={endpoint}&region=us-east-1"


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
        closes = archive.read_candles("kraken", BTC, "1m", start_ns=0, end_ns=2**62).close

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
