"""A whole system that is stopped in the middle of its work has lost nothing that it showed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from api_service.view import LatestView
from cryptotracker.compose import Role, System
from cryptotracker.running import listener_of
from cryptotracker.settings import embedded_file, read_settings
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from market import Book, Trade
from tests.waiting import eventually

ALL: frozenset[Role] = frozenset({"simulate", "stream", "store", "refresh", "serve"})
TRADES = 500


async def test_every_trade_that_was_shown_is_stored_and_books_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings(port=0, simulator_events_per_s=2_000.0, book_every_s=1)
    shown: list[LatestView] = []
    system = System(settings, ALL, listener=listener_of(settings, ALL))
    running = asyncio.create_task(system.run(lambda view, _: shown.append(view)))
    await eventually(lambda: shown and shown[0].seen["trade"] > TRADES, within_s=30)

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    store = EmbeddedTimeSeries.open(embedded_file(settings))
    for trades in shown[0].trades.values():
        assert set(trades) <= await _stored(store, next(iter(trades.values())))
    assert await store.oldest(Book) is not None
    store.close()


async def _stored(store: EmbeddedTimeSeries, like: Trade) -> set[str]:
    """Return the numbers of all trades of the series."""
    end_ns = time.time_ns() + 3_600 * 10**9
    found = await store.trades(
        like.venue, like.instrument, start_ns=0, end_ns=end_ns, limit=100_000
    )
    return {trade.trade_id for trade in found}
