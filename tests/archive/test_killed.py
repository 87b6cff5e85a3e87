"""A process is killed while it archives and folds: no row is lost, doubled or half there."""

import multiprocessing
import random
import time
from collections import Counter
from contextlib import closing
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TypedDict

import pytest

from infrastructure.archive.candle_arrays import read_candles
from infrastructure.archive.files import LocalFiles
from infrastructure.archive.places import DAY_NS, place_of, start_of_day
from infrastructure.archive.reading import Archive
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Candle, Instrument, Trade
from tests.archive.archiving_process import DAYS, archive_all
from tests.making import MINUTE, a_candle, a_trade

KILLS = 20
BTC = Instrument("BTC", "USDT")
MINUTES = 240
Days = tuple[dict[int, int], dict[int, int]]


class When(TypedDict):
    """Which part of a series."""

    start_ns: int
    end_ns: int


FOREVER: When = {"start_ns": 0, "end_ns": 2**62}


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """A store of some days, closed."""
    path = tmp_path / "market.duckdb"
    with closing(EmbeddedTimeSeries.open(path)) as opened:
        for number, day in enumerate(DAYS):
            starts = [start_of_day(day) + n * MINUTE for n in range(MINUTES)]
            candles = [a_candle(start_ns=at_ns) for at_ns in starts]
            trades = [
                a_trade(number=number * MINUTES + n, at_ns=at_ns) for n, at_ns in enumerate(starts)
            ]
            await opened.write([*candles, *trades])
    return path


def begun(store: Path, root: Path) -> ForkServerProcess:
    """Begin to archive in a process of its own; what it imports is there already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.archive.archiving_process"])
    process = context.Process(target=archive_all, args=(store, root))
    process.start()
    return process


def days_read(root: Path) -> Days:
    """Return how many different candles and trades there are of each day; none is there twice."""
    with closing(Archive(LocalFiles(root))) as archive:
        candles = [one.start_ns for batch in archive.read(Candle, **FOREVER) for one in batch]
        trades = [one.event_ns for batch in archive.read(Trade, **FOREVER) for one in batch]
        arrays = read_candles(archive, "kraken", BTC, "1m", **FOREVER)
    assert len(set(candles)) == len(candles) == len(arrays)
    assert len(set(trades)) == len(trades)
    return _by_day(candles), _by_day(trades)


def _by_day(times: list[int]) -> dict[int, int]:
    return dict(Counter(at_ns // DAY_NS for at_ns in times))


def contents(root: Path) -> dict[str, bytes]:
    files = LocalFiles(root)
    return {name: files.read(name) or b"" for name in files.names("")}


def test_killed_at_any_point_it_loses_and_doubles_nothing(store: Path, tmp_path: Path) -> None:
    whole, lasts_s = tmp_path / "whole", 0.0
    for _ in range(2):  # the first one imports as well
        began = time.monotonic()
        begun(store, whole := tmp_path / f"whole{began}").join(60)
        lasts_s = time.monotonic() - began
    rolls = random.Random(7)  # noqa: S311  # no secret
    root, killed = tmp_path / "archive", 0
    known: Days = ({}, {})

    while killed < KILLS:
        process = begun(store, root)
        process.join(rolls.uniform(0, lasts_s))
        process.kill()
        process.join(30)
        found = days_read(root)
        for before, now in zip(known, found, strict=True):
            assert before.items() <= now.items()
            assert set(now.values()) <= {MINUTES}
        known = found
        assert all(place_of(name) or name.startswith("manifest/") for name in contents(root))
        if process.exitcode == 0:
            assert contents(root) == contents(whole)
            root, known = tmp_path / f"archive{killed}", ({}, {})
        else:
            killed += 1

    archive_all(store, root)
    assert contents(root) == contents(whole)
