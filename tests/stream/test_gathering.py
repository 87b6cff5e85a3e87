"""Events of all venues leave together, in order, and none stays behind."""

import asyncio
from collections.abc import Sequence

import pytest

from infrastructure.bus.port import DeadLetter
from market import Event
from stream_service import gathering
from stream_service.gathering import MANY, WAITING_AT_MOST, Gathering, gathered
from tests.making import a_quote
from tests.waiting import eventually


class _Bus:
    """Notes what it is given; takes nothing while ``is_open`` is cleared."""

    def __init__(self) -> None:
        self.taken: list[list[Event]] = []
        self.settled = 0
        self.is_open = asyncio.Event()
        self.is_open.set()

    @property
    def events(self) -> list[Event]:
        return [event for events in self.taken for event in events]

    async def publish(self, events: Sequence[Event]) -> None:
        await self.is_open.wait()
        if events:
            self.taken.append(list(events))

    async def settle(self) -> None:
        self.settled = len(self.events)

    async def put_aside(self, letters: Sequence[DeadLetter]) -> None:
        del letters


async def test_what_comes_after_a_quiet_spell_is_handed_on_at_once() -> None:
    bus = _Bus()

    async with gathered(bus) as outlet:
        await outlet.publish([a_quote(at_ns=1)])
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert bus.events == [a_quote(at_ns=1)]


async def test_what_follows_is_handed_on_together_and_in_order() -> None:
    bus = _Bus()
    quotes = [a_quote(at_ns=number) for number in range(1, 8)]

    async with gathered(bus) as outlet:
        for quote in quotes:
            await outlet.publish([quote])
            await asyncio.sleep(0)
        await eventually(lambda: len(bus.events) == len(quotes))

    assert bus.events == quotes
    assert len(bus.taken) == 2


@pytest.mark.parametrize(("at_once", "then"), [(MANY - 1, 1), (MANY, 0)])
async def test_after_many_at_once_they_gather_for_longer(
    at_once: int, then: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "GATHERED_S", 0.0)
    monkeypatch.setattr(gathering, "GATHERED_UNDER_LOAD_S", 3600.0)
    bus = _Bus()

    async with gathered(bus) as outlet:
        await outlet.publish([a_quote()] * at_once)
        await eventually(lambda: len(bus.events) == at_once)
        await outlet.publish([a_quote(at_ns=9)])
        for _ in range(10):
            await asyncio.sleep(0)

        assert len(bus.events) == at_once + then


async def test_what_settles_was_handed_on_before() -> None:
    bus = _Bus()

    async with gathered(bus) as outlet:
        await outlet.publish([a_quote(at_ns=1), a_quote(at_ns=2)])
        await outlet.settle()

        assert bus.settled == 2


async def test_who_publishes_is_held_back_while_the_bus_is() -> None:
    bus = _Bus()
    bus.is_open.clear()

    async with gathered(bus) as outlet:
        await outlet.publish([a_quote()] * WAITING_AT_MOST)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await outlet.publish([a_quote()])
        bus.is_open.set()
        await outlet.publish([a_quote(at_ns=9)])
        await outlet.settle()

    assert len(bus.events) == WAITING_AT_MOST + 1


async def test_what_waits_when_a_publisher_gives_up_keeps_its_place() -> None:
    bus = _Bus()
    bus.is_open.clear()
    outlet = Gathering(bus)
    await outlet.publish([a_quote(at_ns=1)])

    handing_on = asyncio.create_task(outlet.hand_on())
    await asyncio.sleep(0)
    await outlet.publish([a_quote(at_ns=2)])
    handing_on.cancel()
    await asyncio.wait([handing_on])
    bus.is_open.set()
    await outlet.hand_on()

    assert bus.events == [a_quote(at_ns=1), a_quote(at_ns=2)]


async def test_what_waits_in_the_end_is_handed_on() -> None:
    bus = _Bus()

    async with gathered(bus) as outlet:
        for number in (1, 2, 3):
            await outlet.publish([a_quote(at_ns=number)])
            await asyncio.sleep(0)

    assert len(bus.events) == 3
