"""How a supervisor stops its parts: what was published is dealt with, and nothing hangs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from infrastructure.actor import Actor
from infrastructure.bus.local import LocalBus
from infrastructure.bus.port import Bus
from infrastructure.supervisor import Supervised, Supervisor
from infrastructure.timeseries.embedded import EmbeddedTimeSeries
from infrastructure.timeseries.port import Stored
from market import GaveUpError, Quote, Trade
from storage_service.writer import Writer
from tests.making import a_quote, a_trade
from tests.waiting import eventually

SLOW_S = 0.05
TRADES = 20_000


class SlowStore(EmbeddedTimeSeries):
    """A store that takes a while for each batch."""

    async def write(self, events: Sequence[Stored]) -> None:
        await asyncio.sleep(SLOW_S)
        await super().write(events)


class Source:
    """Publishes trades, then says nothing more; ``ends_with`` is raised when it is told to stop."""

    dead = 0
    handled = 0

    def __init__(self, bus: Bus, trades: int, *, ends_with: Exception | None = None) -> None:
        self.name = "test.source"
        self.listening = asyncio.Event()
        self.runs = 0
        self._bus = bus
        self._trades = trades
        self._ends_with = ends_with

    async def run(self) -> None:
        self.runs += 1
        await self._bus.publish([a_trade(number=number) for number in range(self._trades)])
        self.listening.set()
        try:
            await asyncio.Event().wait()
        finally:
            if self._ends_with:
                raise self._ends_with


class FailingSource(Source):
    """Publishes, then fails, each time it is started."""

    async def run(self) -> None:
        await self._bus.publish([a_trade(number=number) for number in range(self._trades)])
        self.listening.set()
        raise ValueError("broken")


class StubbornSource(Source):
    """Does not end when it is told to."""

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            await asyncio.sleep(3_600)


class Quoting(Actor[Trade]):
    """Makes a quote of each trade, slowly."""

    name = "test.quoting"
    handles = (Trade,)
    batch = 10

    async def receive(self, events: Sequence[Trade]) -> None:
        await asyncio.sleep(SLOW_S)
        await self.bus.publish([a_quote(at_ns=trade.event_ns) for trade in events])


class Heard(Actor[Quote]):
    """Counts quotes, slowly."""

    name = "test.heard"
    handles = (Quote,)

    async def receive(self, _events: Sequence[Quote], /) -> None:
        await asyncio.sleep(SLOW_S)


class Stuck(Actor[Trade]):
    """Never gets anything done."""

    name = "test.stuck"
    handles = (Trade,)

    async def receive(self, _events: Sequence[Trade], /) -> None:
        await asyncio.Event().wait()


async def test_a_slow_store_has_all_that_was_published_when_all_is_stopped() -> None:
    bus, store = LocalBus(), SlowStore.open(None)

    await _run_and_stop(Supervisor(bus, drain_s=20), [Writer(bus, store)], [Source(bus, TRADES)])

    assert len(await _stored(store)) == TRADES
    store.close()


async def test_what_is_made_of_what_was_published_is_dealt_with_too() -> None:
    bus = LocalBus()
    heard = Heard(bus)

    await _run_and_stop(Supervisor(bus, drain_s=20), [heard], [Quoting(bus)], [Source(bus, 35)])

    assert heard.handled == 35


async def test_what_was_published_is_dealt_with_though_a_part_gave_up() -> None:
    bus, store = LocalBus(), SlowStore.open(None)
    parts = [Writer(bus, store)], [FailingSource(bus, TRADES)]

    with pytest.raises(ExceptionGroup) as raised:
        await Supervisor(bus, drain_s=20, restarts=0).run(*parts)

    assert isinstance(raised.value.exceptions[0], GaveUpError)
    assert len(await _stored(store)) == TRADES
    store.close()


async def test_what_is_never_dealt_with_does_not_hang_the_stop() -> None:
    bus = LocalBus()

    async with asyncio.timeout(10):
        await _run_and_stop(Supervisor(bus, drain_s=0.1), [Stuck(bus)], [Source(bus, 3)])


async def test_a_second_cancellation_stops_all_at_once() -> None:
    bus, source = LocalBus(), Source(LocalBus(), 0)
    stuck, published = Stuck(bus), Source(bus, 3)
    running = asyncio.create_task(
        Supervisor(bus, drain_s=3_600).run([stuck], [source], [published])
    )
    await eventually(published.listening.is_set)

    running.cancel()
    await asyncio.wait({running}, timeout=0.2)  # it must not end: absence
    was_running = not running.done()
    running.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait({running})

    assert was_running
    assert running.cancelled()


async def test_a_source_that_does_not_stop_takes_nothing_from_the_others() -> None:
    bus, store = LocalBus(), SlowStore.open(None)
    supervisor = Supervisor(bus, drain_s=2)

    async with asyncio.timeout(10):
        await _run_and_stop(supervisor, [Writer(bus, store)], [StubbornSource(bus, TRADES)])

    assert len(await _stored(store)) == TRADES
    store.close()


async def test_a_part_that_fails_while_it_stops_is_not_started_again() -> None:
    bus = LocalBus()
    source = Source(bus, 0, ends_with=OSError("disk full"))

    async with asyncio.timeout(10):
        await _run_and_stop(Supervisor(bus), [], [source])

    assert source.runs == 1


async def _run_and_stop(supervisor: Supervisor, *tiers: Sequence[Supervised]) -> None:
    """Run until all are listening; cancel, and return once all has stopped."""
    running = asyncio.create_task(supervisor.run(*tiers))
    for tier in tiers:
        for part in tier:
            await eventually(part.listening.is_set)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def _stored(store: EmbeddedTimeSeries) -> Sequence[Trade]:
    trade = a_trade(number=0)
    return await store.trades(trade.venue, trade.instrument, start_ns=0, end_ns=2**62, limit=TRADES)
