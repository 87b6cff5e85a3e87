"""`cryptotracker backfill`: the venues' candles of the past are in the store afterwards."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cryptotracker.cli import app
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Instrument
from stream_service.simulator.prices import World, simulated_listings
from stream_service.simulator.server import SimulatedVenues
from stream_service.venues import load_venues
from tests.making import MINUTE

BTC = Instrument("BTC", "USDT")
NAMES = ("binance", "kraken")


@asynccontextmanager
async def past_venues() -> AsyncIterator[str]:
    """Venues whose markets have moved for an hour and three quarters; where they are."""
    venues = [load_venues()[name] for name in NAMES]
    listings = {venue.name: simulated_listings(venue, [BTC]) for venue in venues}
    begin_ns = time.time_ns() - 105 * MINUTE
    world = World(listings, seed=7, start_ns=begin_ns)
    for minute in range(100):
        for _ in world.step(begin_ns + minute * MINUTE, 8):
            pass
    async with SimulatedVenues(venues, world.markets).serving() as served:
        yield served.address


@contextmanager
def serving() -> Iterator[str]:
    """Serve them from a thread of their own, as the command has a loop of its own."""
    found: list[str] = []
    is_there, is_over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with past_venues() as address:
            found.append(address)
            is_there.set()
            await asyncio.to_thread(is_over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert is_there.wait(30)
    yield found[0]
    is_over.set()
    thread.join(30)


def test_past_candles_are_in_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "store.duckdb"
    monkeypatch.setenv("CRYPTOTRACKER_STORE_URL", f"duckdb:{file}")
    with serving() as address:
        monkeypatch.setenv("CRYPTOTRACKER_SIMULATOR", address)

        answer = CliRunner().invoke(app, ["backfill", *NAMES])

    assert answer.exit_code == 0, answer.output
    assert "candles are in the store" in answer.output
    for name in NAMES:
        assert len(asyncio.run(_stored(file, name, "1m"))) >= 50
        assert len(asyncio.run(_stored(file, name, "5m"))) >= 15


async def _stored(file: Path, venue: str, interval: str) -> list[int]:
    store = EmbeddedTimeSeries.open(file)
    try:
        candles = await store.venue_candles(
            venue, BTC, interval, start_ns=0, end_ns=2**62, limit=10_000
        )
        return [candle.start_ns for candle in candles]
    finally:
        store.close()


def test_simulated_venues_without_a_past_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRYPTOTRACKER_SIMULATOR", raising=False)

    answer = CliRunner().invoke(app, ["backfill", "binance"])

    assert "add --live" in str(answer.exception) + answer.output
