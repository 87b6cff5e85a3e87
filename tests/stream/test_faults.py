"""Each fault of the simulator at each venue: what is published stays true and whole."""

from __future__ import annotations

import asyncio

import pytest

from market import Book, Gap, Instrument, Quote, Trade
from stream_service.simulator import faults, server
from stream_service.simulator.faults import OUTLIER_FACTOR, SKEW_NS
from tests.stream.running import VENUES, Running, running_venue
from tests.waiting import eventually

MS = 1_000_000
RENEWALS = {
    "binance": b'{"e":"serverShutdown","E":1790000000000}',
    "bitstamp": b'{"event":"bts:request_reconnect","channel":"","data":""}',
    "okx": b'{"event":"notice","code":"64008","msg":"The connection will soon be closed",'
    b'"connId":"a4d3ae55"}',
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is late and slow be so for a shorter time."""
    monkeypatch.setattr(faults, "LATE_S", 0.3)
    monkeypatch.setattr(server, "SLOW_S", 0.4)


def is_right(running: Running, instrument: Instrument) -> bool:
    """Tell whether the last book published is the exchange's own."""
    books = [book for book in running.of(Book) if book.instrument == instrument]
    true = running.world.markets[running.name].book(instrument)
    return bool(books) and (books[-1].bids[0], books[-1].asks[0]) == (true.bids[0], true.asks[0])


async def until_right(running: Running) -> None:
    """Move the market now and then until every book is the exchange's own."""

    async def rests() -> bool:
        running.move(5)
        try:
            every = running.instruments
            await eventually(lambda: all(is_right(running, one) for one in every), within_s=0.3)
        except TimeoutError:
            return False
        return True

    async with asyncio.timeout(15):
        while not await rests():
            pass


def crossed(running: Running) -> list[Quote | Book]:
    """Return what was published with a bid above an ask."""
    quotes = [quote for quote in running.of(Quote) if quote.bid > quote.ask]
    books = [book for book in running.of(Book) if book.bids and book.asks]
    return [*quotes, *(book for book in books if book.bids[0].price > book.asks[0].price)]


@pytest.mark.parametrize("fault", ["duplicate-trade", "late-trade"])
async def test_a_trade_is_published_once_however_it_comes(running: Running, fault: str) -> None:
    with running.connected():
        await running.flows()
        running.told.clear()
        running.served.faults[running.name].hit_next(fault)  # type: ignore[arg-type]  # it is one
        running.move(20)
        await running.live()
        await running.complete()

    assert not running.twice()


async def test_a_price_that_cannot_be_true_is_not_published(running: Running) -> None:
    with running.connected():
        await running.flows()
        highest = max(trade.price for trade in running.of(Trade))
        running.told.clear()
        await running.served.cause(running.name, "outlier")
        running.move(20)
        await running.live()
        await running.complete()

    assert max(trade.price for trade in running.of(Trade)) < highest * OUTLIER_FACTOR / 2
    assert len(await running.bus.dead_letters(10)) == 1
    assert all(gap.reason for gap in running.of(Gap))


@pytest.mark.parametrize("fault", ["lost-frame", "bad-checksum"])
async def test_a_book_that_broke_is_right_again(running: Running, fault: str) -> None:
    with running.connected():
        await running.flows()
        await until_right(running)
        running.served.faults[running.name].hit_next(fault)  # type: ignore[arg-type]  # it is one
        running.move(20)

        await until_right(running)

    assert not crossed(running)


async def test_books_are_right_though_snapshots_are_slow(running: Running) -> None:
    await running.served.cause(running.name, "slow-snapshot", 3.0)

    with running.connected():
        await running.flows()
        await until_right(running)

    assert not crossed(running)


async def test_the_clock_of_a_venue_is_told_and_ages_are_right(running: Running) -> None:
    await running.served.cause(running.name, "clock-skew", 30.0)
    with running.connected():
        await running.flows()
        before = len(running.statuses)
        await running.moved(
            lambda: any(
                one.latency_ms is not None and one.clock_offset_ms is not None
                for one in running.statuses[before:]
            )
        )

    [status, *_] = [
        one
        for one in running.statuses[before:]
        if one.latency_ms is not None and one.clock_offset_ms is not None
    ]
    error_ms = status.clock_error_ms or 0.0
    assert abs((status.clock_offset_ms or 0.0) - SKEW_NS / MS) <= error_ms
    assert -error_ms <= (status.latency_ms or 0.0) < error_ms + 500.0
    assert not running.of(Gap)


async def test_a_venue_that_refuses_is_connected_once_it_takes_us(running: Running) -> None:
    with running.connected():
        await running.flows()
        running.told.clear()
        await running.served.cause(running.name, "refusal", 0.5)
        await running.served.hang_up(running.name)
        await eventually(lambda: running.state == "down")
        running.move()
        await running.live()
        await running.complete()

    assert not running.twice()


async def test_trades_come_though_the_venue_asks_us_to_wait(running: Running) -> None:
    with running.connected():
        await running.flows()
        running.told.clear()
        await running.served.hang_up(running.name)
        running.move()
        await running.live()
        await running.served.cause(running.name, "rate-limit", 0.5)
        await running.complete()

    assert not running.twice()


@pytest.mark.parametrize("name", sorted(RENEWALS))
async def test_a_venue_that_asks_for_another_connection_gets_one(name: str) -> None:
    async with running_venue(VENUES[name]) as running:
        with running.connected():
            await running.flows()
            running.told.clear()

            running.served.send_raw(name, RENEWALS[name])

            await running.moved(lambda: running.served.accepted[name] == 2)
            await running.moved(lambda: running.served.clients(name) == 1)
            await running.complete()

    assert not running.twice()
    assert not running.of(Gap)
    assert "down" not in {status.state for status in running.statuses}
